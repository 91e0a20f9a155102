"""Controleert een bewijsbundel van een vernietiging, zonder het systeem dat haar maakte en zonder internet.

    python3 verifieer.py BUNDEL.zip --sleutel SLEUTEL

Nodig: Python 3.9 of nieuwer en het pakket ``cryptography`` (42 of nieuwer). Uitgang 0: het bewijs klopt; 1: het klopt
niet; 2: er kon niet worden gecontroleerd. LEESMIJ.txt legt uit wat de uitkomst betekent.

Belongs here: everything that an outsider needs to check a bundle, in one file that imports nothing of the project; and
the canonical zip, which ``bundle`` writes with this very code. Does not belong here: making bundles. It is longer than
other files of the project, because it has to be one.

What is checked follows C2SP (signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof), RFC 9162 section 2.1.3 for
proofs, and RFC 3161 with RFC 5652 and 5816 for timestamps. Nothing of a bundle is believed before its signature holds
under the key that was given, and nothing is unpacked.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import datetime
import hashlib
import io
import json
import pathlib
import re
import struct
import sys
import zlib
from typing import TYPE_CHECKING, Any, NoReturn

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.serialization import Encoding

    x509.Certificate.not_valid_before_utc  # noqa: B018 - there since version 42
except (ImportError, AttributeError):
    sys.stderr.write("Het pakket cryptography (42 of nieuwer) ontbreekt.\n")
    sys.stderr.write(f"Installeer het: {sys.executable} -m pip install --upgrade cryptography\n")
    raise SystemExit(2) from None

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Certificates = list[x509.Certificate]

CONTENTS = "inhoud.note"
CONTENTS_TITLE = "rod-pipeline bewijsbundel/v1"
NEEDED = {
    "LEESMIJ.txt", "certificaat.pdf", "samenvatting.txt", "record.json", "record.schema.json", "boeking.json",
    "boeking.tlog-proof", "controlepunt.note", "sleutel.vkey", "verifieer.py", CONTENTS,
}  # fmt: skip
OPTIONAL = {"tijdstempel.tsr", "tijdstempel-keten.pem", "tijdstempel-uitstaand.txt"}
MOST_BYTES = 64 * 2**20

_LOCAL, _CENTRAL, _END = struct.Struct("<IHHHHHIIIHH"), struct.Struct("<IHHHHHHIIIHHHHHII"), struct.Struct("<IHHHHIIH")
_DATE = 0x21  # 1 January 1980, the first that a zip can tell
_SPOKEN = {
    "VOLLEDIG": "alle bekende kopieën zijn gewist, binnen de termijn; twee volledige controles vonden niets.",
    "TE_LAAT": "alle bekende kopieën zijn gewist, maar na het einde van de bewaartermijn.",
    "ONVOLLEDIG": "nog niet alle kopieën zijn aantoonbaar weg.",
}

PLACES: dict[str, str] = {
    "keys": "Sleutels",
    "objects": "Objectopslag",
    "secrets": "Toegangscodes",
    "mart_database": "Datamart",
    "scratch": "Werkmappen en tijdelijke bestanden",
    "reports": "Controlerapporten",
    "dagster": "Procesbesturing (Dagster)",
    "packages": "Pakketten bij ontvangers",
    "processor": "Verwerker",
    "backups": "Reservekopieën",
}
COUNTED: dict[str, tuple[str, str]] = {
    "versions": ("objectversie", "objectversies"),
    "markers": ("verwijdermarkering", "verwijdermarkeringen"),
    "uploads": ("onvoltooide upload", "onvoltooide uploads"),
    "copies": ("kopie", "kopieën"),
    "keys": ("sleutel", "sleutels"),
    "files": ("bestand", "bestanden"),
    "generations": ("generatie", "generaties"),
    "runs": ("procesgang", "procesgangen"),
    "partitions": ("partitie", "partities"),
    "hand_overs": ("pakket zonder verklaring van wissing", "pakketten zonder verklaring van wissing"),
    "declarations": ("ontbrekende verklaring van wissing", "ontbrekende verklaringen van wissing"),
    "backups": ("reservekopie", "reservekopieën"),
}


class Wrong(Exception):
    """A check failed; the text says why, in Dutch."""


class Open(Exception):
    """Something was not checked, which is no fault; the text says what."""


class Unusable(Exception):
    """What was given can't be used, so nothing could be checked."""


