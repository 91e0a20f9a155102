"""A run is killed at every stage of a delivery, then run again: the same result, nothing left over, nothing in clear.

The process that is killed is a real one, at a real instant: before or after a call to the store, an event of the
ledger, the destruction of a key. All cases share one installation, in which each has a delivery of its own; what one
leaves behind, the next one sees.
"""

import io
import os
import signal
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import polars as pl
import pytest

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.synthetic.population import Population
from tests.support.killing import advance, kill_in
from tests.support.pipeline import CODE, Bench, delivery, discrepancies, stored_tables
from tests.support.seaweed import marker_in

SMALL = Population(seed=7, scale=0.0005)
MARKER = b"MERKTEKENx51c0"
_numbers = count(2)

# Stage, call, which of them, before or after it.
INSTANTS = [
    ("announce", "append:announced", 1, "before"),
    ("announce", "append:announced", 1, "after"),
    ("land", "append:key_created", 1, "before"),
    ("land", "append:copy_registered", 1, "after"),
    ("land", "write", 2, "after"),
    ("land", "PutObject", 1, "before"),
    ("land", "PutObject", 1, "after"),
    ("land", "append:copy_verified", 1, "after"),
    ("land", "append:received", 1, "after"),
    ("parse doorstroom", "PutObject", 1, "after"),
    ("parse doorstroom", "append:copy_verified", 1, "after"),
    ("parse doorstroom", "append:parsed", 1, "after"),
    ("check technisch", "append:checked", 1, "before"),
    ("check technisch", "append:checked", 1, "after"),
    ("judge", "append:validated", 1, "before"),
    ("judge", "append:validated", 1, "after"),
    ("store", "append:copy_verified", 2, "after"),
    ("store", "append:stored", 1, "before"),
    ("store", "append:stored", 1, "after"),
    ("mart", "append:mart_built", 1, "before"),
    ("mart", "append:mart_built", 1, "after"),
    ("database", "append:key_created", 1, "after"),
    ("database", "save", 1, "after"),
    ("database", "append:copy_verified", 1, "after"),
    ("database", "append:database_built", 1, "before"),
    ("database", "append:database_built", 1, "after"),
    ("database", "destroy", 1, "after"),
]


def marked(content: bytes) -> bytes:
    """The delivery with one student's pseudonym replaced by a marker, in all files, without compression."""
    source, target = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    files = {name: source.read(name) for name in source.namelist()}
    enrolments = next(data for name, data in files.items() if "inschrijvingen" in name)
    pseudonym = enrolments.split(b"\r\n")[1].split(b";")[0]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(name, data.replace(pseudonym, MARKER))
    return target.getvalue()


def in_clear(bench: Bench, seaweed_folder: Path) -> list[str]:
    """Every file of the system in which the marker stands as it is."""
    found = []
    for folder in (bench.home, seaweed_folder, Path(tempfile.gettempdir())):
        if folder == Path(tempfile.gettempdir()):
            ours = [entry for entry in folder.iterdir() if entry.name.startswith(("rod", "polars", "duckdb", "tmp"))]
            found += [name for entry in ours if entry.is_dir() for name in marker_in(entry, MARKER)]
        else:
            found += marker_in(folder, MARKER)
    return found


@pytest.fixture(scope="module")
def content() -> bytes:
    return marked(delivery("2025-12", population=SMALL))


@pytest.fixture(scope="module")
def undisturbed(workshop: Bench, content: bytes) -> Mapping[str, pl.DataFrame]:
    workshop.announce("2025-12", content)
    assert workshop.walk("2025-12") == []
    tables = stored_tables(workshop, "2025-12")
    assert tables["inschrijvingen"]["sectornummer"].eq(MARKER.decode()).any(), "the marker really is in the data"
    return tables


@pytest.fixture
def key() -> Iterator[str]:
    yield f"2025-12-r{next(_numbers)}"


@pytest.mark.parametrize(("stage", "call", "nth", "moment"), INSTANTS)
def test_killed_and_run_again(
    workshop: Bench,
    undisturbed: Mapping[str, pl.DataFrame],
    content: bytes,
    seaweed_folder: Path,
    key: str,
    stage: str,
    call: str,
    nth: int,
    moment: str,
) -> None:
    environment = {**os.environ, **workshop.environment()}
    where = {"key": key, "stage": stage, "call": call, "nth": nth, "moment": moment}
    if stage == "announce":
        link = workshop.pleio.publish(content, CODE)
        ended = kill_in(environment, **where, link=link, code=CODE)
        if moment == "before":
            # Nobody heard of it, so it is announced once more.
            workshop.announce(key, content)
    else:
        workshop.announce(key, content)
        with workshop.system() as system:
            advance(system, DeliveryKey.parse(key), stage)
        ended = kill_in(environment, **where)
    assert ended == -signal.SIGKILL
    assert in_clear(workshop, seaweed_folder) == []

    assert workshop.walk(key) == []
    assert in_clear(workshop, seaweed_folder) == []
    assert list(Path("/dev/shm").glob("rod-*")) == []
    tables = stored_tables(workshop, key)
    assert {name: table.equals(undisturbed[name]) for name, table in tables.items()} == dict.fromkeys(undisturbed, True)
    assert discrepancies(workshop) == []


@pytest.mark.parametrize(
    ("call", "moment"),
    [
        ("append:quality_notified", "before"),
        ("append:quality_notified", "after"),
        ("destroy", "before"),
        ("destroy", "after"),
        ("append:key_destroyed", "after"),
        ("DeleteObjects", "before"),
        ("append:copy_erased", "after"),
    ],
)
def test_a_refusal_that_is_killed_is_carried_out_by_the_next_run(
    workshop: Bench, key: str, call: str, moment: str
) -> None:
    workshop.announce(key, delivery("2025-12", "extra_column", SMALL))
    with workshop.system() as system:
        advance(system, DeliveryKey.parse(key), "parse inschrijvingen")
    environment = {**os.environ, **workshop.environment()}
    ended = kill_in(environment, key=key, stage="parse inschrijvingen", call=call, nth=1, moment=moment)
    assert ended == -signal.SIGKILL
    assert workshop.walk(key) != []
    assert workshop.intake(key).stage == "refused"
    assert discrepancies(workshop) == []


def test_the_marker_is_found_where_it_does_stand_in_clear(
    workshop: Bench, seaweed_folder: Path, content: bytes
) -> None:
    planted = workshop.home / "planted"
    planted.write_bytes(content)
    assert in_clear(workshop, seaweed_folder) == ["planted"]
    planted.unlink()
