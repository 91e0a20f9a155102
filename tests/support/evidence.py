"""Whole histories of purges, event by event, and the evidence of them.

``erased`` appends everything from plan to late sweep; what was found and what is left is up to the test. Ids and
instants are fixed, so that a record comes out the same each time.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

from rod_pipeline.contracts import ContractBook
from rod_pipeline.decree import Decree, load_decree
from rod_pipeline.ledger.checkpoint import Checkpoint, sign_checkpoint
from rod_pipeline.ledger.erasure import (
    OUTSIDE,
    Counted,
    Drained,
    Ground,
    Inventoried,
    Method,
    Place,
    PlaceErased,
    PlaceLeft,
    PurgePlanned,
    Subject,
    Tombstoned,
    What,
)
from rod_pipeline.ledger.events import (
    Announced,
    AnyEvent,
    Checked,
    CopyErased,
    CopyRegistered,
    CopyVerified,
    DatabaseBuilt,
    KeyCreated,
    KeyDestroyed,
    Parsed,
    Received,
    Stored,
    TerritoryApproved,
    Validated,
    Zone,
)
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.notary import Proof
from rod_pipeline.ledger.note import SigningKey, sign_note
from rod_pipeline.ledger.proof import write_proof
from rod_pipeline.ledger.purges import PLACES
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.retention.evidence import find
from rod_pipeline.retention.evidence.bundle import make_bundle
from rod_pipeline.retention.evidence.verifieer import CONTENTS, CONTENTS_TITLE, zipped
from rod_pipeline.settings import EvidenceSection, Settings
from tests.support.ledger import DIGEST, SetClock

MOMENT = datetime(2025, 12, 15, 12, tzinfo=UTC)
FILES = ("diplomas", "doorstroom", "inschrijvingen", "mbo_hbo", "technisch")
_METHODS: dict[Place, Method] = {
    "keys": "key_destroyed",
    "objects": "all_versions_deleted",
    "secrets": "file_deleted",
    "mart_database": "rebuilt_and_deleted",
    "scratch": "file_deleted",
    "reports": "file_deleted",
    "dagster": "file_deleted",
    "packages": "asked",
    "processor": "asked",
    "backups": "expires",
}
_ERASED: dict[Place, tuple[tuple[What, int], ...]] = {
    "keys": (("keys", 1),),
    "objects": (("versions", 16), ("markers", 2), ("uploads", 1)),
    "mart_database": (("generations", 1),),
    "reports": (("files", 2),),
    "dagster": (("partitions", 1), ("runs", 3)),
}


@dataclass(frozen=True)
class Installation:
    """As much of an installation as evidence needs: a ledger on a clock that the test sets."""

    home: Path
    clock: SetClock
    origin: str = "bewijs.rod.example/grootboek"

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(f"sqlite:///{self.home / 'ledger.db'}", self.clock)

    @cached_property
    def settings(self) -> Settings:
        return Settings(home=self.home, evidence=EvidenceSection(origin=self.origin))

    @cached_property
    def decree(self) -> Decree:
        return load_decree()

    @cached_property
    def book(self) -> ContractBook:
        return ContractBook.load(None, self.decree)


def number(n: int) -> str:
    """The id with that number."""
    return f"{n:016x}"


def counted(**counts: int) -> tuple[Counted, ...]:
    """How many of what."""
    return tuple(Counted(what=what, n=n) for what, n in counts.items())  # type: ignore[arg-type]


def delivered(ledger: Ledger, key: str, n: int, moment: datetime, rows: int = 1000) -> str:
    """A delivery from its announcement to its stored tables and a mart; ids begin at ``n``. Returns the intake's id."""
    intake = number(n)
    ledger.append(
        Announced(delivery_id=intake, key=key, channel="pleio", files=1),
        TerritoryApproved(
            store="hoofd",
            host="s3.fr-par.scw.cloud",
            region="fr-par",
            country="FR",
            basis="eea",
            policy="2026-07",
            proof=DIGEST,
        ),
        KeyCreated(scope=intake, keyring="local"),
    )
    raw, writing = _copy(intake, "landing", "raw", n + 1, 12_345_678)
    ledger.append(*writing, Received(delivery_id=intake, copies=(raw,), moment=moment, moment_basis="dispatch"))
    tables = []
    for at, file in enumerate(FILES):
        copy, writing = _copy(intake, "parsed", file, n + 10 + at, 1_000_000)
        tables.append(copy)
        ledger.append(
            *writing,
            Parsed(delivery_id=intake, file=file, contract=1, rows=rows, copy_id=copy),
            Checked(delivery_id=intake, file=file, copy_id=copy, outcome="passed", rules=3),
        )
    typed = [_copy(intake, "validated", file, n + 20 + at, 900_000) for at, file in enumerate(FILES)]
    ledger.append(
        Validated(delivery_id=intake, outcome="passed", copies=tuple(tables)),
        *(event for _, writing in typed for event in writing),
        Stored(delivery_id=intake, copies=tuple(copy for copy, _ in typed), rows=(rows,) * len(FILES)),
    )
    generation = number(n + 50)
    ledger.append(KeyCreated(scope=generation, keyring="local"))
    mart, writing = _copy(generation, "database", "mart", n + 51, 2_000_000)
    ledger.append(*writing, DatabaseBuilt(generation=generation, copy_id=mart, deliveries=(intake,)))
    return intake


