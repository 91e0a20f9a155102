"""What Dagster keeps has an end: finished runs, their events and logs, once a day, by age.

Belongs here: which runs are old and needed by nobody, and the job that forgets them. Does not belong here: what a purge
takes away at once (``erasing``), rests of deliveries (``tidying``), ticks of sensors and schedules (``retention`` in
dagster.yaml: the daemon does those).

A run is kept, however old, while Dagster shows by it how something stands: the newest materialization, failure or plan
of an asset or partition, and the newest result of a check. So what is green stays green, what is red stays red, and
the evidence on ``purged_delivery`` outlives the data.
https://docs.dagster.io/guides/build/partitions-and-backfills/data-retention
"""

from datetime import datetime, timedelta

import dagster as dg
import sqlalchemy as sa
from dagster._core.events import DagsterEventType
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

from rod_pipeline.orchestration.erasing import forget_runs
from rod_pipeline.orchestration.failures import retry_transient, told_plainly
from rod_pipeline.orchestration.nightly import nightly
from rod_pipeline.orchestration.resources import Rod

_SHOWN = (
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_FAILED_TO_MATERIALIZE,
)


def forget_before(instance: dg.DagsterInstance, before: datetime, label: str | None) -> int:
    """Forget finished runs that nothing happened to since ``before`` and that nothing is shown by; returns how many.

    ``label`` is that of the code location (tag ``.dagster/repository``): runs of another one aren't ours to forget. Can
    be run twice, or killed. An installation without a database of Dagster's own kind is left as it is.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    old = {
        run.run_id
        for run in instance.get_runs(dg.RunsFilter(statuses=list(FINISHED_STATUSES), updated_before=before))
        if run.tags.get(REPOSITORY_LABEL_TAG) == label
    }
    gone = old - _shown_by(storage) if old else set()
    forget_runs(instance, gone)
    return len(gone)


def _shown_by(storage: SqlEventLogStorage) -> set[str]:
    """The runs by which Dagster shows how something stands."""
    events, checks = SqlEventLogStorageTable, AssetCheckExecutionsTable
    newest_events = (
        sa.select(sa.func.max(events.c.id))
        .where(events.c.dagster_event_type.in_([kind.value for kind in _SHOWN]), events.c.asset_key.is_not(None))
        .group_by(events.c.asset_key, events.c.partition, events.c.dagster_event_type)
    )
    newest_checks = sa.select(sa.func.max(checks.c.id)).group_by(
        checks.c.asset_key, checks.c.check_name, checks.c.partition
    )
    with storage.index_connection() as connection:
        found = {
            run_id for (run_id,) in connection.execute(sa.select(events.c.run_id).where(events.c.id.in_(newest_events)))
        }
        return found | {
            run_id for (run_id,) in connection.execute(sa.select(checks.c.run_id).where(checks.c.id.in_(newest_checks)))
        }


@dg.op(
    name="forget_runs",
    retry_policy=retry_transient,
    description="Removes finished runs older than dagster.run_days with their events and logs, unless shown by.",
)
def _forget(context: dg.OpExecutionContext, rod: Rod) -> None:
    with told_plainly(), rod.open() as system:
        before = system.clock.now() - timedelta(days=system.settings.dagster.run_days)
        gone = forget_before(context.instance, before, context.run.tags.get(REPOSITORY_LABEL_TAG))
    context.log.info(f"{gone} runs of before {before:%Y-%m-%d} were forgotten.")


forget_old_runs, forget_daily = nightly(
    _forget,
    job="forget_old_runs",
    schedule="forget_daily",
    minute=45,
    does="Forgets finished runs, events and logs after dagster.run_days. What Dagster shows the state of deliveries "
    "and erasures by is kept: nothing changes colour.",
    when="Each night, after tidy_daily.",
)
