"""The one source of time.

Belongs here: the clock port and the system's clock. Does not belong here: deadlines (``retention``).
Everything that needs the time takes a ``Clock``; ``datetime.now`` and ``time.time`` stand nowhere else, so that a
simulation can live through ten years and tests never wait.
"""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time as an aware datetime in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)