def planned(
    ledger: Ledger,
    keys: Sequence[str],
    purge_id: str,
    *,
    ground: Ground = "term",
    order: str | None = None,
    actor: str = "a1",
) -> PurgePlanned:
    """The plan of a purge, appended."""
    state = ledger.state()
    subjects = []
    for key in keys:
        intake = state.deliveries[key]
        subjects.append(
            Subject(
                key=key,
                intakes=tuple(intake.delivery_id for intake in state.intakes_of(key)),
                moment=intake.moment,
                moment_basis=intake.moment_basis,
                deadline=deadline(intake.moment) if intake.moment else None,
            )
        )
    plan = PurgePlanned(
        purge_id=purge_id,
        ground=ground,
        subjects=tuple(subjects),
        plan="ab" * 32,
        order=order,
        clock_offset=0,
        actor=actor,
    )
    ledger.append(plan)
    return plan


def carried_out(ledger: Ledger, plan: PurgePlanned, clock: SetClock) -> None:
    """From tombstone to the last place erased, a minute between the steps."""
    ledger.append(*(Tombstoned(purge_id=plan.purge_id, key=key) for key in _keys(plan)))
    clock.move(minutes=1)
    ledger.append(Drained(purge_id=plan.purge_id))
    clock.move(minutes=1)
    state = ledger.state()
    intakes = {intake for subject in plan.subjects for intake in subject.intakes}
    scopes = intakes | {g.generation for g in state.generations.values() if set(g.deliveries) & intakes}
    for scope in sorted(scopes):
        if state.keys.get(scope) == "live":
            ledger.append(KeyDestroyed(scope=scope))
        for copy in state.live_copies(scope):
            ledger.append(CopyErased(copy_id=copy.copy_id, versions=1, uploads=0, ground="purged"))
    for key in _keys(plan):
        for place in PLACES:
            clock.move(seconds=20)
            counts = tuple(Counted(what=what, n=n) for what, n in _ERASED.get(place, ()))
            ledger.append(
                PlaceErased(purge_id=plan.purge_id, key=key, place=place, method=_METHODS[place], counts=counts)
            )


def looked(
    ledger: Ledger,
    plan: PurgePlanned,
    round_: str,
    left: Mapping[tuple[str, Place], PlaceLeft] | None = None,
) -> None:
    """An inventory of every place of every delivery; what is left is nothing unless ``left`` says so."""
    for key in _keys(plan):
        places = tuple((left or {}).get((key, place), PlaceLeft(place=place)) for place in PLACES)
        ledger.append(
            Inventoried(purge_id=plan.purge_id, key=key, round=round_, places=places)  # type: ignore[arg-type]
        )


