"""A clock that moves when it is told to.

Belongs here: simulated time. Does not belong here: when to move it (``life``).
"""

from datetime import UTC, datetime


class SimulatedClock:
    """Stands still at the instant that it was last moved to, and never goes back."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The instant, in UTC."""
        return self._now

    def move_to(self, instant: datetime) -> None:
        """Let it be ``instant``; an instant that has been leaves the clock where it is."""
        self._now = max(self._now, instant.astimezone(UTC))
