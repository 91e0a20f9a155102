"""A broken rule says everything that somebody who has to act needs, wherever it is read; and since when."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.ledger.events import Announced, Checked, Entry, Finding, Parsed, Validated
from rod_pipeline.ledger.state import LedgerState, fold
from rod_pipeline.orchestration.describe import check_metadata, verdict_text
from rod_pipeline.quality import CheckReport, RuleResult, render_docs
from rod_pipeline.quality.pages import Pages
from rod_pipeline.quality.report import MOST_IN_FULL, Detail
from rod_pipeline.quality.runbook import FAMILIES, address
from rod_pipeline.quality.series import with_since
from rod_pipeline.quality.suite import Layer, Rule
from rod_pipeline.quality.verdict import Outcome

HOSTILE = '<img src=x onerror=1>| ![x](http://elsewhere/y) "&amp;'
DETAIL = Detail(
    first_rows=(3, 1_200), institutions=(("25LW", 40), ("27DV", 12)), elsewhere=9, codes=(("X9", 61),)
)  # fmt: skip
TOLD = (
    "3, 1,200 (the first row after the header is 1)",
    "25LW (40), 27DV (12); all others together 9",
    "X9 (61)",
    "2025-12, and in every delivery after it",
    "A list that is behind.",
    "Ask DUO which code it is.",
)


def broken(rule: str = "diplomas.code.values", **more: Any) -> RuleResult:
    of = Rule(
        id=rule,
        severity="blocking",
        layer="value",
        sentence=more.pop("sentence", "The code is on the list."),
        zin="De code staat op de lijst.",
        cause="A list that is behind.",
        remedy="Ask DUO which code it is.",
        source="test",
    )
    return RuleResult(of, more.pop("file", "diplomas"), 1_000, 61, passed=False, **more)


def report(*results: RuleResult) -> CheckReport:
    return CheckReport.of("diplomas of delivery 2026-08", results, {"diplomas": 1_000})


def everywhere(shown: CheckReport) -> dict[str, str]:
    """The texts in which a person meets a report."""
    outcome = Outcome(shown, Pages(Path("report.html"), Path("picture.html")), None)
    return {
        "terminal": shown.summary(),
        "page": re.sub(r"<[^>]*>", " ", render_docs(shown).decode()),
        "check": verdict_text(shown),
        "table": str(check_metadata("2026-08", outcome)["table of what is broken"].value),
    }


@pytest.mark.parametrize("place", ["terminal", "page", "check"])
def test_a_failure_says_since_when_where_why_and_what_to_do(place: str) -> None:
    text = everywhere(report(broken(detail=DETAIL, since="2025-12")))[place]
    for told in ("61", "1,000", "6.1%", "The code is on the list.", *TOLD):
        assert told in text, told


def test_the_table_of_a_check_says_the_same_and_names_the_runbook() -> None:
    text = everywhere(report(broken(detail=DETAIL, since="2025-12")))["table"]
    assert "| blocking | diplomas | 61 | 1,000 rows | 6.1% | 2025-12 | `diplomas.code.values` |" in text
    for told in (*TOLD[:3], *TOLD[4:], "docs/runbooks/quality.md#diplomas.code.values"):
        assert told in text, told


def test_what_is_not_known_is_not_shown() -> None:
    for text in everywhere(report(broken())).values():
        assert not re.search(r"first rows?\b|institutions[: ] \w|all others together|\bcodes:", text, re.IGNORECASE)
    assert "new in this delivery" in everywhere(report(broken()))["terminal"]


def test_of_very_many_broken_rules_the_worst_are_told_in_full_and_every_one_is_named() -> None:
    shown = report(*(broken(f"rule.n{number:03}") for number in range(MOST_IN_FULL + 30)))
    texts = everywhere(shown)
    for number in range(MOST_IN_FULL + 30):
        assert f"rule.n{number:03}" in texts["terminal"]
        assert f"rule.n{number:03}" in texts["table"]
    assert texts["terminal"].count("What to do:") == MOST_IN_FULL
    assert "And 30 more" in texts["check"]


def test_what_was_not_judged_is_not_said_to_hold() -> None:
    shown = report(broken(), RuleResult.unjudged(broken("diplomas.other").rule, "diplomas"))
    texts = everywhere(shown)
    assert "Not judged, for want of something to hold it against: diplomas.other" in texts["terminal"]
    assert "Not judged, for want of something to hold it against: 1 of these rules" in texts["check"]
    assert "0 of 2 rules hold" in texts["page"]
    assert re.search(r"not judged\s+The code", texts["page"])


def test_a_hostile_name_is_text_on_the_page_and_in_the_ui() -> None:
    detail = Detail(codes=((HOSTILE, 5),))
    shown = report(broken(sentence=f"The code {HOSTILE} is on the list.", file=HOSTILE, detail=detail))
    page = render_docs(shown, beside=(HOSTILE,), picture=HOSTILE).decode()
    assert "<img" not in page
    assert "&lt;img src=x onerror=1&gt;" in page
    texts = everywhere(shown)
    (line,) = [line for line in texts["table"].splitlines() if "diplomas.code.values" in line]
    assert len(re.findall(r"(?<!\\)\|", line)) == 13, "a bar in a name begins no cell"
    for text in (texts["table"], texts["check"]):
        assert not re.search(r"!\[[^\]]*\]\(", text), "no picture that the UI would fetch"
    assert "<img" not in texts["table"].replace(r"\<", "")


def test_the_page_shows_what_the_runbook_says_of_the_layer() -> None:
    page = render_docs(report(broken())).decode()
    for part in (FAMILIES["value"].see, FAMILIES["value"].avoid, FAMILIES["value"].over):
        assert part.replace("'", "&#x27;") in page
    assert FAMILIES["row"].avoid not in page
    assert address("diplomas.code.values") in page


def test_every_layer_is_in_the_runbook() -> None:
    assert set(FAMILIES) == set(get_args(Layer))


# -- since when ---------------------------------------------------------------------------------------------------

_START = datetime(2025, 12, 3, 12, tzinfo=UTC)


class History:
    """A ledger's state after deliveries whose checks broke the named rules."""

    def __init__(self) -> None:
        self.state = LedgerState()
        self._intakes = 0

    def _told(self, event: Any) -> None:
        self.state = fold(self.state, Entry(seq=self.state.seq + 1, at=_START, event=event))

    def delivery(self, key: str, *rules: str, file: str = "diplomas", whole: bool = False, judged: bool = True) -> None:
        self._intakes += 1
        intake, copy = f"{self._intakes:016x}", f"{self._intakes + 100:016x}"
        findings = tuple(Finding(rule=rule, file=file, severity="warning", failed=1, rows=2) for rule in rules)
        self._told(Announced(delivery_id=intake, key=key, channel="drop", files=1))
        if judged and whole:
            self._told(Validated(delivery_id=intake, outcome="passed", copies=(copy,), findings=findings))
        elif judged:
            self._told(Parsed(delivery_id=intake, file="diplomas", contract=1, rows=2, copy_id=copy))
            self._told(
                Checked(delivery_id=intake, file="diplomas", copy_id=copy, outcome="passed", rules=9, findings=findings)
            )

    def since(self, key: str, *results: RuleResult, part: str = "diplomas") -> dict[str, str]:
        dated = with_since(report(*results), part, DeliveryKey.parse(key), self.state)
        return {result.id: result.since for result in dated.results}


