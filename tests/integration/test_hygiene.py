"""Old runs of Dagster go by age; nothing that is shown by one changes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from rod_pipeline.orchestration.hygiene import forget_before
from rod_pipeline.orchestration.jobs import CERTIFICATE

KEYS = dg.DynamicPartitionsDefinition(name="purged_delivery")


@dg.asset(key=CERTIFICATE, partitions_def=KEYS, check_specs=[dg.AssetCheckSpec("complete", asset=CERTIFICATE)])
def certificate(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    if context.run.tags.get("fail"):
        raise dg.Failure("as told", allow_retries=False)
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="complete")])


@dg.op
def nothing() -> None:
    return None


@dg.job
def other() -> None:
    nothing()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        made.add_dynamic_partitions("purged_delivery", ["2025-12", "2026-08"])
        yield made


def run(instance: dg.DagsterInstance, key: str, **tags: str) -> str:
    done = dg.materialize([certificate], partition_key=key, instance=instance, tags=tags, raise_on_error=False)
    return done.run_id


def later() -> datetime:
    """After everything that has run."""
    return datetime.fromtimestamp(0, UTC) + timedelta(days=366 * 200)


def test_old_runs_go_and_what_is_shown_stays_green(instance: dg.DagsterInstance) -> None:
    replaced = [run(instance, "2025-12"), run(instance, "2025-12")]
    green = run(instance, "2025-12")
    red = run(instance, "2026-08", fail="yes")
    jobs = [other.execute_in_process(instance=instance).run_id for _ in range(2)]
    assert forget_before(instance, later(), None) == 4
    left = {known.run_id for known in instance.get_runs()}
    assert left == {green, red}, "replaced ones and jobs without an asset are gone"
    assert instance.get_materialized_partitions(CERTIFICATE) == {"2025-12"}
    newest = instance.get_latest_materialization_event(CERTIFICATE)
    assert newest is not None and newest.run_id == green
    assert {known.status for known in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    for gone in (*replaced, *jobs):
        assert not Path(storage.path_for_shard(gone)).exists()
    with storage.index_connection() as connection:
        named = {row for (row,) in connection.execute(sa.text("select distinct run_id from event_logs"))}
        checked = {row for (row,) in connection.execute(sa.text("select distinct run_id from asset_check_executions"))}
    assert named <= left and checked <= left
    assert forget_before(instance, later(), None) == 0


def test_what_is_young_or_of_others_or_still_goes_on_is_kept(instance: dg.DagsterInstance) -> None:
    other.execute_in_process(instance=instance)
    going = instance.create_run_for_job(other, status=dg.DagsterRunStatus.STARTED)
    instance.create_run_for_job(
        other, status=dg.DagsterRunStatus.SUCCESS, tags={".dagster/repository": "__repository__@elsewhere"}
    )
    assert forget_before(instance, datetime(2000, 1, 1, tzinfo=UTC), None) == 0
    assert forget_before(instance, later(), None) == 1
    assert going.run_id in {known.run_id for known in instance.get_runs()}
    assert len(instance.get_runs()) == 2
