"""What goes on while the places of a delivery are emptied, and after: readers, recipients, what comes back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, ClassVar

import duckdb
import pytest

from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.erasure import Counted, HandedOver, Method, Place, PlaceLeft, Subject
from rod_pipeline.marts import contents, database
from rod_pipeline.marts.database import BuiltMeanwhile, NoDatabaseYet, build_database, open_database
from rod_pipeline.retention.decisions import declare_erased, declare_package_erased
from rod_pipeline.retention.places import places, revived
from rod_pipeline.retention.places.mart_database import StillRead
from rod_pipeline.retention.register import CopyRegister
from rod_pipeline.retention.restoring import recover
from rod_pipeline.settings import RetentionSection
from rod_pipeline.store.vault import TombstonedScope
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support.pipeline import UNDISTURBED, Bench, delivery, discrepancies
from tests.support.places import counted, emptied, left, subject_of, tombstone

SMALL = Population(seed=8, scale=0.0005)


@pytest.fixture(scope="module")
def good() -> bytes:
    return delivery("2025-12", population=SMALL)


def test_nothing_under_a_tombstone_is_read_written_or_given_a_key(workshop: Bench, good: bytes) -> None:
    key = "2025-12-r4"
    workshop.announce(key, good)
    assert workshop.walk(key) == []
    intake = workshop.intake(key)
    with workshop.system() as system:
        state = system.ledger.state()
        assert state.generation is not None
        purge_id = tombstone(system, key)
        for copy_id in (*intake.raw, state.generation.copy_id):
            with pytest.raises(TombstonedScope, match=purge_id):
                system.vault.open_raw(copy_id)
        with pytest.raises(TombstonedScope), system.vault.scan_table(intake.tables["diplomas"]):
            pass
        with pytest.raises(TombstonedScope), system.vault.write_raw(intake.delivery_id, "parsed", "x"):
            pass
        with pytest.raises(TombstonedScope):
            system.vault.create_key(intake.delivery_id)
        with pytest.raises(NoDatabaseYet), open_database(system, "tester", "beheer"):
            pass
        emptied(places(system), subject_of(system, key), purge_id)
        assert left(places(system), subject_of(system, key)) == {}
    assert discrepancies(workshop) == []


def test_an_erasure_that_was_killed_half_way_is_nothing_that_came_back(workshop: Bench, good: bytes) -> None:
    key = "2025-12-r5"
    workshop.announce(key, good)
    assert workshop.walk(key) == []
    with workshop.system() as system:
        subject = subject_of(system, key)
        purge_id = tombstone(system, key)
        system.vault.destroy_key(subject.intakes[0])
        assert revived(system) == ()
        with System.open(workshop.settings) as fresh:
            fresh.vault.open_raw(workshop.intake(UNDISTURBED).raw[0]).close()
        emptied(places(system), subject, purge_id)


def test_a_purge_waits_for_readers_and_says_when_one_stays(workshop: Bench, good: bytes) -> None:
    key = "2025-12-r6"
    workshop.announce(key, good)
    assert workshop.walk(key) == []
    impatient = workshop.settings.model_copy(update={"retention": RetentionSection(drain_minutes=0)})
    with workshop.system() as system:
        subject = subject_of(system, key)
        with System.open(impatient) as other:
            (database,) = [place for place in places(other) if place.place == "mart_database"]
            with open_database(system, "tester", "beheer") as connection:
                purge_id = tombstone(system, key)
                with pytest.raises(StillRead):
                    database.erase(subject, purge_id)
                assert counted(database.verify_absent(subject)) == {"generations": 1}
                # What was open before goes on, from memory alone: key and object are gone.
                assert connection.execute("select count(*) from leveringen").fetchone() is not None
            assert counted(database.verify_absent(subject)) == {}
            database.erase(subject, purge_id)
        emptied(places(system), subject, purge_id)
        assert left(places(system), subject) == {}


def test_looking_through_waits_for_a_build_that_goes_on(workshop: Bench) -> None:
    """The run of another delivery builds, and what isn't finished can't be told from what is left."""
    with workshop.system() as system, ThreadPoolExecutor(1) as pool:
        (place,) = [place for place in places(system) if place.place == "mart_database"]
        with system.ledger.exclusive(database.LEASE):
            looked = pool.submit(place.verify_absent, subject_of(system, UNDISTURBED))
            with pytest.raises(TimeoutError):
                looked.result(timeout=0.5)
        assert looked.result(timeout=60).place == "mart_database"


def test_a_reader_gets_the_new_mart_database_when_it_takes_over_meanwhile(
    workshop: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workshop.system() as system:
        before = system.ledger.state().generation
        assert before is not None
        append = system.ledger.append

        def overtaken(*events: object, **more: object) -> object:
            entries = append(*events, **more)  # type: ignore[arg-type]
            if events[0].kind == "accessed" and system.ledger.state().generation == before:  # type: ignore[attr-defined]
                with System.open(workshop.settings) as other, duckdb.connect(":memory:") as connection:
                    build_database(other, connection)
            return entries

        monkeypatch.setattr(system.ledger, "append", overtaken)
        with open_database(system, "tester", "beheer") as connection:
            assert (UNDISTURBED,) in connection.execute("select levering from leveringen").fetchall()
        after = system.ledger.state().generation
        assert after is not None and after.generation != before.generation


def test_a_build_that_meets_a_tombstone_begins_again_without_what_is_erased(
    workshop: Bench, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run of one delivery builds the database over all: the erasure of another is no fault of it."""
    key = "2025-12-r9"
    workshop.announce(key, good)
    assert workshop.walk(key) == []
    with workshop.system() as system:
        fill, purges = contents.fill, []

        def late(*asked: Any) -> Any:
            if not purges:
                purges.append(tombstone(system, key))
            return fill(*asked)

        with monkeypatch.context() as patch, duckdb.connect(":memory:") as connection:
            patch.setattr(contents, "fill", late)
            built = build_database(system, connection)
            assert connection.execute("select count(*) from leveringen").fetchone() == (len(built.deliveries),)
        assert UNDISTURBED in built.deliveries and key not in built.deliveries
        state = system.ledger.state()
        assert state.generation is not None and state.generation.generation == built.generation
        emptied(places(system), subject_of(system, key), purges[0])


