"""What the events about findings add up to: notices and how long they waited, waivers and whether they stand.

Belongs here: the shape of that state, and how each event changes it. Does not belong here: which event may follow
(``quality_rules``), when somebody is alerted (``rod_pipeline.quality.notifying``).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, assert_never

from rod_pipeline.ledger.quality import (
    Finding,
    NoticeAnswered,
    NoticeClosed,
    NoticeDrafted,
    NoticeSent,
    Waived,
)

Status = Literal["drafted", "sent", "answered", "closed"]


@dataclass(frozen=True, slots=True)
class NoticeState:
    """One notice about a delivery: its newest draft, and what became of it. ``answers`` in the order they came in."""

    key: str
    draft: NoticeDrafted
    drafted_at: datetime
    sent: NoticeSent | None = None
    answers: tuple[NoticeAnswered, ...] = ()
    closed: NoticeClosed | None = None
    closed_at: datetime | None = None

    @property
    def notice(self) -> str:
        """Its reference."""
        return self.draft.notice

    @property
    def status(self) -> Status:
        """How far it is. A notice that was closed stays closed."""
        if self.closed is not None:
            return "closed"
        if self.answers:
            return "answered"
        return "sent" if self.sent is not None else "drafted"

    @property
    def waits(self) -> bool:
        """Whether it still has to be sent."""
        return self.status == "drafted"

    @property
    def settled(self) -> bool:
        """Whether what it tells needs no telling any more: it was sent, or a person found that the cause is ours."""
        return self.sent is not None or (self.closed is not None and self.closed.outcome == "cause_ours")

    def lasted(self, now: datetime) -> timedelta:
        """How long "onmiddellijk" has lasted: from discovery to sending, to now, or to its end if never sent."""
        end = self.sent.sent_at if self.sent is not None else self.closed_at or now
        return max(end - self.draft.found_at, timedelta())


def advanced_notice(
    notice: NoticeState, event: NoticeDrafted | NoticeSent | NoticeAnswered | NoticeClosed, at: datetime
) -> NoticeState:
    """``notice`` after an event of its own."""
    match event:
        case NoticeDrafted():
            return replace(notice, draft=event, drafted_at=at)
        case NoticeSent():
            return replace(notice, sent=event)
        case NoticeAnswered():
            return replace(notice, answers=(*notice.answers, event))
        case NoticeClosed():
            return replace(notice, closed=event, closed_at=at)
        case _:
            assert_never(event)


@dataclass(frozen=True, slots=True)
class WaiverState:
    """A waiver and how it ended; ``withdrawn_at`` is None while nobody withdrew it."""

    waived: Waived
    waived_at: datetime
    withdrawn_at: datetime | None = None

    def stands(self, at: datetime) -> bool:
        """Whether it lets through what it covers at the instant ``at``."""
        return self.withdrawn_at is None and at < self.waived.until

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding, which may have become less bad since but no worse."""
        waived = self.waived
        return (waived.file, waived.rule) == (finding.file, finding.rule) and finding.failed <= waived.failed


def waiver_for(finding: Finding, waivers: Iterable[WaiverState], at: datetime) -> WaiverState | None:
    """The waiver that lets ``finding`` through at ``at``, the one that stands longest; None when there is none."""
    standing = [waiver for waiver in waivers if waiver.covers(finding) and waiver.stands(at)]
    return max(standing, key=lambda waiver: waiver.waived.until, default=None)


def unexcused(findings: Iterable[Finding], waivers: Iterable[WaiverState], at: datetime) -> tuple[Finding, ...]:
    """The blocking ones among ``findings`` that no waiver lets through at ``at``."""
    waivers = tuple(waivers)
    return tuple(
        finding for finding in findings if finding.severity == "blocking" and waiver_for(finding, waivers, at) is None
    )
