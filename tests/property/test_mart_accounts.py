"""Each row that a mart reads is counted or left out for one reason, whatever is missing in it."""

from datetime import date

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import ColumnType
from rod_pipeline.marts import database
from rod_pipeline.marts import studentaantallen as counts

_BY = ContractBook.load().get(counts.SOURCE_FILE)
_USED = sorted({name for column in counts.COLUMNS for name in column.sources})
_TYPES = {
    name: {ColumnType.DATE: pl.Date, ColumnType.BOOLEAN: pl.Boolean}.get(_BY.column(name).type, pl.String)
    for name in _USED
}
_VALUES = {
    "peildatum": st.sampled_from([None, date(2025, 10, 1), date(2024, 10, 1), date(2025, 10, 2), date(2025, 12, 31)]),
    "schooljaar": st.sampled_from([None, "", "2024-2025", "2025-2026", "onbekend"]),
    "status": st.sampled_from([None, "V", "D"]),
    "leerweg": st.sampled_from([None, "BOL"]),
    "hoofdinschrijving_mbo": st.sampled_from([None, True, False]),
    "hoofdinschrijving_instelling": st.sampled_from([None, True, False]),
}
_ROWS = st.lists(st.fixed_dictionaries(_VALUES), max_size=30)


def table(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in _USED} for row in rows], schema=_TYPES)


@settings(max_examples=200, deadline=None)
@given(_ROWS)
def test_every_row_is_accounted_for(rows: list[dict[str, object]]) -> None:
    frame = table(rows)
    account = counts.accounts(frame.lazy()).collect().row(0, named=True)
    left_out = {
        "no_peildatum": lambda row: row["peildatum"] is None,
        "other_peildatum": lambda row: (row["peildatum"].month, row["peildatum"].day) != (10, 1),
        "main_enrolment_not_told": lambda row: True not in flags(row) and None in flags(row),
        "no_main_enrolment": lambda row: flags(row) == (False, False),
    }
    expected = dict.fromkeys(left_out, 0)
    counted = []
    for row in rows:
        reason = next((name for name, holds in left_out.items() if holds(row)), None)
        if reason is None:
            counted.append(row)
        else:
            expected[reason] += 1
    assert {name: account[name] for name in left_out} == expected
    assert account["read"] == len(rows) == len(counted) + sum(expected.values())
    made = counts.studentaantallen(frame.lazy()).collect()
    for total, flag in counts.TOTALS.items():
        assert made[total].sum() == account[total] == sum(row[flag] is True for row in counted)


def flags(row: dict[str, object]) -> tuple[object, object]:
    return row["hoofdinschrijving_mbo"], row["hoofdinschrijving_instelling"]


@settings(max_examples=50, deadline=None)
@given(_ROWS, _ROWS)
def test_no_school_year_gets_lost_on_the_way_to_the_figures_in_force(
    first: list[dict[str, object]], second: list[dict[str, object]]
) -> None:
    """Not an unknown one either, nor one of which no status is known."""
    with duckdb.connect(":memory:") as connection:
        tables = [
            counts.studentaantallen(table(rows).lazy()).collect().select(pl.lit(key).alias("levering"), pl.all())
            for key, rows in (("2025-12", first), ("2026-08", second))
        ]
        database._create(connection, counts.NAME, pl.concat(tables))
        moments = [("2025-12", date(2025, 12, 16)), ("2026-08", date(2026, 8, 24))]
        database._create(connection, "leveringen", pl.DataFrame(moments, schema=["levering", "moment"], orient="row"))
        connection.execute(database.ACTUEEL)
        assert connection.execute(database._NOT_IN_FORCE).fetchone() == (0,)
        years = {year for made in tables for year in made["schooljaar"]}
        assert {
            year for (year,) in connection.execute("select schooljaar from studentaantallen_actueel").fetchall()
        } == years
