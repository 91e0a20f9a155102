"""The places of the copy register, on a real store: what a delivery leaves is found, erased, and looked for again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from rod_pipeline.deliveries import new_id
from rod_pipeline.errors import RodError
from rod_pipeline.ledger.erasure import Subject
from rod_pipeline.marts.database import FILE, open_database
from rod_pipeline.marts.declared import MARTS
from rod_pipeline.retention.places import ClaimingPlace, places, revived
from rod_pipeline.retention.places.objects import OtherStore
from rod_pipeline.settings import BackupSection, RetentionSection
from rod_pipeline.store import scratch
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.objects import EraseIncomplete, ObjectStore
from rod_pipeline.store.vault import ErasedCameBack
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support.canned import answer, intercept
from tests.support.pipeline import UNDISTURBED, Bench, Workshops, delivery, discrepancies
from tests.support.places import counted, emptied, left, subject_of, tombstone

SMALL = Population(seed=8, scale=0.0005)
KEY = "2025-12-r2"


@pytest.fixture(scope="module")
def good() -> bytes:
    return delivery("2025-12", population=SMALL)


@dataclass(frozen=True)
class Purged:
    """A delivery whose places were all emptied, in an installation with another one that lives on."""

    bench: Bench
    system: System
    register: tuple[ClaimingPlace, ...]
    subject: Subject
    purge_id: str
    before: dict[str, dict[str, int]]
    erased: dict[str, dict[str, int]]

    def place(self, name: str) -> ClaimingPlace:
        (found,) = [place for place in self.register if place.place == name]
        return found

    @property
    def scope(self) -> str:
        return self.subject.intakes[0]


@pytest.fixture(scope="module")
def purged(workshops: Workshops, good: bytes) -> Iterator[Purged]:
    """One delivery for all tests below that plant something after its purge; each removes it again."""
    bench = workshops.current()
    bench.announce(KEY, good)
    assert bench.walk(KEY) == []
    with bench.system() as system:
        register = places(system)
        subject = subject_of(system, KEY)
        client, bucket = system.objects.client, system.objects.settings.bucket
        client.create_multipart_upload(Bucket=bucket, Key=f"parsed/{subject.intakes[0]}/open_{new_id()}")
        client.put_object(Bucket=bucket, Key=f"marts/{subject.intakes[0]}/stray_{new_id()}", Body=b"unknown")
        system.secrets.put(subject.intakes[0], "links", b"[]")
        before = {place.place: counted(place.inventory(subject)) for place in register}
        purge_id = tombstone(system, KEY)
        yield Purged(bench, system, register, subject, purge_id, before, emptied(register, subject, purge_id))


def test_everything_of_a_delivery_is_found_and_erased(purged: Purged) -> None:
    # Zip and manifest; five parsed, five typed tables, the marts; and the stray object beside them.
    copies = 12 + len(MARTS)
    assert purged.before["objects"] == {"versions": copies + 1, "uploads": 1, "copies": copies}
    assert purged.before["keys"] == {"keys": 1}
    assert purged.before["secrets"] == {"files": 1}
    assert purged.before["mart_database"] == {"generations": 1}
    # A page and a profile for each file and for the delivery; and the picture.
    assert purged.before["reports"] == {"files": 13}
    assert purged.before["processor"] == {"declarations": 1}
    assert purged.erased == purged.before
    assert left(purged.register, purged.subject) == {}
    assert discrepancies(purged.bench) == []


def test_what_lives_on_is_in_a_new_mart_database_alone(purged: Purged) -> None:
    with open_database(purged.system, "tester", "beheer") as connection:
        found = connection.execute("select levering from leveringen").fetchall()
    assert (KEY,) not in found and (UNDISTURBED,) in found


def test_emptying_the_places_again_finds_nothing_and_changes_nothing(purged: Purged) -> None:
    before = purged.system.ledger.state()
    found = emptied(purged.register, purged.subject, purged.purge_id)
    assert found == {name: {} for name in found} | {"processor": {"declarations": 1}}
    assert purged.system.ledger.state().generation == before.generation


def put(purged: Purged, key: str) -> None:
    store = purged.system.objects
    store.client.put_object(Bucket=store.settings.bucket, Key=key, Body=b"left")


def version(purged: Purged) -> None:
    put(purged, f"landing/{purged.scope}/raw_{new_id()}")


def unlisted_zone(purged: Purged) -> None:
    put(purged, f"database/{purged.scope}/restricted_{new_id()}")


def known_object(purged: Purged) -> None:
    copies = purged.system.ledger.state().copies.values()
    put(purged, next(copy.object_key for copy in copies if copy.scope == purged.scope))


def marker(purged: Purged) -> None:
    store, key = purged.system.objects, f"parsed/{purged.scope}/raw_{new_id()}"
    bucket = store.settings.bucket
    store.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(purged, key)
    store.eraser.delete_object(Bucket=bucket, Key=key)
    (number,) = [one for found, one in store.inventory(key).versions if found == key]
    store.eraser.delete_object(Bucket=bucket, Key=key, VersionId=number)
    store.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert (len(store.inventory(key).versions), len(store.inventory(key).markers)) == (0, 1)


def upload(purged: Purged) -> None:
    store = purged.system.objects
    store.client.create_multipart_upload(Bucket=store.settings.bucket, Key=f"marts/{purged.scope}/open_{new_id()}")


def keyring(purged: Purged, name: str) -> None:
    (purged.bench.home / "keys" / name).write_bytes(os.urandom(60))


def key_file(purged: Purged) -> None:
    keyring(purged, f"{purged.scope}.key")


def key_draft(purged: Purged) -> None:
    keyring(purged, f".{purged.scope}.key.0123abcd")


def lost_mark(purged: Purged) -> None:
    (purged.bench.home / "keys" / f"{purged.scope}.gone").unlink()


def secret(purged: Purged) -> None:
    purged.system.secrets.put(purged.scope, "code", b"1234")


def secret_draft(purged: Purged) -> None:
    (purged.bench.home / "secrets" / "codes" / f".{purged.scope}.code.sealed.00.draft").write_bytes(b"half")


def dead_folder(purged: Purged) -> Path:
    folder = scratch.ROOT / f"rod-{2**22 - 1}-1-{os.urandom(4).hex()}"
    (folder / "of" / scratch.tag(purged.bench.home)).mkdir(parents=True)
    (folder / "polars").mkdir()
    return folder


def spill(purged: Purged) -> None:
    (dead_folder(purged) / "polars" / "spill-1.ipc").write_bytes(b"rows")


def database_in_memory(purged: Purged) -> None:
    (dead_folder(purged) / FILE).write_bytes(b"rows")


def wal_in_memory(purged: Purged) -> None:
    (dead_folder(purged) / f"{FILE}.wal").write_bytes(b"rows")


def report(purged: Purged) -> None:
    folder = purged.bench.home / "data_docs" / f"{KEY}-{purged.scope}"
    folder.mkdir()
    (folder / "delivery.html").write_text("counts")


def old_generation(purged: Purged) -> None:
    state = purged.system.ledger.state()
    (held,) = [one for one in state.generations.values() if purged.scope in one.deliveries]
    put(purged, state.copies[held.copy_id].object_key)


def key_of_a_generation(purged: Purged) -> None:
    held = [one for one in purged.system.ledger.state().generations.values() if purged.scope in one.deliveries]
    keyring(purged, f"{held[0].generation}.key")


PLANTS: dict[Callable[[Purged], None], str] = {
    version: "objects",
    unlisted_zone: "objects",
    known_object: "objects",
    marker: "objects",
    upload: "objects",
    key_file: "keys",
    key_draft: "keys",
    lost_mark: "keys",
    secret: "secrets",
    secret_draft: "secrets",
    spill: "scratch",
    database_in_memory: "mart_database",
    wal_in_memory: "mart_database",
    old_generation: "mart_database",
    key_of_a_generation: "mart_database",
    report: "reports",
}


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_one_thing_left_is_not_nothing(purged: Purged, plant: Callable[[Purged], None]) -> None:
    place = purged.place(PLANTS[plant])
    assert place.verify_absent(purged.subject).left == 0
    plant(purged)
    assert place.verify_absent(purged.subject).left >= 1
    place.erase(purged.subject, purged.purge_id)
    assert place.verify_absent(purged.subject).left == 0
    assert left(purged.register, purged.subject) == {}


def test_what_the_store_keeps_is_not_gone(purged: Purged) -> None:
    """``DeleteObjects`` answers 200 and says in its text that a version is locked."""
    key = f"landing/{purged.scope}/raw_{new_id()}"
    put(purged, key)
    refused = answer(200, f"<DeleteResult><Error><Key>{key}</Key><Code>AccessDenied</Code></Error></DeleteResult>")
    with System.open(purged.bench.settings) as locked:
        intercept(locked.objects.eraser, lambda method, path, query: refused if "delete" in query else None)
        (objects,) = [place for place in places(locked) if place.place == "objects"]
        with pytest.raises(EraseIncomplete, match="AccessDenied"):
            objects.erase(purged.subject, purged.purge_id)
        assert counted(objects.verify_absent(purged.subject)) == {"versions": 1}
    assert counted(purged.place("objects").erase(purged.subject, purged.purge_id)) == {"versions": 1}


def test_a_store_that_gives_no_answer_is_no_empty_store(purged: Purged) -> None:
    with System.open(purged.bench.settings) as deaf:
        closed = deaf.objects.settings.model_copy(update={"endpoint": "http://127.0.0.1:9"})
        deaf.objects.settings = closed
        for name in ("objects", "mart_database"):
            (place,) = [place for place in places(deaf) if place.place == name]
            with pytest.raises(RodError):
                place.verify_absent(purged.subject)


def test_a_copy_in_another_store_is_unknown(purged: Purged, workshops: Workshops) -> None:
    key = "2025-12-r3"
    purged.bench.announce(key, delivery("2025-12", population=SMALL))
    assert purged.bench.walk(key) == []
    other = purged.bench.settings
    other = other.model_copy(update={"store": other.store.model_copy(update={"name": "elsewhere"})})
    with System.open(other) as system:
        (objects,) = [place for place in places(system) if place.place == "objects"]
        with pytest.raises(OtherStore):
            objects.verify_absent(subject_of(system, key))
        with pytest.raises(RodError):
            objects.erase(subject_of(system, key), new_id())
    with purged.bench.system() as system:
        emptied(places(system), subject_of(system, key), tombstone(system, key))
        assert left(places(system), subject_of(system, key)) == {}


@pytest.mark.parametrize("plant", [version, known_object, upload, key_file, key_draft, old_generation])
def test_what_came_back_stops_all_work_but_erasing(purged: Purged, plant: Callable[[Purged], None]) -> None:
    assert revived(purged.system) == ()
    plant(purged)
    assert KEY in revived(purged.system)
    (raw, *_) = purged.bench.intake(UNDISTURBED).raw
    with System.open(purged.bench.settings) as fresh:
        with pytest.raises(ErasedCameBack, match="rod recover"):
            fresh.vault.open_raw(raw)
        with pytest.raises(ErasedCameBack), fresh.vault.write_raw(new_id(), "landing", "raw"):
            pass
        emptied(places(fresh), purged.subject, purged.purge_id)
        assert revived(fresh) == ()
        fresh.vault.open_raw(raw).close()


def test_a_backup_counts_until_its_last_copy_has_ended(purged: Purged) -> None:
    @dataclass
    class Later:
        days: int

        def now(self) -> object:
            return purged.system.clock.now() + timedelta(days=self.days)

    kept = RetentionSection(backups=(BackupSection(name="nightly", days=30), BackupSection(name="weekly", days=90)))
    settings = purged.bench.settings.model_copy(update={"retention": kept})
    stone = purged.system.ledger.state().tombstones[KEY]
    found = []
    for days in (0, 31, 91):
        with System.open(settings, Later(days)) as system:  # type: ignore[arg-type]
            (backups,) = [place for place in places(system) if place.place == "backups"]
            there = backups.verify_absent(purged.subject)
            assert there.until == stone.at + timedelta(days=90)
            found.append(there.left)
    assert found == [2, 1, 0]


SPILLING = """
import os, signal, sys, tempfile, threading
import polars as pl
from rod_pipeline.store import scratch

