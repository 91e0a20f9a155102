"""A run is killed at every stage of a delivery, then run again: the same result, nothing left over, nothing in clear.

The process that is killed is a real one, at a real instant: before or after a call to the store, an event of the
ledger, the making or destruction of a key. All cases share one installation, in which each has a delivery of its own;
what one leaves behind, the next one sees.
"""

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import duckdb
import polars as pl
import pytest

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import RodError
from rod_pipeline.intake.announcing import announce
from rod_pipeline.intake.tidying import CODE as CODE_KEPT
from rod_pipeline.intake.tidying import LINKS
from rod_pipeline.marts.database import open_database
from rod_pipeline.store import scratch
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.objects import ObjectStore, pieces
from rod_pipeline.store.seaweed import LocalStore
from rod_pipeline.synthetic.population import Population
from tests.support.killing import advance, kill_in
from tests.support.leaks import MARKER, hits, with_marked_student
from tests.support.pipeline import CODE, Bench, delivery, discrepancies, stored_tables
from tests.support.soak import in_soak

SMALL = Population(seed=7, scale=0.0005)
SHAPES = ("hoofdinschrijving_mbo", "Sectornummer;", "ROD_BO_")
"""What stands in clear in an unsealed Parquet or DuckDB file (columns), table (header) or zip (names), whose values may
be compressed beyond recognition."""
_numbers = count(2)

# Stage, call, which of them, before or after it. Of each kind of instant one is in every run, all of them in a soak.
INSTANTS = [
    ("announce", "append:announced", 1, "after"),
    ("land", "UploadPart", 2, "after"),
    ("land", "delete_secret", 1, "after"),
    ("parse doorstroom", "PutObject", 1, "after"),
    ("check technisch", "append:checked", 1, "before"),
    ("judge", "append:validated", 1, "after"),
    ("store", "append:stored", 1, "before"),
    ("mart again", "append:mart_built", 1, "after"),
    ("database", "append:database_built", 1, "before"),
    *in_soak(
        [
            ("announce", "append:announced", 1, "before"),
            ("land", "append:key_created", 1, "before"),
            ("land", "create_key", 1, "before"),
            ("land", "create_key", 1, "after"),
            ("land", "write", 2, "after"),
            ("land", "PutObject", 1, "before"),
            ("land", "append:copy_registered", 1, "after"),
            ("land", "PutObject", 1, "after"),
            ("land", "append:copy_verified", 1, "after"),
            ("land", "append:received", 1, "before"),
            ("land", "append:received", 1, "after"),
            ("land", "append:code_ended", 1, "after"),
            ("parse doorstroom", "append:copy_verified", 1, "after"),
            ("parse doorstroom", "append:parsed", 1, "after"),
            ("check technisch", "append:checked", 1, "after"),
            ("judge", "append:validated", 1, "before"),
            ("store", "append:copy_verified", 2, "after"),
            ("store", "append:stored", 1, "after"),
            ("mart", "append:mart_built", 1, "before"),
            ("mart", "append:mart_built", 1, "after"),
            ("database", "append:key_created", 1, "after"),
            ("database", "create_key", 1, "after"),
            ("database", "save", 1, "after"),
            ("database", "append:copy_verified", 1, "after"),
            ("database", "append:database_built", 1, "after"),
            ("database", "append:key_destroyed", 1, "after"),
            ("database", "destroy", 1, "after"),
        ]
    ),
]


@pytest.fixture(scope="module")
def seaweed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server of this file's own: all that it holds is looked through time and again."""
    return tmp_path_factory.mktemp("killed") / "seaweed"


@pytest.fixture(scope="module")
def seaweed(seaweed_folder: Path) -> Iterator[StoreSettings]:
    with LocalStore(seaweed_folder) as server:
        yield server.start()


@pytest.fixture(scope="module")
def good(temporary: Path) -> bytes:
    """A delivery with a marker in it; made first of all, so that everything after has its own temporary folder."""
    return with_marked_student(delivery("2025-12", population=SMALL))


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder for temporary files of all that runs here."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)
        yield folder


@pytest.fixture
def key() -> str:
    return f"2025-12-r{next(_numbers)}"


def in_clear(bench: Bench, *elsewhere: Path) -> list[str]:
    """The files of the system in which a value stands as it is; outside its own folder, the shape of data counts too.

    Not looked at is memory: a process that is killed while it builds the mart database leaves the file on tmpfs, in a
    folder that only its user can enter, until the next one that builds (or the next start of the machine).
    """
    return hits([bench.home], [MARKER]) + hits(elsewhere, [MARKER], SHAPES)


def left_in_memory(bench: Bench) -> list[Path]:
    """The folders in memory of processes that are gone and worked for this installation."""
    return [folder for folder in scratch._abandoned({scratch.tag(bench.home)}) if any(folder.glob("of/*"))]


