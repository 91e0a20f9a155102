"""Whose word that they erased is overdue: recipients of packages, and the processor.

Belongs here: that, as a function of the ledger and the time. Does not belong here: asking (``places.outside``),
recording an answer (``decisions``), telling people (``watch``, ``alerts``).

A package has an end of its own, which the recipient was told: also one that comes before its delivery is erased, such
as that of a permission for counts under five. Nobody is asked then, so somebody here has to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rod_pipeline.ledger.state import LedgerState

ANSWER = timedelta(days=30)
"""So long after they were asked, others should have answered."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """``what``: what didn't happen, as a sentence; ``todo``: what to do. ``about`` names it: a package, or a purge.

    ``over``: the term of the delivery has ended, and their copies fall under it too (voorschrift 3j: "ook eventuele
    kopieën").
    """

    about: str
    what: str
    todo: str
    over: bool = False


def unanswered(state: LedgerState, now: datetime) -> Iterator[Unanswered]:
    """Everything that somebody outside should have declared by now and didn't."""
    for purge in state.purges.values():
        keys = ", ".join(purge.keys)
        over = any(subject.deadline is not None and subject.deadline <= now for subject in purge.plan.subjects)
        for asked in purge.asked:
            if purge.declared_by(asked.party, asked.package_id) or not (over or purge.planned_at + ANSWER <= now):
                continue
            if asked.package_id is None:
                who, option = "The processor", ""
            else:
                who, option = f"The recipient of package {asked.package_id}", f" --package {asked.package_id}"
            yield Unanswered(
                asked.package_id or f"purge {purge.purge_id}",
                f"{who} hasn't declared that it erased {keys} (purge {purge.purge_id})"
                + (", and the term has ended." if over else "."),
                f"Ask again, and record the answer: `rod declare {purge.purge_id}{option}`.",
                over,
            )
    going = {key for purge in state.purges.values() for key in purge.keys}
    for package_id, handed in state.handovers.items():
        event = handed.event
        if event.until <= now and handed.erased is None and not going & set(event.keys):
            yield Unanswered(
                package_id,
                f"Package {package_id} had to be erased by recipient {event.recipient} before {event.until:%Y-%m-%d}.",
                f"Have it confirm in writing that it did, and record that: `rod declare --package {package_id}`.",
            )