# --- the zip ---------------------------------------------------------------------------------------------------------


def zipped(members: Sequence[tuple[str, bytes]]) -> bytes:
    """The one zip of these (name, content) pairs: stored, in this order, without dates, comments or extras."""
    body, directory = b"", b""
    for name, content in members:
        raw, crc, size = name.encode("ascii"), zlib.crc32(content), len(content)
        local = _LOCAL.pack(0x04034B50, 20, 0, 0, 0, _DATE, crc, size, size, len(raw), 0)
        directory += _CENTRAL.pack(
            0x02014B50, 20, 20, 0, 0, 0, _DATE, crc, size, size, len(raw), 0, 0, 0, 0, 0, len(body)
        ) + raw  # fmt: skip
        body += local + raw + content
    return body + directory + _END.pack(0x06054B50, 0, 0, len(members), len(members), len(directory), len(body), 0)


def unzipped(data: bytes) -> dict[str, bytes]:
    """The members of a bundle, of which not a single bit may differ from how it was made."""
    if data[:4] != b"PK\x03\x04":
        raise Wrong("dit is geen bewijsbundel (geen zip)")
    members: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == b"PK\x03\x04":
        if len(data) < at + _LOCAL.size:
            raise Wrong("de bundel is afgekapt")
        _, _, flags, method, _, _, _, stored, size, length, extra = _LOCAL.unpack_from(data, at)
        begin = at + _LOCAL.size + length
        if method or flags or extra or stored != size:
            raise Wrong("de bundel is opnieuw ingepakt; vraag het oorspronkelijke bestand")
        if len(data) < begin + size:
            raise Wrong("de bundel is afgekapt")
        name = data[at + _LOCAL.size : begin].decode("latin-1")
        if name not in NEEDED | OPTIONAL:
            raise Wrong(f"er zit een bestand in dat er niet in hoort: {name[:60]!a}")
        if name in members:
            raise Wrong(f"er zit een bestand twee keer in: {name}")
        members[name] = data[begin : begin + size]
        at = begin + size
    if missing := sorted(NEEDED - set(members)):
        raise Wrong(f"de bundel is afgekapt, of er ontbreekt een bestand: {', '.join(missing)}")
    if zipped(list(members.items())) != data:
        raise Wrong("de bundel is afgekapt, aangevuld of veranderd: zij is niet byte voor byte zoals zij is gemaakt")
    return members


# --- signed notes and proofs -----------------------------------------------------------------------------------------


