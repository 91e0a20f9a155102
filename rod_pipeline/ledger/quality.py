"""The events about findings: notices to DUO and the minister, and waivers.

Belongs here: one frozen model per kind of event that says what was told to whom, or what was accepted all the same.
Does not belong here: what they add up to (``findings``), which may follow which (``quality_rules``), letters
(``rod_pipeline.quality``).

A *notice* gathers what was found in one intake of a delivery (besluit 55352791, voorschrift 3e). It is drafted anew as
long as it isn't sent; a person sends it. A *waiver* is a person's word that one blocking finding lets this delivery
through, for a reason from a closed list and up to a date.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rod_pipeline.ledger.vocabulary import Code, Count, Digest, Event, Id, Instant, Part, unsaid

NoticeId = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}(-r[0-9]+)?-m[1-9][0-9]{0,5}$")]
"""The reference that stands on the letter: the key of the delivery and the number of the *melding* about it."""

SentBy = Literal["e-mail", "letter", "registered_letter", "portal", "secure_file_transfer"]
"""How a notice reached DUO and the minister."""

Answer = Literal["acknowledged", "explained", "correction_promised", "question", "disputed"]
"""What DUO or the minister answered: received it; the data are right and this is why; a corrected delivery will come;
something is asked; it is no defect of theirs."""

Outcome = Literal["corrected", "explained", "left_as_it_is", "unanswered", "cause_ours", "void", "read_since"]
"""How a notice ended. Once sent: a corrected delivery came; an explanation is enough; nothing will change; no answer
came. Never sent: the cause is on our side; or, which no person decides, nothing of it is found any more (``void``), or
a later attempt of the same delivery read what couldn't be read (``read_since``)."""

UNSENT: frozenset[Outcome] = frozenset({"cause_ours", "void", "read_since"})
"""The outcomes of a notice that was never sent."""

Reason = Literal["duo_confirmed", "correction_coming", "known_exception", "no_effect", "rule_wrong"]
"""Why a finding is accepted: DUO confirmed that the data are as they should be; a corrected delivery is on its way; a
known exception that the rule doesn't know; it touches nothing that is used; the rule is wrong and is being mended."""


class Finding(Part):
    """A rule that did not hold: how many rows of how many. ``rule`` is the id of an expectation."""

    rule: Code
    file: Code
    severity: Literal["blocking", "warning"]
    failed: Count
    rows: Count


class Defect(Part):
    """What stopped the reading before a rule could be counted: the error's code. ``file``: a kind, or the whole."""

    file: Code
    error: Code


class NoticeDrafted(Event):
    """A notice was drafted, or drafted anew because more is known: ``text`` is the digest of what it says.

    ``found_at`` is when the first of what it tells was found: the clock of "onmiddellijk" starts there. ``refused`` is
    the code of the error when the delivery may not be kept.
    """

    kind: Literal["notice_drafted"] = "notice_drafted"
    notice: NoticeId
    delivery_id: Id
    draft: Annotated[Count, Field(ge=1)]
    found_at: Instant
    findings: tuple[Finding, ...]
    defects: tuple[Defect, ...] = Field(default=(), exclude_if=unsaid)
    refused: Code | None = None
    text: Digest


class NoticeSent(Event):
    """A person approved a draft and sent it, at ``sent_at``."""

    kind: Literal["notice_sent"] = "notice_sent"
    notice: NoticeId
    draft: Count
    text: Digest
    channel: SentBy
    sent_at: Instant
    actor: Code


class NoticeAnswered(Event):
    """DUO or the minister answered; ``reference`` names their letter."""

    kind: Literal["notice_answered"] = "notice_answered"
    notice: NoticeId
    answer: Answer
    reference: Code
    actor: Code


class NoticeClosed(Event):
    """Nothing more will be done about a notice."""

    kind: Literal["notice_closed"] = "notice_closed"
    notice: NoticeId
    outcome: Outcome
    actor: Code


class Waived(Event):
    """A person accepts a blocking finding in one intake, as bad as it is (``failed``) and no worse, up to ``until``."""

    kind: Literal["waived"] = "waived"
    waiver_id: Id
    delivery_id: Id
    file: Code
    rule: Code
    failed: Count
    reason: Reason
    until: Instant
    actor: Code


class WaiverWithdrawn(Event):
    """A waiver ended before its date."""

    kind: Literal["waiver_withdrawn"] = "waiver_withdrawn"
    waiver_id: Id
    actor: Code
