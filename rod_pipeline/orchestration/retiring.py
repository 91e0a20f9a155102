"""The sensor that erases on time.

Belongs here: deciding, each hour, for which deliveries the job ``purge`` is requested, and saying why for none. Does
not belong here: what is due (``retention.due``), erasing (``retention.engine``).

No cursor and no run key: each tick looks at everything, so it doesn't matter for how long nobody ticked, and a purge
that failed is requested again. The body has no side effects, because "Preview tick result" in the UI runs it for real.
https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from rod_pipeline.errors import RodError
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.orchestration.describe import instant
from rod_pipeline.orchestration.failures import told_plainly
from rod_pipeline.orchestration.jobs import CERTIFICATE, ERASED, purge
from rod_pipeline.orchestration.partitions import PURGED, purged_deliveries
from rod_pipeline.orchestration.purging import unshown
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.orchestration.withdrawing import withdraw
from rod_pipeline.retention.clockguard import trusted_for_a_term
from rod_pipeline.retention.due import Agenda, agenda
from rod_pipeline.retention.places import revived
from rod_pipeline.system import System


@dataclass
class _Wanted:
    """Which evidence is wanted of which delivery, in the order in which it is requested; and why others wait."""

    assets: dict[str, list[dg.AssetKey]] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)

    def want(self, key: str, *assets: dg.AssetKey) -> None:
        known = self.assets.setdefault(key, [])
        known += [asset for asset in assets if asset not in known]


@dg.sensor(
    job=purge,
    name="due_purges",
    minimum_interval_seconds=3600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Each hour: which delivery's term ends, which erasure isn't done, which late sweep is due, what came back from "
        "a backup. Requests the job purge for each, oldest deadline first, and again for one that failed. When nothing "
        "is due it says when something will be, and what stands in the way."
    ),
)
def due_purges(context: dg.SensorEvaluationContext, rod: Rod) -> dg.SensorResult | dg.SkipReason:
    with told_plainly(), rod.open() as system:
        state, now = system.ledger.state(), system.clock.now()
        todo = agenda(state, now, system.decree, system.settings.retention)
        wanted = _wanted(system, state, todo, context.instance)
        wanted.waiting += [*_held(todo), *_standing(state)]
    busy = _busy(context.instance)
    if None in busy:
        return dg.SkipReason("A withdrawal is being carried out: it erases everything.")
    for key in [key for key in wanted.assets if key in busy]:
        wanted.waiting.append(f"{key}: its purge is queued or running.")
        del wanted.assets[key]
    if not wanted.assets:
        return dg.SkipReason(" ".join([_quiet(todo), *wanted.waiting]))
    for waits in wanted.waiting:
        context.log.info(waits)
    known = set(context.instance.get_dynamic_partitions(PURGED))
    new = [key for key in wanted.assets if key not in known]
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(partition_key=key, asset_selection=assets) for key, assets in wanted.assets.items()
        ],
        dynamic_partitions_requests=[purged_deliveries.build_add_request(new)] if new else [],
    )


def _wanted(system: System, state: LedgerState, todo: Agenda, instance: dg.DagsterInstance) -> _Wanted:
    wanted = _Wanted()
    # With no wait before the late sweep, the certificate follows in the same run.
    at_once = system.settings.retention.late_sweep_hours == 0
    steps = (ERASED, CERTIFICATE) if at_once else (ERASED,)
    for going in todo.go_on:
        for key in going.keys:
            wanted.want(key, *steps)
    doubt = None
    if any(term.ground == "term" for term in todo.begin):
        doubt = _doubt(system)
    for term in todo.begin:
        if term.ground == "term" and doubt is not None:
            wanted.waiting.append(f"{term.key}: {doubt}")
        else:
            wanted.want(term.key, *steps)
    for key in revived(system):
        # Of a delivery that lives, what was refused or replaced is tidied away by its next run.
        if key in state.tombstones:
            wanted.want(key, *steps)
    for ripe in todo.conclude:
        for key in ripe.keys:
            wanted.want(key, CERTIFICATE)
    for key, asset in unshown(instance, state):
        wanted.want(key, asset)
    return wanted


def _doubt(system: System) -> str | None:
    """Why no term may end by this machine's clock now; None when it may."""
    try:
        trusted_for_a_term(system)
    except RodError as error:
        return str(error)
    return None


def _busy(instance: dg.DagsterInstance) -> set[str | None]:
    """The deliveries for which a run is queued or in progress; None among them stands for a withdrawal."""
    runs = instance.get_runs(dg.RunsFilter(job_name=purge.name, statuses=list(NOT_FINISHED_STATUSES)))
    busy: set[str | None] = {run.tags["dagster/partition"] for run in runs if "dagster/partition" in run.tags}
    if instance.get_runs_count(dg.RunsFilter(job_name=withdraw.name, statuses=list(NOT_FINISHED_STATUSES))):
        busy.add(None)
    return busy


def _held(todo: Agenda) -> Iterator[str]:
    for term in todo.terms:
        for hold in term.holds:
            late = " It is OVER ITS TERM." if term.overdue(todo.now) else ""
            yield f"{term.key}: held on order {hold.order} until {instant(hold.until)}.{late}"


def _standing(state: LedgerState) -> Iterator[str]:
    if state.standing is not None and state.standing.until is not None:
        until = instant(state.standing.until)
        yield f"The decree is suspended (order {state.standing.order}) until {until}: nothing comes in, terms go on."


def _quiet(todo: Agenda) -> str:
    said = "Something is due, and can't be done now." if todo else "Nothing is due."
    return said if todo.next_at is None else f"{said} Next: {instant(todo.next_at)}."
