"""Controleert een auditdossier, zonder het systeem dat het maakte en zonder internet.

    python3 controleer.py DOSSIER.zip --grootboek UITTREKSEL.zip --sleutel SLEUTEL

Nodig: Python 3.9 of nieuwer, het pakket ``cryptography`` (42 of nieuwer), en verifieer.py in dezelfde map. Uitgang 0:
het dossier klopt; 1: het klopt niet; 2: er kon niet (alles) worden gecontroleerd. LEESMIJ.txt legt de uitkomst uit.

Belongs here: everything that an outsider needs beyond ``verifieer`` to check a dossier; it imports nothing else of the
project. Does not belong here: making dossiers and extracts of the ledger.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import sys
import zipfile
from typing import TYPE_CHECKING, Any

try:
    from rod_pipeline.retention.evidence import verifieer
except ImportError:
    import verifieer  # type: ignore[import-not-found, no-redef] # beside this file, where an auditor put both

if TYPE_CHECKING:
    from collections.abc import Callable

    Recompute = Callable[[dict[str, bytes], list[bytes], str], list[str]]
    """Names of files that don't follow from the entries: (members, leaves, day)."""

Wrong, Open, Unusable, Key = verifieer.Wrong, verifieer.Open, verifieer.Unusable, verifieer.Key
CONTENTS, ENTRIES, CHECKPOINT = "inhoud.json", "boekingen.jsonl", "controlepunt.note"
SCHEMA = "rod-dossier/v1"
MOST_BYTES = 1 << 30


def members_of(data: bytes, what: str) -> dict[str, bytes]:
    """The members of a canonical zip, of which not a single bit may differ from how it was made."""
    if len(data) > MOST_BYTES:
        raise Wrong(f"{what} is groter dan het kan zijn")
    members: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(data):
                    raise Wrong(f"{what} is opnieuw ingepakt; vraag het oorspronkelijke bestand")
                try:
                    members[info.filename] = archive.read(info)
                except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError):
                    raise Wrong(f"veranderd: {info.filename}") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError, IndexError, UnicodeError):
        raise Wrong(f"{what} is geen zip, of afgekapt") from None
    if not all(name.isascii() for name in members) or verifieer.zipped(list(members.items())) != data:
        raise Wrong(f"de zip zelf is veranderd ({what}): zij is niet byte voor byte zoals zij is gemaakt")
    return members


def root_over(leaves: list[bytes]) -> bytes:
    """The root of the Merkle tree over these leaves (RFC 9162, 2.1.1)."""
    stack: list[tuple[int, bytes]] = []
    for leaf in leaves:
        size, hashed = 1, hashlib.sha256(b"\x00" + leaf).digest()
        while stack and stack[-1][0] == size:
            size, hashed = size * 2, verifieer.node(stack.pop()[1], hashed)
        stack.append((size, hashed))
    if not stack:
        return hashlib.sha256(b"").digest()
    root = stack.pop()[1]
    while stack:
        root = verifieer.node(stack.pop()[1], root)
    return root