def test_a_build_that_is_overtaken_time_and_again_is_a_failure_that_goes_away(
    workshop: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workshop.system() as system, duckdb.connect(":memory:") as connection:
        before = system.ledger.state().generation

        def overtaken(*_: object) -> None:
            raise BuiltMeanwhile("A delivery came or went.", "Again.")

        monkeypatch.setattr(database, "_still_feeding", overtaken)
        with pytest.raises(BuiltMeanwhile):
            build_database(system, connection)
        assert system.ledger.state().generation == before
    assert discrepancies(workshop) == []


def test_recipients_and_the_processor_are_asked_once_and_counted_until_they_answer(
    workshop: Bench, good: bytes
) -> None:
    key = "2025-12-r7"
    workshop.announce(key, good)
    assert workshop.walk(key) == []
    with workshop.system() as system:
        package, now = new_id(), system.clock.now()
        system.ledger.append(
            HandedOver(
                package_id=package,
                keys=(key, UNDISTURBED),
                recipient="school-7",
                purpose="onderzoek",
                until=now + timedelta(days=30),
                actor="tester",
            )
        )
        register, subject = places(system), subject_of(system, key)
        early = new_id()
        system.ledger.append(
            HandedOver(
                package_id=early,
                keys=(key,),
                recipient="school-8",
                purpose="onderzoek",
                until=now + timedelta(days=30),
                actor="tester",
            )
        )
        assert declare_package_erased(system, early, reference="b-1", erased_at=now, actor="tester") == ()
        outside = {place.place: place for place in register if place.place in ("packages", "processor")}
        assert counted(outside["packages"].inventory(subject)) == {"hand_overs": 1}
        purge_id = tombstone(system, key)
        for _ in range(2):
            emptied(register, subject, purge_id)
        asked = system.ledger.state().purges[purge_id].asked
        assert [(one.party, one.package_id) for one in asked] == [("recipient", package), ("processor", None)]
        letters = sorted((workshop.home / "letters").glob(f"{purge_id}-*"))
        assert [letter.name.removeprefix(f"{purge_id}-") for letter in letters] == [
            "processor.txt",
            f"recipient-{package}.txt",
        ]
        assert all("wissen" in letter.read_text("utf-8") for letter in letters)
        assert counted(outside["packages"].verify_absent(subject)) == {"hand_overs": 1}
        # Whoever records the answer of a recipient needn't know which purge asked.
        word = {"reference": "brief-1", "erased_at": now, "actor": "tester"}
        assert declare_package_erased(system, package, **word) == (purge_id,)
        declare_erased(system, purge_id, package_id=None, **word)
        assert {name: counted(place.verify_absent(subject)) for name, place in outside.items()} == {
            "packages": {},
            "processor": {},
        }


class NoDagster:
    """An installation that no Dagster ever ran on."""

    place: ClassVar[Place] = "dagster"
    method: ClassVar[Method] = "file_deleted"

    def inventory(self, subject: Subject) -> PlaceLeft:
        return PlaceLeft(place="dagster")

    def erase(self, subject: Subject, purge_id: str) -> tuple[Counted, ...]:
        return ()

    verify_absent = inventory


def test_what_was_erased_without_a_purge_and_came_back_is_erased_by_recovery(workshop: Bench, good: bytes) -> None:
    """A refused intake has no tombstone, and neither has a mart database that was rebuilt."""
    key = "2025-12-r8"
    workshop.announce(key, delivery(key, "bsn_in_sectornummer", population=SMALL))
    assert workshop.walk(key) != []
    refused = workshop.intake(key)
    assert refused.stage == "refused"
    with workshop.system() as system:
        state = system.ledger.state()
        keep = {copy.object_key for copy in state.copies.values() if copy.status != "erased"}
        rebuilt = [copy for copy in state.copies.values() if copy.zone == "database" and copy.status == "erased"]
        came_back = [refused.delivery_id]
        for copy in (next(c for c in state.copies.values() if c.scope == refused.delivery_id), *rebuilt[:1]):
            system.objects.client.put_object(
                Bucket=system.objects.settings.bucket, Key=copy.object_key, Body=b"from a backup"
            )
            came_back.append(copy.scope)
        assert set(system.vault.revived()) == set(came_back)
        assert key in revived(system)
        recover(system, CopyRegister((*places(system), NoDagster())))
        assert system.vault.revived() == ()
        assert set(workshop.objects()) == keep
