"""What the events about what leaves the house add up to: releases, permissions, packages without personal data.

Belongs here: the shape of that state. Does not belong here: which event may follow (``publication_rules``).
"""

from dataclasses import dataclass
from datetime import datetime

from rod_pipeline.ledger.publication import AggregatesShared, Published, SmallCountsAllowed


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """A release of published tables. ``kept_by``: the purges of deliveries that it rests on, after which it stayed."""

    event: Published
    at: datetime
    kept_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PermissionState:
    """A permission to hand counts under five to one recipient, and whether it was ended before its date."""

    event: SmallCountsAllowed
    at: datetime
    ended_at: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """Whether it holds at ``now``."""
        return self.ended_at is None and now < self.event.until


@dataclass(frozen=True, slots=True)
class SharedState:
    """A package of the published class that left the house."""

    event: AggregatesShared
    at: datetime
