"""A table of a dossier, and how it is written: CSV (RFC 4180), JSON, and a data dictionary for both.

Belongs here: the form of a table and of its dictionary. Does not belong here: what stands in one (``deliveries``,
``oversight``).

The dictionary is a Frictionless Data Package (``datapackage.json``, https://specs.frictionlessdata.io/): every column
with its type and meaning. A number of persons or rows under five is written ``<5``: it is personal data by the decree,
so such a column is of text.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import rfc8785

Type = Literal["string", "integer", "datetime", "date", "boolean", "floored"]
Value = str | int | bool | datetime | date | tuple[str, ...] | None
FLOOR = 5


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its type, and what it means (Dutch). ``floored``: a number, ``<5`` where it is under five."""

    name: str
    type: Type
    says: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table: ``name`` is that of its file, ``title`` and ``says`` are for people (Dutch)."""

    name: str
    title: str
    says: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]

    @classmethod
    def of(
        cls, name: str, title: str, says: str, columns: Sequence[Column], rows: Iterable[Sequence[Value]]
    ) -> "Table":
        """A table of ``rows``, each as long as ``columns``; raises ``ValueError`` for one that isn't."""
        made = tuple(tuple(row) for row in rows)
        if any(len(row) != len(columns) for row in made):
            raise ValueError(f"a row of {name} is not as long as its columns")
        return cls(name, title, says, tuple(columns), made)

    def shown(self) -> list[list[str | int | bool | None]]:
        """The rows as they are written."""
        return [[_shown(column, value) for column, value in zip(self.columns, row, strict=True)] for row in self.rows]


def as_csv(table: Table) -> bytes:
    """The table as CSV in UTF-8 with a header; an empty field is a missing value."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([column.name for column in table.columns])
    for row in table.shown():
        writer.writerow(["" if v is None else str(v).lower() if isinstance(v, bool) else v for v in row])
    return out.getvalue().encode("utf-8")


def as_json(tables: Iterable[Table]) -> bytes:
    """All tables as one canonical JSON object: a list of records under the name of each."""
    return rfc8785.dumps(
        {
            table.name: [
                dict(zip((column.name for column in table.columns), row, strict=True)) for row in table.shown()
            ]
            for table in tables
        }
    )


def dictionary(tables: Iterable[Table], folder: str) -> bytes:
    """The data dictionary of the CSV files in ``folder``."""
    return rfc8785.dumps(
        {
            "profile": "tabular-data-package",
            "name": "rod-dossier",
            "title": "Gegevenswoordenboek van het auditdossier",
            "resources": [_resource(table, folder) for table in tables],
        }
    )


def _resource(table: Table, folder: str) -> dict[str, Any]:
    return {
        "profile": "tabular-data-resource",
        "name": table.name,
        "path": f"{folder}/{table.name}.csv",
        "title": table.title,
        "description": table.says,
        "format": "csv",
        "encoding": "utf-8",
        "schema": {"fields": [_field(column) for column in table.columns], "missingValues": [""]},
    }


def _field(column: Column) -> dict[str, Any]:
    if column.type == "floored":
        return {
            "name": column.name,
            "type": "string",
            "description": f"{column.says} Onder de vijf staat er <5.",
            "constraints": {"pattern": "<5|0|[1-9][0-9]*"},
        }
    return {"name": column.name, "type": column.type, "description": column.says}


def _shown(column: Column, value: Value) -> str | int | bool | None:
    if value is None:
        return None
    if column.type == "floored":
        assert isinstance(value, int)
        return f"<{FLOOR}" if 0 < value < FLOOR else str(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return " ".join(value)
    return value
