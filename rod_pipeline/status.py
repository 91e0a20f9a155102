"""How everything stands: each delivery, what it waits for and whose turn it is; and what else is open.

Belongs here: reading that off the ledger, with nothing personal in it. Does not belong here: what must alarm somebody
(``retention.watch``, ``quality.watching``), what Dagster shows (``orchestration.red``), printing. It asks neither the
store nor Dagster, so it answers at once and also when those are what is down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from rod_pipeline.contracts.model import FILE_KINDS
from rod_pipeline.intake.undecided import decide_by, unreadable
from rod_pipeline.ledger.findings import unexcused
from rod_pipeline.ledger.intakes import IntakeState
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.quality.notifying import clock, overdue_now
from rod_pipeline.retention.due import Term, agenda, ripe_at

if TYPE_CHECKING:
    from rod_pipeline.system import System

Who = Literal["person", "DUO", "processor", "recipient", "clock", "pipeline"]
_SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Waits:
    """Whose turn it is, and for what. ``pipeline``: it goes on by itself, or its run is red."""

    who: Who
    what: str


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """One delivery by its current intake. ``erase_before`` is the deadline; ``copies`` counts places that hold it.

    ``working`` says that some process holds its lease: it is being worked on this very moment.
    """

    key: str
    stage: str
    checks: str
    came_by: str
    moment: datetime | None
    erase_before: datetime | None
    copies: int
    working: bool
    waits: tuple[Waits, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at ``at``. ``notices`` are those not closed, ``waivers`` those that end soon or ended under something.

    ``purges`` are the erasures that have no certificate yet; ``standing`` is what the minister ordered, if anything.
    """

    at: datetime
    standing: str | None
    deliveries: tuple[DeliveryStatus, ...]
    notices: tuple[str, ...]
    waivers: tuple[str, ...]
    purges: tuple[str, ...]


def status(system: System) -> Status:
    """How everything stands now. Raises what reading the ledger raises."""
    state, now = system.ledger.state(), system.clock.now()
    todo = agenda(state, now, system.decree, system.settings.retention)
    terms = {term.key: term for term in todo.terms}
    late = overdue_now(system)
    said = []
    for notice in state.notices.values():
        if notice.closed is None:
            said.append(clock(notice, now) + (" OVERDUE" if notice in late else ""))
    standing = None
    if state.standing is not None:
        until = "" if state.standing.until is None else f" until {state.standing.until:%Y-%m-%d}"
        standing = f"The decree is {state.standing.what} (order {state.standing.order}){until}: nothing comes in."
    return Status(
        at=now,
        standing=standing,
        deliveries=tuple(_delivery(system, state, key, terms[key], now) for key in sorted(state.deliveries)),
        notices=tuple(said),
        waivers=tuple(_waivers(state, now)),
        purges=tuple(_purge(system, purge) for purge in state.purges.values() if purge.attested is None),
    )


def _delivery(system: System, state: LedgerState, key: str, term: Term, now: datetime) -> DeliveryStatus:
    intake = state.deliveries[key]
    return DeliveryStatus(
        key=key,
        stage=intake.stage if intake.refused is None else f"refused ({intake.refused}), erased",
        checks=_checks(intake),
        came_by=intake.channel,
        moment=term.moment,
        erase_before=term.deadline,
        copies=len(state.live_copies(intake.delivery_id)),
        working=system.ledger.held(intake.delivery_id),
        waits=(*_by_stage(system, intake, term), *_of_duties(system, state, intake, term, now)),
    )


def _checks(intake: IntakeState) -> str:
    if not intake.checks:
        return ""
    bad = sorted(file for file, check in intake.checks.items() if check.outcome == "failed")
    if bad:
        return f"failed: {', '.join(bad)}"
    if intake.verdict is not None:
        return f"{len(intake.checks)} of {len(FILE_KINDS)} files, verdict {intake.verdict.outcome}"
    return f"{len(intake.checks)} of {len(FILE_KINDS)} files passed"


