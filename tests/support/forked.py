"""A process of its own that may be killed, forked from one that has imported everything and done nothing.

A process that is killed is as dead as any other; importing what it needs costs more than most of what it does.
"""

import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

# One starter for whoever forks: what it has imported when it starts is what all of them find.
_STARTER = multiprocessing.get_context("forkserver")
_STARTER.set_forkserver_preload(
    [
        f"tests.support.{module}"
        for module in ("killing", "pausing", "places", "notary", "vault_worker", "canary", "rerun", "ledger_worker")
    ]
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


def commanded(
    main: Callable[[], None], arguments: Sequence[str], folder: Path, environment: Mapping[str, str], said: Path
) -> int:
    """Run ``main`` as a command with ``arguments`` in ``folder``; returns how it ended. ``said``: what it printed."""
    return ended(_obey, main, arguments, folder, dict(environment), said)


def _obey(
    main: Callable[[], None], arguments: Sequence[str], folder: Path, environment: Mapping[str, str], said: Path
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for stream, opened in ((0, os.open(os.devnull, os.O_RDONLY)), (1, said_to := _written(said)), (2, said_to)):
        os.dup2(opened, stream)
    warnings.simplefilter("ignore")
    sys.argv[:] = arguments
    main()


def _written(file: Path) -> int:
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
