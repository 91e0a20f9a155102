"""Drawing up the evidence of a purge, and drawing it up again years later.

Belongs here: appending ``Attested`` and finding the record that such an entry stands for. Does not belong here: what a
record says (``building``), proofs of the entry (``ledger.notary``).

The record isn't kept anywhere. It follows from the entries before its ``Attested``, so nothing may come between reading
them and appending it; and whoever needs the record later builds it from the same entries and holds it against the
digest in the ledger.
"""

from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

from rod_pipeline.decree import decree_digest
from rod_pipeline.errors import BlockedError, PermanentError, TransientError
from rod_pipeline.ledger.erasure import Attested
from rod_pipeline.ledger.events import Entry
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.retention.evidence.building import build_record
from rod_pipeline.retention.evidence.history import History
from rod_pipeline.retention.evidence.record import Record

if TYPE_CHECKING:
    from rod_pipeline.system import System

_TRIES = 20


class NotAttested(PermanentError):
    """There is no evidence of such a purge yet."""

    code = "ROD-EVIDENCE-01"


class RecordDiffers(BlockedError):
    """What the ledger says today gives another record than the one that was attested."""

    code = "ROD-EVIDENCE-02"


class LedgerTooBusy(TransientError):
    """Others kept writing to the ledger while the evidence was drawn up."""

    code = "ROD-EVIDENCE-03"


class Evidence(NamedTuple):
    """A record and the entry that its digest stands in."""

    record: Record
    entry: Entry


class _Overtaken(Exception):
    """An entry came between."""


def attest(system: "System", purge_id: str) -> Attested:
    """Draw up the evidence of a purge and append ``Attested``; returns the newest one when it still says it all.

    Raises ``NotAttested`` when there is no such purge or its inventories aren't complete, ``LedgerTooBusy``, and what
    ``Ledger.append`` raises.
    """
    history = History()
    for _ in range(_TRIES):
        history.read(system.ledger.entries(after=history.state.seq))
        purge = history.state.purges.get(purge_id)
        if purge is None or set(purge.late) != set(purge.keys):
            raise NotAttested(
                f"There is no late inventory of every delivery of purge {purge_id[:16]}.",
                "Let the purge engine go on (`rod retention run`); the evidence is drawn up after the late sweep.",
            )
        record = _built(system, history, purge_id, version("rod-pipeline"), decree_digest(system.settings.decree))
        if purge.attested is not None:
            newest = find(system, purge_id, purge.attested.serial).record
            if _substance(newest) == _substance(record):
                return purge.attested
        event = Attested(
            purge_id=purge_id,
            serial=record.serial,
            outcome=record.outcome,
            record=record.digest(),
            software=record.software,
            rules=record.ground.rules,
        )
        try:
            system.ledger.append(event, when=_nothing_since(history.state.seq))
        except _Overtaken:
            continue
        return event
    raise LedgerTooBusy(f"Others wrote to the ledger at each of {_TRIES} tries to attest a purge.", "Run it again.")


def find(system: "System", purge_id: str, serial: int | None = None) -> Evidence:
    """The record of a purge with this serial, the newest by default, and its entry.

    Raises ``NotAttested``, or ``RecordDiffers`` when what is built now isn't what was attested.
    """
    purge = system.ledger.state().purges.get(purge_id)
    if purge is None or purge.attested is None or not 1 <= (serial or 1) <= purge.attested.serial:
        raise NotAttested(
            f"No evidence {purge_id[:16]}-{serial or 1} was drawn up.", "`rod evidence list` shows what there is."
        )
    wanted = (purge_id, serial or purge.attested.serial)
    found: list[tuple[Attested, Entry]] = []
    history = History.of(_before(system.ledger.entries(), wanted, found))
    event, entry = found[0]
    record = _built(system, history, purge_id, event.software, event.rules)
    if record.digest() != event.record:
        raise _differs(record, event)
    return Evidence(record, entry)


def _before(entries: Iterator[Entry], wanted: tuple[str, int], found: list[tuple[Attested, Entry]]) -> Iterator[Entry]:
    """The entries before the wanted attestation, which is put in ``found``."""
    for entry in entries:
        event = entry.event
        if isinstance(event, Attested) and (event.purge_id, event.serial) == wanted:
            found.append((event, entry))
            return
        yield entry


def _built(system: "System", history: History, purge_id: str, software: str | None, rules: str | None) -> Record:
    return build_record(
        history,
        purge_id,
        decree=system.decree,
        book=system.book,
        origin=system.settings.evidence.origin,
        software=software,
        rules=rules,
    )


def _nothing_since(seq: int) -> Any:
    def unchanged(state: LedgerState) -> None:
        if state.seq != seq:
            raise _Overtaken

    return unchanged


def _substance(record: Record) -> dict[str, Any]:
    """What makes a new certificate worth drawing up: all but its number, the software, and when it was last looked."""
    said = record.model_dump(
        exclude={"record_id": True, "serial": True, "previous": True, "software": True, "time": {"swept_at"}}
    )
    for left in said["remaining"]:
        del left["found_at"]
    for delivery in said["deliveries"]:
        if delivery["gone_at"] is None:
            del delivery["days_late"]
    return said


def _differs(record: Record, event: Attested) -> RecordDiffers:
    return RecordDiffers(
        f"The record {record.record_id} that follows from the ledger today is not the one that was attested.",
        f"It was drawn up by version {event.software}: use that version, the decree and the contracts of then and the "
        "origin of this log. If it differs nevertheless, the ledger was changed: compare it with a backup.",
    )
