"""Dagster's own storage as a place that a purge empties: runs, their events and logs, statuses, the partition.

Belongs here: finding, removing and looking for what Dagster keeps of a delivery, and stopping its runs. Does not belong
here: what a purge does otherwise (``rod_pipeline.retention``).

No personal data ever enters Dagster (DESIGN, 3.4): what is removed here are keys, ids, counts and digests, so that
nothing green, red or stale is left of a delivery that is gone. That rule carries the promise, not the deletion: a
database may keep the bytes of deleted rows in free pages and in its write-ahead log.

What stays, on purpose: runs of other deliveries, runs that built the mart database alone, and the ticks of sensors
(ids and keys, which Dagster drops by ``retention`` in dagster.yaml). Open source Dagster can't wipe one partition of an
asset (``wipe_asset_partitions`` raises), and ``delete_run`` leaves results of checks and the copy of the newest
materialization that lies beside each asset; those are removed by the tables of Dagster's own schema, the same in SQLite
and PostgreSQL. https://docs.dagster.io/guides/build/partitions-and-backfills/data-retention
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from time import monotonic, sleep
from typing import ClassVar

import dagster as dg
import sqlalchemy as sa
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.runs.schema import BackfillTagsTable, BulkActionsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage

from rod_pipeline.ledger.erasure import Counted, Method, Place, PlaceLeft, Subject
from rod_pipeline.orchestration.jobs import DELIVERED, deliver
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.orchestration.storages import instances_of, refuse_unreached, storages_in
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

# A backfill gives its runs a range, also where each run takes one partition.
_TAGS = (
    "dagster/partition",
    f"dagster/partition/{DELIVERY}",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)
_PATIENCE, _LAST_WORDS = 60.0, 5.0


@dataclass
class _Traces:
    """What one instance holds of one delivery. ``runs`` and ``backfills`` by id; ``files`` are files and folders."""

    runs: set[str] = field(default_factory=set)
    backfills: set[str] = field(default_factory=set)
    partitions: int = 0
    files: list[Path] = field(default_factory=list)

    def counts(self) -> tuple[Counted, ...]:
        return (
            Counted(what="runs", n=len(self.runs) + len(self.backfills)),
            Counted(what="partitions", n=self.partitions),
            Counted(what="files", n=len(self.files)),
        )


class DagsterPlace:
    """Runs, events, results of checks, logs, backfills and the partition of a delivery, in Dagster's storage."""

    place: ClassVar[Place] = "dagster"
    method: ClassVar[Method] = "file_deleted"

    def __init__(self, system: System) -> None:
        self._system = system

    def inventory(self, subject: Subject) -> PlaceLeft:
        """By tags of runs and by the partition in events.

        Raises ``DagsterUnreachable``, ``DagsterUnknown``, or ``DagsterElsewhere`` when not every storage is reached.
        """
        found = _Traces()
        for instance in self._instances():
            _add(found, _traces(instance, subject.key))
        return PlaceLeft(place=self.place, counts=found.counts())

    def erase(self, subject: Subject, purge_id: str) -> tuple[Counted, ...]:
        """Remove all of it, runs that still go on included: whatever they do next, they meet the tombstone."""
        found = _Traces()
        for instance in self._instances():
            traces = _traces(instance, subject.key)
            _erase(instance, subject.key, traces)
            _add(found, traces)
        return found.counts()

    def verify_absent(self, subject: Subject) -> PlaceLeft:
        """Run by run and asset by asset, through what Dagster shows, and file by file."""
        found = _Traces()
        for instance in self._instances():
            _add(found, _shown(instance, subject.key))
            _add(found, _traces(instance, subject.key))
        return PlaceLeft(place=self.place, counts=found.counts())

    def _instances(self) -> Iterator[dg.DagsterInstance]:
        """Those that are reached, each while it is open; then the refusal, when the ledger knows of another."""
        reached: set[str] = set()
        for instance in instances_of(self._system.settings):
            reached |= storages_in(instance)
            yield instance
        refuse_unreached(self._system.ledger, reached)