class Examination:
    """One dossier, held against an extract of the ledger under a key: checks in order, each says what it found."""

    def __init__(
        self, data: bytes, extract: bytes | None, keys: list[Any], witnesses: list[Any], recompute: Recompute | None
    ) -> None:
        self.data, self.extract, self.keys, self.witnesses, self.recompute = data, extract, keys, witnesses, recompute
        self.members: dict[str, bytes] = {}
        self.contents: Any = None
        self.leaves: list[bytes] = []
        self.note = b""
        self.passed: set[Callable[[], str]] = set()
        self.failed = self.left = False

    def run(self) -> None:
        """Do every check; one that rests on another that failed is left out."""
        self.check("het dossier is ongeschonden", self.intact)
        self.check("het uittreksel van het grootboek is getekend met de opgegeven sleutel", self.pointed)
        self.check("getuigen", self.witnessed, self.pointed)
        self.check("het dossier is zo in het grootboek geboekt", self.booked, self.intact, self.pointed)
        self.check("de bewijsbundels van vernietigingen kloppen", self.bundles, self.intact)
        self.check("de tabellen volgen uit het grootboek", self.followed, self.intact, self.pointed)

    def check(self, title: str, look: Callable[[], str], *needed: Callable[[], str]) -> None:
        """Have one thing looked at, and say what came of it."""
        if not self.passed.issuperset(needed):
            return verifieer.say(f"– {title}: niet te controleren, want een eerdere controle mislukte of ontbrak")
        try:
            verifieer.say(f"✓ {title}: {look()}")
            self.passed.add(look)
        except Open as left:
            verifieer.say(f"– {title}: {left}")
        except Wrong as why:
            self.failed = True
            verifieer.say(f"✗ {title}: {why}")
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            self.failed = True
            verifieer.say(f"✗ {title}: de inhoud is misvormd")

    def intact(self) -> str:
        self.members = members_of(self.data, "het dossier")
        if CONTENTS not in self.members:
            raise Wrong(f"{CONTENTS} ontbreekt")
        self.contents = verifieer.canonical(self.members[CONTENTS])
        if self.contents["schema"] != SCHEMA:
            raise Wrong("dit is geen auditdossier van deze soort")
        listed = {each["name"]: (each["bytes"], each["sha256"]) for each in self.contents["files"]}
        found = {
            name: (len(data), hashlib.sha256(data).hexdigest())
            for name, data in self.members.items()
            if name != CONTENTS
        }
        if wrong := [name for name in found if found[name] != listed.get(name)]:
            raise Wrong(f"veranderd of toegevoegd: {', '.join(wrong)}")
        if missing := [name for name in listed if name not in found]:
            raise Wrong(f"er ontbreekt: {', '.join(missing)}")
        return f"{len(found)} bestanden, zoals {CONTENTS} ze noemt"

    def pointed(self) -> str:
        if self.extract is None or not self.keys:
            self.left = True
            raise Open("geef --grootboek en --sleutel; zonder die is niet te zien of het dossier echt is")
        extract = members_of(self.extract, "het uittreksel")
        self.note = extract[CHECKPOINT]
        size, root = verifieer.checkpoint(self.note, self.keys)
        leaves = extract[ENTRIES].split(b"\n")
        if leaves.pop() != b"" or len(leaves) != size:
            raise Wrong("het uittreksel heeft niet zoveel boekingen als het controlepunt")
        if root_over(leaves) != root:
            raise Wrong("de boekingen geven een andere wortel dan is getekend: er is er een veranderd")
        self.leaves = leaves
        return f"{size} boekingen van {self.keys[0].name}"

    def witnessed(self) -> str:
        if not self.witnesses:
            raise Open("niet gecontroleerd (geef --getuige); dat er één geschiedenis is, zegt dan alleen het logboek")
        for witness in self.witnesses:
            verifieer.opened(self.note, [witness])
        return ", ".join(witness.name for witness in self.witnesses)

    def booked(self) -> str:
        size, contents = self.contents["size"], hashlib.sha256(self.members[CONTENTS]).hexdigest()
        if self.contents["origin"] != self.keys[0].name:
            raise Wrong(verifieer.foreign(str(self.contents["origin"]), self.keys[0]))
        if not 0 < size <= len(self.leaves) or root_over(self.leaves[:size]).hex() != self.contents["root"]:
            raise Wrong("het dossier is over een ander grootboek opgesteld")
        for number, leaf in enumerate(self.leaves[size:], size + 1):
            entry = json.loads(leaf)
            if entry["kind"] == "dossier_made" and entry["body"]["contents"] == contents:
                body, digest = entry["body"], hashlib.sha256(self.data).hexdigest()
                same = all(body[each] == self.contents[each] for each in ("size", "root", "day", "reader", "why"))
                if not same or body["sha256"] != digest:
                    raise Wrong("de boeking spreekt van een ander bestand")
                return f"boeking {number}, van {entry['at']}; SHA-256 {digest}"
        raise Wrong(
            f"geen boeking noemt dit dossier: {CONTENTS} is veranderd, of het uittreksel is ouder dan het dossier"
        )

    def bundles(self) -> str:
        if not self.keys:
            self.left = True
            raise Open("geef --sleutel")
        names = [name for name in self.members if name.startswith("bewijs/")]
        for name in names:
            bundle = verifieer.Examination(self.members[name], self.keys, [], [], None)
            with contextlib.redirect_stdout(io.StringIO()):
                bundle.run()
            if bundle.failed:
                raise Wrong(f"{name} klopt niet; controleer die bundel met verifieer.py")
        return f"{len(names)} bundels"

    def followed(self) -> str:
        if self.recompute is None:
            raise Open("niet nagerekend; dat kan met de software zelf (`rod dossier verify`)")
        differs = self.recompute(self.members, self.leaves[: self.contents["size"]], self.contents["day"])
        if differs:
            raise Wrong(f"volgt niet uit de boekingen: {', '.join(differs)}")
        return "nagerekend uit de boekingen, byte voor byte gelijk"


def main(arguments: list[str] | None = None, recompute: Recompute | None = None) -> int:
    """Check a dossier; the exit code is 0 (holds), 1 (does not hold) or 2 (not everything could be checked)."""
    verifieer.in_utf_8()
    parser = verifieer.Opdracht("Controleert een auditdossier.")
    parser.asks("dossier", help="het zip-bestand, niet uitgepakt")
    parser.asks("--grootboek", help="het uittreksel van het grootboek (zip)")
    parser.asks("--sleutel", help="openbare sleutel van het grootboek, of een bestand ermee")
    parser.asks("--getuige", action="append", default=[], help="openbare sleutel van een getuige")
    choice = parser.parse_args(arguments)
    try:
        data = verifieer.given(choice.dossier, "het dossier")
        extract = verifieer.given(choice.grootboek, "het uittreksel") if choice.grootboek else None
        keys = verifieer.keys_of(choice.sleutel) if choice.sleutel else []
        witnesses = [verifieer.keys_of(each)[0] for each in choice.getuige]
    except Unusable as why:
        sys.stderr.write(f"Er kon niet worden gecontroleerd: {why}\n")
        return 2
    examination = Examination(data, extract, keys, witnesses, recompute)
    verifieer.fingerprints(keys)
    verifieer.fingerprints(witnesses, "Getuige")
    examination.run()
    if examination.failed:
        verifieer.say("\nHET DOSSIER KLOPT NIET. Vertrouw niets van wat erin staat.")
        return 1
    if examination.left:
        verifieer.say("\nNIET ALLES IS GECONTROLEERD: het dossier is heel, maar of het echt is, is niet vastgesteld.")
        return 2
    verifieer.say("\nHET DOSSIER KLOPT: het is zo in het grootboek geboekt en sindsdien niet veranderd.")
    if verifieer.is_simulation(keys[0].name):
        verifieer.say("LET OP: dit is een SIMULATIE met synthetische gegevens. Zij bewijst niets over echte gegevens.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
