"""The content of a notice about results, as ``notifying`` makes it of a report; and rules that were broken."""

from datetime import UTC, datetime
from typing import Any

from rod_pipeline.decree import load_decree
from rod_pipeline.quality import RuleResult
from rod_pipeline.quality.notice import Content, Letter, Told, letter
from rod_pipeline.quality.suite import Rule, Severity

FOUND = datetime(2025, 12, 3, 11, 5, tzinfo=UTC)


def broken(
    rule: str = "a.rule", severity: Severity = "blocking", failed: int = 3, rows: int = 100, **more: Any
) -> RuleResult:
    """A broken rule; ``more`` are fields of the result."""
    of = Rule(
        id=rule,
        severity=severity,
        layer="value",
        cause="Nobody knows.",
        sentence=f"The rule {rule} holds.",
        zin=f"De regel {rule} klopt.",
        remedy="Ask DUO about it.",
        rubrieken=("04.01.30",),
        source="test",
    )
    return RuleResult(of, more.pop("file", "diplomas"), rows, failed, failed == 0, **more)


def content(*results: RuleResult, **more: Any) -> Content:
    """The content of a notice about ``results``; ``more`` are fields of it."""
    fields: dict[str, Any] = {
        "notice": "2025-12-m1",
        "draft": 1,
        "delivery": "2025-12",
        "provided": None,
        "found_at": FOUND,
        "found": {"diplomas": tuple(Told.of(result) for result in results)},
    }
    return Content(**(fields | more))


def letter_of(*results: RuleResult, **more: Any) -> Letter:
    """The letter about ``results``."""
    return letter(content(*results, **more), load_decree())
