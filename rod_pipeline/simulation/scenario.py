"""The story: two lives of an installation under besluit 55352791.

Belongs here: what happens when, and what should come of it. Does not belong here: how it is made to happen (``life``).

In the first life the decree runs its course: six moments, what goes wrong along the way, and every erasure up to the
last. In the second it is withdrawn in the middle. Each thing that happens stands for a duty: the number of the
condition in the decree stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.ledger.erasure import Ground, Outcome
from rod_pipeline.orchestration.register import copy_register, stop_runs
from rod_pipeline.retention import decisions
from rod_pipeline.retention.restoring import recover
from rod_pipeline.retention.timeline import Span
from rod_pipeline.simulation.aftermath import look_around
from rod_pipeline.simulation.backup import Backup
from rod_pipeline.simulation.life import Life

BEGIN = datetime(2025, 12, 1, 9, tzinfo=UTC)
_DAY = timedelta(days=1)
_CLERK, _OFFICER = "clerk", "privacy-officer"


@dataclass(frozen=True)
class Ending:
    """How a purge of a delivery should have ended, if there was time for it: its ground and its newest certificate."""

    ground: Ground
    outcome: Outcome


@dataclass(frozen=True)
class Story:
    """A life: what happens in it, and how its deliveries should end, purge by purge."""

    name: str
    title: str
    happens: Callable[[Life], None]
    endings: Mapping[str, tuple[Ending, ...]]


def _on(year: int, month: int, day: int, hour: int = 10) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def _decree_runs_its_course(life: Life) -> None:
    _taken_in(life)
    _erased(life)
    life.until(life.end)


def _taken_in(life: Life) -> None:
    """The six moments, December 2025 up to August 2028."""
    system = life.system
    life.until(_on(2025, 12, 16))
    life.expect(life.deliver("2025-12", dagster=True) == [], "2025-12 did not go all the way")
    life.say("2025-12 is placed, fetched by Dagster, validated and stored.")

    life.until(_on(2026, 2, 3))
    decisions.move_moment(system, DeliveryKey.parse("2025-12"), _on(2025, 12, 12, 16), "dispatch")
    life.say("A letter shows that 2025-12 was sent four days earlier: its term ends earlier (3j).")

    life.until(_on(2026, 8, 24))
    told = life.deliver("2026-08", fault="bsn_column")
    gone = system.ledger.state().deliveries["2026-08"]
    life.expect("ROD-PRIVACY-01" in "".join(told), "a column of BSNs was not refused")
    life.expect(gone.refused is not None and not system.ledger.state().live_copies(gone.delivery_id), "and not erased")
    life.say("2026-08 comes with a column of BSNs: refused by name, and erased at once.")
    life.until(_on(2026, 8, 31))
    life.expect(life.deliver("2026-08") == [], "the second 2026-08 did not go all the way")
    life.say("2026-08 comes again without it, and is stored.")

    life.until(_on(2026, 12, 15))
    told = life.deliver("2026-12", fault="control_totals_mismatch")
    life.expect("delivery.totals" in "".join(told), "control totals that don't add up were not seen")
    life.say("2026-12 fails: its control totals don't add up. DUO gets a notice (3e).")
    life.until(_on(2026, 12, 21))
    life.expect(life.deliver("2026-12") == [], "the mended 2026-12 did not go all the way")
    life.say("2026-12 is announced anew, mended, and stored; what had failed is erased.")

    life.until(_on(2027, 8, 23))
    life.expect(life.deliver("2027-08") == [], "2027-08 did not go all the way")
    life.say("2027-08 is stored.")
    life.until(_on(2027, 9, 6))
    life.expect(life.deliver("2027-08-r2") == [], "2027-08-r2 did not go all the way")
    decisions.accept(system, DeliveryKey.parse("2027-08-r2"), _CLERK)
    life.say("Its correction 2027-08-r2 is accepted: 2027-08 is erased at once, superseded.")
    life.until(_on(2027, 9, 6, 12))
    _answer(life, "2027-08")

    life.until(_on(2027, 10, 4))
    since = life.clock.now()
    decisions.suspend(system, "OCW-2027-1004", _on(2027, 11, 15))
    life.say("The minister suspends: a repair term runs, nothing comes in (5).")
    life.expect_refusal("ROD-DELIVERY-08", lambda: life.announce_nothing("2027-12"))
    life.until(_on(2027, 11, 1))
    decisions.lift_suspension(system, "OCW-2027-1101")
    life.spans.append(Span(since, life.clock.now(), "suspended", "stop"))
    life.say("The conditions are kept again; the suspension is lifted.")

    life.until(_on(2027, 12, 14))
    life.expect(life.deliver("2027-12") == [], "2027-12 did not go all the way")
    life.say("2027-12 is stored.")
    life.until(_on(2028, 2, 1))
    until = _on(2034, 12, 1)
    decisions.hand_over(system, ("2027-12",), recipient="r-research", purpose="onderzoek", until=until, actor=_CLERK)
    decisions.hand_over(system, ("2027-12",), recipient="r-school", purpose="verantwoording", until=until, actor=_CLERK)
    life.say("Two packages with rows of 2027-12 leave the house, each on record.")
    life.until(_on(2028, 8, 22))
    life.expect(life.deliver("2028-08") == [], "2028-08 did not go all the way")
    life.say("2028-08, the last one, is stored.")
    _control(life)


def _control(life: Life) -> None:
    """That what is there is found, or finding nothing at the end would mean nothing."""
    found, living, wrong = look_around(life)
    life.wrong += [*wrong, *life.daemon.publish()]
    life.expect(bool(living) and found == living, "the canary doesn't find exactly what is there")
    life.say(f"Looked through: of each of the {len(living)} objects that are kept something is found, and of no other.")


def _erased(life: Life) -> None:
    """Seven years later, one after the other."""
    _purged(life, "2025-12")
    life.expect_refusal("ROD-DELIVERY-07", lambda: life.announce_nothing("2025-12"))

    life.until(_on(2033, 8, 1))
    held = decisions.hold(
        life.system,
        DeliveryKey.parse("2026-08"),
        order="FG-2033-08",
        until=_on(2033, 10, 1),
        beyond_term=False,
        set_by=_CLERK,
        approved_by=_OFFICER,
    )
    life.say("2026-08 is held, by two persons, on an order.")
    life.until(life.opens("2026-08") + 5 * _DAY)
    life.expect(not life.purges("2026-08"), "2026-08 was erased though it was held")
    decisions.lift_hold(life.system, held, _OFFICER)
    life.say("The hold is lifted, within the term.")
    _purged(life, "2026-08")

    _sensor_is_off(life, "2026-12")
    _comes_back(life, "2027-08-r2")

    _purged(life, "2027-12", answer=False)
    first, second = life.system.ledger.state().handovers
    _answer(life, "2027-12", package=first)
    _answer(life, "2027-12")
    # Told at once, it would have been complete; by the letter it is, once it comes.
    life.until(_on(2035, 1, 18))
    life.expect(any(second in alarm for alarm in life.alarms()), "nobody misses the answer of a recipient")
    life.expect(_outcome(life, "2027-12") == "ONVOLLEDIG", "2027-12 counts as complete without that answer")
    _answer(life, "2027-12", package=second, erased_at=_on(2034, 12, 10))
    life.say("A recipient of 2027-12 answers at last: it erased in time. The certificate is drawn up anew.")

    _purged(life, "2028-08")


def _sensor_is_off(life: Life, key: str) -> None:
    until = life.term(key).deadline
    assert until is not None
    life.until(life.opens(key) - 6 * _DAY)
    life.say("Dagster is down, and nobody mends it.")
    with life.outage("sensor off"):
        life.until(life.opens(key) + _DAY)
        life.expect(any(key in alarm for alarm in life.alarms()), "the watch doesn't see that nobody erases")
        life.until(until + _DAY)
        life.expect(any("over its term" in alarm for alarm in life.alarms()), "the watch doesn't see that it is late")
        life.say(f"{key} is over its term; the watch, which needs no Dagster, raises the alarm.")
        life.until(until + 19 * _DAY)
    life.say(f"Dagster runs again and finds {key} by itself. It is late, and the certificate will say so.")
    _purged(life, key)


def _comes_back(life: Life, key: str) -> None:
    life.until(life.opens(key) - timedelta(hours=3))
    backup = Backup.of(life.system, key)
    _purged(life, key)
    life.until(life.opens(key) + 3 * _DAY)
    backup.put_back(life.system)
    life.say(f"A disk fails and a backup of three days ago is put back: key and objects of {key} are there again.")
    again = recover(life.system, copy_register(life.system), stop_runs(life.system))
    life.expect([purge.keys for purge in again] == [(key,)], "what came back was not erased again")
    life.say("`rod recover` replays the tombstones before anything else runs, and erases it again.")
    _answer(life, key)


def _purged(life: Life, key: str, *, answer: bool = True) -> None:
    """Let time go on until the purge of a delivery has begun; the processor answers on the same day."""
    life.until(max(life.opens(key), life.clock.now()) + timedelta(hours=2))
    life.expect(bool(life.purges(key)), f"{key} was not erased when its time had come")
    if answer:
        _answer(life, key)
    life.say(f"{key} is erased: tombstone, key, every place, second inventory.")


def _answer(life: Life, key: str, *, package: str | None = None, erased_at: datetime | None = None) -> None:
    """The processor, or the recipient of a package, declares that it erased."""
    purge = life.purges(key)[-1]
    decisions.declare_erased(
        life.system,
        purge.purge_id,
        package_id=package,
        reference=f"letter-{key}" if package is None else f"letter-{package}",
        erased_at=erased_at or life.clock.now(),
        actor=_CLERK,
    )


def _outcome(life: Life, key: str) -> str | None:
    attested = life.purges(key)[-1].attested
    return None if attested is None else attested.outcome


def _decree_is_withdrawn(life: Life) -> None:
    system = life.system
    life.until(_on(2025, 12, 16))
    life.expect(life.deliver("2025-12") == [], "2025-12 did not go all the way")
    life.until(_on(2026, 8, 24))
    life.expect(life.deliver("2026-08") == [], "2026-08 did not go all the way")
    life.say("2025-12 and 2026-08 are stored.")
    life.until(_on(2026, 12, 15))
    life.announce_nothing("2026-12")
    life.say("2026-12 is announced; nobody has fetched it yet.")

    _control(life)
    life.until(_on(2027, 1, 11))
    since = life.clock.now()
    decisions.suspend(system, "OCW-2027-0111", _on(2027, 2, 22))
    life.say("The minister suspends: a repair term runs (5).")
    life.until(_on(2027, 2, 23))
    life.expect(any("repair term" in notice for notice in life.notices()), "nobody sees that the repair term ended")

    life.until(_on(2027, 3, 1))
    life.spans.append(Span(since, life.clock.now(), "suspended", "stop"))
    began = monotonic()
    life.wrong += life.daemon.withdraw("OCW-2027-0301", system.decree.reference)
    took = monotonic() - began
    state = system.ledger.state()
    purge = life.purges("2025-12")[-1]
    life.expect(set(purge.keys) == set(state.deliveries), "the withdrawal did not take every delivery")
    life.expect(purge.verified_at is not None and took < 3600, "not everything was gone within the hour")
    life.expect(not any(copy.status != "erased" for copy in state.copies.values()), "a copy lives on")
    life.say(f"The decree is withdrawn: all is gone, and looked for again, {took:.0f} seconds later.")
    life.spans.append(Span(life.clock.now(), life.end, "withdrawn: nothing comes in any more", "end"))
    life.expect_refusal("ROD-DELIVERY-07", lambda: life.announce_nothing("2026-12"))
    life.expect_refusal("ROD-DELIVERY-08", lambda: life.announce_nothing("2027-08"))
    _answer(life, "2025-12")
    life.until(_on(2027, 3, 31))


_VOLLEDIG = (Ending("term", "VOLLEDIG"),)
STORIES = (
    Story(
        "decree",
        "The decree runs its course",
        _decree_runs_its_course,
        {
            "2025-12": _VOLLEDIG,
            "2026-08": _VOLLEDIG,
            "2026-12": (Ending("term", "TE_LAAT"),),
            "2027-08": (Ending("superseded", "VOLLEDIG"),),
            "2027-08-r2": (*_VOLLEDIG, Ending("restored", "VOLLEDIG")),
            "2027-12": _VOLLEDIG,
            "2028-08": _VOLLEDIG,
        },
    ),
    Story(
        "withdrawn",
        "The decree is withdrawn",
        _decree_is_withdrawn,
        dict.fromkeys(("2025-12", "2026-08", "2026-12"), (Ending("withdrawal", "VOLLEDIG"),)),
    ),
)
