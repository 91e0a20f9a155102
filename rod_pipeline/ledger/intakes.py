"""What became of one intake of a delivery and of its copies, and how each event of its own changes it.

Belongs here: how far an intake is, what was found in it, what was made of it. Does not belong here: everything that is
about more than one intake (``state``), which event may follow (``rules``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, assert_never

from rod_pipeline.ledger.erasure import MomentMoved
from rod_pipeline.ledger.events import (
    Checked,
    CodeEnded,
    MartBuilt,
    Parsed,
    QualityNotified,
    Received,
    Refused,
    Stored,
    Validated,
)
from rod_pipeline.ledger.purges import Tombstone
from rod_pipeline.ledger.quality import Finding
from rod_pipeline.ledger.vocabulary import Channel, MomentBasis, Zone

Stage = Literal[
    "announced", "waiting_for_code", "received", "failed", "validated", "stored", "refused", "superseded", "tombstoned"
]


def _empty() -> MappingProxyType[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class IntakeState:
    """One intake of a delivery.

    ``code`` is ``none`` for a manual drop, ``awaiting`` while the secret store may hold the access code, and
    ``ended:<reason>`` after that. ``raw`` are the copies of the files, received at ``received_at``; ``parsed`` maps a
    file to its newest table of strings, ``checks`` to how that very table came out; ``tables`` and ``rows`` map a file
    to its typed table's copy and number of rows; ``marts`` maps a mart to this delivery's newest table of it.
    ``superseded`` means that a later intake of the same key was announced, ``corrected_by`` is the accepted correction
    of this delivery, ``tombstone`` what makes it unusable for ever.
    """

    delivery_id: str
    key: str
    channel: Channel
    files: int
    announced_at: datetime
    moment: datetime | None
    moment_basis: MomentBasis | None
    code: str
    raw: tuple[str, ...] = ()
    received_at: datetime | None = None
    parsed: Mapping[str, Parsed] = field(default_factory=_empty)
    checks: Mapping[str, Checked] = field(default_factory=_empty)
    verdict: Validated | None = None
    notified_at: datetime | None = None
    refused: str | None = None
    tables: Mapping[str, str] = field(default_factory=_empty)
    rows: Mapping[str, int] = field(default_factory=_empty)
    marts: Mapping[str, MartBuilt] = field(default_factory=_empty)
    superseded: bool = False
    corrected_by: str | None = None
    tombstone: Tombstone | None = None

    @property
    def stage(self) -> Stage:
        """How far the intake is.

        ``announced``: nothing is here yet. ``waiting_for_code``: the access code is gone and nothing was received; a
        new announcement (also of a manual drop) is the way on. ``received``: the raw files lie sealed. ``failed``: a
        check on a file's newest table, or the verdict on the whole, is bad. ``validated``: the verdict is good.
        ``stored``: the typed tables lie verified; final, a correction is a new delivery. ``refused``: may not be kept.
        ``superseded``: a later intake took its place. ``tombstoned``: it is being erased, or was.
        """
        if self.tombstone is not None:
            return "tombstoned"
        if self.refused is not None:
            return "refused"
        if self.superseded:
            return "superseded"
        if self.tables:
            return "stored"
        if any(check.outcome == "failed" for check in self.checks.values()):
            return "failed"
        if self.verdict is not None:
            return "validated" if self.verdict.outcome == "passed" else "failed"
        if self.raw:
            return "received"
        return "waiting_for_code" if self.code.startswith("ended:") else "announced"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every broken rule of the tables in force: of each file by itself, and of the whole."""
        judged = (*self.checks.values(), *((self.verdict,) if self.verdict is not None else ()))
        return tuple(finding for one in judged for finding in one.findings)

    def has_passed(self, file: str) -> bool:
        """Whether the newest table of ``file`` passed its own checks."""
        check = self.checks.get(file)
        return check is not None and check.outcome == "passed"


@dataclass(frozen=True, slots=True)
class CopyState:
    """A place that holds, may hold or held personal data. ``size`` and ``sha256`` are of the ciphertext."""

    copy_id: str
    scope: str
    zone: Zone
    name: str
    store: str
    object_key: str
    registered_at: datetime
    status: Literal["registered", "verified", "erased"] = "registered"
    size: int | None = None
    sha256: str | None = None


OfIntake = (
    MomentMoved | CodeEnded | Received | Parsed | Checked | Validated | Refused | QualityNotified | Stored | MartBuilt
)


def advanced_intake(intake: IntakeState, event: OfIntake, at: datetime, copies: Mapping[str, CopyState]) -> IntakeState:
    """``intake`` after an event of its own; ``copies`` are all that are on record."""
    match event:
        case MomentMoved():
            return replace(intake, moment=event.moment, moment_basis=event.moment_basis)
        case CodeEnded():
            return replace(intake, code=f"ended:{event.reason}") if intake.code == "awaiting" else intake
        case Received():
            return replace(
                intake, raw=event.copies, received_at=at, moment=event.moment, moment_basis=event.moment_basis
            )
        case Parsed():
            # Checks and verdict rest on the parsed tables they name, so a newer table takes them away.
            return replace(
                intake,
                parsed=MappingProxyType({**intake.parsed, event.file: event}),
                checks=MappingProxyType({f: check for f, check in intake.checks.items() if f != event.file}),
                verdict=None,
            )
        case Checked():
            return replace(intake, checks=MappingProxyType({**intake.checks, event.file: event}))
        case Validated():
            return replace(intake, verdict=event)
        case Refused():
            return replace(intake, refused=intake.refused or event.error)
        case QualityNotified():
            return replace(intake, notified_at=intake.notified_at or at)
        case Stored():
            names = [copies[copy].name for copy in event.copies]
            tables = MappingProxyType(dict(zip(names, event.copies, strict=True)))
            return replace(intake, tables=tables, rows=MappingProxyType(dict(zip(names, event.rows, strict=True))))
        case MartBuilt():
            return replace(intake, marts=MappingProxyType({**intake.marts, event.mart: event}))
        case _:
            assert_never(event)
