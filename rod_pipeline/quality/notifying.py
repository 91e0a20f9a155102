"""Notices on their way: drafted, drafted anew, sent by a person, answered, closed; and how long that lasts.

Belongs here: one notice per intake that gathers what was found in it, its files in ``notices``, its events in the
ledger, the clock from discovery to sending. Does not belong here: the words of the letter (``notice``).

A notice is drafted anew while it isn't sent; what is found after it was sent makes a new one, which tells only that.
The draft's content lies beside it as JSON, because each file of a delivery is judged on its own and the letter tells of
all of them; it holds what the letter holds. What counts is the ledger, with the findings and the text's digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from rod_pipeline.errors import BlockedError, PermanentError, RodError
from rod_pipeline.ledger.findings import NoticeState
from rod_pipeline.ledger.quality import (
    Answer,
    Finding,
    NoticeAnswered,
    NoticeClosed,
    NoticeDrafted,
    NoticeSent,
    Outcome,
    SentBy,
)
from rod_pipeline.quality.defects import explanation, is_defect
from rod_pipeline.quality.notice import Content, Refusal, Told, Unread, as_pdf, as_text, letter

if TYPE_CHECKING:
    from rod_pipeline.ledger.state import IntakeState, LedgerState
    from rod_pipeline.quality.report import CheckReport
    from rod_pipeline.system import System

_Found = Mapping[str, tuple[Told, ...]]


class UnknownNotice(PermanentError):
    """A notice was asked for that nobody drafted."""

    code = "ROD-NOTICE-01"


class NoticeDiffers(BlockedError):
    """The draft in the folder isn't the one that the ledger has on record."""

    code = "ROD-NOTICE-02"


class NoticesOverdue(BlockedError):
    """What was found had to be told at once, and wasn't sent yet."""

    code = "ROD-NOTICE-03"


@dataclass(frozen=True, slots=True)
class Files:
    """Where a notice lies: the text, the PDF of the same words, and the content that both are made of."""

    text: Path
    pdf: Path
    content: Path


def files_of(home: Path, notice: str) -> Files:
    """The files of a notice, there or not."""
    folder = home / "notices"
    return Files(*(folder / f"{notice}.{kind}" for kind in ("txt", "pdf", "json")))


def tell(system: System, intake: IntakeState, subject: str, report: CheckReport) -> NoticeState | None:
    """See that the notice about an intake tells what ``report`` found in ``subject`` (a file, or the whole).

    Returns the notice that waits to be sent; None when there is nothing to tell that wasn't told. Call it while the
    delivery is held. A warning lets the delivery in, but DUO hears of it all the same.
    """
    told = tuple(Told.of(result) for result in report.broken)
    return _told(system, intake, rows=report.rows, found={subject: told})


def tell_refusal(system: System, intake: IntakeState, error: RodError) -> NoticeState | None:
    """See that the notice about an intake tells that it may not be kept, and why; see ``tell``."""
    return _told(system, intake, refusal=Refusal(code=error.code, happened=error.happened))


def tell_defect(system: System, intake: IntakeState, subject: str, error: RodError) -> NoticeState | None:
    """See that a notice about this delivery tells that ``subject`` (a kind of file, or the whole) can't be read.

    Returns the notice that waits to be sent; None when the error is no defect of the delivery, or was told of this
    intake before. An unsent notice about an earlier intake that tells the same stands: nobody is told twice.
    """
    if not is_defect(error):
        return None
    unread = Unread(code=error.code, happened=explanation(error))
    for notice in system.ledger.state().notices.values():
        earlier = notice.key == intake.key and notice.draft.delivery_id != intake.delivery_id
        if earlier and notice.waits and unread.defect(subject) in notice.draft.defects:
            return notice
    return _told(system, intake, unread={subject: unread})


def tell_read(system: System, intake: IntakeState, subject: str) -> None:
    """``subject`` was read: no unsent notice about this delivery tells any more that it can't be, whichever intake.

    A notice that told nothing else is closed as ``read_since``. What was refused and erased stays told as it was.
    """
    state = system.ledger.state()
    for notice in state.notices.values():
        told = any(defect.file == subject for defect in notice.draft.defects)
        if told and notice.key == intake.key and notice.waits and notice.draft.refused is None:
            _told(system, state.intakes[notice.draft.delivery_id], read=subject)


