"""Which event about findings may follow what.

Belongs here: the rules on notices and waivers. Does not belong here: the rules on the way of a delivery (``rules``,
which asks this module).

What was sent is what was drafted last, to the letter; what was sent can't be changed any more. And nobody accepts what
wasn't found: a waiver names a blocking finding that stands on record, as bad as it is there.
"""

from datetime import datetime
from typing import assert_never

from rod_pipeline.ledger.erasure_rules import SKEW, refuse
from rod_pipeline.ledger.findings import NoticeState
from rod_pipeline.ledger.quality import (
    UNSENT,
    NoticeAnswered,
    NoticeClosed,
    NoticeDrafted,
    NoticeSent,
    Waived,
    WaiverWithdrawn,
)
from rod_pipeline.ledger.state import IntakeState, LedgerState

OfQuality = NoticeDrafted | NoticeSent | NoticeAnswered | NoticeClosed | Waived | WaiverWithdrawn


def check_quality(event: OfQuality, state: LedgerState, at: datetime) -> None:
    """Raise ``IllegalEvent`` unless ``event``, happening at the instant ``at``, may follow ``state``."""
    match event:
        case NoticeDrafted():
            _drafted(event, state, at)
        case NoticeSent():
            _sent(event, state, at)
        case NoticeAnswered():
            if _open(event, state).sent is None:
                refuse(event, "the notice was not sent")
        case NoticeClosed():
            if (_open(event, state).sent is None) != (event.outcome in UNSENT):
                refuse(event, "a notice that was sent ends otherwise than one that wasn't")
        case Waived():
            _waived(event, state, at)
        case WaiverWithdrawn():
            waiver = state.waivers.get(event.waiver_id)
            if waiver is None or waiver.withdrawn_at is not None:
                refuse(event, "no such waiver stands")
        case _:
            assert_never(event)


def _drafted(event: NoticeDrafted, state: LedgerState, at: datetime) -> None:
    intake = _intake(event, state)
    if not event.findings and not event.defects and event.refused is None:
        refuse(event, "it tells nothing")
    if event.found_at > at + SKEW:
        refuse(event, "it was found in the future")
    before = state.notices.get(event.notice)
    if before is None:
        if event.notice != state.next_notice(intake.key):
            refuse(event, "its reference is not the next one for this delivery")
        if event.draft != 1:
            refuse(event, "the first draft has number 1")
        if any(notice.waits for notice in state.notices_of(event.delivery_id)):
            refuse(event, "another notice about this intake is not sent yet: draft that one anew")
        return
    if before.draft.delivery_id != event.delivery_id:
        refuse(event, "the notice is about another intake")
    if not before.waits:
        refuse(event, f"the notice is {before.status}, and what is found since makes a new one")
    if event.draft != before.draft.draft + 1:
        refuse(event, "it is not the draft that comes next")
    if event.found_at != before.draft.found_at:
        refuse(event, "the moment of discovery can't be moved")


def _sent(event: NoticeSent, state: LedgerState, at: datetime) -> None:
    notice = _open(event, state)
    if notice.sent is not None:
        refuse(event, "the notice was sent before")
    if (event.draft, event.text) != (notice.draft.draft, notice.draft.text):
        refuse(event, f"the newest draft is number {notice.draft.draft}, and that one is to be sent")
    if not notice.draft.found_at - SKEW <= event.sent_at <= at + SKEW:
        refuse(event, "it was sent before anything was found, or in the future")


def _waived(event: Waived, state: LedgerState, at: datetime) -> None:
    intake = _intake(event, state)
    if event.waiver_id in state.waivers:
        refuse(event, "its id is taken")
    if intake.stage in ("refused", "superseded", "tombstoned"):
        refuse(event, f"this intake of {intake.key} is {intake.stage}")
    if event.until <= at:
        refuse(event, "it would have ended before it began")
    if not any(
        (finding.file, finding.rule, finding.failed, finding.severity)
        == (event.file, event.rule, event.failed, "blocking")
        for finding in intake.findings
    ):
        refuse(event, "no such blocking finding is on record")


def _intake(event: NoticeDrafted | Waived, state: LedgerState) -> IntakeState:
    intake = state.intakes.get(event.delivery_id)
    if intake is None:
        refuse(event, "no such delivery was announced")
    return intake


def _open(event: NoticeSent | NoticeAnswered | NoticeClosed, state: LedgerState) -> NoticeState:
    notice = state.notices.get(event.notice)
    if notice is None:
        refuse(event, "no such notice was drafted")
    if notice.closed is not None:
        refuse(event, "the notice is closed")
    return notice
