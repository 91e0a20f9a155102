"""Held against the deliveries before it: clean ones give no alarm, and what changed is told in counts under a floor."""

from collections.abc import Sequence
from functools import cache

import polars as pl
import pytest

from rod_pipeline.contracts.model import DateNotation
from rod_pipeline.decree import load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.quality import CheckReport, validate_delivery
from rod_pipeline.quality.history import Earlier
from tests.support.deliveries import AT, BOOK, CONTRACTS, Found, earlier, judged, made, put, some
from tests.support.soak import in_soak

MOMENTS = ("2025-12", "2026-08", "2026-12")
SHARED = "2025-2026"


def series(seed: int, scale: float) -> Sequence[CheckReport]:
    """The verdicts on three successive deliveries, each beside all before it."""
    before: list[Earlier] = []
    reports = []
    for key in MOMENTS:
        found = made(key, seed, scale)
        reports.append(judged(found, key, before))
        before.insert(0, earlier(key, found))
    return reports


@pytest.mark.parametrize("seed", [1, 2, *in_soak(range(3, 11))])
def test_successive_clean_deliveries_break_no_rule(seed: int) -> None:
    for report in series(seed, 0.001):
        assert report.broken == (), report.summary()


@cache
def august() -> CheckReport:
    return judged(made("2026-08"), "2026-08", [earlier("2025-12", made("2025-12"))])


def test_without_an_earlier_delivery_the_rules_across_deliveries_say_nothing_and_that_is_told() -> None:
    report = judged(made("2025-12"), "2025-12")
    across = [result for result in report.results if result.rule.layer == "deliveries"]
    assert across and all(not result.judged and result.passed for result in across)
    assert report.changes == () and report.drifts == ()
    assert "Not judged" in report.summary() and "deliveries.students.linked" in report.summary()
    assert "Not judged" not in august().summary()


def test_a_school_year_that_comes_back_is_told_with_its_status_and_what_changed() -> None:
    (change,) = [one for one in august().changes if (one.file, one.schooljaar) == ("inschrijvingen", SHARED)]
    old, new = (made(key)["inschrijvingen"].filter(schooljaar=SHARED) for key in ("2025-12", "2026-08"))
    assert (change.before, change.status_before, change.status) == ("2025-12", "V", "D")
    assert (change.rows_before, change.rows) == (old.height, new.height)
    key = ["sectornummer", "instellingscode", "opleidingscode", "datum_inschrijving", "periode"]
    assert change.added == new.join(old, on=key, how="anti", nulls_equal=True).height
    assert change.removed == old.join(new, on=key, how="anti", nulls_equal=True).height
    both = old.join(new, on=key, suffix="_new", nulls_equal=True)
    columns = [
        name for name in old.columns if f"{name}_new" in both.columns and name not in ("_row", "prikdatum", "status")
    ]
    differ = {name: both.filter(pl.col(name).ne_missing(pl.col(f"{name}_new"))).height for name in columns}
    assert (
        change.changed
        == both.filter(pl.any_horizontal(pl.col(n).ne_missing(pl.col(f"{n}_new")) for n in columns)).height
    )
    assert dict(change.columns) == {name: count if count >= 5 else None for name, count in differ.items() if count}


def test_counts_of_one_to_four_are_hidden_and_cannot_be_worked_out() -> None:
    old = dict(made("2025-12"))
    again: Found = dict(old)
    rows = some(old["diplomas"], 12, schooljaar="2024-2025")
    again["diplomas"] = again["diplomas"].filter(~pl.col("_row").is_in(rows[:3]))
    put(again, "diplomas", rows[3:6], bekostigbaar="N", techniek_diploma=None)
    extra = again["diplomas"].filter(pl.col("_row").is_in(rows[6:])).with_columns(opleidingscode=pl.lit("25999"))
    again["diplomas"] = pl.concat([again["diplomas"], extra])
    report = judged(again, "2025-12-r2", [earlier("2025-12", old)])
    (change,) = [one for one in report.changes if (one.file, one.schooljaar) == ("diplomas", "2024-2025")]
    assert (change.added, change.removed, change.changed) == (None, None, None)
    assert change.rows - change.rows_before == 3
    assert set(dict(change.columns).values()) == {None}


