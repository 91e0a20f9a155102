"""The table that validation is measured on: rows of synthetic deliveries, widened, multiplied, broken on purpose.

Belongs here: the contract of 116 columns, the rules for it, and the table as a lossless one of text in encrypted
Parquet. Does not belong here: measuring (``validation``), counting by hand (``validation_oracle``).

Columns stand beside each other as the files have them, row by row: skew, missing values, cardinalities and what goes
with what are those of a synthetic delivery. Nearly every rule is broken by some rows, seeded.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars.io.parquet import ParquetDecryptionProperties, ParquetEncryptionProperties
from polars.io.plugins import register_io_source

from expectations.derived import derived_from
from expectations.loader import written_for
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import Column, ColumnType, Contract, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.reader import read_table
from rod_pipeline.quality.suite import Expectation, Rule, Suite
from rod_pipeline.synthetic.population import DATA_FILES, Population, iter_file
from rod_pipeline.synthetic.writing import formatted, write

COLUMNS = 116
BLOCK = 100_000
SCALE = 0.15
FOOTER_KEY = bytes(32)
"""The tables of the pipeline are encrypted, so this one is; it holds nothing that needs it."""
_SOURCES: Sequence[FileKind] = ("inschrijvingen", "mbo_hbo", "doorstroom")
_DELIVERY = DeliveryKey.parse("2026-08")
_BAD: Mapping[ColumnType, Sequence[str]] = {
    ColumnType.DATE: ("31-02-2024", "2024-13-01", "onbekend", "00-05-2024", "00-00-2023", "01-01-1999"),
    ColumnType.INTEGER: ("x", "-5", "1,5", "9999"),
    ColumnType.DECIMAL: ("x", "-11,5", "1.5", "12,25"),
    ColumnType.BOOLEAN: ("ja", "0"),
    ColumnType.CODE: ("??", "99999", "é"),
    ColumnType.PSEUDONYM: ("ab", "een lange tekst met spaties"),
}
_DATES = ("datum_inschrijving", "periode", "datum_uitschrijving_gepland", "datum_uitschrijving_werkelijk")

_OF_A_PERSON = ("geslacht", "geboren_in_nederland")
"""What stays with a person: both rows of one have it from the first."""


def contract() -> Contract:
    """The columns of the largest files beside each other, as many as are wanted; headers play no part here."""
    book, columns = ContractBook.load(), dict[str, Column]()
    for file in _SOURCES:
        columns |= {one.name: one for one in book.get(file).columns if one.name not in columns}
    chosen = [one.model_copy(update={"header": one.name}) for one in columns.values()][:COLUMNS]
    return book.get("inschrijvingen").model_copy(update={"columns": tuple(chosen), "key": _key(book)})


def _key(book: ContractBook) -> tuple[str, ...]:
    return book.get("inschrijvingen").key


def write_table(path: Path, rows: int, base: pl.DataFrame) -> None:
    """``rows`` rows drawn from ``base``, in bounded memory; the same for the same arguments."""
    of = contract()
    names = [column.name for column in of.columns]
    schema: dict[str, Any] = {"_row": pl.Int64} | dict.fromkeys(names, pl.String)

    def blocks(columns: list[str] | None, *_: object) -> Iterator[pl.DataFrame]:
        for start in range(0, rows, BLOCK):
            yield _block(base, of, start, min(BLOCK, rows - start)).select(columns or list(schema))

    register_io_source(blocks, schema=schema).sink_parquet(
        path, encryption=ParquetEncryptionProperties(footer_key=FOOTER_KEY)
    )


def write_delivery_tables(folder: Path, scale: float) -> None:
    """The four files with rows of a whole delivery, each as its lossless table: what the pipeline makes of its CSV."""
    book, population = ContractBook.load(), Population(1, scale)
    for file in DATA_FILES:
        of = book.get(file)
        source = _Stream(write(iter_file(file, _DELIVERY, population, book), of))
        read_table(io.BufferedReader(source, 2**20), of).frame.sink_parquet(
            folder / f"{file}.parquet", encryption=ParquetEncryptionProperties(footer_key=FOOTER_KEY)
        )


class _Stream(io.RawIOBase):
    """Pieces of bytes as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._left = self._left or next(self._pieces, b"")
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


def scan(path: Path) -> pl.LazyFrame:
    """The table as the vault hands out its own."""
    return pl.scan_parquet(path, decryption=ParquetDecryptionProperties(footer_key=FOOTER_KEY))


def base_rows() -> pl.DataFrame:
    """What the table is drawn from: a small synthetic delivery as text, its files glued side by side."""
    book, parts = ContractBook.load(), dict[str, pl.Series]()
    height = 0
    for file in _SOURCES:
        frame = pl.concat(iter_file(file, _DELIVERY, Population(1, SCALE), book))
        height = height or frame.height
        text = formatted(frame, book.get(file).dialect)[np.arange(height) % frame.height]
        parts |= {name: text[name] for name in text.columns if name not in parts}
    names = [column.name for column in contract().columns]
    return pl.DataFrame({name: parts[name] for name in names})


