"""The files of a release: one DuckDB database, and the same tables as Parquet and CSV.

Belongs here: writing them, each table and column described in Dutch. Does not belong here: what is in the tables
(``shape``), where the files rest (``release``).

The database is built in memory and stands for a moment in a folder in memory: not because it would be personal data,
but because nothing here ever touches a disk unsealed. The same tables give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl

from rod_pipeline.contracts.book import ContractBook
from rod_pipeline.publishing import shape
from rod_pipeline.publishing.cost import changes, coverage
from rod_pipeline.publishing.page import as_page
from rod_pipeline.publishing.proposal import Proposal
from rod_pipeline.publishing.revisions import FIGURES
from rod_pipeline.publishing.shape import SIGN, PublicTable
from rod_pipeline.publishing.words import words
from rod_pipeline.publishing.zipping import zipped
from rod_pipeline.store.scratch import memory_folder

DATABASE = "published.duckdb"
PARQUET = "parquet/"
ABOUT: Mapping[str, str] = {
    "tabellen": "De gepubliceerde tabellen: titel, omschrijving, aantal rijen en hoeveel daarvan zijn afgeschermd.",
    "gegevensboek": "Het gegevensboek: van elke kolom van elke tabel het label en de omschrijving.",
    "codes": "De labels van codes, per kolom.",
    "indelingen": "Welke opleidingen bij een bedrijfstakgroep horen en welke instellingen bij een regio, en in welke "
    "schooljaren; aangenomen (J) waar het een eigen aanname is.",
    "normen": "De norm voor voldoende per indicator en niveau (Inspectie van het Onderwijs, 31-05-2024), in procenten.",
    "afscherming": "Per tabel hoeveel rijen worden getoond en afgeschermd, en welk aandeel van de studenten in een "
    "getoond aantal zit (in procenten, berekend uit getoonde aantallen); welke tabellen er niet zijn, en waarom.",
    "gewijzigd": "Cijfers die in een eerdere uitgave stonden en nu zijn afgeschermd.",
    "leveringen": "Welke levering van DUO voor welk schooljaar spreekt, en of die voorlopig (V) of definitief (D) is.",
    "uitgave": "Deze uitgave: kenmerk, moment, versie van de regels voor afscherming en van de definities.",
}
"""The tables about the tables."""
_HIDDEN = ("aantal", "aantal_ja", "aantal_totaal", "percentage", *FIGURES)
_README = """\
GEPUBLICEERDE TABELLEN ROD BEROEPSONDERWIJS
===========================================

Uitgave {release}, {at} (UTC). Regels voor afscherming: versie {policy}; definities: versie {definition}.

Deze tabellen bevatten geen persoonsgegevens. Kleine aantallen, en andere aantallen waaruit die zouden volgen, zijn
afgeschermd: in csv staat daar {sign}, in Parquet en DuckDB is het aantal leeg en staat afgeschermd op waar. Het teken
is voor alle redenen hetzelfde. Wat een tabel of kolom betekent, staat in gegevensboek.csv en in de database zelf.

{tables}

Hoeveel daarvan is afgeschermd, welke tabellen niet worden aangeboden en waarom: afscherming.html.