def unreadable(bench: Bench, key: str) -> list[str]:
    """What the ledger says is part of the delivery or of the mart database, but can't be read whole."""
    wrong = []
    intake = bench.intake(key)
    tables = {table.copy_id: table.rows for table in (*intake.parsed.values(), *intake.marts.values())}
    tables |= {copy_id: intake.rows[file] for file, copy_id in intake.tables.items()}
    with bench.system() as system:
        for copy_id in intake.raw:
            with system.vault.open_raw(copy_id) as stream:
                wrong += [] if sum(map(len, pieces(stream))) else [copy_id]
        for copy_id, rows in tables.items():
            with system.vault.scan_table(copy_id) as frame:
                wrong += [] if frame.collect().height == rows else [copy_id]
        state = system.ledger.state()
        assert state.generation is not None, "there always is a mart database in force"
        with open_database(system, "tester", "beheer") as connection:
            found = connection.execute("select distinct levering from studentaantallen order by 1").fetchall()
        if [name for (name,) in found] != sorted(state.intakes[d].key for d in state.generation.deliveries):
            wrong.append("the mart database")
        for copy in state.copies.values():
            if copy.status == "registered":
                with pytest.raises(RodError):
                    system.vault.open_raw(copy.copy_id)
    return wrong


@pytest.mark.parametrize(("stage", "call", "nth", "moment"), INSTANTS)
def test_killed_and_run_again(
    workshop: Bench,
    undisturbed: Mapping[str, pl.DataFrame],
    good: bytes,
    seaweed_folder: Path,
    temporary: Path,
    key: str,
    stage: str,
    call: str,
    nth: int,
    moment: str,
) -> None:
    environment = {**os.environ, **workshop.environment()}
    where = {"key": key, "stage": stage, "call": call, "nth": nth, "moment": moment}
    if stage == "announce":
        link = workshop.pleio.publish(good, CODE)
        ended = kill_in(environment, **where, link=link, code=CODE)
        if moment == "before":
            # Nobody heard of it, so it is announced once more.
            workshop.announce(key, good)
    else:
        workshop.announce(key, good)
        with workshop.system() as system:
            advance(system, DeliveryKey.parse(key), stage)
        ended = kill_in(environment, **where)
    assert ended == -signal.SIGKILL
    assert undisturbed["inschrijvingen"]["sectornummer"].eq(MARKER).any(), "the marker really is in the data"
    assert in_clear(workshop, seaweed_folder, temporary) == []
    assert hits([workshop.home], [CODE]) == []
    assert unreadable(workshop, key) == []

    with workshop.system() as system:
        advance(system, DeliveryKey.parse(key), "stock")
        left = [name for name in (LINKS, CODE_KEPT) if system.secrets.exists(workshop.intake(key).delivery_id, name)]
        intake, state = system.intake(DeliveryKey.parse(key)), system.ledger.state()
        began = min(c.registered_at for c in state.copies_of(intake.delivery_id) if c.zone == "landing")
        assert intake.moment is not None and intake.moment <= began, "the first attempt that got a byte began the term"
    assert (workshop.intake(key).code, left) == ("ended:verified", [])
    assert workshop.walk(key) == []
    assert in_clear(workshop, seaweed_folder, temporary) == []
    assert left_in_memory(workshop) == []
    tables = stored_tables(workshop, key)
    assert {name: table.equals(undisturbed[name]) for name, table in tables.items()} == dict.fromkeys(undisturbed, True)
    assert discrepancies(workshop) == []


def test_a_code_that_was_refused_is_not_tried_again_by_the_next_run(workshop: Bench, good: bytes, key: str) -> None:
    """Killed between the refusal's record and the end of the code: a second try could lock the link."""
    link = workshop.pleio.publish(good, "quite-another-code")
    with workshop.system() as system:
        announce(system, DeliveryKey.parse(key), [link], CODE)
    tried = workshop.pleio.requests["code"]
    environment = {**os.environ, **workshop.environment()}
    ended = kill_in(environment, key=key, stage="land", call="append:code_ended", nth=1, moment="after")
    assert ended == -signal.SIGKILL
    (told,) = workshop.walk(key)
    assert told.startswith("[ROD-LANDING-01]")
    assert workshop.pleio.requests["code"] == tried + 1
    assert discrepancies(workshop) == []


@pytest.mark.parametrize("what", ["zip", "table", "parquet", "duckdb"])
def test_what_lies_in_a_store_unsealed_would_be_found(
    undisturbed: Mapping[str, pl.DataFrame], good: bytes, tmp_path: Path, what: str
) -> None:
    """The positive control: the very search that found nothing, on what would have been there without the seal."""
    table, file = undisturbed["inschrijvingen"], tmp_path / "unsealed"
    if what == "zip":
        file.write_bytes(delivery("2025-12", population=SMALL))
    elif what == "table":
        file.write_bytes(b"Sectornummer;geslacht\r\n" + good[:100])
    elif what == "parquet":
        table.write_parquet(file)
    else:
        table.write_parquet(tmp_path / "t.parquet")
        with duckdb.connect(str(file)) as connection:
            connection.execute(f"create table t as select * from '{tmp_path / 't.parquet'}'")
    with LocalStore(tmp_path / "store") as server:
        store = ObjectStore(server.start())
        writer = store.create("landing/unsealed")
        writer.write(file.read_bytes())
        writer.complete()
        assert hits([tmp_path / "store"], [MARKER], SHAPES) != []


def test_the_marker_is_found_where_it_stands_in_clear(workshop: Bench, temporary: Path, good: bytes) -> None:
    for folder in (workshop.home, temporary):
        (folder / "planted").write_bytes(good)
        assert in_clear(workshop, temporary) == ["planted"]
        (folder / "planted").unlink()
