"""A purge meets stores that fail, lie or answer too late, a full disk, another engine, and gaps.

Each case: it goes wrong once, is run again, and ends verified or truthfully incomplete; and never is there a
certificate before every place was looked through twice.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest

from rod_pipeline.deliveries import new_id
from rod_pipeline.errors import RodError
from rod_pipeline.ledger.erasure import Place, PlaceLeft, Subject
from rod_pipeline.ledger.lease import Busy
from rod_pipeline.ledger.purges import PLACES, PurgeState
from rod_pipeline.marts import database
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.orchestration.storages import DagsterUnreachable
from rod_pipeline.retention.engine import StillThere, begin, carry_out, conclude, plan
from rod_pipeline.retention.evidence import NotAttested, attest
from rod_pipeline.retention.places.keys import Keys
from rod_pipeline.retention.places.outside import Packages
from rod_pipeline.retention.register import CopyPlace, CopyRegister, IncompleteRegister, PlaceFailed
from rod_pipeline.retention.rounds import make_round
from rod_pipeline.store import keyring as keyring_module
from rod_pipeline.store import objects as objects_module
from rod_pipeline.store import scratch
from rod_pipeline.store.keyring import LocalKeyring
from rod_pipeline.system import System
from tests.support.left_behind import PLANTS, plant_key, plant_report, plant_secret, plant_version, plant_wal
from tests.support.pipeline import PLACED, Bench
from tests.support.purging import Shifted, cheaply, on_clock, remains
from tests.support.soak import in_soak
from tests.support.store_faults import Fault, in_part, listens, lost, refused

KEPT = "2026-08"
_numbers = count(2)


@pytest.fixture(scope="module")
def bench(benches: Iterator[Bench]) -> Bench:
    """One installation for all, in which one delivery lives on."""
    made = next(benches)
    with on_clock(made, Shifted()) as system:
        cheaply(system, KEPT, PLACED[KEPT])
    return made


@pytest.fixture
def clock() -> Shifted:
    return Shifted()


@pytest.fixture
def system(bench: Bench, clock: Shifted, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    monkeypatch.setenv("ROD_RETENTION__LATE_SWEEP_HOURS", "0")
    monkeypatch.setenv("ROD_RETENTION__DRAIN_MINUTES", "0")
    with on_clock(bench, clock) as opened:
        yield opened


@pytest.fixture
def key() -> str:
    return f"2025-12-r{next(_numbers)}"


@pytest.fixture
def intake(system: System, key: str) -> str:
    """A delivery of this test's own, with an open upload and an object that the ledger doesn't know."""
    scope = cheaply(system, key, PLACED[KEPT])
    client, bucket = system.objects.client, system.objects.settings.bucket
    client.create_multipart_upload(Bucket=bucket, Key=f"parsed/{scope}/open_{new_id()}")
    client.put_object(Bucket=bucket, Key=f"marts/{scope}/stray_{new_id()}", Body=b"unknown")
    return scope


def begun(system: System, key: str) -> str:
    return begin(system, plan(system, [key], "order", "o1"), "a1")


def state_of(system: System, purge_id: str) -> PurgeState:
    return system.ledger.state().purges[purge_id]


def no_evidence_yet(system: System, purge_id: str) -> None:
    with pytest.raises(NotAttested):
        attest(system, purge_id)
    assert state_of(system, purge_id).attested is None


def left_in(purge: PurgeState) -> set[Place]:
    """The places in which the late sweep found something."""
    return {place.place for seen in purge.late.values() for place in seen.inventory.places if place.left}


def ends_well(system: System, bench: Bench, purge_id: str, intake: str) -> None:
    """Run again until nothing is due: swept, attested, nothing left but the processor's word."""
    for _ in range(3):
        make_round(system, copy_register(system))
    purge = state_of(system, purge_id)
    assert purge.attested is not None and purge.attested.outcome == purge.outcome == "ONVOLLEDIG"
    assert left_in(purge) == {"processor"}
    assert remains(bench, intake) == []
    assert system.ledger.state().deliveries[KEPT].stage == "stored"


