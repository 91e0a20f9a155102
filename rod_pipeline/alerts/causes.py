"""What the ledger gives cause to tell: one alert for each thing that waits for a person, or that one wants to know.

Belongs here: those causes, as a function of the ledger, the settings and the time. Does not belong here: runs that fail
and daemons that are dead (``orchestration.alerting``, ``orchestration.heartbeat``), sending (``rounds``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rod_pipeline.alerts.alert import Alert, sentence
from rod_pipeline.intake.moments import open_questions
from rod_pipeline.intake.refusing import DecisionOverdue
from rod_pipeline.intake.undecided import LAST_CALL, decide_by, unreadable
from rod_pipeline.ledger.findings import unexcused
from rod_pipeline.quality.notifying import overdue
from rod_pipeline.retention.due import Agenda, agenda, ripe_at, stopped_by
from rod_pipeline.retention.unanswered import unanswered
from rod_pipeline.retention.watch import STUCK
from rod_pipeline.runbooks import address
from rod_pipeline.settings import AlertKind

if TYPE_CHECKING:
    from rod_pipeline.ledger.state import IntakeState, LedgerState
    from rod_pipeline.system import System

KINDS: frozenset[AlertKind] = frozenset(
    {"blocked", "notice_overdue", "purge_late", "waiver_ends", "arrived", "missed_moment"}
)
"""The kinds that come from here."""


def causes(system: System) -> tuple[Alert, ...]:
    """Everything that stands now. Raises only when the ledger can't be read."""
    state, now, settings = system.ledger.state(), system.clock.now(), system.settings
    todo = agenda(state, now, system.decree, settings.retention)
    return (
        *_blocked(state, now, settings.retention.decision_days),
        *_notices(state, now, settings.quality.notice_hours),
        *_late(state, todo, timedelta(hours=settings.retention.late_sweep_hours)),
        *_waivers(state, now, timedelta(days=settings.alerts.waiver_days)),
        *_arrived(state),
        *(
            Alert(
                "missed_moment", moment.moment, moment.question, "Ask DUO, then answer.", "docs/how-to/alerts.md",
                state=f"{moment.day}", reminds=False,
            )
            for moment in open_questions(state, system.decree, now)
        ),
    )  # fmt: skip


def _blocked(state: LedgerState, now: datetime, decision_days: int) -> Iterator[Alert]:
    for key, intake in sorted(state.deliveries.items()):
        if intake.corrected_by is not None:
            continue
        if intake.stage == "waiting_for_code":
            yield Alert(
                "blocked", key, f"The access code of {key} is gone ({intake.code.removeprefix('ended:')}).",
                f"Ask DUO for a new code: `rod announce {key}`; or hand the files over: `rod drop {key}`.",
                "docs/how-to/failed-partition.md", code="ROD-LANDING-01", state=intake.delivery_id,
            )  # fmt: skip
        elif (until := decide_by(state, intake, decision_days)) is not None:
            yield from _undecided(state, intake, until, now)


def _undecided(state: LedgerState, intake: IntakeState, until: datetime, now: datetime) -> Iterator[Alert]:
    """What waits for a decision; another alert in the last week, so that it is told anew whatever was told before."""
    last = until - LAST_CALL <= now
    by, state_of = f" by {until:%Y-%m-%d}, when it is erased", f"{intake.delivery_id}{' last' if last else ''}"
    codes, page, key = unreadable(state, intake), "docs/how-to/failed-partition.md", intake.key
    if intake.stage == "failed":
        broken = {(finding.file, finding.rule) for finding in intake.findings if finding.severity == "blocking"}
        yield Alert(
            "blocked", key, f"Delivery {key} broke {len(broken)} blocking rules; nothing of it goes on.",
            f"Send the notice, and decide{by}: a corrected delivery, a waiver, or `rod refuse {key}`.",
            page, state=f"{state_of} {sorted(broken)}",
        )  # fmt: skip
    elif codes:
        yield Alert(
            "blocked", key, f"Delivery {key} can't be read ({', '.join(codes)}). {sentence(codes[0])}",
            f"Send the notice, and decide{by}: a corrected delivery, a contract that fits, or `rod refuse {key}`.",
            address(codes[0]), code=codes[0], state=f"{state_of} {codes}",
        )  # fmt: skip
    elif last:
        yield Alert(
            "blocked", key, f"Delivery {key} was received and never judged; nothing of it goes on.",
            f"See why its run is red (`rod status`), and mend that{by}; or `rod refuse {key}`.",
            page, code=DecisionOverdue.code, state=state_of,
        )  # fmt: skip


