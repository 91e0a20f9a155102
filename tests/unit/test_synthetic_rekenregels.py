"""The populaties and indicaties of doorstroom, recomputed from what the rows say of two years."""

from collections.abc import Mapping

import polars as pl
import pytest

from rod_pipeline.contracts.model import FileKind
from rod_pipeline.synthetic.rates import EXPECTED_LEVEL
from tests.support.synthetic import whole

Files = Mapping[FileKind, pl.DataFrame]


@pytest.fixture(scope="module")
def december() -> Files:
    return whole("2025-12")


@pytest.fixture(scope="module")
def pairs(december: Files) -> pl.DataFrame:
    rows = december["doorstroom"].filter(pl.col("niveau").is_not_null() & ~_visitor())
    rows = rows.with_columns(pl.col("schooljaar").str.slice(0, 4).cast(pl.Int64).alias("year"))
    place = rows.select("sectornummer", "year", "instellingscode", "niveau")
    after = place.with_columns(pl.col("year") - 1).rename({"instellingscode": "after", "niveau": "level_after"})
    before = place.with_columns(pl.col("year") + 1).rename({"instellingscode": "before"}).drop("niveau")
    keys = ["sectornummer", "year"]
    return (
        rows.join(after, on=keys, how="left")
        .join(before, on=keys, how="left")
        .filter(pl.col("year").is_between(2021, 2024))
        .with_columns(
            (pl.col("niveau").is_in(["MBO-2", "MBO-3", "MBO-4"]) & ~pl.col("leerweg").is_in(["OVO", "ODT"])).alias(
                "in_view"
            ),
            (pl.col("after") == pl.col("instellingscode")).fill_null(False).alias("stays"),
            (pl.col("before") == pl.col("instellingscode")).fill_null(False).alias("was_here"),
        )
    )


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        ("populatie_diplomaresultaat", pl.col("in_view") & ~pl.col("stays")),
        ("populatie_jaarresultaat", pl.col("in_view") & (pl.col("heeft_diploma") | ~pl.col("stays"))),
        ("populatie_starter", pl.col("in_view") & ~pl.col("was_here")),
        (
            "indicatie_startersresultaat",
            pl.col("in_view") & ~pl.col("was_here") & (pl.col("stays") | pl.col("heeft_diploma")),
        ),
        ("populatie_opstroom", pl.col("niveau").is_in(["MBO-2", "MBO-3"])),
        (
            "indicatie_opstroom",
            pl.col("niveau").is_in(["MBO-2", "MBO-3"]) & (pl.col("level_after") > pl.col("niveau")).fill_null(False),
        ),
    ],
)
def test_populations_and_indicators(pairs: pl.DataFrame, column: str, rule: pl.Expr) -> None:
    wrong = pairs.filter(pl.col(column) != rule)
    assert pairs[column].any()
    assert wrong.is_empty()


def test_the_level_of_the_next_year_is_that_years_level(pairs: pl.DataFrame) -> None:
    assert pairs.filter(pl.col("niveau_jaar2").ne_missing(pl.col("level_after"))).is_empty()


def test_a_fitting_diploma_is_at_least_the_expected_level(december: Files) -> None:
    rows = december["doorstroom"].filter(pl.col("niveau").is_not_null())
    level = pl.col("niveau").str.slice(4, 1).cast(pl.Int64)
    expected = pl.col("categorie_hoogste_vooropleiding").replace_strict(
        {str(category): level for category, level in EXPECTED_LEVEL.items()}, return_dtype=pl.Int64
    )
    assert rows.filter(pl.col("passend_diploma") != (pl.col("heeft_diploma") & (level >= expected))).is_empty()
    assert rows.filter(pl.col("passende_plaatsing") != (level >= expected)).is_empty()


def test_an_open_year_has_no_results_yet(december: Files) -> None:
    open_year = december["doorstroom"].filter(schooljaar="2025-2026")
    for column in ("populatie_starter", "populatie_jaarresultaat", "populatie_diplomaresultaat"):
        assert not open_year[column].any()
    assert open_year["niveau_jaar2"].null_count() == open_year.height


def test_vo_participants_come_before_mbo(december: Files) -> None:
    rows = december["doorstroom"]
    pupils = rows.filter(pl.col("niveau").is_null(), schooljaar="2023-2024")
    assert pupils["in_door_uitstroom"].null_count() == pupils.height
    next_year = rows.filter(pl.col("niveau").is_not_null(), schooljaar="2024-2025")["sectornummer"]
    assert len(set(pupils["sectornummer"]) & set(next_year)) / pupils.height > 0.95


def _visitor() -> pl.Expr:
    """Of whom nothing on a 1 October is told: T, and of no population though level and leerweg would put them there."""
    counted = pl.col("niveau").is_in(["MBO-2", "MBO-3", "MBO-4"]) & ~pl.col("leerweg").is_in(["OVO", "ODT"])
    return (pl.col("in_door_uitstroom") == "T") & ~pl.col("populatie_starter") & counted
