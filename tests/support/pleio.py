"""Fetching from the PLEIO stand-in, with an eye on what becomes of the sink, the code, the waits and the secrets."""

import logging
import secrets
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from rod_pipeline.intake.pleio import Download, PleioClient, PleioSettings
from rod_pipeline.intake.pleio_errors import PleioError
from rod_pipeline.synthetic.pleio_server import StandIn

NOW = datetime(2025, 12, 2, 9, 0, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOW


def settings(**changes: Any) -> PleioSettings:
    """Settings for the stand-in, with a host that does not exist beside it."""
    given: dict[str, Any] = {
        "hosts": ("127.0.0.1", "pleio.example"),
        "storage_hosts": ("127.0.0.1", "pleio.example"),
        "allow_loopback_http": True,
        "attempts": 3,
    }
    return PleioSettings(**(given | changes))


def a_zip(size: int = 300_000) -> bytes:
    """Bytes that begin like a zip file; what is in it is nobody's business here."""
    return b"PK\x03\x04" + secrets.token_bytes(size)


@dataclass
class Sink:
    data: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes) -> None:
        self.data += data


@dataclass
class Sinks:
    """Hands out sinks, and remembers which were completed and which were given up by an exception."""

    opened: int = 0
    completed: list[bytes] = field(default_factory=list)
    aborted: list[BaseException] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator[Sink]:
        self.opened += 1
        sink = Sink()
        try:
            yield sink
        except BaseException as error:
            self.aborted.append(error)
            raise
        self.completed.append(bytes(sink.data))


class Trial:
    """One stand-in with one file on offer, and fetches of it."""

    def __init__(self, stand_in: StandIn, scenario: str = "ok", source: Any = None, **offer: Any) -> None:
        self.stand_in = stand_in
        self.source = a_zip() if source is None else source
        self.code = secrets.token_urlsafe(9)
        self.link = stand_in.publish(self.source, self.code, scenario, **offer)
        self.sinks = Sinks()
        self.waits: list[float] = []

    def __repr__(self) -> str:
        return "<trial>"

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.stand_in.requests)

    def fetch(self, *, wrong: bool = False, monotonic: Any = None, **changes: Any) -> Download[Sink]:
        extra = {} if monotonic is None else {"monotonic": monotonic}
        client = PleioClient(settings(**changes), FixedClock(), sleep=self.waits.append, jitter=lambda: 0.0, **extra)
        return client.fetch(self.link, self._wrong() if wrong else self.code, self.sinks.open)

    def fails(self, **how: Any) -> PleioError:
        with pytest.raises(PleioError) as caught:
            self.fetch(**how)
        return caught.value

    def _wrong(self) -> str:
        return self.code.swapcase()

    def secrets(self) -> set[str]:
        """Everything that must not be told: link, code, and what the server gave to remember."""
        told = {self.link, self.link.split("/")[-2], self.code, self._wrong(), str(self.stand_in.port)}
        told |= set(self.stand_in.sessions) | {session.csrf for session in self.stand_in.sessions.values()}
        return told | set(self.stand_in.tokens) | {"127.0.0.1", "ROD_MBO_Raad", "signature", "elders.example"}

    def leaks(self, error: BaseException, log: str) -> set[str]:
        """Which secrets can be found in an exception, in all that hangs on it, or in the log."""
        return {secret for secret in self.secrets() if secret in everything_about(error) + log}


def everything_about(error: BaseException) -> str:
    """All text that a report of an exception could show: chain, arguments, attributes, frames with their variables."""
    parts: list[str] = []
    queue: list[BaseException | None] = [error]
    seen: set[int] = set()
    while queue:
        one = queue.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        parts += [str(one), repr(one), repr(one.args), repr(vars(one)), repr(getattr(one, "__notes__", ""))]
        parts += traceback.TracebackException.from_exception(one, capture_locals=True).format()
        # The request that a transport's exception holds.
        parts += [repr(getattr(request, "url", "")) for request in [getattr(one, "_request", None)] if request]
        queue += [one.__cause__, one.__context__]
    return "\n".join(parts)


@contextmanager
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Logging as talkative as it gets."""
    with caplog.at_level(logging.DEBUG):
        for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        yield caplog
