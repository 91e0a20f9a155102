"""The bundle: everything that an outsider needs to check a purge, in one zip of which no bit can change.

Belongs here: what goes into a bundle, and in which order. Does not belong here: checking one (``verifieer``, which also
writes the zip, so that both agree on every byte), the proof itself (``ledger.notary``).

Names, sizes and digests of all files stand in ``inhoud.note``, signed by the key of the log. Its first line has a space
in it, as no origin has, so it can't be taken for a checkpoint.
"""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding

from rod_pipeline.decree import Decree
from rod_pipeline.ledger.checkpoint import open_checkpoint
from rod_pipeline.ledger.note import VerifyingKey
from rod_pipeline.ledger.published import read_keys
from rod_pipeline.ledger.rows import leaf_bytes
from rod_pipeline.ledger.timestamp import load_certificates
from rod_pipeline.retention.evidence.attesting import Evidence, find
from rod_pipeline.retention.evidence.certificate import Seal, certificate, content
from rod_pipeline.retention.evidence.record import schema
from rod_pipeline.retention.evidence.verifieer import CONTENTS, CONTENTS_TITLE, zipped

if TYPE_CHECKING:
    from rod_pipeline.ledger.notary import Proof
    from rod_pipeline.system import System

BUNDLE = "bundel.zip"
"""What a bundle is called where it is locked away."""

_HERE = Path(__file__).parent
_OUTSTANDING = (
    "Er is nog geen tijdstempel van een onafhankelijke dienst over dit controlepunt.\nDat maakt het bewijs niet "
    "ongeldig: de vernietiging wacht er niet op, en het\ntijdstempel volgt later. Vraag dan een nieuwe bundel.\n"
)


def bundle_of(system: "System", purge_id: str, serial: int | None = None) -> bytes:
    """The bundle of a purge's record with this serial, the newest by default, signed by the notary.

    Raises ``NotAttested``, ``RecordDiffers``, ``NotPublished``, and errors of the notary and its store.
    """
    evidence = find(system, purge_id, serial)
    notary = system.notary()
    proof = notary.proof(evidence.entry.seq)
    roots = system.settings.evidence.timestamp_roots
    chain = None
    if proof.timestamp is not None and roots is not None:
        chain = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in load_certificates(roots))
    keys = read_keys(system.settings.home)
    return make_bundle(evidence, system.decree, proof, keys, notary.sign, chain)


def make_bundle(
    evidence: Evidence,
    decree: Decree,
    proof: "Proof",
    keys: Sequence[VerifyingKey],
    sign: Callable[[str], bytes],
    chain: bytes | None = None,
) -> bytes:
    """The bundle of a record. ``keys`` are those of the log, the one in use first; ``sign`` makes a note of a text.

    ``chain`` are the certificates (PEM) of who gave the timestamp. Raises ``NoteRejected`` when none of ``keys`` signed
    the checkpoint.
    """
    signed = open_checkpoint(proof.checkpoint, keys)
    seal = Seal(str(keys[0]), signed.checkpoint.size, signed.checkpoint.root)
    used = dict.fromkeys((keys[0], signed.log))
    files = [
        ("LEESMIJ.txt", (_HERE / "LEESMIJ.txt").read_bytes()),
        ("samenvatting.txt", summary(evidence, decree, seal).encode()),
        ("certificaat.pdf", certificate(evidence, decree, seal)),
        ("record.json", evidence.record.canonical()),
        ("record.schema.json", schema()),
        ("boeking.json", leaf_bytes(evidence.entry)),
        ("boeking.tlog-proof", proof.tlog_proof),
        ("controlepunt.note", proof.checkpoint),
        ("sleutel.vkey", "".join(f"{key}\n" for key in used).encode()),
        *_timestamp(proof.timestamp, chain),
        ("verifieer.py", (_HERE / "verifieer.py").read_bytes()),
    ]
    lines = [f"{sha256(data).hexdigest()} {len(data)} {name}\n" for name, data in files]
    return zipped([*files, (CONTENTS, sign(f"{CONTENTS_TITLE}\n{''.join(lines)}"))])


def _timestamp(token: bytes | None, chain: bytes | None) -> Iterator[tuple[str, bytes]]:
    if token is None:
        yield "tijdstempel-uitstaand.txt", _OUTSTANDING.encode()
        return
    yield "tijdstempel.tsr", token
    if chain is not None:
        yield "tijdstempel-keten.pem", chain


def summary(evidence: Evidence, decree: Decree, seal: Seal) -> str:
    """What the certificate says, as plain text."""
    said = content(evidence, decree, seal)
    parts = [
        _heading(f"{said['title']} {said['record']}", "="),
        *(["SIMULATIE – dit bewijst niets over echte gegevens.\n"] if said["simulation"] else []),
        f"{said['holder']}, {said['drawn_up']}\n{_wrapped(said['decree'])}",
        f"UITKOMST: {said['outcome']}\n{_wrapped(said['verdict'])}",
    ]
    if said["remaining"]:
        parts.append(_heading("Wat rest"))
        parts.append("".join(_wrapped(f"- levering {k}: {p}: {n}, tot: {u}") for k, p, n, u in said["remaining"]))
    parts += [
        _heading("Wat is gewist"),
        "".join(_delivery(delivery) for delivery in said["deliveries"]),
        _heading("Op welke grond"),
        "".join(_wrapped(line) for line in said["ground"]),
        _heading("Wanneer"),
        "".join(_wrapped(f"- {step}: {at}") for step, at in said["steps"]),
        _heading("Hoe en waar"),
        "".join(
            _wrapped(f"- {place}: {how}; gewist: {n}; gevonden bij controle: {second}; bij late controle: {late}")
            for place, how, n, second, late in said["places"]
        ),
        _wrapped(f"{said['category']} {said['keys']}"),
        "".join(_wrapped(f"- bewaard bij {store}") for store in said["stores"]),
        _heading("Derden"),
        "".join(_wrapped(f"- {who} ({what}), gevraagd {asked}: {how}") for who, what, asked, how in said["parties"]),
        _heading("Wat deze verklaring niet bewijst"),
        "".join(_wrapped(f"- {limit}") for limit in said["limits"]),
        _heading("Kenmerken"),
        "".join(f"- {name}: {value}\n" for name, value in said["proof"]),
        _heading("Gegevenscategorieën"),
        "".join(_wrapped(f"- {f['file']} (contract {f['contract']}): {f['names']}") for f in said["fields"]),
    ]
    return "\n".join(parts)


def _delivery(said: dict[str, Any]) -> str:
    came = f"verstrekt op {said['moment']} ({said['basis']}, via {said['source']})"
    what = f"schooljaren {said['years']}, {said['rows']} rijen, {said['size']}, {said['copies']} kopieën"
    gone = f"moest weg zijn vóór {said['deadline']}; alles weg: {said['gone']}{said['margin'] and ', ' + said['margin']}"
    return _wrapped(f"- levering {said['key']} ({said['ids']}): {came}, {what}; {gone}")


def _heading(text: str, line: str = "-") -> str:
    return f"{text}\n{line * len(text)}"


def _wrapped(text: str) -> str:
    indent = "  " if text.startswith("- ") else ""
    return textwrap.fill(text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) + "\n"
