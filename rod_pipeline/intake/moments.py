"""The moments that the decree plans: which delivery came, which is to come, and which one somebody is asked about.

Belongs here: when a planned delivery is missed, the question that this raises, and its answer. Does not belong here:
the plan (``decree``, besluit 55352791 section 4b), alerting (``alerts``), how long a delivery that came is kept
(``retention``).

The decree says "omstreeks december 2025": a moment is missed when its month is over in the Netherlands and nothing of
it was received. That is a question and no error, because only a person can find out what DUO intends. The answer stands
in the ledger: it comes by a day, after which the question is raised again, or it doesn't come this time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.moments import MomentAnswered

if TYPE_CHECKING:
    from rod_pipeline.decree import Decree
    from rod_pipeline.ledger.state import LedgerState
    from rod_pipeline.system import System

_ZONE = ZoneInfo("Europe/Amsterdam")


class UnknownMoment(PermanentError):
    """A moment was named that the decree doesn't plan."""

    code = "ROD-MOMENT-01"


class NothingToAnswer(PermanentError):
    """The delivery of that moment has come, or the day by which it is expected has passed."""

    code = "ROD-MOMENT-02"


@dataclass(frozen=True, slots=True)
class Planned:
    """One moment of the decree, and how it stands.

    ``came``: something of it was received, whatever became of that. ``asked``: it is missed, and waits for an answer.
    ``planned``: its month isn't over. ``day`` is the last day on which it isn't asked about.
    """

    moment: str
    text: str
    status: Literal["came", "planned", "expected", "asked", "not this time"]
    day: date
    announced: bool

    @property
    def question(self) -> str:
        """What is asked, in a sentence."""
        came = "was announced, but nothing of it was received" if self.announced else "has not come"
        return (
            f"The delivery of {self.moment} {came}, and was to be there by {self.day}. Does it come, and by when? "
            f"`rod moment answer {self.moment} --expected DATE`, or `--not-this-time`."
        )


def planned(state: LedgerState, decree: Decree, now: datetime) -> tuple[Planned, ...]:
    """Every moment of the decree, in order."""
    came: set[str] = set()
    announced: set[str] = set()
    for intake in state.intakes.values():
        moment = DeliveryKey.parse(intake.key).moment
        (came if intake.raw else announced).add(moment)
    today = now.astimezone(_ZONE).date()
    found = []
    for one in decree.moments:
        answer = state.moments.get(one.key)
        day = _end_of(one.key)
        if answer is not None and answer.expected_by is not None:
            day = answer.expected_by
        status: Literal["came", "planned", "expected", "asked", "not this time"]
        if one.key in came:
            status = "came"
        elif answer is not None and answer.expected_by is None:
            status = "not this time"
        elif today > day:
            status = "asked"
        else:
            status = "planned" if answer is None else "expected"
        found.append(Planned(one.key, one.text, status, day, one.key in announced))
    return tuple(found)


def open_questions(state: LedgerState, decree: Decree, now: datetime) -> tuple[Planned, ...]:
    """The moments that wait for an answer of a person, oldest first; none while intake is suspended or withdrawn."""
    if state.standing is not None:
        return ()
    return tuple(moment for moment in planned(state, decree, now) if moment.status == "asked")


def answer(system: System, moment: str, expected_by: date | None) -> None:
    """Record that a moment's delivery is expected by a day, or (None) that it doesn't come this time.

    A later answer takes the place of an earlier one. Raises ``UnknownMoment`` and ``NothingToAnswer``.
    """
    now = system.clock.now()
    known = {one.moment: one for one in planned(system.ledger.state(), system.decree, now)}
    if moment not in known:
        raise UnknownMoment(f"The decree plans no such moment; it has {', '.join(known)}.", "See `rod moment list`.")
    if known[moment].status == "came":
        raise NothingToAnswer(
            f"The delivery of {moment} has come.", "Nothing is asked about it; see `rod moment list`."
        )
    if expected_by is not None and expected_by < now.astimezone(_ZONE).date():
        raise NothingToAnswer(
            f"The delivery of {moment} can't be expected by a day that has passed.", "Give a day that is still to come."
        )
    system.ledger.append(MomentAnswered(moment=moment, expected_by=expected_by, actor=system.actor()))


def _end_of(month: str) -> date:
    first = date.fromisoformat(f"{month}-01")
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
