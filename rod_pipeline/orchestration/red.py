"""Partitions that are red: of which delivery, since when, why, and whether running them again can help.

Belongs here: reading that from Dagster's runs and the ledger, and launching what can be rerun. Does not belong here:
showing it all the time (``red_check``), what Dagster retries by itself (``failures``).

A rerun helps when nothing has to be done first: the error was of the kind that goes away, the process died, or the
decision that it waited for has been taken since. What waits for a person, was refused or erased isn't rerun.
"""

import json
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import sleep

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import PermanentError, RodError
from rod_pipeline.ledger.findings import unexcused
from rod_pipeline.ledger.intakes import IntakeState
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.orchestration.jobs import purge
from rod_pipeline.orchestration.launching import failures, opened
from rod_pipeline.orchestration.reasons import reasons, went_through
from rod_pipeline.orchestration.serving import NotRunning, Serving, running
from rod_pipeline.retention.gate import refuse_intake_stopped, refuse_purged
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

BROKEN_RULES = "broken rules"
"""What stands where an error code would, when a check on the data failed."""
DIED = "process died"
_LIVING = ("announced", "waiting_for_code", "received", "failed", "validated", "stored")
_BY_FINDINGS = frozenset({BROKEN_RULES, "ROD-QUALITY-11", "ROD-WAIVER-02"})


class NotLaunched(PermanentError):
    """Dagster took a request for a rerun and didn't start it."""

    code = "ROD-DAGSTER-04"


@dataclass(frozen=True, slots=True)
class Step:
    """A step that failed: with which code, and of which kind."""

    step: str
    code: str
    kind: str


@dataclass(frozen=True, slots=True)
class Red:
    """A living delivery whose newest run failed. ``waits`` is what has to be done first; None: rerunning can help."""

    key: str
    run_id: str
    since: datetime
    steps: tuple[Step, ...]
    waits: str | None

    @property
    def codes(self) -> str:
        """Its codes in a few words."""
        return ", ".join(dict.fromkeys(step.code for step in self.steps))


def red(instance: dg.DagsterInstance, system: System) -> tuple[Red, ...]:
    """Every living delivery that is red, longest first. A delivery that is queued or running isn't.

    Raises what reading the ledger raises.
    """
    state = system.ledger.state()
    found = []
    for key, intake in state.deliveries.items():
        if intake.stage not in _LIVING:
            continue
        record = _newest(instance, key)
        if record is None or record.dagster_run.status is not dg.DagsterRunStatus.FAILURE:
            continue
        if went_through(instance, record.dagster_run):
            continue
        run_id = record.dagster_run.run_id
        since = datetime.fromtimestamp(record.end_time or record.create_timestamp.timestamp(), UTC)
        if intake.announced_at > since:
            # Announced anew since: the sensor requests the run of that.
            continue
        steps = tuple(_steps(instance, run_id)) or (Step("", DIED, "transient"),)
        waits = next((why for step in steps if (why := _waits(system, state, intake, step)) is not None), None)
        found.append(Red(key, run_id, since, steps, waits))
    return tuple(sorted(found, key=lambda one: (one.since, one.key)))


def _newest(instance: dg.DagsterInstance, key: str) -> dg.RunRecord | None:
    """The newest run of a delivery that isn't about its erasure."""
    records = instance.get_run_records(dg.RunsFilter(tags={"dagster/partition": key}), limit=20)
    return next((record for record in records if record.dagster_run.job_name != purge.name), None)


def _steps(instance: dg.DagsterInstance, run_id: str) -> Iterator[Step]:
    for why in reasons(instance, run_id):
        if why.code:
            yield Step(why.step, why.code, why.kind)
        elif why.by_check:
            yield Step(why.step, BROKEN_RULES, "blocked")
        else:
            # Interrupted in the middle of a step: not ours, so nothing that we know speaks against going on.
            yield Step(why.step, DIED, "transient")


def _waits(system: System, state: LedgerState, intake: IntakeState, step: Step) -> str | None:
    """What has to be done before a rerun of this step can help; None when nothing has."""
    try:
        refuse_intake_stopped(state)
    except RodError:
        return "the decree is suspended or withdrawn"
    if intake.stage == "waiting_for_code":
        return f"DUO: a new access code (rod announce {intake.key}), or rod drop"
    if step.kind == "transient":
        return None
    if step.code in _BY_FINDINGS:
        broken = unexcused(intake.findings, state.waivers_of(intake.delivery_id), system.clock.now())
        if not broken:
            return None
        findings = "1 blocking finding" if len(broken) == 1 else f"{len(broken)} blocking findings"
        return f"a person: {findings} (a correction, rod waive or rod refuse)"
    if step.code in _LIFTED_BY_NOW:
        # Reading the ledger, as was done just now, raises these errors for as long as they hold.
        return None
    if step.kind == "blocked":
        return f"a person: rod runbook {step.code}; then rod rerun {intake.key}"
    return f"mending: rod runbook {step.code}; then rod rerun {intake.key}"


_LIFTED_BY_NOW = frozenset({"ROD-DELIVERY-08", "ROD-LEDGER-08", "ROD-LEDGER-09"})


def rerun(settings: Settings, wanted: Sequence[Red]) -> dict[str, list[str]]:
    """Run these again from their failed steps on, wait for all, and return by key what went wrong (empty: nothing).

    Asks the Dagster that runs here, so that its queue, its limits and the leases hold as for a click in the UI. What
    was begun meanwhile by somebody else is only waited for. Raises ``NotRunning``, ``NotLaunched`` or
    ``DeliveryPurged``.
    """
    at = running(settings)
    if at is None:
        raise NotRunning("Dagster isn't running here.", "Start it with `rod up`, or use the UI of your deployment.")
    with opened(settings) as instance:
        begun = {}
        for one in wanted:
            with System.open(settings) as system:
                refuse_purged(system.ledger.state().tombstones.get(str(DeliveryKey.parse(one.key))))
            newest = _newest(instance, one.key)
            taken_up = newest is not None and newest.dagster_run.run_id != one.run_id
            begun[one.key] = newest.dagster_run.run_id if newest and taken_up else _launch(at, one.run_id)
        for run_id in begun.values():
            while instance.get_runs_count(dg.RunsFilter(run_ids=[run_id], statuses=list(NOT_FINISHED_STATUSES))):
                sleep(1)
        return {key: failures(instance, run_id) for key, run_id in begun.items()}


_RERUN = """mutation ($run: String!) {
  launchRunReexecution(reexecutionParams: {parentRunId: $run, strategy: FROM_FAILURE}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
  }
}"""


def _launch(at: Serving, run_id: str) -> str:
    body = json.dumps({"query": _RERUN, "variables": {"run": run_id}}).encode()
    request = urllib.request.Request(f"{at.url}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        told = (json.load(answer).get("data") or {}).get("launchRunReexecution") or {}
    if told.get("__typename") != "LaunchRunSuccess":
        raise NotLaunched(
            f"Dagster didn't start the rerun ({told.get('__typename', 'no answer')}).",
            "Look in the UI whether the code location is loaded; then use Re-execute on the page of the run.",
        )
    return str(told["run"]["runId"])
