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
from rod_pipeline.marts.groupings import REGION, groupings
from rod_pipeline.marts.plausible import as_table, held_against_published
from rod_pipeline.marts.plausible import steps as all_steps
from rod_pipeline.marts.published import NESTED, OFFERED, editions, leaves, steps
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
    """Leaves by every grouping: with regions too."""
    institutions = made["studentaantallen"]["instellingscode"].unique().sort()
    north = pl.int_range(pl.len()) % 2 == 0
    regions = pl.DataFrame({"code": institutions}).select(
        indeling=pl.lit(REGION),
        vanaf=pl.lit("2000-2001"),
        tot=pl.lit(None, pl.String),
        soort=pl.lit("instelling"),
        code="code",
        groep=pl.when(north).then(pl.lit("noord")).otherwise(pl.lit("zuid")),
        naam=pl.lit("Een regio"),
        aangenomen=pl.lit("N"),
    )
    return leaves(made, pl.concat([groupings(), regions]))


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
    gained = {"verlater": "J", "diploma": "J", "bekend": "J"}
    assert n("uitkomsten", **gained) == total(made["studiesucces"], "kwalificatiewinst_noemer") > 0
    assert n("uitkomsten", **gained, passend="J") == total(made["studiesucces"], "kwalificatiewinst_teller")
    assert n("studenten", regio="noord") + n("studenten", regio="zuid") == n("studenten")
    assert n("studenten", bedrijfstakgroep="zorg") == n("studenten", sectorkamer="03") > 0
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
    assert n("stromen", stap="uit mbo") == n("stromen", soort="uitstroom") > 0
    # The result opstroom is of levels 2 and 3.
    risen = sum(n("stromen", van=level, stap="opstroom") for level in ("MBO-2", "MBO-3"))
    assert risen == n("opstroom", opstroom="J") > n("stromen", stap="afstroom") > 0
    assert n("diplomas") == total(made["behaalde_diplomas"], "diplomas") > n("gediplomeerden")
    assert n("mbo_hbo", direct="J") == total(made["doorstroom_hbo"], "direct")
    assert n("mbo_hbo") == total(made["doorstroom_hbo"], "gediplomeerden")
    assert n("mbo_hbo", in_hbo="J", direct="N") == total(made["doorstroom_hbo"], "later")
    assert n("mbo_hbo", bekend="J") == total(made["doorstroom_hbo"], "jaar1_bekend")
    assert n("mbo_hbo", bekend="J", uitval="J") == total(made["doorstroom_hbo"], "uitval_jaar1")
    assert n("mbo_hbo", gevolgd="J", met_hbo_diploma="J") == total(made["doorstroom_hbo"], "hbo_diploma") > 0
    entered = made["doorstroom_hbo"].group_by("schooljaar").agg(pl.col("direct", "later", "hbo_diploma").sum())
    some = entered.filter(pl.col("hbo_diploma") > 0)
    assert some.height < entered.height, "of the newest years nobody has a diploma yet"
    assert n("mbo_hbo", gevolgd="J") == some.select(pl.col("direct") + pl.col("later")).sum().item()


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


def test_kwalificatiewinst_is_of_leavers_with_a_diploma_of_whom_a_level_could_be_expected() -> None:
    """Three leavers with a diploma: one fits, one doesn't, of one nobody knows; one without a diploma; one stays."""
    leaves_school = {"populatie_jaarresultaat": True, "populatie_diplomaresultaat": True}
    graduated = {**leaves_school, "heeft_diploma": True}
    rows = [
        year_of("fits", 2023, **graduated, passend_diploma=True, categorie_hoogste_vooropleiding="8"),
        year_of("below", 2023, **graduated, passend_diploma=False, categorie_hoogste_vooropleiding="8"),
        year_of("unknown", 2023, **graduated, passend_diploma=False, categorie_hoogste_vooropleiding=None),
        year_of("none", 2023, **leaves_school, passend_diploma=False, categorie_hoogste_vooropleiding=None),
        year_of("stays", 2023, populatie_jaarresultaat=True, heeft_diploma=True, passend_diploma=True),
    ]
    tables = {one.name: table(one.name, {"doorstroom": rows, "mbo_hbo": [leaver("b", 2023)]}) for one in MARTS}
    outcomes = leaves(tables)["uitkomsten"]
    (offered,) = (one for one in OFFERED if one.name == "kwalificatiewinst_landelijk")
    within = outcomes.filter(*(pl.col(column) == "J" for column in offered.within))
    assert dict(within.group_by("passend").agg(pl.col("n").sum()).rows()) == {"J": 1, "N": 1}
    known = ["jaarresultaat", "verlater", "diploma", "bekend", "passend"]
    told = [row for row in outcomes.select(known).iter_rows(named=True)]
    assert not [row for row in told for never in NESTED["uitkomsten"].never if never.items() <= row.items()]


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
