"""The picture of a delivery: what is measured for it, what of that is told, and what stands on the page."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS
from rod_pipeline.quality import CheckReport, RuleResult
from rod_pipeline.quality.changes import Change, Drift
from rod_pipeline.quality.picture import TOGETHER, Seen, render_picture
from rod_pipeline.quality.profile import FileProfile, Part, profiled
from rod_pipeline.quality.suite import Rule, Severity
from rod_pipeline.quality.totals import Total, beside, stated, tellable

BOOK = ContractBook.load()
HOSTILE = "<script>alert('1')</script>\"><img src=x>"
YEARS = {"2024-2025": 1_000, "2025-2026": 900}


def text_of(page: bytes) -> str:
    """What a person sees of a page."""
    body = re.sub(r"<(style|title|desc)[^>]*>.*?</\1>", " ", page.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


# -- measuring ----------------------------------------------------------------------------------------------------


def table(**columns: list[str | None]) -> pl.LazyFrame:
    return pl.LazyFrame(columns, schema=dict.fromkeys(columns, pl.String))


def narrow(*names: str) -> Any:
    """The contract of enrolments with these columns alone."""
    whole = BOOK.get("inschrijvingen")
    return whole.model_copy(update={"columns": tuple(whole.column(name) for name in names)})


def test_a_profile_counts_rows_per_school_year_and_what_has_no_value() -> None:
    frame = table(
        schooljaar=["2024-2025"] * 6 + ["2025-2026"] * 9,
        leerweg=["BOL", None, "", "BOL", "BBL", "x"] * 2 + ["BOL"] * 3,
    )
    found = profiled(frame, narrow("schooljaar", "leerweg"))
    assert found == FileProfile(
        rows=15, years={"2024-2025": 6, "2025-2026": 9}, missing={"schooljaar": 0, "leerweg": 4}
    )


def test_a_school_year_with_few_rows_is_not_told_nor_given_away_by_the_others() -> None:
    frame = table(schooljaar=["2023-2024"] * 3 + ["2024-2025"] * 6 + ["2025-2026"] * 9)
    assert profiled(frame, narrow("schooljaar")).years == {"2023-2024": None, "2024-2025": None, "2025-2026": 9}


def test_what_is_no_school_year_is_not_told() -> None:
    frame = table(schooljaar=["2024-2025"] * 6 + ["geheim"] * 7 + [None] * 2)
    assert profiled(frame, narrow("schooljaar")).years == {"2024-2025": 6, "no school year": 9}


def lines(*rows: tuple[str, str, str, str]) -> pl.DataFrame:
    """Control totals: school year, breakdown, value, number."""
    columns = dict(
        zip(("schooljaar", "uitsplitsing", "waarde", "aantal"), map(list, zip(*rows, strict=True)), strict=True)
    )
    return stated(table(bestand=["inschrijvingen"] * len(rows), **columns))  # type: ignore[arg-type]


def test_control_totals_are_told_beside_what_was_counted() -> None:
    frame = table(schooljaar=["2024-2025"] * 20, leerweg=["BOL"] * 12 + ["BBL"] * 8)
    of = narrow("schooljaar", "leerweg")
    both = beside(
        lines(("2024-2025", "leerweg", "BOL", "12"), ("2024-2025", "leerweg", "BBL", "9")), frame, of, "leerweg"
    )
    assert list(tellable(both, of, "leerweg", BOOK)) == [
        Total("inschrijvingen", "leerweg", "2024-2025", "BBL", False, 9, 8),
        Total("inschrijvingen", "leerweg", "2024-2025", "BOL", True, 12, 12),
    ]


def test_small_control_totals_say_whether_they_agree_and_no_more() -> None:
    frame = table(schooljaar=["2024-2025"] * 30, leerweg=["BOL"] * 20 + ["BBL"] * 8 + ["OVO"] * 2)
    of = narrow("schooljaar", "leerweg")
    both = beside(
        lines(
            ("2024-2025", "leerweg", "BOL", "20"),
            ("2024-2025", "leerweg", "BBL", "8"),
            ("2024-2025", "leerweg", "OVO", "3"),
        ),
        frame,
        of,
        "leerweg",
    )
    told = {total.value: (total.agrees, total.stated, total.counted) for total in tellable(both, of, "leerweg", BOOK)}
    assert told == {"BOL": (True, 20, 20), "BBL": (True, None, None), "OVO": (False, None, None)}


def test_a_value_that_no_list_names_is_not_told() -> None:
    frame = table(schooljaar=["2024-2025"] * 6 + ["geheim"] * 6, leerweg=[HOSTILE] * 12)
    of = narrow("schooljaar", "leerweg")
    both = beside(lines(("2024-2025", "leerweg", HOSTILE, "6")), frame, of, "leerweg")
    for total in tellable(both, of, "leerweg", BOOK):
        assert total.value is None
        assert total.schooljaar in ("2024-2025", "no school year")


def test_an_institution_is_told_by_its_code_alone() -> None:
    frame = table(schooljaar=["2024-2025"] * 14, instellingscode=["25LW"] * 7 + ["25LW van J."] * 7)
    of = narrow("schooljaar", "instellingscode")
    both = beside(lines(("2024-2025", "instelling", "25LW", "7")), frame, of, "instelling")
    assert {total.value for total in tellable(both, of, "instelling", BOOK)} == {"25LW", None}


# -- keeping ------------------------------------------------------------------------------------------------------


def rule(name: str, severity: Severity = "blocking") -> Rule:
    return Rule(
        id=name,
        severity=severity,
        cause="Nobody knows.",
        layer="row",
        sentence="The rule holds for all.",
        zin="De regel klopt voor alle.",
        remedy="Ask DUO about it.",
        source="test",
    )


def report(*results: RuleResult, **more: Any) -> CheckReport:
    return CheckReport.of("a part", results, {}, **more)


def test_a_part_is_read_as_it_was_kept(tmp_path: Path) -> None:
    part = Part.of(
        TOGETHER,
        ["a" * 16],
        report(
            RuleResult.counted(rule("a"), "diplomas", rows=9, failed=1),
            RuleResult.counted(rule("b"), "diplomas", rows=9, failed=0),
            RuleResult.unjudged(rule("c"), "diplomas"),
            changes=[Change("diplomas", "2024-2025", "2025-12", "V", "D", 10, 11, 6, None, 0, (("niveau", None),))],
            drifts=[Drift("diplomas", "niveau", "2025-12", "2023-2024", "2024-2025", 0.1, 0.05)],
            totals=[Total("diplomas", "totaal", "2024-2025", None, True, 9, 9)],
        ),
        FileProfile(rows=9, years={"2024-2025": None}, missing={"niveau": 2}),
    )
    part.write(tmp_path)
    assert Part.read(tmp_path, TOGETHER) == part
    (tally,) = part.rules
    assert (tally.judged, tally.broken, tally.unjudged) == (2, 1, 1)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"not json", b'{"v": 2, "name": "delivery"}'])
def test_a_part_that_cannot_be_read_is_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "delivery.json").write_bytes(content)
    assert Part.read(tmp_path, TOGETHER) is None


# -- showing ------------------------------------------------------------------------------------------------------


def seen(
    key: str,
    *,
    failed: int = 0,
    judged: bool = True,
    years: Mapping[str, int | None] = YEARS,
    missing: Mapping[str, int] | None = None,
    **more: Any,
) -> Seen:
    """A delivery whose files all look alike."""
    rows = sum(count or 3 for count in years.values())
    profile = FileProfile(rows=rows, years=years, missing=missing or {"niveau": 38, "leerweg": 0})
    results = [RuleResult.counted(rule("a"), "diplomas", rows=rows, failed=failed)]
    parts = {file: Part.of(file, [], report(*results), profile) for file in FILE_KINDS}
    if judged:
        parts[TOGETHER] = Part.of(TOGETHER, [], report(*results, **more))
    return Seen(key, dict.fromkeys(FILE_KINDS, rows), parts)


def test_a_first_delivery_has_a_picture_without_comparison() -> None:
    text = text_of(render_picture(seen("2025-12"), []))
    for words in ("Picture of delivery 2025-12", "passed", "There is no stored delivery before it",
                  "9,500 rows in 5 files", "0 of 6 blocking rules broken", "2024-25 2025-26",
                  "1,000 900 1,900"):  # fmt: skip
        assert words in text, words
    assert ", was " not in text


def test_volumes_and_missing_values_stand_beside_those_of_the_deliveries_before() -> None:
    before = seen("2025-12", years={"2023-2024": 800, "2024-2025": 950}, missing={"niveau": 350, "leerweg": 0})
    page = render_picture(seen("2026-08"), [before, seen("2025-08")])
    text = text_of(page)
    for words in (
        "Beside delivery 2025-12",
        "+8.6% on 2025-12",
        "2.0%, was 20.0%",
        "5 columns miss clearly more or fewer values",
    ):
        assert words in text, words
    assert "inschrijvingen" in text
    svg = page.decode()
    assert "<title>2026-08, 2025-2026: 900</title>" in svg
    assert "<title>2025-12, 2023-2024: 800</title>" in svg
    assert "<title>2025-08, 2024-2025: 1,000</title>" in svg


def test_an_earlier_delivery_of_which_nothing_is_kept_still_tells_its_rows() -> None:
    text = text_of(render_picture(seen("2026-08"), [Seen("2025-12", dict.fromkeys(FILE_KINDS, 2_000), {})]))
    assert "No school years are kept of 2025-12." in text
    assert "2025-12 2,000" in text
    assert "-5.0% on 2025-12" in text


def test_a_refused_delivery_shows_what_is_broken_and_where() -> None:
    text = text_of(render_picture(seen("2026-08", failed=7, judged=False), []))
    for words in (
        "refused",
        "5 of 5 blocking rules broken",
        "Not looked at (yet): delivery",
        "once every file has passed",
    ):
        assert words in text, words


def test_a_delivery_that_is_under_way_is_not_said_to_have_passed() -> None:
    text = text_of(render_picture(seen("2026-08", judged=False), []))
    assert "not judged yet" in text
    assert "passed Beside" not in text


def test_control_totals_show_stated_counted_and_difference_and_small_ones_neither() -> None:
    totals = [
        Total("diplomas", "totaal", "2024-2025", None, False, 1_003, 1_000),
        Total("diplomas", "niveau", "2024-2025", "3", False, 700, 697),
        Total("diplomas", "niveau", "2024-2025", "4", False, None, None),
        Total("diplomas", "niveau", "2025-2026", "4", True, 300, 300),
    ]
    text = text_of(render_picture(seen("2026-08", totals=totals), []))
    for words in ("3 of 4 control totals differ", "diplomas 2024-2025 1,003 1,000 +3", "2024-2025 niveau 3 700 697 +3",
                  "2024-2025 niveau 4 not told not told differs", "niveau 3 2 differ"):  # fmt: skip
        assert words in text, words
    assert "300 300" not in text


def test_what_moved_is_shown_with_what_is_usual() -> None:
    drifts = [
        Drift("diplomas", "niveau", "2025-12", "2023-2024", "2024-2025", 0.31, 0.04),
        Drift("diplomas", "geslacht", "2025-12", "2023-2024", "2024-2025", 0.01, 0.04),
    ]
    changes = [Change("diplomas", "2024-2025", "2025-12", "V", "D", 990, 1_000, 12, 8, None, (("niveau", 21),))]
    text = text_of(render_picture(seen("2026-08", drifts=drifts, changes=changes), [seen("2025-12")]))
    for words in ("1 of 2 columns moved far", "niveau 31.0% far", "geslacht 1.0%",
                  "diplomas 2024-2025 provisional, now final 990 1,000 12 8 not told niveau (21)"):  # fmt: skip
        assert words in text, words


def test_a_page_needs_nothing_from_elsewhere_and_hostile_names_are_text() -> None:
    totals = [Total(HOSTILE, HOSTILE, HOSTILE, HOSTILE, False, 9, 8)]
    drifts = [Drift(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 0.5, 0.1)]
    changes = [Change(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 9, 8, 7, 6, 5, ((HOSTILE, 5),))]
    now = seen(HOSTILE, years={HOSTILE: 9}, missing={HOSTILE: 3}, totals=totals, drifts=drifts, changes=changes)
    page = render_picture(now, [seen(HOSTILE)]).decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|<link|<img|@import|url\(|\son\w+=", page)


def test_every_drawing_says_what_it_is_to_who_cannot_see_it() -> None:
    page = render_picture(seen("2026-08"), [seen("2025-12")]).decode()
    drawn = re.findall(r'<svg role="img" aria-label="([^"]+)"[^>]*><title>([^<]+)</title><desc>([^<]+)</desc>', page)
    assert len(drawn) == page.count("<svg") == 8
    assert len({title for _, title, _ in drawn}) == 8


def test_numbers_that_may_not_be_told_are_not_on_the_page() -> None:
    page = render_picture(seen("2026-08", years={"2024-2025": None, "2025-2026": None, "2023-2024": 70}), [])
    assert "too few to tell" in page.decode()
    assert "not told not told" in text_of(page)