De csv-bestanden zijn UTF-8, met een puntkomma tussen de kolommen en een komma in getallen.
"""


@dataclass(frozen=True)
class Release:
    """What a release is, apart from its tables."""

    release: str
    at: datetime
    policy: str
    definition: int
    audited: str


def about_tables(
    tables: tuple[PublicTable, ...], proposal: Proposal, release: Release, book: ContractBook
) -> Mapping[str, pl.DataFrame]:
    """The tables about the tables, by the names of ``ABOUT``."""
    return {
        "tabellen": shape.catalogue(tables),
        "gegevensboek": shape.dictionary(tables),
        "codes": shape.codes(book, tables, proposal.groups),
        "indelingen": proposal.groups,
        "normen": shape.norms(),
        "afscherming": coverage(proposal),
        "gewijzigd": changes(proposal),
        "leveringen": proposal.speaks.select("schooljaar", "status", "levering").unique().sort(pl.all()),
        "uitgave": pl.DataFrame(
            {
                "uitgave": [release.release],
                "gepubliceerd_op": [release.at.replace(tzinfo=None)],
                "regels": [release.policy],
                "definitie": [release.definition],
                "gecontroleerd": [release.audited],
                "teken": [SIGN],
            }
        ),
    }


def database(tables: tuple[PublicTable, ...], about: Mapping[str, pl.DataFrame]) -> bytes:
    """The release as one DuckDB file."""
    with duckdb.connect(":memory:", config={"temp_directory": "", "threads": 1}) as connection:
        for table in tables:
            _create(connection, table.name, table.frame, table.about)
            for column in table.frame.columns:
                word = words().column(column)
                text = _quoted(f"{word.label}: {word.about}")
                connection.execute(f'comment on column "{table.name}"."{column}" is \'{text}\'')
        for name, frame in about.items():
            _create(connection, name, frame, ABOUT[name])
        with memory_folder() as folder:
            return _saved(connection, folder / DATABASE)


def open_files(
    tables: tuple[PublicTable, ...], about: Mapping[str, pl.DataFrame], release: Release
) -> Iterator[tuple[str, bytes]]:
    """The release as files: name and content of each."""
    listed = "\n".join(f"- {table.name}: {table.title}" for table in tables)
    text = _README.format(
        release=release.release,
        at=f"{release.at:%d-%m-%Y %H:%M}",
        policy=release.policy,
        definition=release.definition,
        sign=SIGN,
        tables=listed,
    )
    yield "LEESMIJ.txt", text.encode()
    yield "afscherming.html", as_page(about["afscherming"], about["gewijzigd"], release.release, release.at)
    for name, frame in about.items():
        yield f"{name}.csv", as_csv(frame)
    for table in tables:
        yield f"csv/{table.name}.csv", as_csv(table.frame)
    for name, frame in (*about.items(), *((table.name, table.frame) for table in tables)):
        whole = io.BytesIO()
        frame.write_parquet(whole)
        yield f"{PARQUET}{name}.parquet", whole.getvalue()


def zipped_files(tables: tuple[PublicTable, ...], about: Mapping[str, pl.DataFrame], release: Release) -> bytes:
    """The files of ``open_files`` in one zip."""
    return zipped(open_files(tables, about, release))


def as_csv(frame: pl.DataFrame) -> bytes:
    """A table as CSV for Dutch readers: semicolons, decimal commas, J and N, and one sign where a count is hidden.

    A text that a spreadsheet would take for a formula gets an apostrophe in front (CWE-1236).
    """
    frame = frame.with_columns(
        pl.when(pl.col(name).str.contains(r"^[=+@\t\r-]")).then(pl.format("'{}", name)).otherwise(name).alias(name)
        for name, dtype in frame.schema.items()
        if dtype == pl.String
    )
    if "afgeschermd" in frame.columns and frame.schema["afgeschermd"] == pl.Boolean:
        figures = [name for name in _HIDDEN if name in frame.columns]
        frame = frame.with_columns(
            pl.when("afgeschermd").then(pl.lit(SIGN)).otherwise(_dutch(name, frame.schema[name])).alias(name)
            for name in figures
        )
    frame = frame.with_columns(
        pl.when(pl.col(name)).then(pl.lit("J")).when(pl.col(name).not_()).then(pl.lit("N")).alias(name)
        for name, dtype in frame.schema.items()
        if dtype == pl.Boolean
    )
    return frame.write_csv(separator=";", line_terminator="\r\n", decimal_comma=True).encode()


def _dutch(name: str, dtype: pl.DataType) -> pl.Expr:
    text = pl.col(name).cast(pl.String)
    return text.str.replace(".", ",", literal=True) if dtype.is_float() else text


class _Rows:
    """A frame as DuckDB takes it without pyarrow."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def _create(connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame, about: str) -> None:
    connection.register("incoming", _Rows(frame))
    connection.execute(f'create table "{name}" as select * from incoming')
    connection.unregister("incoming")
    connection.execute(f"comment on table \"{name}\" is '{_quoted(about)}'")


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _saved(connection: duckdb.DuckDBPyConnection, file: Path) -> bytes:
    # Where a value is null, bitpacking writes whatever lay in that memory before: figures of something else. Without
    # compression a null is written as one fixed value.
    connection.execute("set force_compression = 'uncompressed'")
    connection.execute(f"attach '{file}' as release")
    connection.execute("copy from database memory to release")
    connection.execute("checkpoint release")
    connection.execute("detach release")
    return file.read_bytes()