before = pl.LazyFrame({"a": [1]}).collect(engine="streaming")
scratch.serve(sys.argv[2])
folder = scratch.claim()
rows = 2_000_000
frame = pl.LazyFrame({"a": range(rows)}).with_columns(b=(pl.col.a * 7919) % rows, c=pl.col.a.cast(pl.String) + "rows")

def die():
    while not any((folder / "polars").rglob("spill-*")):
        pass
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[1] == "killed":
    threading.Thread(target=die, daemon=True).start()
frame.sort("b").collect(engine="streaming")
assert tempfile.mkdtemp().startswith(str(folder))
print(folder)
"""


def spilling(how: str, owner: str) -> subprocess.CompletedProcess[str]:
    forced = {"POLARS_OOC_SPILL_POLICY": "spill", "POLARS_OOC_MEMORY_BUDGET_MB": "10"}
    return subprocess.run(
        [sys.executable, "-c", SPILLING, how, owner],
        env={**os.environ, **forced},
        capture_output=True,
        text=True,
        check=False,
    )


def test_polars_spills_to_memory_and_what_a_killed_process_left_counts(purged: Purged) -> None:
    ended = spilling("whole", scratch.tag(purged.bench.home))
    assert ended.returncode == 0, ended.stderr
    assert not Path(ended.stdout.strip()).exists()
    killed = spilling("killed", scratch.tag(purged.bench.home))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    place = purged.place("scratch")
    assert place.verify_absent(purged.subject).left >= 1
    place.erase(purged.subject, purged.purge_id)
    assert place.verify_absent(purged.subject).left == 0


def test_a_store_of_the_same_name_is_asked_over_a_connection_of_its_own(purged: Purged) -> None:
    """What the erasing client can't see any more is still found."""
    put(purged, f"landing/{purged.scope}/raw_{new_id()}")
    with System.open(purged.bench.settings) as blind:
        nothing = answer(200, "<ListVersionsResult></ListVersionsResult>")
        intercept(blind.objects.client, lambda method, path, query: nothing if "versions" in query else None)
        (objects,) = [place for place in places(blind) if place.place == "objects"]
        assert counted(objects.erase(purged.subject, purged.purge_id)) == {}
        assert counted(objects.verify_absent(purged.subject)) == {"versions": 1}
    assert isinstance(purged.system.objects, ObjectStore)
    purged.place("objects").erase(purged.subject, purged.purge_id)


def test_an_object_that_no_listing_shows_is_found_by_its_name(purged: Purged, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers were seen to lose keys in listings of more than a page."""

    def forgetful(settings: StoreSettings) -> ObjectStore:
        store = ObjectStore(settings)
        nothing = answer(200, "<ListVersionsResult></ListVersionsResult>")
        intercept(store.client, lambda method, path, query: nothing if "versions" in query else None)
        return store

    monkeypatch.setattr("rod_pipeline.retention.places.objects.ObjectStore", forgetful)
    objects = purged.place("objects")
    assert objects.verify_absent(purged.subject).left == 0
    known_object(purged)
    assert counted(objects.verify_absent(purged.subject)) == {"versions": 1}
    objects.erase(purged.subject, purged.purge_id)
    assert objects.verify_absent(purged.subject).left == 0