def _notices(state: LedgerState, now: datetime, hours: int) -> Iterator[Alert]:
    for notice in overdue(state, now, timedelta(hours=hours)):
        yield Alert(
            "notice_overdue", notice.notice,
            f"Found on {notice.draft.found_at:%Y-%m-%d %H:%M} UTC; DUO and the minister weren't told within {hours} h.",
            f"Read it (`rod notice show {notice.notice}`), send it, and record that (`rod notice send`).",
            "docs/how-to/report-to-duo.md", code="ROD-NOTICE-03",
        )  # fmt: skip


def _late(state: LedgerState, todo: Agenda, sweep: timedelta) -> Iterator[Alert]:
    now, page, see = todo.now, "docs/how-to/purge.md", "Look with `rod watch`; `rod retention run` does what is due."
    for term in todo.terms:
        if term.overdue(now) and term.deadline is not None:
            happened = f"Delivery {term.key} had to be gone on {term.deadline:%Y-%m-%d} and may still be there."
            held = ",".join(hold.order for hold in term.holds)
            yield Alert("purge_late", term.key, happened, see, page, state=f"overdue {held}")
        elif term in todo.begin and term.opens is not None and term.opens + STUCK <= now:
            happened = (
                f"Delivery {term.key} could have been erased since {term.opens:%Y-%m-%d %H:%M} UTC; nobody does it."
            )
            yield Alert("purge_late", term.key, happened, see, page, state="not begun")
    for purge in state.purges.values():
        keys, ripe = ", ".join(purge.keys), ripe_at(purge, sweep)
        if stopped_by(state, purge, now):
            continue
        if purge.verified_at is None and purge.planned_at + STUCK <= now:
            happened = f"The erasure of {keys} has been going on since {purge.planned_at:%Y-%m-%d %H:%M} UTC."
            yield Alert("purge_late", f"purge {purge.purge_id}", happened, see, page, state="going on")
        elif purge.attested is None and ripe is not None and ripe + STUCK <= now:
            happened = f"The late sweep of {keys} was due on {ripe:%Y-%m-%d %H:%M} UTC."
            yield Alert("purge_late", f"purge {purge.purge_id}", happened, see, page, state="sweep")
        elif purge.attested is not None and any(seen.left_in_house for seen in purge.late.values()):
            happened = f"Something of {keys} can't be erased; its certificate says ONVOLLEDIG."
            yield Alert("purge_late", f"purge {purge.purge_id}", happened, see, page, state="left")
    for one in unanswered(state, now):
        yield Alert("purge_late", f"answer {one.about}", one.what, one.todo, page, state="unanswered")


def _waivers(state: LedgerState, now: datetime, ahead: timedelta) -> Iterator[Alert]:
    for key, intake in sorted(state.deliveries.items()):
        if intake.stage not in ("validated", "stored") or intake.corrected_by is not None:
            continue
        waivers = state.waivers_of(intake.delivery_id)
        ended, soon = (unexcused(intake.findings, waivers, at) for at in (now, now + ahead))
        if not soon:
            continue
        rules = ", ".join(sorted({finding.rule for finding in ended or soon}))
        happened = f"Waivers of {key} {'have ended' if ended else f'end within {ahead.days} days'}, for {rules}."
        yield Alert(
            "waiver_ends", key, happened,
            f"Decide whether it may still be used: a new waiver (`rod waive {key}`), or a corrected delivery.",
            "docs/how-to/waive-a-finding.md", state=f"{'ended' if ended else 'soon'} {rules}",
        )  # fmt: skip


def _arrived(state: LedgerState) -> Iterator[Alert]:
    for key, intake in sorted(state.deliveries.items()):
        if not intake.raw or intake.stage in ("refused", "superseded", "tombstoned"):
            continue
        yield Alert(
            "arrived", key, f"Delivery {key} was received and lies sealed in the store.",
            "Nothing, unless another alert follows.", "docs/how-to/first-delivery.md",
            state=intake.delivery_id, reminds=False,
        )  # fmt: skip
