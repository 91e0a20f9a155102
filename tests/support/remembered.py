"""The definitions as a running installation of the tests loads them: its runs remember (``remembering``).

Not to be imported by tests: whoever does remembers from then on.
"""

from rod_pipeline.definitions import defs
from tests.support.engines import keep_engines
from tests.support.remembering import remember_always

__all__ = ["defs"]
remember_always()
keep_engines()