def erased(
    installation: Installation,
    keys: Sequence[str],
    purge_id: str = "f" * 16,
    *,
    ground: Ground = "term",
    order: str | None = None,
    actor: str = "a1",
    left: Mapping[tuple[str, Place], PlaceLeft] | None = None,
) -> PurgePlanned:
    """A whole purge of ``keys``, up to its late sweep; what is ``left`` outside the house is left in both rounds."""
    ledger, clock = installation.ledger, installation.clock
    plan = planned(ledger, keys, purge_id, ground=ground, order=order, actor=actor)
    clock.move(minutes=1)
    carried_out(ledger, plan, clock)
    clock.move(minutes=5)
    outside = {at: found for at, found in (left or {}).items() if at[1] in OUTSIDE}
    looked(ledger, plan, "second", outside)
    clock.move(hours=25)
    looked(ledger, plan, "late", left)
    return plan


def at_the_end_of_the_term(installation: Installation, key: str = "2025-12", rows: int = 1000) -> None:
    """One delivery, seven years later less two days."""
    installation.clock.time = MOMENT + timedelta(hours=3)
    delivered(installation.ledger, key, 0x100, MOMENT, rows)
    installation.clock.time = deadline(MOMENT) - timedelta(days=2) + timedelta(hours=7)


def six_deliveries(installation: Installation) -> tuple[str, ...]:
    """All six planned provisions."""
    keys = tuple(moment.key for moment in installation.decree.moments)
    for n, key in enumerate(keys):
        year, month = (int(part) for part in key.split("-"))
        moment = datetime(year, month, 12, 9, 30, tzinfo=UTC)
        installation.clock.time = moment + timedelta(days=1)
        delivered(installation.ledger, key, 0x1000 * (n + 1), moment, 1000 + n)
    installation.clock.time = datetime(2029, 3, 1, 8, tzinfo=UTC)
    return keys


def _copy(scope: str, zone: Zone, name: str, n: int, size: int) -> tuple[str, tuple[AnyEvent, ...]]:
    copy = number(n)
    where = f"{zone}/{scope}/{name}"
    return copy, (
        CopyRegistered(copy_id=copy, scope=scope, zone=zone, name=name, store="hoofd", object_key=where),
        CopyVerified(copy_id=copy, size=size, sha256=DIGEST),
    )


def _keys(plan: PurgePlanned) -> tuple[str, ...]:
    return tuple(subject.key for subject in plan.subjects)


def signing_key(origin: str, seed: int = 7) -> SigningKey:
    """The same key each time: nothing that it signs is worth anything."""
    return SigningKey.from_bytes(origin, bytes([seed]) * 32)


def proved(installation: Installation, seq: int, key: SigningKey, *lines: str) -> Proof:
    """What the notary would say of an entry; ``lines`` are cosignatures under the checkpoint."""
    head = installation.ledger.tree_head()
    note = sign_checkpoint(Checkpoint(key.name, head.size, head.root), key)
    path = installation.ledger.inclusion(seq, head.size)
    return Proof(seq, head.size, note, write_proof(seq - 1, path, note + "".join(lines).encode()), None)


def bundled(installation: Installation, plan: PurgePlanned, key: SigningKey | None = None) -> tuple[bytes, str]:
    """The bundle of the newest evidence of a purge, and the key to check it with."""
    evidence = find(installation, plan.purge_id)  # type: ignore[arg-type]
    key = key or signing_key(installation.origin)
    proof = proved(installation, evidence.entry.seq, key)
    return (
        make_bundle(evidence, installation.decree, proof, [key.verifier], lambda text: sign_note(text, key)),
        str(key.verifier),
    )


def members(bundle: bytes) -> dict[str, bytes]:
    """The files of a bundle, read by another zip than ours."""
    with ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(files: Mapping[str, bytes], key: SigningKey | None = None) -> bytes:
    """A canonical bundle of ``files``; its contents signed anew when there is a key."""
    rest = {name: content for name, content in files.items() if name != CONTENTS}
    lines = [f"{sha256(content).hexdigest()} {len(content)} {name}\n" for name, content in rest.items()]
    signed = sign_note(f"{CONTENTS_TITLE}\n{''.join(lines)}", key) if key else files[CONTENTS]
    return zipped([*rest.items(), (CONTENTS, signed)])
