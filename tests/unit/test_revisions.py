"""Provisional beside definitive figures: a row for each that was printed, and nothing but what two releases say."""

import polars as pl
import pytest

from rod_pipeline.marts.published import OFFERED, Offered
from rod_pipeline.publishing import register, shape
from rod_pipeline.publishing.disclosing import propose
from rod_pipeline.publishing.files import as_csv
from rod_pipeline.publishing.proposal import Proposal, refuse_unsafe
from rod_pipeline.publishing.revisions import NAME

OLD, NEW = "2024-2025", "2025-2026"
TABLES: list[Offered] = [
    one for one in OFFERED if one.name in ("studentaantallen_landelijk_niveau", "studentaantallen_instelling")
]
PLACES = [f"{number:02}AA" for number in range(1, 9)]


def counts(year: str, *, more: int, gone: bool = False) -> pl.DataFrame:
    """Eight institutions on two levels; one has three students, and one is there at first alone."""
    rows = [
        (year, place, level, 3 if number == 0 else 40 + number + more * (number % 3))
        for number, place in enumerate(PLACES)
        for level in ("MBO-2", "MBO-3")[: 1 if number == 0 else 2]
        if not (gone and number == 7)
    ]
    return pl.DataFrame(rows, schema=["schooljaar", "instellingscode", "niveau", "n"], orient="row")


def speaks(**status: str) -> pl.DataFrame:
    years = {"old": OLD, "new": NEW}
    rows = [("studenten", years[name], one, "2026-08" if one == "D" else "2025-12") for name, one in status.items()]
    return pl.DataFrame(rows, schema=["measure", "schooljaar", "status", "levering"], orient="row")


@pytest.fixture(scope="module")
def releases() -> tuple[Proposal, Proposal]:
    first = propose({"studenten": counts(OLD, more=0)}, speaks(old="V"), ("a",), None, TABLES)
    earlier = register.told([(register.of(first), register.sums_of(first))])
    now = pl.concat([counts(OLD, more=2, gone=True), counts(NEW, more=0)])
    second = propose({"studenten": now}, speaks(old="D", new="V"), ("b",), earlier, TABLES)
    refuse_unsafe(second)
    return first, second


def revised(proposal: Proposal) -> pl.DataFrame:
    (one,) = (table.frame for table in shape.shaped(proposal) if table.name == NAME)
    return one


def test_every_row_is_what_two_releases_print_and_nothing_where_either_hides_it(
    releases: tuple[Proposal, Proposal],
) -> None:
    told = revised(releases[1])
    assert set(told["schooljaar"]) == {OLD} and set(told["levering"]) == {"2026-08"}
    for name in (one.name for one in TABLES):
        then, now = (
            {tuple(row[:-2]): (row[-2], row[-1]) for row in proposal.tables[name].filter(schooljaar=OLD).rows()}
            for proposal in releases
        )
        rows = told.filter(tabel=name)
        column = "niveau" if "niveau" in name else "instellingscode"
        assert set(rows.select("schooljaar", column).rows()) == set(then) | set(now)
        for row in rows.rows(named=True):
            (was, hid), (is_, hides) = (of.get((OLD, row[column]), (0, False)) for of in (then, now))
            assert row["afgeschermd"] == (hid or hides)
            expected = (None, None) if hid or hides else (was, is_)
            assert (row["voorlopig"], row["definitief"]) == expected
            if not (hid or hides):
                assert row["verandering"] == pytest.approx(100 * (is_ - was) / was, abs=0.051)
    assert told["afgeschermd"].any() and not told["afgeschermd"].all()
    assert told.filter(instellingscode=PLACES[7])["definitief"].to_list() == [0]


def test_no_figure_under_five_stands_in_it(releases: tuple[Proposal, Proposal]) -> None:
    told = revised(releases[1])
    changes = (told["definitief"] - told["voorlopig"]).abs()
    assert set(changes.drop_nulls()) & {1, 2, 3, 4}, "what changed by a few is there"
    assert not told.filter(pl.any_horizontal(pl.col("voorlopig", "definitief").is_between(1, 4))).height
    assert told.schema["verandering"] == pl.Float64 and "verschil" not in told.columns
    lines = as_csv(told.filter("afgeschermd")).decode().splitlines()[1:]
    assert lines and all(line.count(";x;x;x;J;") == 1 for line in lines)


def test_there_is_none_as_long_as_nothing_became_definitive(releases: tuple[Proposal, Proposal]) -> None:
    first, second = releases
    assert NAME not in {table.name for table in shape.shaped(first)}
    described = shape.dictionary(shape.shaped(second)).filter(tabel=NAME)
    assert {"tabel", "voorlopig", "definitief", "verandering"} <= set(described["kolom"])
