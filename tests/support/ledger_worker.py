"""Processes that append to a ledger, for tests of concurrency and of sudden death.

Run as ``python -m tests.support.ledger_worker <what> <url> <argument>``; each prints a line ``ready`` and waits for a
line on stdin, so that all start together. ``spawned`` starts one from a test.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.events import KeyCreated, Received
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.rules import IllegalEvent
from tests.support import ledger as make

_ROOT = Path(__file__).parents[2]


@contextmanager
def spawned(what: str, url: str, argument: str) -> Iterator["subprocess.Popen[str]"]:
    """A worker that is ready and waits for a line on its stdin; killed when the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.ledger_worker", what, url, argument],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _appends(url: str, number: str) -> None:
    """Append ``number`` keys, one transaction each."""
    _ready()
    ledger = Ledger(url, SystemClock())
    for _ in range(int(number)):
        _say(str(ledger.append(KeyCreated(scope=new_id(), keyring="local"))[0].seq))


def _races(url: str, key: str) -> None:
    """Announce ``key`` if nobody did."""
    ledger = Ledger(url, SystemClock())
    _ready()

    def nobody_did(state: object) -> None:
        if key in state.deliveries:  # type: ignore[attr-defined]
            raise LookupError

    try:
        ledger.append(make.announced(key), when=nobody_did)
        _say("won")
    except LookupError:
        _say("lost")


def _received(url: str, delivery: str) -> None:
    """Say that ``delivery`` was received, which is legal once."""
    ledger = Ledger(url, SystemClock())
    copy, writing = make.written(delivery, "landing", "raw")
    ledger.append(*writing)
    _ready()
    event = Received(delivery_id=delivery, copies=(copy,), moment=make.NOON, moment_basis="placed")
    try:
        ledger.append(event)
        _say("won")
    except IllegalEvent:
        _say("lost")


def _batches(url: str, size: str) -> None:
    """Append batches of ``size`` keys for ever, and say the last number of each batch."""
    ledger = Ledger(url, SystemClock())
    _ready()
    while True:
        entries = ledger.append(*(KeyCreated(scope=new_id(), keyring="local") for _ in range(int(size))))
        _say(str(entries[-1].seq))


def _holds(url: str, _unused: str) -> None:
    """Take the write lock, say so, and never let go."""
    ledger = Ledger(url, SystemClock())
    _ready()

    def hold(_state: object) -> None:
        _say("holding")
        sys.stdin.read()

    ledger.append(KeyCreated(scope=new_id(), keyring="local"), when=hold)


def _ready() -> None:
    _say("ready")
    sys.stdin.readline()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _, what, url, argument = sys.argv
    {"appends": _appends, "races": _races, "received": _received, "batches": _batches, "holds": _holds}[what](
        url, argument
    )
