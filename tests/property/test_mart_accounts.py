"""Each row that a mart reads is counted or left out for one reason, whatever is missing in it."""

from datetime import UTC, date, datetime

import duckdb
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import ColumnType
from rod_pipeline.marts import coded, contents, in_force
from rod_pipeline.marts import studentaantallen as counts
from tests.support.soak import examples

_MART = counts.MART
_BY = ContractBook.load().get(_MART.file)
_USED = sorted(_MART.uses[_MART.file])
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


@examples(50, soak=2000)
@given(_ROWS)
def test_every_row_is_accounted_for(rows: list[dict[str, object]]) -> None:
    frame = table(rows)
    seen, totals = (part.collect().row(0, named=True) for part in _MART.accounts(frame.lazy()))
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
    assert {name: seen[name] for name in left_out} == expected
    assert seen["read"] == len(rows) == len(counted) + sum(expected.values())
    made = _MART.table({_MART.file: frame.lazy()}).collect()
    for total, flag in FLAGS.items():
        assert made[total].sum() == totals[total] == sum(row[flag] is True for row in counted)


FLAGS = {"studenten": "hoofdinschrijving_mbo", "studenten_instelling": "hoofdinschrijving_instelling"}


def flags(row: dict[str, object]) -> tuple[object, object]:
    return row["hoofdinschrijving_mbo"], row["hoofdinschrijving_instelling"]


@examples(15, soak=500)
@given(_ROWS, _ROWS)
def test_no_school_year_gets_lost_on_the_way_to_the_figures_in_force(
    first: list[dict[str, object]], second: list[dict[str, object]]
) -> None:
    """Not an unknown one either, nor one of which no status is known."""
    moments = {"2025-12": datetime(2025, 12, 16, tzinfo=UTC), "2026-08": datetime(2026, 8, 24, tzinfo=UTC)}
    with duckdb.connect(":memory:") as connection:
        tables = [
            _MART.table({_MART.file: table(rows).lazy()}).collect().select(pl.lit(key).alias("levering"), pl.all())
            for key, rows in zip(moments, (first, second), strict=True)
        ]
        coded.create(connection, _MART.name, pl.concat(tables))
        provided = pl.DataFrame(
            list(moments.items()), schema={"levering": pl.String, "moment": pl.Datetime("us", "UTC")}, orient="row"
        )
        editions = contents.editions_of(_MART.name, pl.concat(tables), provided)
        coded.create(connection, contents.EDITIONS, in_force.standing(editions))
        connection.execute(contents.actueel(_MART.name))
        assert connection.execute(contents.not_in_force(_MART.name)).fetchone() == (0,)
        found = connection.execute("select distinct schooljaar, levering, status from studentaantallen_actueel")
        spoken = found.fetchall()
    assert sorted(map(str, {year for made in tables for year in made["schooljaar"]})) == sorted(
        str(year) for year, _, _ in spoken
    ), "one edition for each school year"
    for year, levering, status in spoken:
        there = [row for made in tables for row in made.rows(named=True) if row["schooljaar"] == year]
        final = [row["levering"] for row in there if row["status"] == "D"]
        if final:
            assert (levering, status) == (max(final), "D")
        elif provisional := [row["levering"] for row in there if row["status"] == "V"]:
            assert (levering, status) == (max(provisional), "V")
