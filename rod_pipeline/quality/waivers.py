"""Waivers: a person accepts a blocking finding in one delivery, for a reason and up to a date.

Belongs here: giving and withdrawing them, and what follows for a report, for storing and for marts. Does not belong
here: whether they may be given (``ledger.quality_rules``), the names of reasons (``ledger.quality``).

A waiver covers one rule in one file of one intake, as bad as it was found and no worse. While it stands, validation
lets that finding through and says so. When it ends nothing new is let through by it: validation blocks again, an
unfinished delivery isn't stored, no mart is built from a stored one. What was built before stays, and says that the
waiver has ended. What may not be kept (``RefusedData``) is no finding: it is erased before anybody can waive it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from rod_pipeline.deliveries import DeliveryKey, new_id
from rod_pipeline.errors import BlockedError, PermanentError
from rod_pipeline.ledger.events import Checked, Validated
from rod_pipeline.ledger.findings import WaiverState, unexcused, waiver_for
from rod_pipeline.ledger.quality import Finding, Reason, Waived, WaiverWithdrawn
from rod_pipeline.quality.delivery_rules import FUNDED, IN_SCOPE
from rod_pipeline.retention.deadline import deadline

if TYPE_CHECKING:
    from rod_pipeline.ledger.state import IntakeState
    from rod_pipeline.quality.report import CheckReport
    from rod_pipeline.system import System


_ONLY: Mapping[str, tuple[Reason, ...]] = {IN_SCOPE.id: (), FUNDED.id: ("duo_confirmed",)}
"""Rules that guard the bounds of the decree, and the only reasons for which they can be waived."""


class NothingToWaive(PermanentError):
    """A waiver was asked for what isn't a blocking finding of the delivery."""

    code = "ROD-WAIVER-01"


class NotOursToWaive(PermanentError):
    """A waiver was asked for what the decree doesn't leave to us."""

    code = "ROD-WAIVER-03"


class WaivedTooLong(PermanentError):
    """A waiver was to stand longer than the delivery may be kept."""

    code = "ROD-WAIVER-04"


class WaiverEnded(BlockedError):
    """A delivery was let through by a waiver that has ended since."""

    code = "ROD-WAIVER-02"


def waive(
    system: System, key: DeliveryKey, rule: str, reason: Reason, until: datetime, file: str | None = None
) -> Waived:
    """Accept the finding of ``rule`` in the current intake of a delivery before ``until``; ``file`` when two have it.

    Takes effect when the delivery is validated again. Raises ``UnknownDelivery``, ``DeliveryIsGone``,
    ``NothingToWaive``, ``NotOursToWaive``, ``WaivedTooLong`` when it would stand after the delivery's deadline, or
    ``IllegalEvent`` when it would have ended already.
    """
    intake = system.intake(key)
    blocking = [finding for finding in intake.findings if finding.severity == "blocking"]
    meant = [finding for finding in blocking if finding.rule == rule and file in (None, finding.file)]
    if len(meant) != 1:
        found = ", ".join(f"{finding.rule} in {finding.file}" for finding in blocking) or "none"
        raise NothingToWaive(
            f"No single blocking finding of {key} is meant. Blocking findings: {found}.",
            "Give rule and file (--file) as the report of the delivery names them. What was refused can't be waived.",
        )
    if reason not in (allowed := _ONLY.get(rule, (reason,))):
        raise NotOursToWaive(
            f"Rule {rule} guards what the decree allows us to have; "
            + (f"it is waived only for: {', '.join(allowed)}." if allowed else "nobody here can waive it."),
            "Ask DUO; refuse the delivery (`rod refuse`) when it holds what the decree doesn't allow.",
        )
    last = _deadline(system, key)
    if until > last:
        raise WaivedTooLong(
            f"Delivery {key} has to be gone on {last:%Y-%m-%d}; nothing of it is let through after that.",
            "Give the day by which the finding is mended or looked at again, at the latest the one before.",
        )
    waived = Waived(
        waiver_id=new_id(),
        delivery_id=intake.delivery_id,
        file=meant[0].file,
        rule=meant[0].rule,
        failed=meant[0].failed,
        reason=reason,
        until=until,
        actor=system.actor(),
    )
    system.ledger.append(waived)
    return waived


def _deadline(system: System, key: DeliveryKey) -> datetime:
    """When the delivery has to be gone. What was found in it was read, so it came, and its moment is known."""
    provided = system.ledger.state().provided(str(key))
    assert provided is not None
    return deadline(provided[0], system.decree.retention.years)


def withdraw(system: System, waiver_id: str) -> None:
    """End a waiver before its date. Raises ``IllegalEvent`` when none of that id stands."""
    system.ledger.append(WaiverWithdrawn(waiver_id=waiver_id, actor=system.actor()))


def with_waivers(system: System, intake: IntakeState, report: CheckReport) -> CheckReport:
    """The report, each broken blocking rule with the waiver that lets it through now."""
    waivers, now = system.ledger.state().waivers_of(intake.delivery_id), system.clock.now()
    if not waivers:
        return report
    excused = {
        (finding.file, finding.rule): waiver.waived
        for finding in report.findings()
        if finding.severity == "blocking" and (waiver := waiver_for(finding, waivers, now)) is not None
    }
    results = tuple(
        replace(result, waived=excused.get((result.file, result.id))) if not result.passed else result
        for result in report.results
    )
    return replace(report, results=results)


def lapsed(system: System, intake: IntakeState) -> tuple[Finding, ...]:
    """The blocking findings in what passed that no waiver lets through now."""
    judged: list[Checked | Validated] = [*intake.checks.values(), *([intake.verdict] if intake.verdict else [])]
    findings = [finding for one in judged if one.outcome == "passed" for finding in one.findings]
    return unexcused(findings, system.ledger.state().waivers_of(intake.delivery_id), system.clock.now())


def excuses(system: System, intake: IntakeState) -> tuple[WaiverState, ...]:
    """The waivers that let an intake through now. Raises ``WaiverEnded`` when one that it needs has ended."""
    if ended := lapsed(system, intake):
        raise WaiverEnded(
            f"Delivery {intake.key} was let through by a waiver that has ended: {named(ended)}.",
            "Nothing new is made of it. Decide: waive it anew (`rod waive`), or have a correction take its place.",
        )
    return system.ledger.state().excuses(intake, system.clock.now())


def named(findings: Iterable[Finding]) -> str:
    """Findings by rule and file."""
    return ", ".join(f"{finding.rule} in {finding.file}" for finding in findings)
