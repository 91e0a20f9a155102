"""A row that gets lost at any step between file and mart database is noticed at that step, by name.

Each test loses one row, as a mistake in our code or in a library would, and sees the delivery stop there.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import polars as pl
import pytest

from rod_pipeline.contracts.model import FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.records import RecordStream
from rod_pipeline.marts import build, contents, database, studentaantallen
from rod_pipeline.marts.declared import MARTS
from rod_pipeline.marts.reconciliation import chain
from rod_pipeline.quality import verdict
from rod_pipeline.store.vault import Copy, Vault
from rod_pipeline.synthetic.population import Population
from tests.support.pipeline import Bench, delivery, discrepancies
from tests.support.soak import in_soak

SMALL = Population(seed=8, scale=0.0005)
_REVISIONS = count(2)
Break = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def good() -> bytes:
    return delivery("2025-12", population=SMALL)


def reader(patch: pytest.MonkeyPatch) -> None:
    """The last record of a block of the enrolments doesn't come out of the reader."""
    real = RecordStream.frames

    def frames(self: RecordStream, names: Any, *numbers: str) -> Iterator[pl.DataFrame]:
        for frame in real(self, names, *numbers):
            yield frame.head(-1) if "hoofdinschrijving_mbo" in names else frame

    patch.setattr(RecordStream, "frames", frames)


def writer(zone: str, name: str) -> Break:
    """One row of a table isn't written."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        real = Vault.write_table

        def write_table(self: Vault, scope: str, where: Any, what: str, frame: pl.LazyFrame) -> Copy:
            lost = (where, what) == (zone, name)
            return real(self, scope, where, what, frame.collect().head(-1).lazy() if lost else frame)

        patch.setattr(Vault, "write_table", write_table)

    return broken


def rules(patch: pytest.MonkeyPatch) -> None:
    """The rules look at all rows but one."""
    real = verdict.validate_file
    patch.setattr(verdict, "validate_file", lambda frame, *args: real(frame.filter(pl.col("_row") != 7), *args))


def filtered(patch: pytest.MonkeyPatch) -> None:
    """The mart's formula passes a row by that counts."""
    main = pl.col("hoofdinschrijving_mbo") & (pl.col("peildatum").dt.month() == 10)

    def loses(frames: Mapping[FileKind, pl.LazyFrame]) -> pl.LazyFrame:
        fewer = frames["inschrijvingen"].filter(~(main & (main.cum_sum() == 1)))
        return studentaantallen.studentaantallen({**frames, "inschrijvingen": fewer})

    changed = replace(studentaantallen.MART, table=loses)
    patch.setattr(build, "MARTS", (changed, *build.MARTS[1:]))


def scanned(patch: pytest.MonkeyPatch) -> None:
    """The mart is given one row less than was stored: one that doesn't count, so that no total shows it."""
    real = Vault.scan_table

    @contextmanager
    def scan_table(self: Vault, copy_id: str) -> Iterator[pl.LazyFrame]:
        with real(self, copy_id) as frame:
            yield frame.filter(pl.int_range(pl.len()) != 0) if "peildatum" in frame.collect_schema() else frame

    def build_it(system: Any, key: DeliveryKey) -> Any:
        with pytest.MonkeyPatch.context() as within:
            within.setattr(Vault, "scan_table", scan_table)
            return built(system, key)

    built = build.build_marts
    patch.setattr("tests.support.pipeline.build_marts", build_it)


def inserted(patch: pytest.MonkeyPatch) -> None:
    """A row doesn't come to stand in the mart database."""
    real = contents.create_coded
    name = studentaantallen.MART.name

    def create(connection: Any, table: str, frame: pl.DataFrame, **more: Any) -> None:
        real(connection, table, frame.head(-1) if table == name else frame, **more)

    patch.setattr(contents, "create_coded", create)