# The store


@pytest.mark.parametrize(
    ("operation", "after", "fault"),
    [
        ("DeleteObjects", 0, lost),
        ("AbortMultipartUpload", 0, refused),
        ("ListObjectVersions", 40, refused),
        *in_soak(
            [
                ("DeleteObjects", 0, refused),
                ("DeleteObjects", 3, refused),
                ("DeleteObjects", 3, lost),
                ("AbortMultipartUpload", 0, lost),
                ("ListObjectVersions", 1, refused),
                ("ListObjectVersions", 1, lost),
                ("ListObjectVersions", 40, lost),
                ("ListMultipartUploads", 1, refused),
                ("ListMultipartUploads", 1, lost),
            ]
        ),
    ],
)
def test_a_store_that_fails_once_is_asked_again(
    system: System, bench: Bench, key: str, intake: str, operation: str, after: int, fault: Fault
) -> None:
    purge_id = begun(system, key)
    with pytest.MonkeyPatch.context() as patch:
        # Two keys at a time, so that an erasure has several pages.
        patch.setattr(objects_module, "_BATCH", 2)
        hits = listens(operation, fault, patch, after=after)
        with System.open(system.settings, system.clock) as failing:
            try:
                carry_out(failing, copy_register(failing), purge_id)
            except RodError as caught:
                assert caught.kind == "transient", caught
                no_evidence_yet(system, purge_id)
                assert state_of(system, purge_id).second == {}, "unknown is not zero"
        assert len(hits) == 1
    assert key in system.ledger.state().tombstones
    assert not system.keyring.exists(intake), "keys don't wait for the store"
    ends_well(system, bench, purge_id, intake)


def test_a_store_that_says_yes_and_deletes_nothing_is_not_believed(
    system: System, bench: Bench, key: str, intake: str
) -> None:
    purge_id = begun(system, key)
    with pytest.MonkeyPatch.context() as patch:
        listens("DeleteObjects", in_part, patch, times=10**6)
        with System.open(system.settings, system.clock) as failing:
            with pytest.raises(RodError, match="AccessDenied"):
                carry_out(failing, copy_register(failing), purge_id)
            no_evidence_yet(system, purge_id)
    assert remains(bench, intake) != []
    ends_well(system, bench, purge_id, intake)


def test_one_page_that_was_deleted_in_part_is_deleted_again(
    system: System, bench: Bench, key: str, intake: str
) -> None:
    purge_id = begun(system, key)
    with pytest.MonkeyPatch.context() as patch:
        hits = listens("DeleteObjects", in_part, patch, after=1)
        with System.open(system.settings, system.clock) as failing:
            carry_out(failing, copy_register(failing), purge_id)
        assert len(hits) == 1
    ends_well(system, bench, purge_id, intake)


# Keys, disk