def unbase64(text: str) -> bytes:
    """The bytes in base64 that is written in its one canonical way."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Wrong("er staat iets in dat geen base64 is") from None
    if base64.b64encode(data).decode() != text:
        raise Wrong("er staat base64 in die niet is zoals zij is gemaakt")
    return data


class Key:
    """A verifying key: name, kind (1: plain, 4: of a witness) and Ed25519 key, from ``name+id+base64``."""

    def __init__(self, vkey: str) -> None:
        name, _, rest = vkey.partition("+")
        given, _, encoded = rest.partition("+")
        try:
            material = unbase64(encoded)
        except Wrong:
            material = b""
        self.id = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
        if not name or len(material) != 33 or material[0] not in (1, 4) or given != self.id.hex():
            raise Unusable(f"dit is geen sleutel: {vkey[:40]!a}; zij ziet eruit als naam+1a2b3c4d+AbC…=")
        self.vkey, self.name, self.kind = vkey, name, material[0]
        self._public = ed25519.Ed25519PublicKey.from_public_bytes(material[1:])

    def verify(self, text: str, signature: bytes) -> int | None:
        """The time of a cosignature, None for a plain one."""
        message: bytes = text.encode()
        at: int | None = None
        if self.kind == 4:
            if len(signature) != 72:
                raise Wrong(f"de medeondertekening van {self.name} is misvormd")
            at, signature = struct.unpack_from(">Q", signature)[0], signature[8:]
            message = b"cosignature/v1\ntime %d\n" % at + message
        try:
            self._public.verify(signature, message)
        except InvalidSignature:
            raise Wrong(f"de handtekening van {self.name} klopt niet") from None
        return at


def opened(note: bytes, keys: list[Key]) -> tuple[str, int | None]:
    """The text of a signed note and the time of the signature, when one of ``keys`` signed it."""
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError:
        raise Wrong("het getekende stuk is geen tekst") from None
    before, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or re.search("[\x00-\x09\x0b-\x1f]", whole) or len(note) > 2**20:
        raise Wrong("het getekende stuk is misvormd")
    others = []
    for line in lines[:-1].split("\n"):
        match = re.fullmatch("— ([^ +]+) ([^ ]+)", line)
        if match is None:
            raise Wrong("het getekende stuk is misvormd")
        signature = unbase64(match[2])
        for key in keys:
            if (match[1], signature[:4]) == (key.name, key.id):
                return before + "\n", key.verify(before + "\n", signature[4:])
        others.append(match[1])
    raise Wrong(foreign(others[0], keys[0]))


def is_simulation(origin: str) -> bool:
    """Whether a log is that of a simulation: its name has ``simulatie`` as a part between slashes."""
    return "simulatie" in origin.split("/")


def foreign(name: str, key: Key) -> str:
    """Why a signature by ``name`` is no good when ``key`` was given."""
    simulated, wanted = is_simulation(name), is_simulation(key.name)
    if simulated and not wanted:
        return "dit is een SIMULATIE: de bundel hoort bij een proefopstelling en bewijst niets over echte gegevens"
    if wanted and not simulated:
        return "de opgegeven sleutel is die van een SIMULATIE; deze bundel hoort bij een ander logboek"
    same = "dezelfde naam maar een andere sleutel" if name == key.name else f"een andere naam: {name[:80]!a}"
    return f"niet getekend met de opgegeven sleutel, maar door {same}"


def checkpoint(note: bytes, keys: list[Key]) -> tuple[int, bytes]:
    """Size and root of the log named like ``keys``, as it signed them."""
    text, _ = opened(note, keys)
    match = re.fullmatch("([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)\n", text)
    if match is None or match[1] != keys[0].name or len(unbase64(match[3])) != 32:
        raise Wrong("het controlepunt is misvormd of van een ander logboek")
    return int(match[2]), unbase64(match[3])


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees (RFC 6962)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashed: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion proof of the leaf with this hash leads to (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise Wrong("de boeking ligt buiten het logboek van dit controlepunt")
    if any(len(step) != 32 for step in (hashed, *path)):
        raise Wrong("het bewijs is misvormd")
    last = size - 1
    for step in path:
        if last == 0:
            raise Wrong("het bewijs is te lang")
        if index & 1 or index == last:
            hashed = node(step, hashed)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            hashed = node(hashed, step)
        index, last = index >> 1, last >> 1
    if last:
        raise Wrong("het bewijs is te kort")
    return hashed


def grown(old: int, old_root: bytes, new: int, new_root: bytes, path: list[bytes]) -> None:
    """Whether the log under ``new_root`` begins with the one under ``old_root`` (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        raise Wrong("het andere controlepunt is ouder dan dat in de bundel")
    if any(len(step) != 32 for step in path):
        raise Wrong("het bewijs is misvormd")
    if old == new:
        if path or old_root != new_root:
            raise Wrong("er bestaan twee verschillende logboeken van deze lengte")
        return
    steps = ([old_root] if old & (old - 1) == 0 else []) + path
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    was = now = steps[0] if steps else b""
    for step in steps[1:]:
        if last == 0:
            raise Wrong("het bewijs is te lang")
        if at & 1 or at == last:
            was, now = node(step, was), node(step, now)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            now = node(now, step)
        at, last = at >> 1, last >> 1
    if last or was != old_root or now != new_root:
        raise Wrong("het nieuwere logboek is geen voortzetting van dat in de bundel")


# --- timestamps ------------------------------------------------------------------------------------------------------

_TST, _SIGNED = bytes.fromhex("060b2a864886f70d0109100104"), bytes.fromhex("06092a864886f70d010702")
_TYPE, _DIGEST = bytes.fromhex("06092a864886f70d010903"), bytes.fromhex("06092a864886f70d010904")
_CERT_V1, _CERT_V2 = bytes.fromhex("060b2a864886f70d010910020c"), bytes.fromhex("060b2a864886f70d010910022f")
_PSS = bytes.fromhex("06092a864886f70d01010a")
_HASHES: dict[bytes, hashes.HashAlgorithm] = {
    bytes.fromhex("0609608648016503040201"): hashes.SHA256(),
    bytes.fromhex("0609608648016503040202"): hashes.SHA384(),
    bytes.fromhex("0609608648016503040203"): hashes.SHA512(),
}


def der(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """The (tag, whole, content) of each value in DER; definite, shortest lengths only."""
    found: list[tuple[int, bytes, bytes]] = []
    at = 0
    while at < len(data):
        if len(data) < at + 2 or data[at] & 31 == 31:
            raise Wrong("het tijdstempel is misvormd")
        tag, length, begin = data[at], data[at + 1], at + 2
        if length & 128:
            begin = at + 2 + (length & 127)
            length = int.from_bytes(data[at + 2 : begin], "big")
            if begin - at - 2 not in (1, 2, 3) or length < 128 or length >> 8 * (begin - at - 3) == 0:
                raise Wrong("het tijdstempel is misvormd")
        if len(data) < begin + length:
            raise Wrong("het tijdstempel is afgekapt")
        found.append((tag, data[at : begin + length], data[begin : begin + length]))
        at = begin + length
    return found


def digest_of(algorithm: bytes, data: bytes) -> tuple[hashes.HashAlgorithm, bytes]:
    """The digest of ``data`` by a DER AlgorithmIdentifier's content."""
    known = _HASHES.get(der(algorithm)[0][1])
    if known is None:
        raise Wrong("het tijdstempel gebruikt een onbekende hash")
    return known, hashlib.new(known.name, data).digest()


def stamp(token: bytes, stamped: bytes, extra: Certificates, roots: Certificates) -> datetime.datetime:
    """When ``stamped`` existed, by a valid token (``TimeStampResp``); chained to ``roots`` if there are any."""
    try:
        return _stamp(token, stamped, extra, roots)
    except (IndexError, ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound):
        raise Wrong("het tijdstempel is misvormd") from None


def _stamp(token: bytes, stamped: bytes, extra: Certificates, roots: Certificates) -> datetime.datetime:
    response = der(der(token)[0][2])
    if len(der(token)) != 1 or len(response) != 2 or der(response[0][2])[0][2] not in (b"\x00", b"\x01"):
        raise Wrong("de tijdstempeldienst gaf geen tijdstempel")
    kind, wrapped = der(response[1][2])
    signed = der(der(wrapped[2])[0][2])
    content_type, wrapped_info = der(signed[2][2])
    if kind[1] != _SIGNED or content_type[1] != _TST:
        raise Wrong("het tijdstempel is van een andere soort")
    content = der(wrapped_info[2])[0][2]
    info = der(der(content)[0][2])
    algorithm, imprint = der(info[2][2])
    if digest_of(algorithm[2], stamped)[1] != imprint[2]:
        raise Wrong("het tijdstempel is van een ander stuk")
    time = re.fullmatch(r"([0-9]{14})(\.[0-9]+)?Z", info[4][2].decode("ascii"))
    if time is None:
        raise Wrong("het tijdstempel noemt geen tijd")
    when = datetime.datetime.strptime(f"{time[1]}+0000", "%Y%m%d%H%M%S%z")
    signers = der(signed[-1][2])
    if len(signers) != 1:
        raise Wrong("het tijdstempel heeft niet precies één ondertekenaar")
    held = [x509.load_der_x509_certificate(each[1]) for each in der(signed[3][2])] if signed[3][0] == 0xA0 else []
    signer = _signed(der(signers[0][2]), content, held + extra)
    _chained(signer, when, held, extra, roots)
    return when


def _signed(info: list[tuple[int, bytes, bytes]], content: bytes, certificates: Certificates) -> x509.Certificate:
    """The certificate that signed ``content``."""
    attributes = {each[0][1]: der(each[1][2])[0] for each in (der(one[2]) for one in der(info[3][2]))}
    known, digest = digest_of(info[2][2], content)
    if info[3][0] != 0xA0 or attributes[_TYPE][1] != _TST or attributes[_DIGEST][2] != digest:
        raise Wrong("het tijdstempel tekent iets anders dan het zegt")
    signer = next((each for each in certificates if _named(each, attributes)), None)
    if signer is None:
        raise Wrong("het certificaat van de tijdstempeldienst ontbreekt")
    uses = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    if not uses.critical or list(uses.value) != [x509.ObjectIdentifier("1.3.6.1.5.5.7.3.8")]:
        raise Wrong("het certificaat is niet bedoeld voor tijdstempels")
    message, public = b"\x31" + info[3][1][1:], signer.public_key()
    if der(info[4][2])[0][1] == _PSS:
        raise Wrong("het tijdstempel is getekend op een wijze die dit programma niet kent (PSS)")
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(info[5][2], message, padding.PKCS1v15(), known)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(info[5][2], message, ec.ECDSA(known))
        else:
            raise Wrong("het tijdstempel is getekend met een onbekend soort sleutel")
    except InvalidSignature:
        raise Wrong("de handtekening onder het tijdstempel klopt niet") from None
    return signer


def _named(certificate: x509.Certificate, attributes: dict[bytes, tuple[int, bytes, bytes]]) -> bool:
    """Whether the signed attributes name ``certificate`` by its digest (RFC 5816)."""
    raw = certificate.public_bytes(Encoding.DER)
    if _CERT_V2 in attributes:
        first = der(der(der(attributes[_CERT_V2][2])[0][2])[0][2])
        if first[0][0] == 0x04:
            return first[0][2] == hashlib.sha256(raw).digest()
        return first[1][2] == digest_of(first[0][2], raw)[1]
    first = der(der(der(attributes[_CERT_V1][2])[0][2])[0][2])
    return first[0][2] == hashlib.sha1(raw).digest()  # noqa: S324 - that is how RFC 3161 names a certificate


def _chained(
    signer: x509.Certificate,
    when: datetime.datetime,
    held: Certificates,
    extra: Certificates,
    roots: Certificates,
) -> None:
    """The certificates above the signer held then, lead to one of ``roots`` if there are any, and no other came along.

    What else a token holds isn't signed by anybody, so it has no business there.
    """
    path = [signer]
    while len(path) < 8 and path[-1].issuer != path[-1].subject:
        issuer = next((each for each in roots + held + extra if _issued(path[-1], each)), None)
        if issuer is None:
            break
        path.append(issuer)
    if not all(each.not_valid_before_utc <= when <= each.not_valid_after_utc for each in path):
        raise Wrong("een certificaat van de tijdstempeldienst was toen niet geldig")
    if roots and not any(each in roots for each in path):
        raise Wrong("de tijdstempeldienst hoort niet bij de opgegeven wortel")
    if not all(each in path for each in held):
        raise Wrong("er zijn vreemde certificaten aan het tijdstempel toegevoegd")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False


# --- the examination -------------------------------------------------------------------------------------------------


class Examination:
    """One bundle under one key: checks in order, each of which says what it found. Nothing unproved is shown."""

    def __init__(
        self,
        data: bytes,
        keys: list[Key],
        witnesses: list[Key],
        roots: Certificates,
        newer: tuple[bytes, bytes] | None,
    ) -> None:
        self.data, self.keys, self.witnesses, self.roots, self.newer = data, keys, witnesses, roots, newer
        self.members: dict[str, bytes] = {}
        self.entry: Any = None
        self.record: Any = None
        self.size, self.root, self.cosigned = 0, b"", b""
        self.passed: set[Callable[[], str]] = set()
        self.failed = False

    def run(self) -> None:
        """Do every check; one that rests on another that failed is left out."""
        self.check("het bestand is ongeschonden", self.intact)
        self.check("de inhoudsopgave is getekend met de opgegeven sleutel", self.signed, self.intact)
        self.check("de verklaring is die uit de boeking", self.booked, self.intact)
        self.check("het logboek tekende het controlepunt", self.pointed, self.intact)
        self.check("de boeking staat in het logboek", self.included, self.booked, self.pointed)
        self.check("de verklaring hoort bij dit logboek", self.belongs, self.booked)
        self.check("tijdstempel", self.stamped, self.pointed)
        self.check("getuigen", self.witnessed, self.included)
        self.check("nieuwer controlepunt", self.continued, self.pointed)

    def check(self, title: str, look: Callable[[], str], *needed: Callable[[], str]) -> None:
        """Have one thing looked at, and say what came of it."""
        if not self.passed.issuperset(needed):
            return say(f"– {title}: niet te controleren, want een eerdere controle mislukte")
        try:
            say(f"✓ {title}: {look()}")
            self.passed.add(look)
        except Open as left:
            say(f"– {title}: {left}")
        except Wrong as why:
            self.failed = True
            say(f"✗ {title}: {why}")
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            self.failed = True
            say(f"✗ {title}: de inhoud is misvormd")

    def intact(self) -> str:
        if len(self.data) > MOST_BYTES:
            raise Wrong("het is groter dan een bewijsbundel kan zijn")
        self.members = unzipped(self.data)
        return f"{len(self.members)} bestanden, {len(self.data)} bytes"

    def signed(self) -> str:
        text, _ = opened(self.members[CONTENTS], self.keys)
        lines = [f"{CONTENTS_TITLE}\n"]
        for name, content in self.members.items():
            if name != CONTENTS:
                lines.append(f"{hashlib.sha256(content).hexdigest()} {len(content)} {name}\n")
        if text != "".join(lines):
            raise Wrong("een bestand is niet dat uit de inhoudsopgave")
        # Nobody signs what stands below the first signature, nor where in the zip the contents stand.
        signature = self.members[CONTENTS].decode("utf-8")[len(text) + 1 :]
        if signature.count("\n") != 1 or list(self.members)[-1] != CONTENTS:
            raise Wrong("de inhoudsopgave is aangevuld of verplaatst")
        if not {key.vkey for key in self.keys}.issuperset(self.members["sleutel.vkey"].decode("utf-8").split()):
            raise Wrong("een sleutel in de bundel is niet opgegeven")
        return f"{len(lines) - 1} bestanden zijn zoals zij zijn ingepakt"

    def booked(self) -> str:
        record, entry = canonical(self.members["record.json"]), canonical(self.members["boeking.json"])
        body, digest = entry["body"], hashlib.sha256(self.members["record.json"]).hexdigest()
        if entry["kind"] != "attested" or body["record"] != digest:
            raise Wrong("de boeking is van een andere verklaring")
        same = all(record[each] == body[each] for each in ("purge_id", "serial", "outcome"))
        if not same or record["schema"] != "vernietiging/v1" or record["outcome"] not in _SPOKEN:
            raise Wrong("de boeking en de verklaring spreken elkaar tegen")
        self.record, self.entry = record, entry
        return f"SHA-256 {digest}"

    def pointed(self) -> str:
        self.size, self.root = checkpoint(self.members["controlepunt.note"], self.keys)
        return f"{self.size} boekingen, wortel {self.root.hex()}"

    def included(self) -> str:
        head, _, note = self.members["boeking.tlog-proof"].partition(b"\n\n")
        title, index, *path = head.decode("ascii").split("\n")
        match = re.fullmatch("index (0|[1-9][0-9]{0,18})", index)
        if title != "c2sp.org/tlog-proof@v1" or match is None or checkpoint(note, self.keys) != (self.size, self.root):
            raise Wrong("het bewijs is misvormd of hoort bij een ander controlepunt")
        self.cosigned = note
        leaf = hashlib.sha256(b"\x00" + self.members["boeking.json"]).digest()
        root = root_of(leaf, int(match[1]), self.size, [unbase64(step) for step in path])
        if int(match[1]) + 1 != self.entry["seq"] or root != self.root:
            raise Wrong("de boeking staat niet op die plaats in het logboek")
        return f"nummer {int(self.entry['seq'])}, van {self.entry['at']}"

    def belongs(self) -> str:
        simulated = is_simulation(self.keys[0].name)
        if self.record["origin"] != self.keys[0].name or self.record["simulation"] is not simulated:
            raise Wrong(foreign(str(self.record["origin"]), self.keys[0]))
        return self.keys[0].name

    def stamped(self) -> str:
        if "tijdstempel.tsr" not in self.members:
            raise Open("uitstaand; dat het logboek er toen al was, zegt alleen het logboek zelf")
        chain = self.members.get("tijdstempel-keten.pem")
        extra = x509.load_pem_x509_certificates(chain) if chain else []
        when = stamp(self.members["tijdstempel.tsr"], self.members["controlepunt.note"], extra, self.roots)
        known = "" if self.roots else "; wie de tijdstempeldienst is, is niet gecontroleerd (geef --tsa-wortel)"
        return f"het controlepunt bestond op {when:%d-%m-%Y %H:%M:%S} UTC{known}"

    def witnessed(self) -> str:
        if not self.witnesses:
            raise Open("niet gecontroleerd (geef --getuige); zie LEESMIJ.txt")
        seen = []
        for witness in self.witnesses:
            _, at = opened(self.cosigned, [witness])
            when = datetime.datetime.fromtimestamp(at or 0, datetime.timezone.utc)  # noqa: UP017 - Python 3.9
            seen.append(f"{witness.name} zag dit controlepunt op {when:%d-%m-%Y %H:%M:%S} UTC")
        return "; ".join(seen)

    def continued(self) -> str:
        if self.newer is None:
            raise Open("niet opgegeven")
        note, proof = self.newer
        size, root = checkpoint(note, self.keys)
        grown(self.size, self.root, size, root, [unbase64(line) for line in proof.decode("ascii").split()])
        return f"het logboek groeide tot {size} boekingen en begint nog steeds zo"


def canonical(data: bytes) -> Any:
    """What canonical JSON (RFC 8785, ASCII names) says; its bytes can't be written in another way."""
    read = json.loads(data.decode("utf-8"))
    if json.dumps(read, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() != data:
        raise Wrong("de gegevens zijn niet zoals zij zijn gemaakt")
    return read


def outcome(record: Any) -> None:
    """What the record says, in a few lines. Only to be shown when everything was proved."""
    say(f"\nUitkomst volgens verklaring {record['record_id']}: {record['outcome'].replace('_', ' ')}")
    say(f"Dat wil zeggen: {_SPOKEN[record['outcome']]}")
    for delivery in record["deliveries"]:
        margin = "" if delivery["days_late"] is None else f", {delivery['days_late']} dag(en) te laat"
        gone = spoken(delivery["gone_at"], "nog niet alles weg", "alles weg op ")
        deadline = spoken(delivery["deadline"], "zonder uiterste datum", "moest weg zijn vóór ")
        say(f"  levering {delivery['key']}: {gone}; {deadline}{margin}")
    for left in record["remaining"]:
        counts = ", ".join(f"{each['n']} {COUNTED[each['what']][each['n'] != 1]}" for each in left["counts"])
        until = spoken(left["until"], "zonder bekende einddatum", "tot ")
        say(f"  rest van levering {left['key']}: {PLACES[left['place']]}: {counts}, {until}")
    say("Wat deze verklaring niet bewijst, staat in samenvatting.txt en certificaat.pdf: lees dat ook.")
    if record["simulation"]:
        say("\nLET OP: dit is een SIMULATIE met synthetische gegevens. Zij bewijst niets over echte gegevens.")


def spoken(at: str | None, otherwise: str, before: str) -> str:
    """An instant of the record as a person reads it."""
    return otherwise if at is None else f"{before}{at[:10]} {at[11:16]} UTC"


def say(text: str) -> None:
    """One line of the account."""
    sys.stdout.write(text + "\n")


def given(text: str, what: str) -> bytes:
    """The bytes of a file that was named."""
    try:
        return pathlib.Path(text).read_bytes()
    except OSError:
        raise Unusable(f"{what} kan niet worden gelezen: {text!a}") from None


def keys_of(text: str) -> list[Key]:
    """The key itself, or the keys of one log in the file of that name, one a line."""
    lines = [text] if "+" in text else given(text, "de sleutel").decode("utf-8-sig", "replace").split()
    keys = [Key(line) for line in lines]
    if len({key.name for key in keys}) != 1:
        raise Unusable("er is geen sleutel opgegeven, of sleutels van verschillende logboeken")
    return keys


def roots_of(path: str) -> Certificates:
    """The certificates that timestamps must chain to."""
    try:
        return x509.load_pem_x509_certificates(given(path, "de wortel"))
    except ValueError:
        raise Unusable("de wortel is geen PEM met certificaten") from None


class Opdracht(argparse.ArgumentParser):
    """The command line, in Dutch: the words of argparse itself are English."""

    _SAID = (
        (r"the following arguments are required: (.*)", "dit ontbreekt: {}"),
        (r"unrecognized arguments: (.*)", "dit is onbekend: {}"),
        (r"argument (.*): expected .*", "bij {} hoort een waarde"),
    )

    def __init__(self, description: str) -> None:
        super().__init__(description=description, add_help=False, allow_abbrev=False)
        self._given = self.add_argument_group("op te geven")
        self._given.add_argument("-h", "--help", action="help", help="toont deze uitleg")

    def asks(self, *names: str, **how: Any) -> None:
        """Something that can or has to be given."""
        self._given.add_argument(*names, **how)

    def format_usage(self) -> str:
        return super().format_usage().replace("usage:", "gebruik:", 1)

    def format_help(self) -> str:
        return super().format_help().replace("usage:", "gebruik:", 1)

    def error(self, message: str) -> NoReturn:
        why = "de opdracht klopt niet"
        for pattern, dutch in self._SAID:
            if found := re.fullmatch(pattern, message):
                why = dutch.format(found.group(1))
        sys.stderr.write(f"{self.format_usage()}Er kon niet worden gecontroleerd: {why} (--help geeft uitleg)\n")
        raise SystemExit(2)


def in_utf_8() -> None:
    """Whatever the terminal takes for its encoding, nothing that is said may fail to be shown."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def fingerprints(keys: Sequence[Key], whose: str = "Sleutel van") -> None:
    """What a person compares with what came by another way: of each key all that it is, name included."""
    for key in keys:
        digest = hashlib.sha256(key.vkey.encode()).hexdigest()
        say(f"{whose} {key.name}, vingerafdruk:")
        say(f"  {' '.join(digest[at : at + 4] for at in range(0, 64, 4))}")
    if keys:
        say("  Vergelijk die met de vingerafdruk die u langs een andere weg kreeg.\n")


def main(arguments: list[str] | None = None) -> int:
    """Check a bundle; the exit code is 0 (holds), 1 (does not hold) or 2 (could not be checked)."""
    in_utf_8()
    parser = Opdracht("Controleert een bewijsbundel van een vernietiging.")
    parser.asks("bundel", help="het zip-bestand, niet uitgepakt")
    parser.asks("--sleutel", required=True, help="openbare sleutel van het logboek, of een bestand ermee")
    parser.asks("--getuige", action="append", default=[], help="openbare sleutel van een getuige")
    parser.asks("--tsa-wortel", help="PEM met de wortel van de tijdstempeldienst")
    parser.asks("--nieuwer", help="een nieuwer controlepunt van hetzelfde logboek")
    parser.asks("--consistentie", help="het bewijs dat het nieuwere het oude voortzet, een hash per regel")
    choice = parser.parse_args(arguments)
    try:
        if (choice.nieuwer is None) != (choice.consistentie is None):
            raise Unusable("--nieuwer en --consistentie horen bij elkaar")
        newer = choice.nieuwer and (given(choice.nieuwer, "het controlepunt"), given(choice.consistentie, "het bewijs"))
        roots = roots_of(choice.tsa_wortel) if choice.tsa_wortel else []
        keys, witnesses = keys_of(choice.sleutel), [keys_of(each)[0] for each in choice.getuige]
        examination = Examination(given(choice.bundel, "de bundel"), keys, witnesses, roots, newer or None)
    except Unusable as why:
        sys.stderr.write(f"Er kon niet worden gecontroleerd: {why}\n")
        return 2
    fingerprints(keys)
    fingerprints(witnesses, "Getuige")
    examination.run()
    if examination.failed:
        say("\nHET BEWIJS KLOPT NIET. Vertrouw niets van wat de bundel zegt.")
        return 1
    outcome(examination.record)
    say("\nHET BEWIJS KLOPT: deze verklaring is zo in het logboek geboekt en sindsdien niet veranderd.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
