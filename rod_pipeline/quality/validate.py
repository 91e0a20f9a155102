"""Holding one file against its suite.

Belongs here: from a table and a suite to a report. Does not belong here: what spans files (``delivery``), counting
(``checks``). Great Expectations is imported on the first call: it takes seconds and hundreds of megabytes.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from rod_pipeline.contracts.model import Contract
from rod_pipeline.quality.detail import details
from rod_pipeline.quality.report import MOST_IN_FULL, CheckReport, Detail, RuleResult, Unit
from rod_pipeline.quality.suite import Rule, Suite


def validate_file(frame: pl.LazyFrame, contract: Contract, suite: Suite) -> CheckReport:
    """Judge one file.

    ``frame``: the contract's columns as String under their technical names, ``_row`` (1-based) beside them or not;
    read column by column, in bounded memory. Of the worst broken rules the report tells where (``detail``). Raises
    ``CheckImpossible``, ``UnknownMetric`` or ``ValidationBroke`` (``ROD-QUALITY-01`` to ``-03``) where a rule can't be
    judged: a rule never passes for want of an answer.
    """
    from rod_pipeline.quality.engine import run_suite

    outcome = run_suite(frame, contract, suite)
    as_json: dict[str, Any] = outcome.to_json_dict()  # type: ignore[no-untyped-call]
    rows = _row_count(frame)
    results = [_result(one, contract.file, rows) for one in as_json["results"]]
    report = CheckReport.of(contract.file, results, {contract.file: rows}, {contract.file: as_json})
    where = _where(frame, contract, suite, {result.id for result in report.broken[:MOST_IN_FULL]})
    told = tuple(replace(one, detail=where[one.id]) if one.id in where else one for one in report.results)
    return replace(report, results=told)


def _where(frame: pl.LazyFrame, contract: Contract, suite: Suite, broken: Collection[str]) -> Mapping[str, Detail]:
    from rod_pipeline.quality.engine import check_of

    rules = [one for one in suite.expectations if one.meta.id in broken]
    checks = {one.meta.id: check for one in rules if (check := check_of(one)) is not None}
    # An unknown value blocks where the list is closed, and only there.
    closed = {checks[one.meta.id] for one in rules if one.meta.id in checks and one.meta.severity == "blocking"}
    found = details(frame, contract, checks.values(), closed)
    return {rule: found[check] for rule, check in checks.items()}


def _row_count(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())


def _result(one: dict[str, Any], file: str, rows: int) -> RuleResult:
    rule, counts = Rule.model_validate(one["expectation_config"]["meta"]), one["result"]
    passed = bool(one["success"])
    if "unexpected_count" in counts:
        return RuleResult(rule, file, counts["element_count"], counts["unexpected_count"] or 0, passed)
    whole_file: Unit = "files"
    return RuleResult(rule, file, 1, int(not passed), passed, whole_file)
