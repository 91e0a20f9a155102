"""Telling people: what the ledger and Dagster give cause for, sent once to whoever it is for.

Belongs here: the runs that failed, as alerts; the sensor that sees that something is to be told, and the job that tells
it. Does not belong here: what the ledger gives cause for, and who is told what (``rod_pipeline.alerts``).

The sensor only looks. The run sends; while the mail server is down it fails, and is requested again every ten minutes.
It is first in the queue and touches no delivery: nothing waits for it. https://docs.dagster.io/guides/observe/alerts
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256

import dagster as dg

from rod_pipeline.alerts.alert import Alert, sentence
from rod_pipeline.alerts.causes import KINDS, causes
from rod_pipeline.alerts.rounds import Due, due, send_due
from rod_pipeline.errors import RodError
from rod_pipeline.ledger.intakes import IntakeState
from rod_pipeline.orchestration.failures import UNFORESEEN, stop_run_retries, told_plainly
from rod_pipeline.orchestration.jobs import FIRST, deliver
from rod_pipeline.orchestration.reasons import reasons, went_through
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.orchestration.storages import instances_of
from rod_pipeline.orchestration.telling import overdue_notices
from rod_pipeline.runbooks import address
from rod_pipeline.settings import AlertKind
from rod_pipeline.system import System

SENDS, WATCHES = "send_alerts", "unsent_alerts"
_NEWEST, _TRY_AGAIN = 200, 600
_PURGES = ("purge", "withdraw")
_DONE = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_DO: dict[str, str] = {
    "transient": "It was retried and still fails. See the runbook; when the cause has gone, run it again.",
    "permanent": "Trying again doesn't help. See the runbook, mend the cause, then run it again.",
    "blocked": "It waits for a decision of yours. See the runbook, decide, then run it again.",
}


def standing_alerts(system: System, instance: dg.DagsterInstance | None) -> tuple[tuple[Alert, ...], set[AlertKind]]:
    """Everything that stands now, and the kinds that could be looked for. A ledger that can't be read is an alert."""
    kinds: set[AlertKind] = {"run_failed"}
    deliveries: Mapping[str, IntakeState] = {}
    try:
        known = causes(system)
        deliveries = system.ledger.state().deliveries
        kinds |= KINDS
    except RodError as error:
        about, do = "the ledger", _DO[error.kind]
        known = (Alert("run_failed", about, sentence(error.code), do, address(error.code), code=error.code),)
    failed = {} if instance is None else {alert.about: alert for alert in _failed_runs(instance)}
    found = []
    for alert in known:
        if alert.kind == "blocked" and alert.about in failed:
            # The ledger knows better what a delivery waits for; the run says where to look.
            alert = replace(alert, run=failed.pop(alert.about).run)
        found.append(alert)
    for about, alert in failed.items():
        intake = deliveries.get(about)
        if not _decided(intake):
            # What was refused and erased waits for DUO: nobody here can do more than send the notice.
            found.append(replace(alert, reminds=intake is None or intake.refused is None))
    return tuple(found), kinds


def _decided(intake: IntakeState | None) -> bool:
    """Whether nobody waits for a run of this delivery any more: it was corrected, or refused by decision."""
    return intake is not None and (intake.corrected_by is not None or (intake.refused or "").startswith("ROD-REFUSE-"))


def alerts_here(system: System) -> tuple[tuple[Alert, ...], set[AlertKind]]:
    """The same from outside Dagster; without its runs, where its storage can't be asked."""
    # So that every error that a run can end in is known by its sentence.
    import rod_pipeline.definitions  # noqa: F401

    found: dict[str, Alert] = {}
    kinds: set[AlertKind] = set()
    try:
        for instance in instances_of(system.settings):
            alerts, kinds = standing_alerts(system, instance)
            found |= {alert.cause: alert for alert in alerts}
    except RodError:
        kinds = set()
    if not kinds:
        alerts, kinds = standing_alerts(system, None)
        found, kinds = {alert.cause: alert for alert in alerts}, kinds - {"run_failed", "blocked", "purge_late"}
    return tuple(found.values()), kinds


