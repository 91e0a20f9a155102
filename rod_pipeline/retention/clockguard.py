"""Whether the clock may be trusted with something that can't be undone.

Belongs here: comparing this machine's clock with the store's before a purge because a term ended, and before a person's
word that the ledger's time is wrong. Does not belong here: the clock that ran backwards, which the ledger and the
notary refuse by themselves; what that word does (``ledger.clocks``).

A clock far ahead would erase data that may still be kept. So a purge by term needs a second opinion: the ``Date`` of
the store's answer. It is the one thing an erasure may wait for (DESIGN, 3.10); a withdrawal doesn't ask.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rod_pipeline.errors import BlockedError
from rod_pipeline.ledger.clocks import ClockSet
from rod_pipeline.ledger.erasure_rules import SKEW

if TYPE_CHECKING:
    from rod_pipeline.system import System

AHEAD_AT_MOST = timedelta(hours=36)
"""More than honest clocks or a mistaken time zone differ; what this lets through is erased that much early at worst."""


class ClockDoubtful(BlockedError):
    """This machine's clock stands far before the store's, or the store tells no time."""

    code = "ROD-RETENTION-02"


def offset(system: System) -> timedelta:
    """This machine's clock less the store's, to the second. Raises ``ClockDoubtful`` when the store tells no time."""
    theirs = system.store_time()
    if theirs is None:
        raise ClockDoubtful(
            "The store's answer has no date, so there is no second opinion on what time it is.",
            "Look at the proxy before the store: it has to pass the Date header on. A withdrawal doesn't need it.",
        )
    return timedelta(seconds=round((system.clock.now() - theirs).total_seconds()))


def trusted_for_a_term(system: System) -> int:
    """The offset in seconds, once it is small enough to erase by. Raises ``ClockDoubtful``."""
    ahead = offset(system)
    if ahead > AHEAD_AT_MOST:
        raise ClockDoubtful(
            f"This machine's clock is {ahead} ahead of the store's; nothing is erased by term until they agree.",
            "Set the clock right (chronyc tracking, timedatectl). If the store's is wrong, have that mended.",
        )
    return int(ahead.total_seconds())


def set_clock_right(system: System, told: datetime) -> datetime:
    """Record that the newest entries were written by a clock that stood ahead; returns the last time that was right.

    ``told`` is what time it is by a person who looked elsewhere. Raises ``ClockDoubtful`` unless this machine's clock
    agrees with it and with the store's to within ``SKEW``, ``IllegalEvent`` when no entry is ahead of the clock.
    """
    now = system.clock.now()
    if abs(told - now) > SKEW or abs(offset(system)) > SKEW:
        raise ClockDoubtful(
            f"This machine's clock says {now:%Y-%m-%d %H:%M} UTC; that isn't what was typed, or what the store says.",
            "Set every clock right first (chronyc tracking, timedatectl); then type the time in UTC by another clock.",
        )
    right = now
    for entry in system.ledger.entries():
        if entry.at <= now:
            right = entry.at
    system.ledger.append(ClockSet(right_until=right, actor=system.actor()))
    return right
