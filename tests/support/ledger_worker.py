"""Processes that append to a ledger, for tests of concurrency and of sudden death.

Each says ``ready`` and waits for ``go``, so that all start together.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.events import KeyCreated, Received
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.rules import IllegalEvent
from tests.support import ledger as make
from tests.support.forked import begun


class Worker:
    """A process that does ``work(url, argument, wire)``, and what it says."""

    def __init__(self, work: Callable[[str, str, Connection], None], url: str, argument: str) -> None:
        self._wire, theirs = multiprocessing.Pipe()
        self._process = begun(work, url, argument, theirs)
        # With its own end alone, the other side's end is heard.
        theirs.close()
        assert self.says() == "ready"

    def go(self) -> None:
        self._wire.send("go")

    def says(self) -> str:
        """What it says next. ``EOFError`` when it ended."""
        said: str = self._wire.recv()
        return said

    def rest(self) -> list[str]:
        """All that it still says until it ends."""
        said = []
        while True:
            try:
                said.append(self.says())
            except (EOFError, ConnectionResetError):
                return said

    def ended(self) -> int | None:
        """Wait until it ended; returns how (``-SIGKILL`` when it was killed)."""
        self._process.join()
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()


@contextmanager
def working(work: Callable[[str, str, Connection], None], url: str, argument: str = "") -> Iterator[Worker]:
    """A worker that is ready and waits for its ``go``; killed when the block ends."""
    worker = Worker(work, url, argument)
    try:
        yield worker
    finally:
        worker.kill()
        worker.ended()


def appends(url: str, number: str, wire: Connection) -> None:
    """Append ``number`` keys, one transaction each, to a ledger that need not be there yet."""
    _ready(wire)
    ledger = Ledger(url, SystemClock())
    for _ in range(int(number)):
        wire.send(str(ledger.append(KeyCreated(scope=new_id(), keyring="local"))[0].seq))


def races(url: str, key: str, wire: Connection) -> None:
    """Announce ``key`` if nobody did."""
    ledger = Ledger(url, SystemClock())
    _ready(wire)

    def nobody_did(state: object) -> None:
        if key in state.deliveries:  # type: ignore[attr-defined]
            raise LookupError

    try:
        ledger.append(make.announced(key), when=nobody_did)
        wire.send("won")
    except LookupError:
        wire.send("lost")


def received(url: str, delivery: str, wire: Connection) -> None:
    """Say that ``delivery`` was received, which is legal once."""
    ledger = Ledger(url, SystemClock())
    copy, writing = make.written(delivery, "landing", "raw")
    ledger.append(*writing)
    _ready(wire)
    event = Received(delivery_id=delivery, copies=(copy,), moment=make.NOON, moment_basis="placed")
    try:
        ledger.append(event)
        wire.send("won")
    except IllegalEvent:
        wire.send("lost")


def batches(url: str, size: str, wire: Connection) -> None:
    """Append batches of ``size`` keys for ever, and say the last number of each batch."""
    ledger = Ledger(url, SystemClock())
    _ready(wire)
    while True:
        entries = ledger.append(*(KeyCreated(scope=new_id(), keyring="local") for _ in range(int(size))))
        wire.send(str(entries[-1].seq))


def holds(url: str, _unused: str, wire: Connection) -> None:
    """Take the write lock, say so, and never let go."""
    ledger = Ledger(url, SystemClock())
    _ready(wire)

    def hold(_state: object) -> None:
        wire.send("holding")
        wire.recv()

    ledger.append(KeyCreated(scope=new_id(), keyring="local"), when=hold)


def _ready(wire: Connection) -> None:
    wire.send("ready")
    assert wire.recv() == "go"
