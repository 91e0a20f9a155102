"""What a report says: the verdict, its order, its texts, the findings for the ledger, and the page."""

import re
from typing import Any

import pytest

from rod_pipeline.quality import CheckReport, RuleResult, render_docs
from rod_pipeline.quality.suite import Rule, Severity


def result(rule: str, severity: Severity, failed: int, rows: int = 100, **more: Any) -> RuleResult:
    of = Rule(
        id=rule,
        severity=severity,
        layer="value",
        cause="Nobody knows.",
        sentence=f"The rule {rule} holds & <stays>.",
        zin=f"De regel {rule} klopt.",
        remedy="Ask DUO about it.",
        rubrieken=("04.01.30",),
        source="test",
    )
    return RuleResult.counted(of, more.pop("file", "diplomas"), rows=rows, failed=failed, **more)


def report(*results: RuleResult) -> CheckReport:
    return CheckReport.of("delivery 2025-12", results, {"diplomas": 100})


def test_only_a_blocking_rule_refuses() -> None:
    assert report(result("a", "blocking", 0), result("b", "warning", 100)).passed
    assert not report(result("a", "blocking", 1), result("b", "warning", 0)).passed


def test_the_worst_stands_first() -> None:
    shown = report(
        result("d.fine", "blocking", 0), result("c.some", "warning", 90), result("b.few", "blocking", 1),
        result("a.many", "blocking", 60),
    )  # fmt: skip
    assert [one.id for one in shown.results] == ["a.many", "b.few", "c.some", "d.fine"]
    assert [one.id for one in shown.broken] == ["a.many", "b.few", "c.some"]


def test_findings_are_the_broken_rules_with_their_counts() -> None:
    found = report(result("a", "blocking", 2), result("b", "warning", 3), result("c", "blocking", 0)).findings()
    assert [(one.rule, one.file, one.severity, one.failed, one.rows) for one in found] == [
        ("a", "diplomas", "blocking", 2, 100),
        ("b", "diplomas", "warning", 3, 100),
    ]


def test_the_summary_says_which_rule_on_how_much_of_what_and_what_to_do() -> None:
    text = report(result("a.rule", "blocking", 12_345, 1_000_000)).summary()
    assert "REFUSED" in text
    assert "diplomas: 12,345 of 1,000,000 rows (1.2%) break a.rule" in text
    assert "Ask DUO about it." in text
    assert "under 0.1%" in report(result("a", "blocking", 1, 1_000_000)).summary()
    assert "1 of 1 student (100.0%)" in report(result("a", "blocking", 1, 1, unit="students")).summary()


def test_reports_are_combined_into_one_verdict() -> None:
    one = CheckReport.of("diplomas", [result("a", "blocking", 0)], {"diplomas": 3}, {"diplomas": {"results": []}})
    other = CheckReport.of("whole", [result("b", "blocking", 1, file="delivery")], {"doorstroom": 4})
    both = CheckReport.combined("delivery 2025-12", [one, other])
    assert not both.passed
    assert dict(both.rows) == {"diplomas": 3, "doorstroom": 4}
    assert set(both.gx) == {"diplomas"}


def test_rules_over_files_take_the_form_of_a_great_expectations_result() -> None:
    shown = report(result("a", "blocking", 0), result("b", "warning", 3)).to_gx()["delivery"]
    assert shown["statistics"]["unsuccessful_expectations"] == 1
    assert not shown["success"]
    assert [(one["success"], one["result"]["unexpected_count"]) for one in shown["results"]] == [(False, 3), (True, 0)]


def test_the_page_needs_nothing_from_elsewhere_and_escapes_what_it_shows() -> None:
    page = render_docs(report(result("a", "blocking", 5), result("b", "warning", 0))).decode()
    assert not re.search(r"https?:|//[a-z]|<script|<link|@import|url\(", page)
    assert "default-src 'none'" in page
    assert "holds &amp; &lt;stays&gt;" in page
    assert "refused" in page
    assert ">5<" in page


@pytest.mark.parametrize("bad", ["Has Capital", "x" * 81, "", "with space"])
def test_a_rule_has_an_id_that_fits_the_ledger(bad: str) -> None:
    with pytest.raises(ValueError, match="id"):
        result(bad, "blocking", 0)
