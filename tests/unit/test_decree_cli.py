"""``rod decree``: what a program takes over, and what a person reads."""

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from rod_pipeline.cli.decree import app
from rod_pipeline.decree import load_decree


def output(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False, env={"COLUMNS": "120"})
    assert result.exit_code == 0
    return result.output


def output_bytes(*arguments: str) -> bytes:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout_bytes


def test_csv_is_rfc_4180_with_a_row_for_each_rubriek() -> None:
    raw = output_bytes("rubrieken", "--format", "csv")
    assert raw.count(b"\r\n") == raw.count(b"\n") == 95
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8"), newline=""), strict=True))
    assert [row["code"] for row in rows] == [rubriek.code for rubriek in load_decree().rubrieken]
    row = next(row for row in rows if row["code"] == "29.44.13")
    assert row["group"] == "4b"
    assert row["bro_article"] == "4.1, i | 4.1, j"
    assert row["basis"] == "Afgeleid van geboorteland en van geboorteland van elk van de ouders"
    assert row["duo_fields"] == "Herkomstland niveau 1 | Herkomst"


def test_json_says_the_same_as_csv() -> None:
    raw = output_bytes("rubrieken", "--format", "csv").decode("utf-8")
    assert json.loads(output("rubrieken", "--format", "json")) == list(csv.DictReader(io.StringIO(raw, newline="")))


def test_the_table_has_every_rubriek() -> None:
    text = output("rubrieken")
    assert all(rubriek.code in text for rubriek in load_decree().rubrieken)


def test_show_tells_what_binds() -> None:
    text = output("show")
    decree = load_decree()
    for said in (
        decree.reference,
        decree.processor.name,
        *(moment.key for moment in decree.moments),
        *(ambiguity.code for ambiguity in decree.ambiguities),
        "keep at most 7 years",
        "08.06.20",
        "94 rubrieken",
    ):
        assert said in text


@pytest.mark.parametrize("format", ["xml", ""])
def test_an_unknown_format_is_refused(format: str) -> None:
    assert CliRunner().invoke(app, ["rubrieken", "--format", format]).exit_code == 2
