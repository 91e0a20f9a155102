"""What is offered for publication adds up to the marts, and is held against what others published."""

from collections.abc import Mapping
from datetime import UTC, datetime

import duckdb
import polars as pl
import pytest

from rod_pipeline.contracts.model import FileKind
from rod_pipeline.marts.across import STROMEN
from rod_pipeline.marts.contents import careers
from rod_pipeline.marts.declared import MARTS
from rod_pipeline.marts.plausible import as_table, held_against_published
from rod_pipeline.marts.plausible import steps as all_steps
from rod_pipeline.marts.published import OFFERED, editions, leaves, steps
from tests.support.marts import leaver, mart, table, total, year_of
from tests.support.synthetic import whole

MOMENTS = pl.DataFrame({"levering": ["2025-12"], "moment": [datetime(2025, 12, 1, tzinfo=UTC)]})


@pytest.fixture(scope="module")
def made() -> dict[str, pl.DataFrame]:
    files = {kind: frame.lazy() for kind, frame in whole("2025-12", 0.02).items()}
    marts = {one.name: one.table(files).collect().with_columns(levering=pl.lit("2025-12")) for one in MARTS}
    return {**marts, "stromen": steps_of(files)}


def steps_of(files: Mapping[FileKind, pl.LazyFrame]) -> pl.DataFrame:
    """The steps from year to year, as publishing asks the restricted database for them."""
    with duckdb.connect(":memory:") as connection:
        careers(connection, {"2025-12": files["doorstroom"]}, MOMENTS)
        connection.execute(f"create view stromen as {STROMEN.query}")
        return steps(connection)


@pytest.fixture(scope="module")
def offered(made: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    return leaves(made)


def test_leaves_are_unique_counts_over_nothing_by_text(offered: dict[str, pl.DataFrame]) -> None:
    for name, frame in offered.items():
        dimensions = [column for column in frame.columns if column != "n"]
        assert frame.schema["n"] == pl.Int64 and set(frame.select(dimensions).dtypes) == {pl.String()}, name
        assert (frame["n"] > 0).all() and not frame.select(dimensions).is_duplicated().any(), name


def test_every_offered_table_is_of_a_measure_and_its_columns(offered: dict[str, pl.DataFrame]) -> None:
    assert len({one.name for one in OFFERED}) == len(OFFERED)
    for one in OFFERED:
        assert {*one.by, *one.within} < set(offered[one.measure].columns), one.name
        assert "schooljaar" in one.by and (one.outcome is None or one.outcome in one.by)
        assert len({*one.by, *one.within}) == len(one.by) + len(one.within)


def test_leaves_add_up_to_the_marts(made: dict[str, pl.DataFrame], offered: dict[str, pl.DataFrame]) -> None:
    def n(measure: str, **where: object) -> int:
        return int(offered[measure].filter(**where)["n"].sum())

    assert n("studenten") == total(made["studentaantallen"], "studenten")
    assert n("instroom") == total(made["instroom"], "instroom")
    assert n("uitstroom") == total(made["uitstroom"], "uitstroom")
    assert n("gediplomeerden") == total(made["behaalde_diplomas"], "hoofddiplomas")
    for name, where in (
        ("jaarresultaat", {"jaarresultaat": "J"}),
        ("diplomaresultaat", {"verlater": "J"}),
        ("passend_diploma", {"verlater": "J"}),
    ):
        outcome = "diploma" if name in ("jaarresultaat", "diplomaresultaat") else "passend"
        assert n("uitkomsten", **where) == total(made["studiesucces"], f"{name}_noemer"), name
        assert n("uitkomsten", **where, **{outcome: "J"}) == total(made["studiesucces"], f"{name}_teller"), name
    three = made["studiesucces"].filter(cohorten="3")
    assert n("starters", succes="J") == total(three, "startersresultaat_teller")
    assert n("starters") == total(three, "startersresultaat_noemer")
    assert n("plaatsingen", passend="N") == total(made["studiesucces"], "passende_plaatsing_noemer") - total(
        made["studiesucces"], "passende_plaatsing_teller"
    )
    assert n("opstroom", opstroom="J") == total(made["studiesucces"], "opstroom_teller")
    assert n("uitkomsten", verlater="N", passend="J") == 0
    assert n("stromen") == total(made["stromen"], "studenten") > 0
    assert n("stromen", soort="uitstroom") == n("stromen", naar="uit mbo, met diploma") + n(
        "stromen", naar="uit mbo, zonder diploma"
    )
    assert n("mbo_hbo", direct="J") == total(made["doorstroom_hbo"], "direct")
    assert n("mbo_hbo") == total(made["doorstroom_hbo"], "gediplomeerden")
    assert n("hbo_starters", uitval="J") == total(made["doorstroom_hbo"], "uitval_jaar1")


def test_each_measure_tells_which_delivery_speaks(made: dict[str, pl.DataFrame]) -> None:
    told = editions(made)
    assert set(told["measure"]) == set(leaves(made))
    assert told.filter(measure="studenten").rows() == [
        ("studenten", "2024-2025", "D", "2025-12"),
        ("studenten", "2025-2026", "V", "2025-12"),
    ]


def test_leavers_without_a_diploma_are_one_cell_in_two_results() -> None:
    rows = [year_of("a", 2023, populatie_jaarresultaat=True, populatie_diplomaresultaat=True)]
    tables = {one.name: table(one.name, {"doorstroom": rows, "mbo_hbo": [leaver("b", 2023)]}) for one in MARTS}
    (leaf,) = leaves(tables)["uitkomsten"].rows(named=True)
    assert (leaf["jaarresultaat"], leaf["verlater"], leaf["diploma"], leaf["n"]) == ("J", "J", "N", 1)


@pytest.fixture(scope="module")
def with_steps(made: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    return {**made, "stromen": all_steps({"2025-12": whole("2025-12", 0.02)["doorstroom"].lazy()}, MOMENTS)}


def test_a_synthetic_country_agrees_with_the_published_figures(with_steps: dict[str, pl.DataFrame]) -> None:
    figures = held_against_published(with_steps, scale=0.02)
    assert {one.name: (one.measured, one.published) for one in figures if not one.agrees} == {}
    assert {
        "students 2024, without extranei",
        "level 4, 2025",
        "jaarresultaat",
        "left mbo in 2021-2022",
        "with a diploma of 2020-2021, bbl",
        "of 2021-2022 in mbo a year later",
    } <= {one.name for one in figures}
    text = as_table(figures)
    assert text.count("\n") == len(figures) + 1 and "**differs**" not in text


def test_a_figure_that_is_far_off_says_so(with_steps: dict[str, pl.DataFrame]) -> None:
    fewer = {**with_steps, "studentaantallen": with_steps["studentaantallen"].filter(pl.col("niveau") != "MBO-2")}
    assert "**differs**" in as_table(held_against_published(fewer, scale=0.02))


def test_counts_of_a_part_of_the_country_are_not_compared_and_small_ones_never() -> None:
    tables = {one.name: table(one.name, {"doorstroom": [year_of("a", 2021, letter="U")]}) for one in MARTS}
    assert held_against_published(tables) == ()
    assert mart("uitstroom").name in tables
