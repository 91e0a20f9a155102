"""A process that takes a delivery through the stages, and stops in the middle of one until it is told to go on.

``paused`` starts it and gives it once it stands still: before it writes a named validated table, or (``save``) before
the mart database goes to memory. ``Paused.finish`` lets it go on and gives what its stages said.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.marts import database
from rod_pipeline.settings import Settings
from rod_pipeline.store.vault import Vault
from rod_pipeline.system import System
from tests.support.forked import begun
from tests.support.pipeline import walk
from tests.support.remembering import remember_always


class Paused:
    """A process that stands still, holding what it holds."""

    def __init__(self, process: BaseProcess, line: Connection) -> None:
        self._process, self._line = process, line

    def finish(self) -> list[str]:
        """Let it go on to its end; returns why its stages failed, empty when they didn't."""
        self._line.send("go")
        told: list[str] = self._line.recv()
        self._process.join()
        assert self._process.exitcode == 0
        return told


@contextmanager
def paused(environment: Mapping[str, str], key: str, before: str) -> Iterator[Paused]:
    """A process that works on the delivery ``key`` and stands still before ``before``."""
    ours, theirs = Pipe()
    process = begun(_work, dict(environment), key, before, theirs)
    theirs.close()
    try:
        assert ours.recv() == "here"
        yield Paused(process, ours)
    finally:
        process.kill()
        process.join()
        ours.close()


def _work(environment: Mapping[str, str], key: str, before: str, line: Connection) -> None:
    os.environ.clear()
    os.environ.update(environment)
    remember_always()

    def stopping(real: Callable[..., Any], when: Callable[..., bool]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            if when(*arguments):
                line.send("here")
                line.recv()
            return real(*arguments)

        return watched

    if before == "save":
        once = iter([True])
        database._save = stopping(database._save, lambda *_: next(once, False))
    else:
        Vault.write_table = stopping(  # type: ignore[method-assign]
            Vault.write_table, lambda _, scope, zone, name, frame: (zone, name) == ("validated", before)
        )
    with System.open(Settings.load()) as system:
        line.send(walk(system, DeliveryKey.parse(key)))
