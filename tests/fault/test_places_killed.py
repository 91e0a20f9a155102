"""Emptying the places is killed at any instant and run again; somebody builds or writes while it happens."""

import os
import signal
from collections.abc import Iterator

import pytest

from rod_pipeline.ledger.lease import Busy
from rod_pipeline.marts.database import open_database
from rod_pipeline.retention.places import places, revived
from rod_pipeline.retention.places.mart_database import StillRead
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support.pausing import paused
from tests.support.pipeline import UNDISTURBED, Bench, delivery, discrepancies
from tests.support.places import emptied, kill_purge, left, subject_of, tombstone
from tests.support.soak import in_soak

SMALL = Population(seed=8, scale=0.0005)


@pytest.fixture(scope="module")
def good() -> bytes:
    return delivery("2025-12", population=SMALL)


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return iter(range(2, 1000))


@pytest.fixture
def key(workshop: Bench, good: bytes, numbers: Iterator[int]) -> str:
    """A delivery that went all the way."""
    key = f"2025-12-r{next(numbers)}"
    workshop.announce(key, good)
    assert workshop.walk(key) == []
    return key


def gone(bench: Bench, key: str, purge_id: str) -> None:
    """Whatever happened before: run it again, and nothing is left, and the rest is whole."""
    with System.open(bench.settings) as system:
        emptied(places(system), subject_of(system, key), purge_id)
        assert left(places(system), subject_of(system, key)) == {}
        assert revived(system) == ()
        with open_database(system, "tester", "beheer") as connection:
            found = connection.execute("select levering from leveringen").fetchall()
    assert (key,) not in found and (UNDISTURBED,) in found
    assert discrepancies(bench) == []


@pytest.mark.parametrize(
    "instant",
    [
        ("destroy", 1, "after"),
        ("DeleteObjects", 3, "before"),
        # The generation of the mart database: its key, its object, and the new one in every stage of its making.
        ("PutObject", 1, "after"),
        ("append:database_built", 1, "before"),
        *in_soak(
            [
                (("append:key_destroyed", 1, "after"),),
                (("DeleteObjects", 1, "after"),),
                (("append:copy_erased", 1, "before"),),
                (("append:copy_erased", 1, "after"),),
                (("destroy", 2, "after"),),
                (("append:key_destroyed", 2, "after"),),
                (("append:copy_erased", 2, "before"),),
                (("append:key_created", 1, "after"),),
                (("append:copy_registered", 1, "after"),),
                (("append:copy_verified", 1, "after"),),
                (("append:database_built", 1, "after"),),
                (("append:erasure_asked", 1, "before"),),
            ]
        ),
    ],
    ids=str,
)
def test_killed_at_any_instant_and_run_again_nothing_is_left(
    workshop: Bench, key: str, instant: tuple[str, int, str]
) -> None:
    with workshop.system() as system:
        purge_id = tombstone(system, key)
    environment = {**os.environ, **workshop.environment()}
    assert kill_purge(environment, key, purge_id, *instant) == -signal.SIGKILL
    gone(workshop, key, purge_id)


def test_a_mart_database_that_was_begun_before_the_tombstone_does_not_take_over(workshop: Bench, key: str) -> None:
    environment = {**os.environ, **workshop.environment()}
    impatient = workshop.settings.model_copy(
        update={"retention": workshop.settings.retention.model_copy(update={"drain_minutes": 0})}
    )
    with paused(environment, key, "save") as building:
        with System.open(impatient) as system:
            purge_id = tombstone(system, key)
            (database,) = [place for place in places(system) if place.place == "mart_database"]
            for attempt in (
                lambda: database.erase(subject_of(system, key), purge_id),
                lambda: database.verify_absent(subject_of(system, key)),
            ):
                with pytest.raises(StillRead):
                    attempt()
        told = building.finish()
    assert told == [], "it begins again, without what is erased"
    gone(workshop, key, purge_id)


def test_a_table_that_was_begun_before_the_tombstone_is_never_part_of_anything(workshop: Bench, good: bytes) -> None:
    key = "2025-12-r999"
    workshop.announce(key, good)
    environment = {**os.environ, **workshop.environment()}
    with paused(environment, key, "doorstroom") as writing:
        with workshop.system() as system:
            purge_id = tombstone(system, key)
            with pytest.raises(Busy), system.ledger.exclusive(subject_of(system, key).intakes[0]):
                pass
            emptied(places(system), subject_of(system, key), purge_id)
        told = writing.finish()
    assert told != []
    gone(workshop, key, purge_id)
