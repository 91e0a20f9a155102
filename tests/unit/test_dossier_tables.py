"""A table of a dossier as a file: no count under five, every column with its meaning."""

import csv
import io
import json
import re
from datetime import date, datetime, timedelta, timezone

import pytest

from rod_pipeline.audit.account import Account
from rod_pipeline.audit.dossier import BadRequest, Request, tables_of
from rod_pipeline.audit.tables import Column, Table, as_csv, as_json, dictionary
from rod_pipeline.decree import load_decree

COLUMNS = (
    Column("rijen", "floored", "Aantal rijen."),
    Column("op", "datetime", "Wanneer."),
    Column("namen", "string", "Namen."),
    Column("ja", "boolean", "Of."),
)
AT = datetime(2026, 8, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
TABLE = Table.of("t", "T", "Over t.", COLUMNS, [(n, AT, ("a", 'b"'), n % 2 == 0) for n in range(7)])


def test_a_number_of_persons_or_rows_under_five_is_not_told() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(TABLE).decode(), newline="")))
    assert [row["rijen"] for row in rows] == ["0", "<5", "<5", "<5", "<5", "5", "6"]
    assert [row["rijen"] for row in json.loads(as_json([TABLE]))["t"]] == [row["rijen"] for row in rows]
    assert rows[0] == {"rijen": "0", "op": "2026-07-31T23:30:00Z", "namen": 'a b"', "ja": "true"}


def test_the_dictionary_says_what_fits_in_a_column() -> None:
    (resource,) = json.loads(dictionary([TABLE], "tabellen"))["resources"]
    assert resource["path"] == "tabellen/t.csv"
    rows, *_ = fields = resource["schema"]["fields"]
    assert [field["type"] for field in fields] == ["string", "datetime", "string", "boolean"]
    for value, fits in (
        ("<5", True),
        ("0", True),
        ("5", True),
        ("12", True),
        ("<4", False),
        ("05", False),
        ("", False),
    ):
        assert bool(re.fullmatch(rows["constraints"]["pattern"], value)) is fits


def test_a_row_is_as_long_as_the_columns() -> None:
    with pytest.raises(ValueError, match="not as long"):
        Table.of("t", "T", "", COLUMNS, [(1, AT)])


def test_every_number_of_rows_in_a_dossier_has_a_floor() -> None:
    tables = tables_of(Account(), load_decree(), date(2026, 1, 1))
    assert len({table.name for table in tables}) == len(tables)
    of_rows = re.compile(r"rijen|voldoet_niet|getoetst|ten_hoogste")
    found = [(table.name, one) for table in tables for one in table.columns if of_rows.fullmatch(one.name)]
    # Rows of published tables are cells, not persons.
    assert {name for name, one in found if one.type != "floored"} == {"publicaties"}
    assert len(found) >= 6
    assert all(column.says.endswith(".") for table in tables for column in table.columns)


@pytest.mark.parametrize(
    ("reference", "at"), [("a letter", None), ("x" * 81, None), (None, "1 september"), ("", "2026-13-01")]
)
def test_what_is_typed_is_a_reference_and_a_day_or_nothing(reference: str | None, at: str | None) -> None:
    with pytest.raises(BadRequest):
        Request.of("auditor", "audit", reference, at)
    assert Request.of("auditor", "audit", "", "") == Request("auditor", "audit")