def cancel_work(settings: Settings, keys: Iterable[str], *, patience: float = _PATIENCE) -> tuple[str, ...]:
    """Stop every queued or running run of these deliveries; returns the ids of those that went on for ``patience`` s.

    Runs of a purge are no runs of a delivery. A run that doesn't end may have died without a word: whether somebody is
    still working is told by the ledger's leases. And Dagster interrupts a run once: when that gets lost (in a finalizer
    of some library), the run goes on to its next stage, where it meets the tombstone. Raises ``DagsterUnreachable`` or
    ``DagsterUnknown``.
    """
    stuck = []
    for instance in instances_of(settings):
        going = [run for key in keys for run in _tagged(instance, key) if run.status not in FINISHED_STATUSES]
        for run in going:
            _cancel(instance, run)
        stuck += _unended(instance, [run.run_id for run in going], patience)
    return tuple(stuck)


def _unended(instance: dg.DagsterInstance, run_ids: Sequence[str], patience: float) -> list[str]:
    """Those of the runs that haven't ended after ``patience`` seconds."""
    until = monotonic() + patience
    while left := [run.run_id for run in _runs(instance, run_ids) if run.status not in FINISHED_STATUSES]:
        if monotonic() > until:
            break
        sleep(0.2)
    return left


def _add(total: _Traces, more: _Traces) -> None:
    total.runs |= more.runs
    total.backfills |= more.backfills
    total.partitions = max(total.partitions, more.partitions)
    total.files += [file for file in more.files if file not in total.files]


def _traces(instance: dg.DagsterInstance, key: str) -> _Traces:
    """All that is known of a delivery, by the indexes of Dagster's tables."""
    found = _Traces(
        runs={run.run_id for run in _tagged(instance, key)} | set(_by_partition(instance, key)),
        backfills={backfill.backfill_id for backfill in instance.get_backfills() if _names(backfill) == {key}},
        partitions=int(instance.has_dynamic_partition(DELIVERY, key)),
    )
    for run_id in found.runs:
        found.files += [path for path in _files_of_run(instance, run_id) if path.exists()]
    for asset in _assets(instance):
        # Where a filesystem I/O manager would have put a value: ours refuses every one.
        value = Path(instance.storage_directory(), *asset.path, key)
        found.files += [value] if value.exists() else []
    return found


def _shown(instance: dg.DagsterInstance, key: str) -> _Traces:
    """All that is known of a delivery, by what the UI asks for."""
    runs = instance.get_runs()
    shown = any(key in instance.get_materialized_partitions(asset) for asset in _assets(instance))
    found = _Traces(
        runs={run.run_id for run in runs if _ours(run) and key in {run.tags.get(tag) for tag in _TAGS}},
        partitions=int(shown or key in instance.get_dynamic_partitions(DELIVERY)),
    )
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        known = {run.run_id for run in runs}
        for shard in Path(storage.path_for_shard("index")).parent.glob("*.db"):
            # Dagster makes an empty one when somebody looks at a run that is gone.
            if shard.stem not in {"index", *known} and key in _partitions_in(storage, shard.stem):
                found.files.append(shard)
    return found


def _partitions_in(storage: SqliteEventLogStorage, run_id: str) -> set[str]:
    table = SqlEventLogStorageTable
    with storage.run_connection(run_id) as connection:
        return {found for (found,) in connection.execute(sa.select(table.c.partition).distinct())}


def _ours(run: dg.DagsterRun) -> bool:
    """Whether a run works on deliveries: another code location may have partitions of the same name."""
    selected = run.asset_selection or ()
    return run.job_name == deliver.name or any(asset.path[0] in DELIVERED for asset in selected)


def _tagged(instance: dg.DagsterInstance, key: str) -> list[dg.DagsterRun]:
    found = {
        run.run_id: run for tag in _TAGS for run in instance.get_runs(dg.RunsFilter(tags={tag: key})) if _ours(run)
    }
    return list(found.values())