def saved(sql: str) -> Break:
    """What is saved isn't what was built."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        real = database._save

        def save(connection: Any, file: Any) -> None:
            real(connection, file)
            connection.execute(f"attach '{file}' as g")
            connection.execute(sql)
            connection.execute("detach g")

        patch.setattr(database, "_save", save)

    return broken


LOST: Mapping[str, tuple[Break, str, str]] = {
    "reader": (reader, "ROD-PARSE-02", "rows of inschrijvingen were read"),
    "rules": (rules, "ROD-QUALITY-13", "were judged"),
    "typed table": (writer("validated", "doorstroom"), "ROD-STORING-02", "rows of doorstroom"),
    "mart's input": (scanned, "ROD-MART-06", "but studentaantallen read"),
    "mart's table": (writer("marts", "studentaantallen"), "ROD-MART-06", "were built but"),
    "database": (inserted, "ROD-MART-06", "the mart database holds other rows"),
    "saved figures": (
        saved("update g.opslag.studentaantallen set studenten = studenten - 1 where rowid = 0"),
        "ROD-MART-06",
        "the mart database",
    ),
}
ALIKE: Mapping[str, tuple[Break, str, str]] = {
    "lossless table": (writer("parsed", "diplomas"), "ROD-PARSE-02", "rows of diplomas were read"),
    "mart's formula": (filtered, "ROD-MART-06", "studentaantallen adds up to"),
    "saved rows": (
        saved("delete from g.opslag.studentaantallen where rowid = 0"),
        "ROD-MART-06",
        "the mart database",
    ),
    "deliveries": (saved("delete from g.leveringen"), "ROD-MART-06", "rows of 0 deliveries"),
}
"""Found as one of those is; in a soak alone."""


@pytest.mark.parametrize(("broken", "code", "said"), [*LOST.values(), *in_soak(ALIKE.values())], ids=[*LOST, *ALIKE])
def test_one_row_lost_stops_the_delivery_by_name(
    workshop: Bench, good: bytes, monkeypatch: pytest.MonkeyPatch, broken: Break, code: str, said: str
) -> None:
    key = f"2025-12-r{next(_REVISIONS)}"
    workshop.announce(key, good)
    with monkeypatch.context() as patch:
        broken(patch)
        told = workshop.walk(key)
    assert [one for one in told if one.startswith(f"[{code}]") and said in one], told
    assert workshop.walk(key) == [], "nothing of it stays behind"
    assert discrepancies(workshop) == []


def test_the_chain_of_a_delivery_is_told_from_the_ledger(workshop: Bench) -> None:
    with workshop.system() as system:
        state, intake = system.ledger.state(), system.intake(DeliveryKey.parse("2025-12"))
        steps = chain(state, intake)
    assert all(step.agrees and step.rows is not None for step in steps)
    rows = {step.step: step.rows for step in steps if step.what == "studentaantallen"}
    left_out = [amount for step, amount in rows.items() if step.startswith("left out")]
    assert len(left_out) == 4
    assert rows["rows of inschrijvingen read"] == rows["counted"] + sum(left_out) == intake.rows["inschrijvingen"]
    assert {step.what for step in steps} == {*intake.parsed, *(mart.name for mart in MARTS), "mart database"}
    for mart in MARTS:
        told = {step.step: step.rows for step in steps if step.what == mart.name}
        left = sum(told[f"left out: {reason.replace('_', ' ')}"] or 0 for reason in mart.left_out)
        assert told[f"rows of {mart.file} read"] == (told["counted"] or 0) + left == intake.rows[mart.file]


def test_a_chain_that_breaks_says_where(workshop: Bench) -> None:
    """Whatever wrote it: the numbers in the ledger are held against each other once more."""
    with workshop.system() as system:
        state, intake = system.ledger.state(), system.intake(DeliveryKey.parse("2025-12"))
    fewer = replace(intake, rows={**intake.rows, "diplomas": intake.rows["diplomas"] - 1})
    assert [(step.what, step.step) for step in chain(state, fewer) if not step.agrees] == [
        ("diplomas", "typed, stored, read back"),
        ("behaalde_diplomas", "rows of diplomas read"),
    ]