def test_a_key_that_cannot_be_destroyed_keeps_the_rest_from_nothing(
    system: System, bench: Bench, key: str, intake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    purge_id = begun(system, key)
    with monkeypatch.context() as patch:

        def stuck(self: LocalKeyring, scope: str) -> None:
            raise keyring_module.KeyStillThere("It is still there.", "Look who writes there.")

        patch.setattr(LocalKeyring, "destroy", stuck)
        with pytest.raises(keyring_module.KeyStillThere):
            carry_out(system, copy_register(system), purge_id)
        assert [name for name in remains(bench, intake) if name.startswith("object")] == []
        no_evidence_yet(system, purge_id)
    ends_well(system, bench, purge_id, intake)


@pytest.mark.parametrize("broken", [Keys, Packages], ids=lambda place: place.place)
def test_a_place_that_breaks_down_keeps_no_other_from_being_emptied(
    system: System, bench: Bench, key: str, intake: str, monkeypatch: pytest.MonkeyPatch, broken: type
) -> None:
    """A disk that may not be written to is no error of ours; it comes out as one, without the name of a file."""
    purge_id = begun(system, key)
    with monkeypatch.context() as patch:

        def read_only(*_: object) -> None:
            raise PermissionError(13, "Permission denied", "/a/file/of/somebody")

        patch.setattr(broken, "erase", read_only)
        outcome = make_round(system, copy_register(system))
        (told,) = outcome.errors
        assert isinstance(told, PlaceFailed) and broken.place in str(told) and "somebody" not in str(told)
        assert told.__context__ is None
        erased = {place for _, place in state_of(system, purge_id).erased}
        assert erased == set(PLACES) - {broken.place}
        no_evidence_yet(system, purge_id)
    ends_well(system, bench, purge_id, intake)


def test_work_that_cannot_be_stopped_keeps_nothing_from_being_erased(
    system: System, bench: Bench, key: str, intake: str
) -> None:
    """Dagster's database is down: nobody there ends a run, and nobody works."""

    def down(_: object) -> None:
        raise DagsterUnreachable("It doesn't answer.", "Look at it.")

    purge_id = begun(system, key)
    assert carry_out(system, copy_register(system), purge_id, down).phase == "verified"
    ends_well(system, bench, purge_id, intake)


def test_a_mart_database_that_cannot_be_built_keeps_no_erasure_from_its_end(
    system: System, bench: Bench, key: str, intake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory in which it is built is full: there is none for now, and the delivery is gone."""
    purge_id = begun(system, key)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(database, "_save", full)
        assert carry_out(system, copy_register(system), purge_id).phase == "verified"
    assert system.ledger.state().generation is None
    ends_well(system, bench, purge_id, intake)


def test_a_ledger_that_is_full_stops_the_purge_where_it_is(
    system: System, bench: Bench, key: str, intake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite may not grow any more, as on a full disk; later there is room again."""
    import sqlalchemy as sa

    purge_id = begun(system, key)
    engine = system.ledger._database.engine

    with engine.connect() as connection:
        pages = connection.execute(sa.text("pragma page_count")).scalar_one()

    def no_room(connection: Any, *_: object) -> None:
        connection.execute(f"pragma max_page_count = {pages}")

    engine.dispose()
    sa.event.listen(engine, "connect", no_room)
    try:
        with pytest.raises(RodError) as caught:
            carry_out(system, copy_register(system), purge_id)
        assert caught.value.code.startswith("ROD-LEDGER")
    finally:
        sa.event.remove(engine, "connect", no_room)
        engine.dispose()
    entries = list(system.ledger.entries())
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    system.ledger.verify_tree()
    assert state_of(system, purge_id).attested is None
    with System.open(system.settings, system.clock) as later:
        ends_well(later, bench, purge_id, intake)


# Another engine


def test_two_engines_at_once_make_one_purge(system: System, bench: Bench, key: str, intake: str) -> None:
    said: list[object] = []

    def work() -> None:
        with System.open(bench.settings, system.clock) as other:
            try:
                purge_id = begun(other, key)
                said.append(carry_out(other, copy_register(other), purge_id).phase)
            except RodError as caught:
                said.append(type(caught))

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "verified" in said and len(said) == 2
    purges = [purge for purge in system.ledger.state().purges.values() if key in purge.keys]
    assert len(purges) == 1
    ends_well(system, bench, purges[0].purge_id, intake)


def test_who_holds_a_purge_keeps_the_other_engine_out(system: System, bench: Bench, key: str, intake: str) -> None:
    purge_id = begun(system, key)
    with system.ledger.exclusive(purge_id), System.open(bench.settings, system.clock) as other:
        for step in (carry_out, conclude):
            with pytest.raises(Busy):
                step(other, copy_register(other), purge_id)
    assert state_of(system, purge_id).phase == "planned"
    ends_well(system, bench, purge_id, intake)


# Mutations: one thing is left, by a place that doesn't do its work


class Idle:
    """A place that says it erased, and did nothing."""

    def __init__(self, place: CopyPlace) -> None:
        self.real, self.place, self.method = place, place.place, place.method

    def inventory(self, subject: Subject) -> PlaceLeft:
        return self.real.inventory(subject)

    def erase(self, subject: Subject, purge_id: str) -> tuple[()]:
        return ()

    def verify_absent(self, subject: Subject) -> PlaceLeft:
        return self.real.verify_absent(subject)


def with_idle(system: System, idle: Place) -> CopyRegister:
    return CopyRegister(cast(CopyPlace, Idle(p)) if p.place == idle else p for p in copy_register(system))


@pytest.mark.parametrize("idle", ["keys", "objects", "scratch", *in_soak(["secrets", "mart_database", "reports"])])
def test_a_place_that_does_nothing_gets_no_certificate(
    system: System, bench: Bench, key: str, intake: str, idle: Place
) -> None:
    system.secrets.put(intake, "archive_password", b"password")
    if idle == "scratch":
        (scratch.claim() / "left.wal").write_bytes(b"left")
    purge_id, register = begun(system, key), with_idle(system, idle)
    with pytest.raises(StillThere, match=f"in {idle}"):
        carry_out(system, register, purge_id)
    purge = state_of(system, purge_id)
    assert (purge.phase, purge.verified_at) == ("erased", None)
    no_evidence_yet(system, purge_id)
    conclude(system, register, purge_id)
    assert attest(system, purge_id).outcome == "ONVOLLEDIG"
    found = {
        place.place
        for seen in state_of(system, purge_id).late.values()
        for place in seen.inventory.places
        if place.left
    }
    assert found == {idle, "processor"}
    ends_well(system, bench, purge_id, intake)


@pytest.mark.parametrize("missing", range(10))
def test_a_register_that_lacks_a_place_purges_nothing(system: System, missing: int) -> None:
    places = list(copy_register(system))
    with pytest.raises(IncompleteRegister):
        CopyRegister(places[:missing] + places[missing + 1 :])
    with pytest.raises(IncompleteRegister):
        CopyRegister([*places, places[missing]])


SECOND, LATE = "before the second inventory", "before the late sweep"
PLANTED = {plant_version: LATE, plant_key: SECOND, plant_wal: SECOND, plant_secret: SECOND, plant_report: LATE}
"""In each kind of place one thing, early or late; in a soak everything at both times."""


@pytest.mark.parametrize(
    ("when", "plant"),
    [
        *((when, plant) for plant, when in PLANTED.items()),
        *in_soak((when, plant) for plant in PLANTS for when in (SECOND, LATE) if when != PLANTED.get(plant)),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_one_thing_left_is_found_by_either_inventory(
    system: System, bench: Bench, key: str, intake: str, monkeypatch: pytest.MonkeyPatch, plant: Any, when: str
) -> None:
    """It appears after the erasure, and every place refuses to erase it: no certificate says that all is gone."""
    purge_id, idle = begun(system, key), [False]
    real = {type(place): type(place).erase for place in copy_register(system)}
    with monkeypatch.context() as patch:
        for cls, erase in real.items():
            patch.setattr(
                cls, "erase", lambda self, *what, erase=erase: () if idle[0] else erase(self, *what), raising=True
            )
        left: Path | None = None
        if when == SECOND:
            first = Keys.verify_absent

            def looked(self: Keys, subject: Subject) -> PlaceLeft:
                nonlocal left
                if not idle[0]:
                    idle[0], left = True, plant(system, intake)
                return first(self, subject)

            # Keys are looked through before every other place.
            patch.setattr(Keys, "verify_absent", looked)
            with pytest.raises(StillThere):
                carry_out(system, copy_register(system), purge_id)
            no_evidence_yet(system, purge_id)
        else:
            carry_out(system, copy_register(system), purge_id)
            idle[0], left = True, plant(system, intake)
        conclude(system, copy_register(system), purge_id)
        assert attest(system, purge_id).outcome == "ONVOLLEDIG"
    purge = state_of(system, purge_id)
    assert sum(seen.left_in_house for seen in purge.late.values()) >= 1
    if left is not None and plant in (plant_report,):
        # By its name it is of the delivery, but of no shape that is ever written: a person has to look.
        left.unlink()
    ends_well(system, bench, purge_id, intake)
