"""Strings to types: lossless, in every notation, and never silently null."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from rod_pipeline.intake.refusals import NotConverted
from rod_pipeline.intake.typed import conversion_failures, typed, unknown_dates
from tests.support.reader import column, contract


def table(type: str, values: list[str | None], **dialect: Any) -> tuple[pl.LazyFrame, Any]:
    frame = pl.LazyFrame(
        {"_row": range(1, len(values) + 1), "vak": values}, schema={"_row": pl.Int64, "vak": pl.String}
    )
    return frame, contract(column("vak", type=type), dialect=dialect)


def converted(type: str, values: list[str | None], **dialect: Any) -> list[Any]:
    frame, by = table(type, values, **dialect)
    assert conversion_failures(frame, by) == {}
    return typed(frame, by).collect(engine="streaming").get_column("vak").to_list()


def test_booleans_go_by_the_pair_of_the_dialect() -> None:
    assert converted("boolean", ["J", "N", None]) == [True, False, None]
    assert converted("boolean", ["1", "0"], booleans=("1", "0")) == [True, False]


def test_numbers_keep_their_value() -> None:
    assert converted("integer", ["12", "-3", "007", None]) == [12, -3, 7, None]
    assert converted("decimal", ["6,5", "-0,25", "7", None]) == [6.5, -0.25, 7.0, None]
    assert converted("decimal", ["6.5"], decimal=".") == [6.5]


@pytest.mark.parametrize(
    ("notation", "known", "unknown"),
    [
        ("DD-MM-JJJJ", "29-02-2024", ["00-02-2024", "00-00-2024", "15-00-2024"]),
        ("EEJJMMDD", "20240229", ["20240200", "20240000", "20240015"]),
        ("JJJJ-MM-DD", "2024-02-29", ["2024-02-00", "2024-00-00", "2024-00-15"]),
    ],
)
def test_dates_in_three_notations_with_unknown_days(notation: str, known: str, unknown: list[str]) -> None:
    values = [known, *unknown, None]
    assert converted("date", values, dates=notation) == [date(2024, 2, 29), None, None, None, None]
    frame, by = table("date", values, dates=notation)
    assert unknown_dates(frame, by) == {"vak": 3}


def test_codes_and_pseudonyms_stay_as_they_are() -> None:
    for type in ("code", "pseudonym"):
        assert converted(type, ["0012", " x ", "J"]) == ["0012", " x ", "J"]


@pytest.mark.parametrize(
    ("type", "wrong"),
    [
        ("boolean", "j"), ("boolean", "1"), ("boolean", "J "), ("boolean", ""),
        ("integer", "1.0"), ("integer", "1,0"), ("integer", "+1"), ("integer", "1e3"), ("integer", " 1"),
        ("integer", "99999999999999999999"), ("integer", "١"),
        ("decimal", "6.5"), ("decimal", "1.234,5"), ("decimal", "inf"), ("decimal", "nan"), ("decimal", ","),
        ("date", "31-02-2025"), ("date", "1-2-2025"), ("date", "2025-02-01"), ("date", "01-13-2025"),
        ("date", "01-02-25"), ("date", "01-02-2025 10:00"), ("date", "0000-00-00"),
    ],
)  # fmt: skip
def test_what_does_not_convert_is_counted_and_refused_and_never_null(type: str, wrong: str) -> None:
    right = {"boolean": "J", "integer": "1", "decimal": "1,5", "date": "01-02-2025"}[type]
    frame, by = table(type, [right, wrong, None, wrong])
    assert conversion_failures(frame, by) == {"vak": 2}
    with pytest.raises(NotConverted, match=r"Values of inschrijvingen\.vak are no .*from record [24] on") as caught:
        typed(frame, by).collect()
    assert len(wrong) < 4 or wrong not in str(caught.value)


def test_the_schema_is_known_before_anything_is_read() -> None:
    frame, by = table("date", ["x"])
    assert typed(frame, by).collect_schema() == {"_row": pl.Int64, "vak": pl.Date}