def _by_stage(system: System, intake: IntakeState, term: Term) -> tuple[Waits, ...]:
    match intake.stage:
        case "announced" if intake.channel == "drop":
            return (Waits("person", f"the hand-over broke off: rod drop {intake.key} FILE… once more"),)
        case "announced":
            return (Waits("pipeline", "its run, which fetches it from PLEIO"),)
        case "waiting_for_code":
            ended = intake.code.removeprefix("ended:")
            return (Waits("DUO", f"a new access code ({ended}); then rod announce {intake.key}, or rod drop"),)
        case "received" if codes := unreadable(system.ledger.state(), intake):
            until = _before(system, intake)
            return (Waits("person", f"a decision{until}; it can't be read ({', '.join(codes)}): see their runbooks"),)
        case "received":
            return (Waits("pipeline", f"its run{_before(system, intake)}; if that is red: rod rerun-failed"),)
        case "validated":
            return (Waits("pipeline", "its run; if that is red: rod rerun-failed"),)
        case "failed":
            return (Waits("person", f"a decision{_before(system, intake)}: a correction, rod waive or rod refuse"),)
        case "refused":
            return (Waits("DUO", "a corrected delivery"),)
        case "stored" if intake.corrected_by is not None:
            return (Waits("pipeline", "its erasure: a correction took its place"),)
        case "stored":
            return (Waits("clock", f"its erasure, from {term.opens:%Y-%m-%d}" if term.opens else "its erasure"),)
        case "tombstoned" if term.purge is not None:
            return tuple(_of_purge(system, term.purge))
    return ()


def _before(system: System, intake: IntakeState) -> str:
    until = decide_by(system.ledger.state(), intake, system.settings.retention.decision_days)
    return "" if until is None else f" before {until:%Y-%m-%d}"


def _of_duties(system: System, state: LedgerState, intake: IntakeState, term: Term, now: datetime) -> list[Waits]:
    """What somebody owes about a delivery whatever its stage."""
    found = []
    for notice in state.notices_of(intake.delivery_id):
        if notice.waits:
            found.append(Waits("person", f"notice {notice.notice} has to be sent: rod notice show {notice.notice}"))
        elif notice.status == "sent":
            found.append(Waits("DUO", f"an answer to notice {notice.notice}"))
    rests = intake.stage in ("validated", "stored") and intake.corrected_by is None
    if rests and unexcused(intake.findings, state.waivers_of(intake.delivery_id), now):
        found.append(Waits("person", "a waiver has ended: rod waive anew, or a correction"))
    if intake.tombstone is None:
        found += [Waits("person", f"held on order {hold.order} until {hold.until:%Y-%m-%d}") for hold in term.holds]
        if term.overdue(now):
            found.append(Waits("pipeline", "OVER ITS TERM: rod retention run"))
    return found


def _of_purge(system: System, purge: PurgeState) -> list[Waits]:
    found = []
    ripe = ripe_at(purge, timedelta(hours=system.settings.retention.late_sweep_hours))
    if purge.attested is None and ripe is not None:
        found.append(Waits("clock", f"its late sweep and certificate, from {ripe:%Y-%m-%d %H:%M}"))
    elif purge.attested is None:
        found.append(Waits("pipeline", "its erasure; if that is red: rod retention run"))
    for asked in purge.asked:
        if not purge.declared_by(asked.party, asked.package_id):
            who: Who = "processor" if asked.package_id is None else "recipient"
            what = "" if asked.package_id is None else f" (package {asked.package_id})"
            found.append(Waits(who, f"its declaration of erasure{what}"))
    return found


def _waivers(state: LedgerState, now: datetime) -> list[str]:
    found = []
    for waiver in state.waivers.values():
        waived = waiver.waived
        intake = state.intakes[waived.delivery_id]
        if waiver.stands(now) and waived.until <= now + _SOON and intake.tombstone is None:
            said = f"ends {waived.until:%Y-%m-%d}"
            found.append(f"{waived.waiver_id}: {waived.rule} in {waived.file} of {intake.key} {said}")
    return found


def _purge(system: System, purge: PurgeState) -> str:
    waits = "; ".join(f"{one.who}: {one.what}" for one in _of_purge(system, purge))
    return f"{purge.purge_id} of {', '.join(purge.keys)} ({purge.plan.ground}): {purge.phase}. {waits}".strip()