def find(system: System, notice: str) -> NoticeState:
    """A notice by its reference. Raises ``UnknownNotice``."""
    found = system.ledger.state().notices.get(notice)
    if found is None:
        raise UnknownNotice(
            "There is no notice of that reference.", "`rod notice list` shows them; they look like 2025-12-m1."
        )
    return found


def text_of(system: System, notice: NoticeState) -> str:
    """What a notice says, by its files; what is missing of them is written anew from its content.

    Raises ``NoticeDiffers`` when one of them isn't what was drafted.
    """
    files, content = files_of(system.settings.home, notice.notice), _content(system, notice)
    said = letter(content, system.decree)
    drafted, pdf = as_text(said).encode("utf-8"), as_pdf(said, content.found_at)
    for path, made in ((files.text, drafted), (files.pdf, pdf)):
        if not path.exists() and _digest(drafted) == notice.draft.text:
            path.write_bytes(made)
    text = files.text.read_bytes() if files.text.exists() else b""
    if _digest(text) != notice.draft.text or (text == drafted and files.pdf.read_bytes() != pdf):
        raise NoticeDiffers(
            f"The text or the PDF of notice {notice.notice} isn't the draft that is on record, or can't be found.",
            "Remove both: they are written anew, or rerun the delivery. Put remarks of your own in a covering letter.",
        )
    return text.decode("utf-8")


def send(system: System, notice: str, draft: int, channel: SentBy, sent_at: datetime | None = None) -> Files:
    """Record that a person approved this draft and sent it, now or at ``sent_at``; returns what was sent.

    Raises ``UnknownNotice``, ``NoticeDiffers``, or ``IllegalEvent`` when there is a newer draft or it was sent before.
    """
    found = find(system, notice)
    text_of(system, found)
    system.ledger.append(
        NoticeSent(
            notice=notice,
            draft=draft,
            text=found.draft.text,
            channel=channel,
            sent_at=sent_at or system.clock.now(),
            actor=system.actor(),
        )
    )
    return files_of(system.settings.home, notice)


def answer(system: System, notice: str, said: Answer, reference: str) -> None:
    """Record what was answered, and the reference of that letter. Raises ``UnknownNotice`` or ``IllegalEvent``."""
    find(system, notice)
    system.ledger.append(NoticeAnswered(notice=notice, answer=said, reference=reference, actor=system.actor()))


def close(system: System, notice: str, outcome: Outcome) -> None:
    """Record that nothing more will be done about a notice. Raises ``UnknownNotice`` or ``IllegalEvent``."""
    find(system, notice)
    system.ledger.append(NoticeClosed(notice=notice, outcome=outcome, actor=system.actor()))


def overdue(state: LedgerState, now: datetime, after: timedelta) -> tuple[NoticeState, ...]:
    """The notices that weren't sent within ``after`` of the discovery, longest waiting first."""
    late = [notice for notice in state.notices.values() if notice.waits and notice.lasted(now) >= after]
    return tuple(sorted(late, key=lambda notice: notice.draft.found_at))


def overdue_now(system: System) -> tuple[NoticeState, ...]:
    """The notices that nobody sent within the hours of the settings, longest waiting first."""
    return overdue(system.ledger.state(), system.clock.now(), timedelta(hours=system.settings.quality.notice_hours))


def refuse_overdue(system: System) -> None:
    """Raise ``NoticesOverdue``, with each notice that nobody sent in time; for whoever is to be alarmed."""
    now, hours = system.clock.now(), system.settings.quality.notice_hours
    if late := overdue_now(system):
        raise NoticesOverdue(
            f"Notices that nobody sent within {hours} hours: {', '.join(clock(notice, now) for notice in late)}.",
            "Voorschrift 3e wants the minister and DUO told at once: `rod notice show`, send it, `rod notice send`.",
        )


def clock(notice: NoticeState, now: datetime) -> str:
    """A notice and how long it lasted, in a few words: for lists, checks and alarms."""
    lasted = duration(notice.lasted(now))
    if notice.sent is not None:
        return f"{notice.notice}: sent {lasted} after the discovery, {notice.status}"
    if notice.closed is not None:
        return f"{notice.notice}: closed unsent after {lasted} ({notice.closed.outcome})"
    return f"{notice.notice}: found {lasted} ago, not sent (draft {notice.draft.draft})"


