"""A process of its own that may be killed, forked from one that has imported everything and done nothing.

A process that is killed is as dead as any other; importing what it needs costs more than most of what it does.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess

# One starter for whoever forks: what it has imported when it starts is what all of them find.
_STARTER = multiprocessing.get_context("forkserver")
_STARTER.set_forkserver_preload(
    [f"tests.support.{module}" for module in ("killing", "pausing", "places", "notary", "vault_worker", "canary")]
)


def begun(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """A process that does ``work``."""
    worker = _STARTER.Process(target=work, args=arguments)
    worker.start()
    return worker


def ended(work: Callable[..., None], *arguments: object) -> int:
    """Do ``work`` in a process of its own; returns how it ended (``-SIGKILL`` when it was killed)."""
    worker = begun(work, *arguments)
    worker.join()
    assert worker.exitcode is not None
    return worker.exitcode
