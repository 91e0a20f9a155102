"""Every count of the engine is that of a naive reading, row by row, on text of any kind."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.contracts.model import Contract, DateNotation
from rod_pipeline.quality import checks as ask
from rod_pipeline.quality import counting
from rod_pipeline.quality.suite import Suite
from tests.support.quality import NAMES, Row, contract, expectation, frame, naive
from tests.support.soak import examples

DIALECTS = st.fixed_dictionaries(
    {
        "dates": st.sampled_from(list(DateNotation)),
        "decimal": st.sampled_from([",", "."]),
        "booleans": st.sampled_from([("J", "N"), ("1", "0"), ("true", "false")]),
    }
)
DATES = st.builds(
    lambda year, month, day, form: form.format(y=year, m=month, d=day),
    st.sampled_from(["2019", "2020", "2100", "2000", "0000", "1900", "202"]),
    st.sampled_from(["00", "01", "02", "04", "12", "13", "1"]),
    st.sampled_from(["00", "01", "28", "29", "30", "31", "32", "9"]),
    st.sampled_from(["{y}{m}{d}", "{d}-{m}-{y}", "{y}-{m}-{d}"]),
)
NUMBERS = st.one_of(
    st.integers(-(10**19), 10**19).map(str),
    st.integers(-2, 70).map(str),
    st.sampled_from(
        ["0", "-0", "007", "1,5", "1.5", "-1,50", "10,0000001", "1,", ",5", "+1", "1e3", " 1", "٣", "1,5,5"]
    ),
    st.floats(-12, 12).map(lambda value: f"{value:.4f}".replace(".", ",")),
)
ODD = st.one_of(
    st.text(max_size=6), st.sampled_from(["", " ", "\n", "ABC\n", "\x00", "é", "A" * 5000, "null", "NaN", "𝟙"])
)
FEW = st.sampled_from(["ABC", "ABD", "A1B", "M", "V", "J", "N", "1", "0", "true", "false"])
VALUES = st.one_of(st.none(), FEW, FEW, DATES, NUMBERS, ODD)
TABLES: st.SearchStrategy[list[Row]] = st.lists(st.fixed_dictionaries({name: VALUES for name in NAMES}), max_size=25)

CONDITIONS: Sequence[ask.Condition] = (
    ask.Compare("vlag", "==", ("J",)),
    ask.Compare("vlag", "!=", ("N",)),
    ask.Compare("code", "IN", ("ABC", "M")),
    ask.Compare("code", "NOT_IN", ("ABC", "M")),
    ask.Compare("getal", ">=", (3,)),
    ask.Compare("cijfer", "<", (1.5,)),
    ask.Compare("ander", ">", ("B",)),
    ask.Present("ander"),
    ask.Present("einde", expected=False),
    ask.Every((ask.Present("code"), ask.Compare("vlag", "==", ("J",)))),
    ask.Some((ask.Present("ander"), ask.Present("getal", expected=False))),
)


def _checks(*conditions: ask.Condition | None) -> list[ask.Check]:
    asked: list[ask.Check] = []
    for where in conditions:
        for name in NAMES:
            asked += [ask.Missing(name, where), ask.Unreadable(name, where)]
            asked.append(ask.NotIn(name, ("ABC", "M", "J", "1"), where=where))
            asked.append(ask.NotIn(name, ("V", "N"), inside=True, where=where))
            asked.append(ask.NotMatching(name, "^(?:^[0-9A-Z]{3}$)$", where))
        asked += [
            ask.Rows(where),
            ask.Outside("getal", 0, 60, where),
            ask.Outside("getal", None, 5, where),
            ask.Outside("cijfer", -1.5, None, where),
            ask.NotAfter("einde", "begin", True, where),
            ask.NotAfter("einde", "begin", False, where),
            ask.NotAfter("getal", "getal", False, where),
            ask.Unequal("code", "ander", where),
            ask.PairNotIn("code", "ander", (("ABC", "M"), ("ABC", "1"), ("M", "ABC")), where),
            ask.PairNotIn("vlag", "code", (("J", "ABC"), ("N", "M")), where),
            ask.NotValidInYear("code", "ander", (("ABC", 2019, 2020), ("M", 0, 2019), ("1", 2020, 9999)), where),
            ask.NotValidInYear("ander", "begin", (("ABC", 2019, 2020), ("J", 0, 2000)), where),
            ask.Apart("cijfer", ("getal",), -1.5, 3, where),
            ask.Apart("getal", ("begin", "ander"), None, 0, where),
            ask.Apart("einde", ("begin",), 0, None, where),
            ask.OutsideSeason("einde", "ander", 801, 10_731, where),
            ask.OutsideSeason("begin", "begin", 401, None, where),
            ask.OutsideSeason("begin", "einde", None, 1001, where),
            ask.Deviating("code", ("vlag",), where),
            ask.Deviating("ander", ("vlag",), where),
            ask.Deviating("nummer", ("code", "ander"), where),
            ask.Deviating("code", ("nummer",), where),
            ask.Deviating("vlag", ("nummer",), where),
            ask.Deviating("begin", ("nummer", "ander"), where),
            ask.Repeated(("nummer",), where),
            ask.Repeated(("code", "vlag"), where),
        ]
    return asked


@examples(25, soak=1000)
@given(
    rows=TABLES,
    dialect=DIALECTS,
    where=st.sampled_from(CONDITIONS),
    combinations=st.sampled_from([0, 1 << 20]),
    place_bits=st.sampled_from([2, 16, 60]),
)
def test_every_check_counts_what_a_naive_reading_counts(
    rows: list[Row], dialect: dict[str, object], where: ask.Condition, combinations: int, place_bits: int
) -> None:
    """Whether columns are grouped together or read row by row, and however many keys share a hash."""
    of = contract(**dialect)
    checks = _checks(None, where)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "_COMBINATIONS", combinations)
        patch.setattr(counting, "_PLACE_BITS", place_bits)
        assert counting.count(frame(rows), of, checks) == {check: naive(rows, of, check) for check in checks}


@pytest.mark.parametrize("notation", list(DateNotation))
def test_dates_on_every_edge_of_the_calendar_and_every_pair_of_them(notation: DateNotation) -> None:
    form = {"EEJJMMDD": "{y}{m}{d}", "DD-MM-JJJJ": "{d}-{m}-{y}", "JJJJ-MM-DD": "{y}-{m}-{d}"}[notation.value]
    days = [
        form.format(y=year, m=month, d=day)
        for year in ("0000", "1900", "2000", "2019", "2020")
        for month in ("00", "01", "02", "04", "12", "13")
        for day in ("00", "01", "28", "29", "30", "31", "32")
    ]
    of = contract(dates=notation)
    single: list[Row] = [dict.fromkeys(NAMES) | {"begin": day} for day in days]
    for row in single:
        assert counting.count(frame([row]), of, [check := ask.Unreadable("begin")])[check] == naive([row], of, check)
    pairs = [dict.fromkeys(NAMES) | {"begin": one, "einde": other} for one in days[::3] for other in days]
    for check in (ask.NotAfter("einde", "begin"), ask.NotAfter("einde", "begin", or_equal=False)):
        assert counting.count(frame(pairs), of, [check])[check] == naive(pairs, of, check)


SUITE = Suite(
    name="proef",
    expectations=(
        expectation("a.missing", "expect_column_values_to_not_be_null", column="code"),
        expectation("a.read", "expect_column_values_to_read_as_declared", column="begin"),
        expectation("a.values", "expect_column_values_to_be_in_set", column="code", value_set=["ABC", "M"]),
        expectation("a.not", "expect_column_values_to_not_be_in_set", column="vlag", value_set=["N"]),
        expectation("a.form", "expect_column_values_to_match_regex", column="nummer", regex="^(?:[0-9A-Z]{3})$"),
        expectation("a.range", "expect_column_values_to_be_between", column="getal", min_value=0, max_value=60),
        expectation("a.once", "expect_column_values_to_be_unique", column="nummer"),
        expectation(
            "a.null",
            "expect_column_values_to_be_null",
            column="ander",
            row_condition={"type": "comparison", "column": {"name": "vlag"}, "operator": "==", "parameter": "J"},
        ),
        expectation(
            "a.asked",
            "expect_column_values_to_not_be_null",
            column="ander",
            row_condition={
                "type": "and",
                "conditions": [
                    {"type": "nullity", "column": {"name": "einde"}, "is_null": True},
                    {"type": "comparison", "column": {"name": "code"}, "operator": "IN", "parameter": ["ABC", "M"]},
                ],
            },
        ),
        expectation(
            "a.order",
            "expect_column_pair_values_a_to_be_greater_than_b",
            column_A="einde",
            column_B="begin",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
        ),
        expectation(
            "a.equal",
            "expect_column_pair_values_to_be_equal",
            column_A="code",
            column_B="ander",
            ignore_row_if="either_value_is_missing",
        ),
        expectation(
            "a.key",
            "expect_compound_columns_to_be_unique",
            column_list=["code", "vlag"],
            row_condition={
                "type": "or",
                "conditions": [
                    {"type": "nullity", "column": {"name": "ander"}, "is_null": False},
                    {"type": "comparison", "column": {"name": "getal"}, "operator": ">=", "parameter": 3},
                ],
            },
            ignore_row_if="all_values_are_missing",
        ),
        expectation(
            "a.pairs",
            "expect_column_pair_values_to_go_together",
            column_A="vlag",
            column_B="code",
            value_pairs_set=[["J", "ABC"], ["N", "M"]],
            ignore_row_if="either_value_is_missing",
            row_condition={"type": "nullity", "column": {"name": "ander"}, "is_null": False},
        ),
        expectation(
            "a.year",
            "expect_column_values_valid_in_year",
            column="code",
            year_column="begin",
            valid={"ABC": [2019, 2020], "M": [None, 2019], "1": [2020, None]},
        ),
        expectation(
            "a.apart", "expect_column_less_others_to_be_between", column="cijfer", others=["getal"], max_value=3
        ),
        expectation(
            "a.season",
            "expect_column_dates_in_season",
            column="einde",
            year_column="ander",
            first="J-08-01",
            last="J+1-07-31",
        ),
        expectation("a.agree", "expect_column_values_to_agree_within", column="code", within=["vlag"]),
    ),
)
IN_OUR_TERMS: dict[str, ask.Check] = {
    "a.missing": ask.Missing("code"),
    "a.read": ask.Unreadable("begin"),
    "a.values": ask.NotIn("code", ("ABC", "M")),
    "a.not": ask.NotIn("vlag", ("N",), inside=True),
    "a.form": ask.NotMatching("nummer", "^(?:[0-9A-Z]{3})$"),
    "a.range": ask.Outside("getal", 0, 60),
    "a.once": ask.Repeated(("nummer",)),
    "a.null": ask.Rows(ask.Every((ask.Compare("vlag", "==", ("J",)), ask.Present("ander")))),
    "a.asked": ask.Missing(
        "ander", ask.Every((ask.Present("einde", expected=False), ask.Compare("code", "IN", ("ABC", "M"))))
    ),
    "a.order": ask.NotAfter("einde", "begin"),
    "a.equal": ask.Unequal("code", "ander"),
    "a.pairs": ask.PairNotIn("vlag", "code", (("J", "ABC"), ("N", "M")), ask.Present("ander")),
    "a.year": ask.NotValidInYear("code", "begin", (("ABC", 2019, 2020), ("M", 0, 2019), ("1", 2020, 9999))),
    "a.apart": ask.Apart("cijfer", ("getal",), None, 3),
    "a.season": ask.OutsideSeason("einde", "ander", 801, 10_731),
    "a.agree": ask.Deviating("code", ("vlag",)),
    "a.key": ask.Repeated(("code", "vlag"), ask.Some((ask.Present("ander"), ask.Compare("getal", ">=", (3,))))),
}


@examples(5, soak=200)
@given(rows=TABLES, dialect=DIALECTS)
def test_great_expectations_reports_what_a_naive_reading_counts(rows: list[Row], dialect: dict[str, object]) -> None:
    from rod_pipeline.quality import validate_file

    of: Contract = contract(**dialect)
    report = validate_file(frame(rows), of, SUITE)
    assert {result.id: result.failed for result in report.results} == {
        rule: naive(rows, of, check) for rule, check in IN_OUR_TERMS.items()
    }
    assert {result.id: result.passed for result in report.results} == {
        result.id: result.failed == 0 for result in report.results
    }


@pytest.mark.parametrize("rows", [[], [dict.fromkeys(NAMES)], [dict.fromkeys(NAMES, "")] * 3])
def test_tables_without_any_value(rows: list[Row]) -> None:
    of, checks = contract(), _checks(None, *CONDITIONS)
    assert counting.count(frame(rows), of, checks) == {check: naive(rows, of, check) for check in checks}
