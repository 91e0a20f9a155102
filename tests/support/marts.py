"""Careers in a few lines: rows of files with the columns that a test cares about, as the frames that marts read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import polars as pl

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import ColumnType, FileKind
from rod_pipeline.decree import load_decree
from rod_pipeline.marts import contents
from rod_pipeline.marts.declared import ACROSS, MARTS
from rod_pipeline.marts.definition import Mart
from tests.support.synthetic import LATER

Row = Mapping[str, Any]
Files = Mapping[FileKind, Sequence[Row]]
_TYPES: Mapping[ColumnType, type[pl.DataType]] = {
    ColumnType.BOOLEAN: pl.Boolean,
    ColumnType.INTEGER: pl.Int64,
    ColumnType.DECIMAL: pl.Float64,
    ColumnType.DATE: pl.Date,
}
FILES: tuple[FileKind, ...] = ("inschrijvingen", "diplomas", "doorstroom", "mbo_hbo")


@lru_cache
def _schema(file: FileKind) -> dict[str, type[pl.DataType]]:
    return {column.name: _TYPES.get(column.type, pl.String) for column in ContractBook.load().get(file).columns}


def frame(file: FileKind, rows: Iterable[Row]) -> pl.DataFrame:
    """Rows of a file as its validated table: every column of the contract, null where a row doesn't say."""
    schema = _schema(file)
    rows = list(rows)
    assert all(set(row) <= set(schema) for row in rows), "a column that the contract doesn't have"
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def frames(files: Files) -> dict[FileKind, pl.LazyFrame]:
    """All files as marts read them; a file that isn't given has no rows."""
    return {file: frame(file, files.get(file, ())).lazy() for file in FILES}


def mart(name: str) -> Mart:
    (found,) = (one for one in (*MARTS, *ACROSS) if one.name == name)
    return found


def table(name: str, files: Files) -> pl.DataFrame:
    """A mart's table, once its account agrees: every row read counts or is left out, and the totals add up."""
    one, read = mart(name), frames(files)
    made = one.table(read).collect()
    seen, totals = (part.collect().row(0, named=True) for part in one.accounts(read[one.file]))
    assert seen["read"] == len(files.get(one.file, ()))
    assert {name: int(made[name].sum()) for name in totals} == {name: int(total or 0) for name, total in totals.items()}
    return made


def cells(made: pl.DataFrame, *by: str, number: str) -> dict[Any, int]:
    """A number per combination of ``by`` that has any."""
    summed = made.group_by(by).agg(pl.col(number).sum()).filter(pl.col(number) > 0)
    return {row[0] if len(by) == 1 else row[:-1]: row[-1] for row in summed.rows()}


def total(made: pl.DataFrame, number: str, **where: object) -> int:
    """A number over the rows where columns have these values."""
    return int(made.filter(**where)[number].sum()) if where else int(made[number].sum())


def main(student: str, year: int, institution: str = "01AA", **values: Any) -> dict[str, Any]:
    """A main enrolment on 1 October ``year``, as inschrijvingen has it."""
    return {
        "sectornummer": student,
        "schooljaar": f"{year}-{year + 1}",
        "status": "D",
        "peildatum": date(year, 10, 1),
        "instellingscode": institution,
        "hoofdinschrijving_instelling": True,
        "hoofdinschrijving_mbo": True,
        **programme("25001", "MBO-4", "opleidingscode", "sectorkamer"),
        "leerweg": "BOL",
        **values,
    }


def year_of(student: str, year: int, institution: str = "01AA", letter: str = "D", **values: Any) -> dict[str, Any]:
    """A student's row of school year ``year``, as doorstroom has it."""
    return {
        "sectornummer": student,
        "schooljaar": f"{year}-{year + 1}",
        "status": "D",
        "instellingscode": institution,
        "in_door_uitstroom": letter,
        **programme("25001", "MBO-4"),
        "leerweg": "BOL",
        "heeft_diploma": False,
        **values,
    }


def programme(
    crebo: str, level: str, code: str = "kwalificatiecode_inschrijving", sector: str = "sector_inschrijving"
) -> dict[str, str]:
    """A programme in a made-up country: ``25abc`` has HG a, SG ab, BC abc's tens; sectorkamer 01."""
    return {
        code: crebo,
        "niveau": level,
        "code_bc": f"bc{crebo[1:4]}",
        "code_sg": f"sg{crebo[1:3]}0",
        "code_hg": f"hg{crebo[1:2]}00",
        sector: "01",
    }


def diploma(student: str, year: int, institution: str = "01AA", **values: Any) -> dict[str, Any]:
    """A main diploma of school year ``year``."""
    return {
        "sectornummer": student,
        "schooljaar": f"{year}-{year + 1}",
        "status": "D",
        "instellingscode": institution,
        "opleidingscode": "25001",
        "niveau_diploma": "MBO-4",
        "sectorkamer_diploma": "01",
        "soort_diploma_mbo_studiejaar": "01",
        "hoofddiploma": True,
        **values,
    }


def leaver(student: str, year: int, **values: Any) -> dict[str, Any]:
    """A leaver with a level-4 diploma, as mbo_hbo has it."""
    return {
        "sectornummer": student,
        "schooljaar": f"{year}-{year + 1}",
        "mbo_uitstroom_schooljaar": f"{year}-{year + 1}",
        "status": "D",
        "instellingscode": "01AA",
        "mbo_hoogste_diploma_niveau": "MBO-4",
        "mbo_hoogste_diploma_opleiding_code": "25001",
        "mbo_opleiding_sector": "01",
        "leerweg": "BOL",
        **values,
    }


class _Shelf:
    """What ``contents`` asks of an installation: tables by the id of their copy, the decree, a clock."""

    def __init__(self) -> None:
        self.tables: dict[str, pl.DataFrame] = {}
        self.vault, self.decree, self.clock = self, load_decree(), LATER
        self.settings = SimpleNamespace(groupings=None)

    @contextmanager
    def scan_table(self, copy_id: str) -> Iterator[pl.LazyFrame]:
        yield self.tables[copy_id].lazy()


@contextmanager
def database(deliveries: Mapping[str, Files]) -> Iterator[duckdb.DuckDBPyConnection]:
    """What the mart database holds of these deliveries: key to files; a later key was provided later."""
    shelf, known = _Shelf(), []
    for number, (key, files) in enumerate(deliveries.items()):
        read = frames(files)
        shelf.tables |= {f"{key}/{file}": read[file].collect() for file in FILES}
        shelf.tables |= {f"{key}/{one.name}": one.table(read).collect() for one in MARTS}
        built = {one.name: SimpleNamespace(copy_id=f"{key}/{one.name}", waivers=()) for one in MARTS}
        known.append(
            SimpleNamespace(
                key=key,
                moment=datetime(2025, 12, 1 + number, tzinfo=UTC),
                tables={file: f"{key}/{file}" for file in FILES},
                marts=built,
            )
        )
    state = SimpleNamespace(waivers={})
    with duckdb.connect(":memory:") as connection:
        contents.fill(cast(Any, shelf), connection, cast(Any, state), cast(Any, known))
        yield connection


def asked(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()