def test_another_notation_is_no_change() -> None:
    """The earlier delivery was read by a contract with other booleans, dates and decimal marks."""
    old = dict(made("2025-12"))
    dialect = {"booleans": ("1", "0"), "dates": DateNotation.ISO, "decimal": "."}
    contracts = {kind: contract.with_dialect(**dialect) for kind, contract in CONTRACTS.items()}
    rewritten = {
        kind: frame.with_columns(
            pl.when(pl.col(column.name) == "J")
            .then(pl.lit("1"))
            .when(pl.col(column.name) == "N")
            .then(pl.lit("0"))
            .alias(column.name)
            if column.type == "boolean"
            else pl.col(column.name).str.replace(r"^(..)-(..)-(....)$", "$3-$2-$1")
            if column.type == "date"
            else pl.col(column.name).str.replace(",", ".", literal=True)
            if column.type == "decimal"
            else pl.col(column.name)
            for column in CONTRACTS[kind].columns
        )
        for kind, frame in old.items()
    }
    frames = {kind: frame.lazy() for kind, frame in rewritten.items()}
    report = validate_delivery(
        frames, contracts, DeliveryKey.parse("2025-12-r2"), load_decree(), AT, [earlier("2025-12", old)], BOOK
    )
    assert report.broken == (), report.summary()
    assert report.changes and all((c.added, c.removed, c.changed) == (0, 0, 0) for c in report.changes)
    assert all(drift.distance == 0 for drift in report.drifts)


def test_a_column_that_a_contract_no_longer_has_leaves_its_rules_unjudged() -> None:
    contracts = dict(CONTRACTS)
    kept = tuple(column for column in contracts["doorstroom"].columns if column.name != "niveau_jaar2")
    contracts["doorstroom"] = contracts["doorstroom"].model_copy(update={"columns": kept})
    frames = {kind: frame.lazy() for kind, frame in made("2025-12").items()}
    frames["doorstroom"] = frames["doorstroom"].drop("niveau_jaar2")
    report = validate_delivery(frames, contracts, DeliveryKey.parse("2025-12"), load_decree(), AT, (), BOOK)
    unjudged = {result.id for result in report.unjudged if result.rule.layer == "rekenregels"}
    assert unjudged == {"rekenregels.stroom", "rekenregels.niveau_jaar2", "rekenregels.opstroom"}
    assert report.broken == ()


def test_a_drifting_column_is_named_with_its_distance_and_without_values() -> None:
    found = dict(made("2026-08"))
    put(found, "mbo_hbo", pl.col("schooljaar") == "2024-2025", mbo_opleiding_sector="01")
    report = judged(found, "2026-08", [earlier("2025-12", made("2025-12"))])
    (result,) = [one for one in report.broken if one.id == "deliveries.columns.drift"]
    ((column, distance),) = result.detail.columns
    others = made("2025-12")["mbo_hbo"].filter(schooljaar="2024-2025")["mbo_opleiding_sector"].ne_missing("01").mean()
    assert column == "mbo_opleiding_sector" and distance == pytest.approx(others, abs=1e-4)
    assert f"mbo_opleiding_sector (moved {distance:.0%})" in report.summary()


def test_what_a_breach_is_explained_by_is_counted_apart() -> None:
    """Left at one institution and came at another: both letters, and no breach."""
    found = dict(made("2025-12"))
    frame = found["doorstroom"].filter(schooljaar="2022-2023", in_door_uitstroom="D")
    later = found["doorstroom"].filter(schooljaar="2023-2024", in_door_uitstroom="D")["sectornummer"].unique()
    rows = some(frame, 6, pl.col("sectornummer").is_in(later.to_list()))
    who = pl.col("sectornummer").is_in(frame.filter(pl.col("_row").is_in(rows))["sectornummer"].to_list())
    put(found, "doorstroom", who & (pl.col("schooljaar") == "2022-2023"), in_door_uitstroom="U")
    put(found, "doorstroom", who & (pl.col("schooljaar") == "2023-2024"), in_door_uitstroom="I")
    report = judged(found, "2025-12")
    (flow,) = [result for result in report.results if result.id == "rekenregels.stroom"]
    assert flow.passed and (6 in [count for _, count in flow.detail.explained])
