"""What came out of validating a file or a delivery, in counts.

Belongs here: one uniform result per rule, the verdict over them, and the forms in which people and machines read it.
Does not belong here: judging (``engine``, ``delivery``), the page (``docs``), the letter (``notice``).

A report holds rule ids, sentences that we wrote, names from contracts and counts. "n of N rows of a file break rule R"
is no cell of a table (DESIGN 14.10); whatever is finer than that stands in ``Detail``, under the floor of five.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from rod_pipeline.ledger.quality import Finding, Waived
from rod_pipeline.quality.changes import Change, Drift
from rod_pipeline.quality.suite import Rule, Severity
from rod_pipeline.quality.totals import Total

Unit = Literal["rows", "students", "totals", "files", "school years", "institutions", "programmes", "columns", "levels"]
_SINGULAR: Mapping[Unit, str] = {"totals": "control total"}
_PLURAL: Mapping[Unit, str] = {"totals": "control totals"}
MOST_IN_FULL = 20
"""Of so many broken rules a text says all there is to say; of the others, less bad, how much breaks them."""


@dataclass(frozen=True, slots=True)
class Detail:
    """Where a broken rule is broken, as far as that may be told.

    ``first_rows``: numbers (1-based) of the first rows that break it, at most five. ``institutions``: BRIN and breaking
    rows, only where that count is five or more and what is left over (``elsewhere``) isn't 1-4 either. ``codes``: of a
    closed list, the offending code and its rows under the same floor, and only what looks like a code of that list.
    ``columns``: names of columns that moved, with the distance (see ``Drift``). ``explained``: what looks like a breach
    and is none, by kind and count, under the same floor.
    """

    first_rows: tuple[int, ...] = ()
    institutions: tuple[tuple[str, int], ...] = ()
    elsewhere: int = 0
    codes: tuple[tuple[str, int], ...] = ()
    columns: tuple[tuple[str, float], ...] = ()
    explained: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How one rule came out for one file: ``failed`` of ``rows`` (counted in ``unit``) break it.

    ``since``: the first delivery of the unbroken series, up to this one, in which it was broken; empty when it is new.
    ``waived``: the waiver by which the delivery goes on although the rule is broken.
    """

    rule: Rule
    file: str
    rows: int
    failed: int
    passed: bool
    unit: Unit = "rows"
    detail: Detail = Detail()
    since: str = ""
    waived: Waived | None = None

    @classmethod
    def counted(cls, rule: Rule, file: str, *, rows: int, failed: int, unit: Unit = "rows") -> Self:
        """A rule that allows no exception."""
        return cls(rule, file, rows, failed, failed == 0, unit)

    @classmethod
    def unjudged(cls, rule: Rule, file: str, unit: Unit = "rows") -> Self:
        """A rule that had nothing to look at, such as an earlier delivery: it neither holds nor is it broken."""
        return cls(rule, file, 0, 0, True, unit)

    @property
    def judged(self) -> bool:
        """Whether there was anything to look at. What wasn't judged stops nothing, and is told apart from what held."""
        return self.rows > 0 or self.failed > 0

    @property
    def stops(self) -> bool:
        """Whether the delivery can't go on because of it."""
        return self.severity == "blocking" and not self.passed and self.waived is None

    @property
    def id(self) -> str:
        return self.rule.id

    @property
    def severity(self) -> Severity:
        return self.rule.severity

    @property
    def sentence(self) -> str:
        return self.rule.sentence

    @property
    def remedy(self) -> str:
        return self.rule.remedy

    @property
    def rubrieken(self) -> tuple[str, ...]:
        return self.rule.rubrieken

    @property
    def share(self) -> float:
        """The part that breaks the rule, 0 to 1."""
        return self.failed / self.rows if self.rows else float(self.failed > 0)

    def said(self) -> str:
        """One line: how much of what breaks which rule."""
        plural = _PLURAL.get(self.unit, self.unit)
        units = _SINGULAR.get(self.unit, self.unit.removesuffix("s")) if self.rows == 1 else plural
        return f"{self.file}: {self.failed:,} of {self.rows:,} {units} ({percent(self.share)}) break {self.id}"

    def told(self) -> Iterator[tuple[str, str]]:
        """What somebody who has to act needs beside the counts: label and text, in the order in which one asks."""
        if self.waived is not None:
            yield "Waived", f"until {self.waived.until:%Y-%m-%d %H:%M} UTC ({self.waived.reason})"
        yield "Rule", self.sentence
        yield "Since", f"{self.since}, and in every delivery after it" if self.since else "new in this delivery"
        yield from self.where()
        yield "Likely cause", self.rule.cause
        yield "What to do", self.remedy

    def where(self) -> Iterator[tuple[str, str]]:
        """Where it is broken, as far as that may be told: label and text."""
        detail = self.detail
        if detail.first_rows:
            rows = ", ".join(f"{row:,}" for row in detail.first_rows)
            yield "First rows", f"{rows} (the first row after the header is 1)"
        if detail.columns:
            yield "Columns", ", ".join(f"{name} (moved {distance:.0%})" for name, distance in detail.columns)
        if detail.explained:
            yield "Explained, so not counted", _listed(detail.explained)
        if detail.codes:
            yield "Codes", _listed(detail.codes)
        if detail.institutions:
            rest = f"; all others together {detail.elsewhere:,}" if detail.elsewhere else ""
            yield "Institutions", f"{_listed(detail.institutions)}{rest}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The verdict on a file or a delivery: every rule that was judged, worst first."""

    subject: str
    results: tuple[RuleResult, ...]
    rows: Mapping[str, int] = field(default_factory=dict)
    """Rows per file."""
    gx: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Per file, the JSON of the Great Expectations result it rests on."""
    changes: tuple[Change, ...] = ()
    """What became of school years that the delivery before this one had too."""
    drifts: tuple[Drift, ...] = ()
    """How far each column that could be compared moved since the delivery before."""
    totals: tuple[Total, ...] = ()
    """The control totals beside what was counted."""

    @classmethod
    def of(
        cls,
        subject: str,
        results: Iterable[RuleResult],
        rows: Mapping[str, int],
        gx: Mapping[str, Mapping[str, Any]] | None = None,
        changes: Iterable[Change] = (),
        drifts: Iterable[Drift] = (),
        totals: Iterable[Total] = (),
    ) -> Self:
        ordered = tuple(sorted(results, key=_worst_first))
        return cls(subject, ordered, dict(rows), dict(gx or {}), tuple(changes), tuple(drifts), tuple(totals))

    @classmethod
    def combined(cls, subject: str, reports: Iterable["CheckReport"]) -> Self:
        """One report over several: the verdict on a delivery from those on its files and on the whole."""
        results: list[RuleResult] = []
        rows: dict[str, int] = {}
        gx: dict[str, Mapping[str, Any]] = {}
        changes: list[Change] = []
        drifts: list[Drift] = []
        totals: list[Total] = []
        for report in reports:
            results += report.results
            rows |= report.rows
            gx |= report.gx
            changes += report.changes
            drifts += report.drifts
            totals += report.totals
        return cls.of(subject, results, rows, gx, changes, drifts, totals)

    @property
    def broken(self) -> tuple[RuleResult, ...]:
        """The rules that did not hold, worst first."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def unjudged(self) -> tuple[RuleResult, ...]:
        """The rules that had nothing to look at."""
        return tuple(result for result in self.results if not result.judged)

    @property
    def passed(self) -> bool:
        """Whether no blocking rule failed, but for what is waived. Warnings do not stop a delivery."""
        return not any(result.stops for result in self.broken)

    def findings(self) -> tuple[Finding, ...]:
        """The broken rules as the ledger keeps them."""
        return tuple(
            Finding(rule=result.id, file=result.file, severity=result.severity, failed=result.failed, rows=result.rows)
            for result in self.broken
        )

    def to_gx(self) -> Mapping[str, Mapping[str, Any]]:
        """Per file the Great Expectations result as JSON, and one in the same form for the rules over files."""
        covered = {
            (name, result["expectation_config"]["meta"]["id"])
            for name, suite in self.gx.items()
            for result in suite["results"]
        }
        own = [result for result in self.results if result.judged and (result.file, result.id) not in covered]
        return dict(self.gx) | ({"delivery": _in_gx_form(self.subject, own)} if own else {})

    def summary(self) -> str:
        """What failed, on how much of what, and what to do: for the terminal and for the check in Dagster."""
        counted = ", ".join(f"{name} {rows:,} rows" for name, rows in self.rows.items())
        verdict = "passed" if self.passed else "REFUSED"
        lines = [f"{self.subject}: {verdict}. {len(self.results)} rules, {len(self.broken)} broken ({counted})."]
        for number, result in enumerate(self.broken):
            lines.append(f"  [{result.severity}] {result.said()}")
            if number < MOST_IN_FULL:
                lines += [f"      {label}: {text}" for label, text in result.told()]
        if self.unjudged:
            ids = ", ".join(sorted({result.id for result in self.unjudged}))
            lines.append(f"  Not judged, for want of something to hold it against: {ids}.")
        return "\n".join(lines)