def _block(base: pl.DataFrame, of: Contract, start: int, height: int) -> pl.DataFrame:
    random = np.random.default_rng([start, 20])
    drawn = base[random.integers(0, base.height, height)]
    numbers = pl.int_range(start, start + height, dtype=pl.UInt64, eager=True)
    # Two rows to a person; an odd factor keeps them apart.
    persons = ((numbers // 2) * 0x9E3779B1) % 2**40
    columns: list[pl.Series] = [(numbers + 1).cast(pl.Int64).alias("_row")]
    for column in of.columns:
        values = drawn[column.name]
        if column.name in _OF_A_PERSON:
            values = values[np.arange(height) // 2 * 2]
        if column.type is ColumnType.PSEUDONYM:
            values = persons.cast(pl.String).str.zfill(13).alias(column.name)
        bad: list[str | None] = [*_BAD[column.type], None]
        spoilt = np.unique(random.integers(0, height, 3 * len(bad)))
        columns.append(values.scatter(spoilt, (bad * 3)[: len(spoilt)]))
    block = pl.DataFrame(columns)
    # Some rows twice.
    again = np.arange(height)
    again[:10] = random.integers(0, height, len(again[:10]))
    return block[again].with_columns(block["_row"])


def suite(base: pl.DataFrame) -> Suite:
    """What the contract implies, what was written for enrolments, and as much again of every type that suites use."""
    of, book = contract(), ContractBook.load()
    derived = list(derived_from(of, book.value_list))
    taken = {(one.type, one.kwargs.get("column")) for one in derived}
    more = [one for one in _more(of, base) if (one[0], one[1].get("column")) not in taken or "row_condition" in one[1]]
    own = [_expectation(f"bench.{at:03}", kind, kwargs) for at, (kind, kwargs) in enumerate(more)]
    return Suite(name="bench", expectations=(*derived, *written_for("inschrijvingen"), *own))


def _more(of: Contract, base: pl.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    for column in of.columns:
        yield "expect_column_values_to_not_be_null", {"column": column.name}
        if column.type is ColumnType.CODE:
            known = base[column.name].drop_nulls().unique().sort().to_list()
            yield "expect_column_values_to_be_in_set", {"column": column.name, "value_set": known}
    for one, other in permutations(_DATES, 2):
        both = {"column_A": one, "column_B": other, "or_equal": True, "ignore_row_if": "either_value_is_missing"}
        yield "expect_column_pair_values_a_to_be_greater_than_b", both
    for name in ("reden_uitstroom", "leerroute_vorm", "hbo_jaar2_sector", "hbo_jaar3_sector", "niveau_jaar2"):
        for flag in ("hoofdinschrijving_mbo", "bekostigbaar", "techniek_inschrijving"):
            yield "expect_column_values_to_be_null", {"column": name, "row_condition": _is(flag, "N")}
            yield "expect_column_values_to_not_be_null", {"column": name, "row_condition": _is(flag, "J")}
    for name in ("instellingscode", "opleidingscode", "gemeentecode_student"):
        known = base[name].drop_nulls().unique().sort().to_list()
        valid = {text: [2000 + at % 25, 2010 + at % 25] for at, text in enumerate(known)}
        held = {"column": name, "year_column": "schooljaar", "valid": valid}
        yield "expect_column_values_valid_in_year", held
        yield "expect_column_values_to_not_be_in_set", {"column": name, "value_set": known[:20]}
    for one, other in (
        ("niveau", "leerweg"),
        ("leeftijdsgroep_1aug", "leeftijdsgroep_1okt"),
        ("opleidingscode", "niveau"),
    ):
        pairs = base.select(one, other).drop_nulls().unique().sort(one, other).rows()[::2]
        kwargs = {"column_A": one, "column_B": other, "ignore_row_if": "either_value_is_missing"}
        yield "expect_column_pair_values_to_go_together", {**kwargs, "value_pairs_set": [list(pair) for pair in pairs]}
        yield "expect_column_pair_values_to_be_equal", kwargs


def _is(column: str, value: str) -> dict[str, Any]:
    return {"type": "comparison", "column": {"name": column}, "operator": "==", "parameter": value}


def _expectation(rule: str, kind: str, kwargs: dict[str, Any]) -> Expectation:
    meta = Rule(
        id=rule,
        severity="warning",
        layer="value",
        cause="Nobody knows.",
        sentence=f"The rule {rule} of the benchmark holds.",
        zin=f"De regel {rule} van de meting klopt.",
        remedy="Nothing: it is broken on purpose.",
        source="benchmark",
    )
    return Expectation(type=kind, kwargs=kwargs, meta=meta)
