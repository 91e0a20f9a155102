"""A process that takes a delivery through the stages, and stops in the middle of one until it is told to go on.

``paused`` starts it and gives it once it stands still: before it writes a named validated table, or (``save``) before
the mart database goes to memory. ``Paused.finish`` lets it go on and gives what its stages said.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.marts import database
from rod_pipeline.settings import Settings
from rod_pipeline.store.vault import Vault
from rod_pipeline.system import System


class Paused:
    """A process that stands still, holding what it holds."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def finish(self) -> list[str]:
        """Let it go on to its end; returns why its stages failed, empty when they didn't."""
        said, _ = self._process.communicate("go\n")
        assert self._process.returncode == 0, said
        told: list[str] = json.loads(said.splitlines()[-1])
        return told


@contextmanager
def paused(environment: Mapping[str, str], key: str, before: str) -> Iterator[Paused]:
    """A process that works on the delivery ``key`` and stands still before ``before``."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.support.pausing", key, before],
        env=dict(environment),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        yield Paused(process)
    finally:
        process.kill()
        process.wait()


def main() -> None:
    from tests.support.pipeline import walk
    from tests.support.remembering import remember_always

    remember_always()
    key, before = sys.argv[1:]

    def stopping(real: Callable[..., Any], when: Callable[..., bool]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            if when(*arguments):
                sys.stdout.write("here\n")
                sys.stdout.flush()
                sys.stdin.readline()
            return real(*arguments)

        return watched

    if before == "save":
        database._save = stopping(database._save, lambda *_: True)
    else:
        Vault.write_table = stopping(  # type: ignore[method-assign]
            Vault.write_table, lambda _, scope, zone, name, frame: (zone, name) == ("validated", before)
        )
    with System.open(Settings.load()) as system:
        sys.stdout.write(json.dumps(walk(system, DeliveryKey.parse(key))) + "\n")


if __name__ == "__main__":
    main()
