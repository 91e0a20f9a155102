"""Tables of codes in a DuckDB database: kept as numbers, read as text.

Belongs here: how such a table is stored. Does not belong here: what stands in it (``contents``).

A mart repeats a few thousand codes in millions of rows. A generation is written without compression (``database``), is
built in memory and opened from memory, so what a code takes is what everybody waits and pays for: as a DuckDB ENUM it
is one byte or two where a text is nine on disk and sixteen in memory. But an ENUM shows its whole list of codes as its
type. So the table stands in the schema ``opslag``, and whoever asks reads a view of the same name with plain text.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STORED = "opslag"
_TEXT = (pl.String, pl.Categorical)


class _Rows:
    """A frame as DuckDB takes it without pyarrow: a thing that streams Arrow data (a polars frame itself won't do)."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__()


def create(connection: DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    """Make a table of ``frame``, with its rows, as it is."""
    connection.register("incoming", _Rows(frame))
    connection.execute(f"create table {table} as select * from incoming")
    connection.unregister("incoming")


def create_coded(connection: DuckDBPyConnection, name: str, frame: pl.DataFrame, text: Collection[str] = ()) -> None:
    """Make ``opslag.<name>`` of ``frame``, its texts as codes but for the columns ``text``; see ``show``.

    Codes sort as their texts do.
    """
    texts = [name for name, kind in frame.schema.items() if name not in text and kind in _TEXT]
    listed = frame.select(pl.col(name).unique().cast(pl.String).drop_nulls().sort().implode() for name in texts)
    codes = listed.row(0, named=True) if texts else {}
    columns = (_stored(column, codes.get(column)) for column in frame.columns)
    connection.execute(f"create schema if not exists {STORED}")
    connection.register("incoming", _Rows(frame))
    connection.execute(f"create table {STORED}.{name} as select {', '.join(columns)} from incoming")
    connection.unregister("incoming")


def show(connection: DuckDBPyConnection, name: str) -> None:
    """Make the view ``name`` on ``opslag.<name>``: its columns, codes as plain text."""
    # Not duckdb_columns(): that goes through the whole catalogue.
    found = connection.execute(f"select column_name, column_type from (describe {STORED}.{name})").fetchall()
    columns = (f"{column}::varchar as {column}" if kind.startswith("ENUM") else column for column, kind in found)
    connection.execute(f"create view {name} as select {', '.join(columns)} from {STORED}.{name}")


def _stored(name: str, codes: list[str] | None) -> str:
    if not codes:
        return name
    listed = ", ".join("'{}'".format(code.replace("'", "''")) for code in codes)
    return f"{name}::enum({listed}) as {name}"