def _worst_first(result: RuleResult) -> tuple[bool, bool, float, str, str]:
    return (result.passed, result.severity == "warning", -result.share, result.file, result.id)


def _listed(counted: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counted)


def percent(share: float) -> str:
    """A share (0 to 1) for people; what is there but hardly is never nothing."""
    return f"{share:.1%}" if share >= 0.001 or not share else "under 0.1%"


def _in_gx_form(subject: str, results: list[RuleResult]) -> dict[str, Any]:
    good = sum(result.passed for result in results)
    return {
        "suite_name": "delivery",
        "success": good == len(results),
        "statistics": {
            "evaluated_expectations": len(results),
            "successful_expectations": good,
            "unsuccessful_expectations": len(results) - good,
            "success_percent": 100 * good / len(results),
        },
        "meta": {"subject": subject},
        "results": [
            {
                "success": result.passed,
                "expectation_config": {
                    "type": "rule_over_files",
                    "kwargs": {"file": result.file},
                    "meta": result.rule.model_dump(mode="json"),
                    "severity": "critical" if result.severity == "blocking" else "warning",
                },
                "result": {
                    "element_count": result.rows,
                    "unexpected_count": result.failed,
                    "unexpected_percent": 100 * result.share,
                },
                "exception_info": {"raised_exception": False, "exception_traceback": None, "exception_message": None},
            }
            for result in results
        ],
    }
