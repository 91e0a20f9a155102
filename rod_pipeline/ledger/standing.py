"""How the ledger and what was published of it stand to each other, for whoever wants to know.

Belongs here: the overview, and the full verification. Does not belong here: mending what they show (``notary``,
``catchup``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rod_pipeline.errors import BlockedError
from rod_pipeline.ledger.catchup import check_not_behind, last_signed
from rod_pipeline.ledger.checkpoint import open_checkpoint
from rod_pipeline.ledger.note import VerifyingKey, reject
from rod_pipeline.ledger.published import PublishedLog, read_keys
from rod_pipeline.ledger.timestamp import load_certificates, verify_timestamp
from rod_pipeline.store import evidence

if TYPE_CHECKING:
    from rod_pipeline.system import System


class EvidenceAltered(BlockedError):
    """Something was written over, or marked as deleted, in the evidence bucket."""

    code = "ROD-NOTARY-06"


@dataclass(frozen=True, slots=True)
class Standing:
    """``entries`` in the ledger, ``published`` of them; ``outstanding`` has the sizes of the checkpoints without a
    timestamp or cosignature, as far as one is asked for: ``stamps`` and ``witnesses`` say whether.
    """

    entries: int
    published: int
    stamps: bool
    witnesses: bool
    outstanding: Mapping[str, list[int]]


def standing(system: "System") -> Standing:
    """How things stand now. Only reads. Raises the errors of the ledger and of the evidence store."""
    section, log = system.settings.evidence, PublishedLog(system.evidence, read_keys(system.settings.home))
    sizes = log.sizes()
    outstanding: dict[str, list[int]] = {}
    if section.timestamp_url is not None:
        outstanding["timestamp"] = log.missing(evidence.TIMESTAMPS, sizes)
    if section.witness_url is not None:
        outstanding["cosignature"] = log.missing(evidence.COSIGNED, sizes[-1:])
    return Standing(
        system.ledger_as_found.tree_head().size,
        sizes[-1] if sizes else 0,
        section.timestamp_url is not None,
        section.witness_url is not None,
        outstanding,
    )


def verify(system: "System") -> Iterator[str]:
    """Recompute everything that is claimed of the ledger; yields what was found good, a sentence at a time.

    Raises at the first thing that isn't: ``LedgerCorrupt``, ``LedgerBehind``, ``LedgerForked``, ``EntriesDamaged``,
    ``NoteRejected``, ``KeysMissing``, ``TimestampRejected``, ``EvidenceAltered``, or the errors of the store.
    """
    section, keys = system.settings.evidence, read_keys(system.settings.home)
    log = PublishedLog(system.evidence, keys)
    system.ledger_as_found.verify_tree()
    yield f"The tree over the {system.ledger_as_found.tree_head().size} entries of the ledger is right."
    if keys and (signed := last_signed(system.settings.home, log)) is not None:
        check_not_behind(system.ledger_as_found, [signed.checkpoint])
    notes: dict[int, bytes] = {}
    for published, _ in log.rebuilt():
        check_not_behind(system.ledger_as_found, [published.checkpoint])
        notes[published.checkpoint.size] = published.note
    yield f"{len(notes)} checkpoints are published: signed, right by their entries, and continued by the ledger."
    roots = load_certificates(section.timestamp_roots) if section.timestamp_roots is not None else ()
    witness = [VerifyingKey.parse(section.witness_key)] if section.witness_key is not None else []
    stamps = [size for size in system.evidence.numbers(evidence.TIMESTAMPS) if size in notes]
    cosigned = [size for size in system.evidence.numbers(evidence.COSIGNED) if size in notes]
    if roots:
        for size in stamps:
            verify_timestamp(system.evidence.get(evidence.timestamp_key(size)), notes[size], roots)
        yield f"{len(stamps)} of them have a timestamp that holds."
    elif stamps:
        yield f"{len(stamps)} of them have a timestamp; without evidence.timestamp_roots that can't be checked."
    if witness:
        for size in cosigned:
            if not open_checkpoint(system.evidence.get(evidence.cosigned_key(size)), [*keys, *witness]).cosignatures:
                reject("the witness of the settings did not sign it")
        yield f"{len(cosigned)} of them have a cosignature that holds."
    elif cosigned:
        yield f"{len(cosigned)} of them have a cosignature; without evidence.witness_key that can't be checked."
    if altered := system.evidence.altered():
        raise EvidenceAltered(
            f"{len(altered)} objects of the evidence were written over or marked as deleted, such as {altered[0]}.",
            "Nothing here does that: find out who else may write to the bucket. What counts is the first version, "
            "which is locked; all that was verified before this rests on it.",
        )
    yield "Nothing in the evidence bucket was written over or marked as deleted."
