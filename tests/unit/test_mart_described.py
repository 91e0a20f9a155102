"""What the UI shows of marts: formula, source, purpose, who speaks; and no count that is small."""

from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from assets.marts import database
from rod_pipeline.marts.across import VIEWS
from rod_pipeline.marts.declared import ACROSS, MARTS
from rod_pipeline.marts.definition import Mart
from rod_pipeline.marts.in_force import RULE
from rod_pipeline.marts.oordelen import OORDELEN
from rod_pipeline.orchestration.describe_marts import SPEAKS, mart_spec, school_years


@pytest.mark.parametrize("mart", MARTS, ids=lambda mart: mart.name)
def test_each_mart_says_how_whence_what_for_and_who_speaks(mart: Mart) -> None:
    spec = mart_spec(mart)
    assert {spec.metadata["formula"], spec.metadata["source"]} == {mart.formula, mart.source}
    assert RULE in spec.metadata[SPEAKS]
    assert spec.metadata["purpose (voorschrift 3a)"] == "onderzoek, verantwoording"
    assert set(spec.tags) >= {"rod/purpose-onderzoek", "rod/purpose-verantwoording"}
    assert mart.formula in (spec.description or "") and "Purpose: onderzoek" in (spec.description or "")
    assert all(column.description and column.sources for column in mart.columns)


def test_the_database_says_it_of_all_that_is_over_deliveries() -> None:
    told = database.descriptions_by_key[database.key]
    for one in (*ACROSS, *VIEWS, OORDELEN):
        assert f"**{one.name}**" in told and one.formula in told and one.source in told


def test_a_school_year_of_few_students_shows_no_number() -> None:
    mart = MARTS[0]
    rows = [("2023-2024", "D", 49), ("2024-2025", "D", 30), ("2024-2025", "D", 20), (None, "V", 4)]
    table = pl.DataFrame(rows, schema=["schooljaar", "status", "studenten"], orient="row")
    told = school_years(cast(Any, SimpleNamespace(mart=mart, table=table))).value
    assert str(told).splitlines()[2:] == [
        "| not told | V | under 50 |",
        "| 2023-2024 | D | under 50 |",
        "| 2024-2025 | D | 50 |",
    ]
