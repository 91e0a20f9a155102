"""The bridge to Great Expectations: proved versions, nothing unknown passes, nothing is imported too early."""

import subprocess
import sys
from typing import Any

import great_expectations as gx
import polars as pl
import pytest

from rod_pipeline.quality import Suite, validate_file
from rod_pipeline.quality.checks import CheckImpossible
from rod_pipeline.quality.engine import PROVED_ON, run_suite
from rod_pipeline.quality.metrics import UnknownMetric
from tests.support.quality import NAMES, contract, expectation, frame

ROWS = [dict.fromkeys(NAMES, "1"), dict.fromkeys(NAMES, "2")]


def suite(kind: str, **kwargs: Any) -> Suite:
    return Suite(name="proef", expectations=(expectation("a.rule", kind, **kwargs),))


def test_the_installed_great_expectations_is_one_that_was_proved() -> None:
    assert gx.__version__ in PROVED_ON


def test_importing_quality_does_not_import_great_expectations() -> None:
    code = "import sys, rod_pipeline.quality, expectations; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("expect_column_max_to_be_between", {"column": "getal", "max_value": 3}),
        ("expect_column_distinct_values_to_be_in_set", {"column": "code", "value_set": ["1", "2"]}),
        ("expect_column_value_lengths_to_equal", {"column": "code", "value": 1}),
        ("expect_column_values_to_match_strftime_format", {"column": "begin", "strftime_format": "%Y"}),
        ("expect_column_values_to_be_between", {"column": "getal", "min_value": 0, "strict_min": True}),
        ("expect_column_pair_values_to_be_equal", {"column_A": "code", "column_B": "ander"}),
        ("expect_compound_columns_to_be_unique", {"column_list": ["code", "vlag"], "ignore_row_if": "never"}),
        ("expect_column_dates_in_season", {"column": "begin", "year_column": "ander", "first": "1 August"}),
        (  # Great Expectations itself forgets the row condition of this one
            "expect_column_pair_values_to_be_in_set",
            {"column_A": "code", "column_B": "ander", "value_pairs_set": [["1", "2"]]},
        ),
    ],
)
def test_what_the_engine_cannot_count_raises_and_never_passes(kind: str, kwargs: dict[str, Any]) -> None:
    with pytest.raises(UnknownMetric):
        validate_file(frame(ROWS), contract(), suite(kind, **kwargs))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_row_condition_that_cannot_be_read_raises() -> None:
    as_text = {"row_condition": 'code=="1"', "condition_parser": "pandas"}
    with pytest.raises(UnknownMetric):
        validate_file(frame(ROWS), contract(), suite("expect_column_values_to_not_be_null", column="code", **as_text))


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("expect_column_values_to_not_be_null", {"column": "nowhere"}),
        ("expect_column_values_to_match_regex", {"column": "code", "regex": "(unclosed"}),
        ("expect_column_values_to_match_regex", {"column": "code", "regex": "(?=ahead)"}),
    ],
)
def test_a_rule_that_cannot_be_asked_raises(kind: str, kwargs: dict[str, Any]) -> None:
    with pytest.raises(CheckImpossible):
        validate_file(frame(ROWS), contract(), suite(kind, **kwargs))


def test_a_table_without_a_declared_column_cannot_be_judged_by_it() -> None:
    without = frame(ROWS).drop("code")
    with pytest.raises(CheckImpossible):
        validate_file(without, contract(), suite("expect_column_values_to_not_be_null", column="code"))


def test_the_columns_of_the_table_are_held_against_the_contract() -> None:
    asked = suite("expect_table_columns_to_match_set", column_set=list(NAMES), exact_match=True)
    assert validate_file(frame(ROWS), contract(), asked).passed
    assert not validate_file(frame(ROWS).drop("vlag"), contract(), asked).passed
    assert not validate_file(frame(ROWS).with_columns(extra=pl.lit("1")), contract(), asked).passed


def test_an_empty_table_breaks_a_rule_about_its_rows_once() -> None:
    report = validate_file(frame([]), contract(), suite("expect_table_row_count_to_be_between", min_value=1))
    (only,) = report.results
    assert (only.failed, only.rows, only.unit, only.passed) == (1, 1, "files", False)


def test_a_share_of_exceptions_may_be_allowed() -> None:
    asked = suite("expect_column_values_to_be_in_set", column="code", value_set=["1"], mostly=0.5)
    (only,) = validate_file(frame(ROWS), contract(), asked).results
    assert (only.failed, only.passed) == (1, True)


def test_results_are_ordinary_and_hold_counts_only() -> None:
    outcome = run_suite(
        frame(ROWS), contract(), suite("expect_column_values_to_be_in_set", column="code", value_set=["1"])
    )
    assert isinstance(outcome, gx.core.ExpectationSuiteValidationResult)
    (only,) = outcome.results
    assert set(only.result) == {
        "element_count", "unexpected_count", "unexpected_percent", "missing_count", "missing_percent",
        "unexpected_percent_total", "unexpected_percent_nonmissing",
    }  # fmt: skip
    assert only.expectation_config.meta["id"] == "a.rule"