def _runs(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> Sequence[dg.DagsterRun]:
    return instance.get_runs(dg.RunsFilter(run_ids=run_ids)) if run_ids else []


def _by_partition(instance: dg.DagsterInstance, key: str) -> Iterator[str]:
    """Runs whose events or checks name the partition, also when the record of the run is gone."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    with storage.index_connection() as connection:
        for table in (SqlEventLogStorageTable, AssetCheckExecutionsTable):
            query = sa.select(table.c.run_id, table.c.asset_key).where(table.c.partition == key).distinct()
            for run_id, asset in connection.execute(query):
                if _of_deliveries(asset):
                    yield run_id


def _of_deliveries(stored: str | None) -> bool:
    asset = dg.AssetKey.from_db_string(stored) if stored else None
    return asset is not None and asset.path[0] in DELIVERED


def _assets(instance: dg.DagsterInstance) -> list[dg.AssetKey]:
    return [asset for asset in instance.all_asset_keys() if asset.path[0] in DELIVERED]


def _names(backfill: PartitionBackfill) -> set[str]:
    """The partitions that a backfill of ours names; one that names others too, stays for their sake."""
    if backfill.asset_backfill_data is None:
        return set(backfill.partition_names or ()) if backfill.job_name == deliver.name else set()
    subsets = backfill.asset_backfill_data.target_subset.partitions_subsets_by_asset_key
    return {
        key for asset, subset in subsets.items() if asset.path[0] in DELIVERED for key in subset.get_partition_keys()
    }


def _files_of_run(instance: dg.DagsterInstance, run_id: str) -> list[Path]:
    logs, storage = instance.compute_log_manager, instance.event_log_storage
    files = []
    if isinstance(logs, LocalComputeLogManager):
        files.append(Path(logs.get_captured_local_path([run_id, "compute_logs", "step"], "out")).parents[1])
    if isinstance(storage, SqliteEventLogStorage):
        shard = Path(storage.path_for_shard(run_id))
        files += [shard, *(shard.with_name(shard.name + end) for end in ("-wal", "-shm"))]
    return files


def _cancel(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    try:
        instance.run_coordinator.cancel_run(run.run_id)
    except Exception:
        # The launcher speaks to the code server, which may be gone: then its runs are gone as well.
        return


def _erase(instance: dg.DagsterInstance, key: str, traces: _Traces) -> None:
    """Runs come after all that is found by them, so that whoever is killed here finds it again."""
    instance.delete_dynamic_partition(DELIVERY, key)
    for run in _runs(instance, sorted(traces.runs)):
        if run.status not in FINISHED_STATUSES:
            _cancel(instance, run)
    # Else the last words of a run would come after its erasure.
    _unended(instance, sorted(traces.runs), _LAST_WORDS)
    for path in traces.files:
        if path.is_dir():
            rmtree(path)
    forget_runs(instance, traces.runs)
    _delete_backfills(instance, traces.backfills)
    # Else the UI goes on showing the old colour of a partition.
    instance.wipe_asset_cached_status(_assets(instance))


def forget_runs(instance: dg.DagsterInstance, run_ids: set[str]) -> None:
    """Remove runs with their events, results of checks, logs and files; the record of a run goes last."""
    for run_id in sorted(run_ids):
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    _forget_in_index(instance, run_ids)
    for run_id in sorted(run_ids):
        instance.event_log_storage.delete_events(run_id)
        for file in _files_of_run(instance, run_id):
            file.unlink(missing_ok=True)
        instance.run_storage.delete_run(run_id)


def _forget_in_index(instance: dg.DagsterInstance, run_ids: set[str]) -> None:
    """Results of checks, and beside each asset its newest materialization: Dagster then looks it up among the rest."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    checks, assets = AssetCheckExecutionsTable, AssetKeyTable
    with storage.index_connection() as connection:
        connection.execute(sa.delete(checks).where(checks.c.run_id.in_(run_ids)))
        for asset, newest in connection.execute(sa.select(assets.c.asset_key, assets.c.last_materialization)).all():
            if newest is not None and any(run_id in newest for run_id in run_ids):
                row = sa.update(assets).where(assets.c.asset_key == asset)
                connection.execute(row.values(last_materialization=None))
        last = sa.update(assets).where(assets.c.last_run_id.in_(run_ids))
        connection.execute(last.values(last_run_id=None))


def _delete_backfills(instance: dg.DagsterInstance, backfill_ids: set[str]) -> None:
    storage = instance.run_storage
    assert isinstance(storage, SqlRunStorage)
    with storage.connect() as connection:
        connection.execute(sa.delete(BackfillTagsTable).where(BackfillTagsTable.c.backfill_id.in_(backfill_ids)))
        connection.execute(sa.delete(BulkActionsTable).where(BulkActionsTable.c.key.in_(backfill_ids)))
