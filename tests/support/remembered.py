"""The definitions as a running installation of the tests loads them: its runs remember, and are forked.

They remember what ``remembering`` does. Dagster starts a process for each run, which imports everything anew; here it
is forked from one that has done so and nothing else, as in ``forked``.

Not to be imported by tests: whoever does remembers from then on.
"""

import multiprocessing
from multiprocessing.context import ForkServerProcess, SpawnProcess

from rod_pipeline.definitions import defs
from tests.support.engines import keep_engines
from tests.support.remembering import remember_always

__all__ = ["defs"]
remember_always()
keep_engines()
multiprocessing.set_forkserver_preload([__name__, "rod_pipeline.quality.engine"])
SpawnProcess._Popen = staticmethod(ForkServerProcess._Popen)  # type: ignore[attr-defined]