def test_a_rule_is_broken_since_the_first_delivery_of_the_unbroken_series() -> None:
    past = History()
    past.delivery("2025-12", "a", "b", "c")
    past.delivery("2026-08", "a", "c")
    past.delivery("2026-12", "a", "b")
    found = past.since("2027-08", *(broken(rule) for rule in "abcd"))
    assert found == {"a": "2025-12", "b": "2026-12", "c": "", "d": ""}


def test_deliveries_stand_in_the_order_of_their_moments_and_corrections() -> None:
    past = History()
    past.delivery("2026-08", "a", "b")
    past.delivery("2025-12-r2", "a")
    past.delivery("2025-12", "a", "b")
    past.delivery("2027-08", "a", "b")
    assert past.since("2026-12", broken("a"), broken("b")) == {"a": "2025-12", "b": "2026-08"}
    assert past.since("2025-12", broken("a")) == {"a": ""}


def test_a_delivery_that_was_never_judged_neither_ends_a_series_nor_begins_one() -> None:
    past = History()
    past.delivery("2025-12", "a")
    past.delivery("2026-08", judged=False)
    assert past.since("2026-12", broken("a")) == {"a": "2025-12"}


def test_the_newest_intake_of_a_delivery_speaks_for_it() -> None:
    past = History()
    past.delivery("2025-12", "a")
    past.delivery("2025-12")
    assert past.since("2026-08", broken("a")) == {"a": ""}


def test_a_rule_over_files_has_a_series_for_each_file_and_a_rule_that_holds_has_none() -> None:
    past = History()
    past.delivery("2025-12", "a", file="doorstroom", whole=True)
    held = RuleResult.counted(broken("held").rule, "doorstroom", rows=1, failed=0)
    own, other = broken("a", file="doorstroom"), broken("a", file="mbo_hbo")
    for results, since in (((own,), {"a": "2025-12"}), ((other,), {"a": ""}), ((held,), {"held": ""})):
        assert past.since("2026-08", *results, part="delivery") == since