def duration(span: timedelta) -> str:
    """``2 days 3 h``, ``5 h 12 min``, ``4 min``."""
    minutes = int(span.total_seconds()) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} {'day' if days == 1 else 'days'} {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def _told(
    system: System,
    intake: IntakeState,
    rows: Mapping[str, int] | None = None,
    found: _Found | None = None,
    unread: Mapping[str, Unread] | None = None,
    read: str | None = None,
    refusal: Refusal | None = None,
) -> NoticeState | None:
    state = system.ledger.state()
    others = state.notices_of(intake.delivery_id)
    waiting = next((notice for notice in others if notice.waits), None)
    settled = {one for notice in others if notice.settled for one in (*notice.draft.findings, *notice.draft.defects)}
    if refusal is not None and any(notice.settled and notice.draft.refused == refusal.code for notice in others):
        return waiting
    before = None if waiting is None else _content(system, waiting)
    merged = {**(before.found if before else {}), **(found or {})}
    merged = {subject: tuple(told for told in some if told.finding not in settled) for subject, some in merged.items()}
    checked = {file: intake.parsed[file].rows for file in sorted(intake.checks)}
    stopped = {**(before.unread if before else {}), **(unread or {})}
    content = Content(
        notice=waiting.notice if waiting else state.next_notice(intake.key),
        draft=waiting.draft.draft if waiting else 1,
        delivery=intake.key,
        provided=intake.moment,
        found_at=waiting.draft.found_at if waiting else system.clock.now(),
        rows={**(before.rows if before else {}), **checked, **(rows or {})},
        found={subject: some for subject, some in merged.items() if some},
        unread={s: one for s, one in stopped.items() if s != read and one.defect(s) not in settled},
        refusal=refusal or (before.refusal if before else None),
        earlier=tuple(
            (notice.notice, notice.sent.sent_at)
            for notice in state.notices.values()
            if notice.key == intake.key and notice.sent is not None
        ),
    )
    if not content.found and not content.unread and content.refusal is None:
        if waiting is not None:
            _void(system, waiting, "void" if read is None else "read_since")
        return None
    return _drafted(system, intake, content, waiting)


def _drafted(system: System, intake: IntakeState, content: Content, waiting: NoticeState | None) -> NoticeState:
    text = as_text(letter(content, system.decree))
    if waiting is not None and _digest(text.encode()) != waiting.draft.text:
        content = content.model_copy(update={"draft": waiting.draft.draft + 1})
        text = as_text(letter(content, system.decree))
    files = files_of(system.settings.home, content.notice)
    files.text.parent.mkdir(parents=True, exist_ok=True)
    files.content.write_text(content.model_dump_json(), "utf-8")
    files.pdf.write_bytes(as_pdf(letter(content, system.decree), content.found_at))
    files.text.write_text(text, "utf-8")
    if waiting is None or waiting.draft.draft != content.draft:
        system.ledger.append(
            NoticeDrafted(
                notice=content.notice,
                delivery_id=intake.delivery_id,
                draft=content.draft,
                found_at=content.found_at,
                findings=_findings(content.told),
                defects=content.defects,
                refused=None if content.refusal is None else content.refusal.code,
                text=_digest(text.encode()),
            )
        )
    return find(system, content.notice)


def _void(system: System, notice: NoticeState, why: Outcome) -> None:
    """Nothing of it is found any more: nobody is to send it."""
    close(system, notice.notice, why)
    files = files_of(system.settings.home, notice.notice)
    for path in (files.text, files.pdf, files.content):
        path.unlink(missing_ok=True)


def _content(system: System, notice: NoticeState) -> Content:
    """What a draft was made of; without its file what the ledger knows, until the delivery is judged anew."""
    try:
        return Content.model_validate_json(files_of(system.settings.home, notice.notice).content.read_bytes())
    except (OSError, ValidationError):
        draft = notice.draft
    found: dict[str, tuple[Told, ...]] = {}
    for finding in draft.findings:
        found[finding.file] = (*found.get(finding.file, ()), Told(**finding.model_dump()))
    return Content(
        notice=notice.notice,
        draft=draft.draft,
        delivery=notice.key,
        provided=None,
        found_at=draft.found_at,
        found=found,
        unread={defect.file: Unread(code=defect.error, happened="") for defect in draft.defects},
        refusal=None if draft.refused is None else Refusal(code=draft.refused, happened="-"),
    )


def _findings(told: Iterable[Told]) -> tuple[Finding, ...]:
    return tuple(one.finding for one in told)


def _digest(text: bytes) -> str:
    return sha256(text).hexdigest()