def _failed_runs(instance: dg.DagsterInstance) -> Iterator[Alert]:
    """Jobs whose newest finished run failed, for each partition."""
    seen = set()
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]), limit=_NEWEST):
        partition = run.tags.get("dagster/partition")
        # These two tell of themselves otherwise: by an alert of its own, and by what isn't sent.
        if run.job_name in (overdue_notices.name, SENDS) or (run.job_name, partition) in seen:
            continue
        seen.add((run.job_name, partition))
        tags = {} if partition is None else {"dagster/partition": partition}
        newest = instance.get_runs(dg.RunsFilter(job_name=run.job_name, tags=tags, statuses=_DONE), limit=1)
        if newest and newest[0].run_id == run.run_id and not went_through(instance, run):
            yield _of_run(instance, run, partition)


def _of_run(instance: dg.DagsterInstance, run: dg.DagsterRun, partition: str | None) -> Alert:
    # The name of each cause is its own: a job that isn't a delivery's way is named beside its partition.
    about = " ".join(part for part in (partition, run.job_name) if part)
    if partition is not None and run.job_name == deliver.name:
        about = partition
    # Only code and kind are taken from it: its text may hold the name of a file or a column from outside.
    coded = [why for why in reasons(instance, run.run_id) if why.code]
    if not coded:
        happened, page, code, do = "A check stopped it, or the process ended without a word.", "", "", _DO["permanent"]
        page = "docs/how-to/failed-partition.md"
    else:
        code = coded[0].code
        do, page = _DO.get(coded[0].kind, _DO["permanent"]), address(code)
        happened = "Something that nobody foresaw." if code == UNFORESEEN else sentence(code)
    kind: AlertKind = "blocked" if coded and coded[0].kind == "blocked" else "run_failed"
    if run.job_name in _PURGES:
        kind = "purge_late"
    happened = f"The job {run.job_name} failed: {happened}"
    return Alert(kind, about, happened, do, page, code=code, run=run.run_id)


def _run_key(waiting: tuple[Due, ...], at: float) -> str:
    """The same for ten minutes, unless something else is to be told."""
    what = "\n".join(sorted(f"{one.key} {one.alert.digest}" for one in waiting))
    return f"{sha256(what.encode()).hexdigest()[:16]} {int(at) // _TRY_AGAIN}"


@dg.op(name="send_due_alerts", description="Sends every alert that an owner hasn't been told, or is to be reminded of.")
def _send(context: dg.OpExecutionContext, rod: Rod) -> None:
    with told_plainly(), rod.open() as system:
        alerts, kinds = standing_alerts(system, context.instance)
        sent = send_due(system, alerts, kinds)
    context.log.info(f"{len(sent)} alerts were sent; {len(alerts)} causes stand.")


@dg.job(
    name=SENDS,
    executor_def=dg.in_process_executor,
    hooks={stop_run_retries},
    tags=FIRST,
    description=(
        "Sends alerts by the routes of the settings (alerts.routes): once for each cause and owner, again when it "
        "changes or lasts. Red while something can't be sent; it is requested again every ten minutes."
    ),
)
def send_alerts() -> None:
    _send()


@dg.sensor(
    job=send_alerts,
    name=WATCHES,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Each minute: is there anything that somebody is to be told? Failed runs, what waits for a person, notices and "
        "erasures that are late, waivers that end, deliveries that came or didn't. It sends nothing itself."
    ),
)
def unsent_alerts(context: dg.SensorEvaluationContext, rod: Rod) -> dg.RunRequest | dg.SkipReason:
    with told_plainly(), rod.open() as system:
        if not system.settings.alerts.routes:
            return dg.SkipReason("No route is set (alerts.routes): nobody is told anything.")
        alerts, _ = standing_alerts(system, context.instance)
        waiting, now = due(system, alerts), system.clock.now()
    if waiting:
        return dg.RunRequest(run_key=_run_key(waiting, now.timestamp()))
    return dg.SkipReason(f"Everybody has been told; {len(alerts)} causes stand.")
