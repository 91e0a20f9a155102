"""Since when a rule has been broken, from what the ledger kept of earlier deliveries.

Belongs here: finding the first delivery of an unbroken series. Does not belong here: comparing the data of deliveries
(rules across deliveries), writing findings down (``verdict``).

The ledger keeps how every file and every delivery came out, of what was erased too: rule ids and counts. Deliveries
stand in the order of their keys, so that a correction follows what it corrects; one that was never judged is passed
over, because nothing is known of it.
"""

from collections.abc import Mapping
from dataclasses import replace

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.quality.report import CheckReport, RuleResult


def with_since(report: CheckReport, part: str, key: DeliveryKey, state: LedgerState) -> CheckReport:
    """The report on ``part`` (a kind of file, or ``delivery``), each broken rule with the delivery it is broken since.

    ``since`` stays empty where the delivery before ``key`` did not break the rule.
    """
    earlier = _broken_before(part, key, state)
    newest_first = sorted(earlier, reverse=True)

    def dated(result: RuleResult) -> RuleResult:
        since = ""
        for delivery in newest_first:
            if result.passed or (result.file, result.id) not in earlier[delivery]:
                break
            since = str(delivery)
        return replace(result, since=since)

    return replace(report, results=tuple(dated(result) for result in report.results))


def _broken_before(part: str, key: DeliveryKey, state: LedgerState) -> Mapping[DeliveryKey, set[tuple[str, str]]]:
    """Per earlier delivery that was judged, the file and id of each broken rule, by its newest intake."""
    found: dict[DeliveryKey, set[tuple[str, str]]] = {}
    for intake in state.intakes.values():
        delivery = DeliveryKey.parse(intake.key)
        judged = intake.checks.get(part) or (intake.verdict if part == "delivery" else None)
        if delivery < key and judged is not None:
            found[delivery] = {(finding.file, finding.rule) for finding in judged.findings}
    return found
