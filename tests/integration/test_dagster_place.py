"""Dagster as a place: all that it keeps of a delivery goes, nothing of another one, and nothing stale is shown."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.dagster_run import DagsterRunStatus
from sqlalchemy.engine import make_url

from rod_pipeline.clock import SystemClock
from rod_pipeline.definitions import build_defs
from rod_pipeline.installation import make_installation
from rod_pipeline.ledger.erasure import PlaceLeft, Subject
from rod_pipeline.ledger.rules import IllegalEvent
from rod_pipeline.orchestration import erasing
from rod_pipeline.orchestration.erasing import DagsterPlace, cancel_work
from rod_pipeline.orchestration.partitions import DELIVERY, PURGED, deliveries
from rod_pipeline.orchestration.serving import dagster_home
from rod_pipeline.orchestration.storages import DagsterElsewhere, DagsterUnknown, DagsterUnreachable, storages_in
from rod_pipeline.retention.decisions import dagster_gone
from rod_pipeline.settings import Settings
from rod_pipeline.system import System
from tests.support.pipeline import Bench, delivery
from tests.support.soak import in_soak

KEY, NEIGHBOUR = "2025-12", "2025-12-r2"
PURGE = "0123456789abcdef"
SUBJECT, BESIDE = Subject(key=KEY, intakes=()), Subject(key=NEIGHBOUR, intakes=())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation of which nothing but Dagster and the ledger count here."""
    make_installation(tmp_path / "home", SystemClock(), country="NL", site="test bench", declared_by="tester")
    return Settings(home=tmp_path / "home")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster in DAGSTER_HOME, as a deployment has it."""
    (tmp_path / "dagster").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "dagster")) as made:
        yield made


@pytest.fixture
def place(settings: Settings) -> DagsterPlace:
    return DagsterPlace(System.open(settings))


def counts(left: PlaceLeft) -> Mapping[str, int]:
    return {counted.what: counted.n for counted in left.counts}


def attempt(instance: dg.DagsterInstance, settings: Settings, key: str) -> str:
    """A run of the real job that fails at once, because nothing was announced; returns its id."""
    instance.add_dynamic_partitions(DELIVERY, [key])
    job = build_defs(settings).resolve_job_def("deliver")
    return job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False).run_id


def add_run(instance: dg.DagsterInstance, job: str, tags: Mapping[str, str], **about: Any) -> str:
    origin = RemoteJobOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("rod_pipeline"), "__repository__"), job
    )
    return instance.add_run(dg.DagsterRun(job, tags=dict(tags), remote_job_origin=origin, **about)).run_id


def ranged(key: str) -> dict[str, str]:
    """How a backfill tags its runs."""
    return {f"dagster/asset_partition_range_{end}": key for end in ("start", "end")}


def runs(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


@contextmanager
def storage(folder: Path, database: str | None) -> Iterator[dg.DagsterInstance]:
    """Dagster with its runs in SQLite, or in a PostgreSQL ``database``."""
    folder.mkdir()
    overrides = {}
    if database is not None:
        url = make_url(database)
        # Without a driver in its name, SQLAlchemy 2.1 asks for another one than Dagster brings.
        place = {"scheme": url.drivername, "hostname": url.host, "port": url.port, "db_name": url.database}
        account = {"username": url.username, "password": url.password}
        overrides = {"storage": {"postgres": {"postgres_db": place | account}}}
    with dg.instance_for_test(temp_dir=str(folder), overrides=overrides) as made:
        yield made


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_delivery_that_went_through_goes_and_its_neighbour_stays(
    bench: Bench, request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    database = request.getfixturevalue("postgres_url") if kind == "postgresql" else None
    place, good = DagsterPlace(System.open(bench.settings)), delivery(KEY)
    with storage(tmp_path / "other", database) as instance:
        bench.instance = instance
        for key in (NEIGHBOUR, KEY):
            bench.announce(key, good)
            assert bench.run(key) == []
        (mine,) = (run.run_id for run in instance.get_runs(dg.RunsFilter(tags={"dagster/partition": KEY})))
        files = 2 if kind == "sqlite" else 1
        assert counts(place.inventory(SUBJECT)) == {"runs": 1, "partitions": 1, "files": files}
        assert place.verify_absent(SUBJECT).left
        before = _shown(instance, NEIGHBOUR)

        erased = {counted.what: counted.n for counted in place.erase(SUBJECT, PURGE)}
        assert erased == {"runs": 1, "partitions": 1, "files": files}

        assert place.inventory(SUBJECT).left == place.verify_absent(SUBJECT).left == 0
        assert place.erase(SUBJECT, PURGE) == place.inventory(SUBJECT).counts, "a second time finds nothing"
        assert _shown(instance, NEIGHBOUR) == before
        instance.add_dynamic_partitions(DELIVERY, [KEY])
        assert not any(_shown(instance, KEY).values()), "nothing green is left under the key"
        for asset in instance.all_asset_keys():
            latest = instance.get_latest_materialization_event(asset)
            assert latest is not None and latest.run_id != mine, asset
        if kind == "sqlite":
            held = [file for file in (tmp_path / "other").rglob("*") if file.is_file()]
            assert not [file for file in held if mine.encode() in file.read_bytes() or mine in str(file)]


def _shown(instance: dg.DagsterInstance, key: str) -> Mapping[str, Any]:
    """What Dagster shows of a delivery: materialized assets, results of checks, number of runs."""
    graph = build_defs(Settings()).resolve_asset_graph()
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        checks = connection.exec_driver_sql(
            f"select asset_key, check_name, execution_status, run_id from asset_check_executions"
            f" where partition = '{key}' order by 1, 2"
        ).all()
    return {
        "materialized": sorted(str(a) for a in graph.materializable_asset_keys if key in _partitions(instance, a)),
        "checks": checks,
        "runs": instance.get_runs_count(dg.RunsFilter(tags={"dagster/partition": key})),
    }


def _partitions(instance: dg.DagsterInstance, asset: dg.AssetKey) -> set[str]:
    return set(instance.get_materialized_partitions(asset))


def test_every_kind_of_run_of_the_delivery_goes_and_no_other(
    instance: dg.DagsterInstance, settings: Settings, place: DagsterPlace
) -> None:
    partition = {"dagster/partition": KEY}
    mine = {
        attempt(instance, settings, KEY),
        add_run(instance, "deliver", partition | {"dagster/backfill": "abcdefgh"}),
        add_run(instance, "deliver", {f"dagster/partition/{DELIVERY}": KEY}),
        add_run(instance, "deliver", ranged(KEY), status=DagsterRunStatus.QUEUED),
        add_run(instance, "deliver", partition, status=DagsterRunStatus.QUEUED),
        add_run(instance, "__ASSET_JOB", partition, asset_selection=frozenset({dg.AssetKey(["marts", "counts"])})),
    }
    others = {
        attempt(instance, settings, NEIGHBOUR),
        add_run(instance, "deliver", ranged(NEIGHBOUR)),
        add_run(instance, "purge", partition),
        add_run(instance, "monthly_report_of_somebody_else", partition),
        add_run(instance, "__ASSET_JOB", {}, asset_selection=frozenset({dg.AssetKey(["marts", "database"])})),
    }
    instance.add_dynamic_partitions(PURGED, [KEY])
    assert counts(place.inventory(SUBJECT))["runs"] == counts(place.verify_absent(SUBJECT))["runs"] == len(mine)
    place.erase(SUBJECT, PURGE)
    assert runs(instance) == others
    assert place.verify_absent(SUBJECT).left == 0
    assert instance.get_dynamic_partitions(PURGED) == [KEY]
    assert counts(place.inventory(BESIDE))["partitions"] == 1


def test_a_backfill_of_the_delivery_goes_and_one_that_names_others_stays(
    instance: dg.DagsterInstance, place: DagsterPlace
) -> None:
    for name, keys in (("alone", [KEY]), ("both", [KEY, NEIGHBOUR]), ("other", [NEIGHBOUR])):
        instance.add_backfill(_assets_backfill(instance, name, keys))
    assert counts(place.inventory(SUBJECT))["runs"] == 1
    place.erase(SUBJECT, PURGE)
    assert {backfill.backfill_id for backfill in instance.get_backfills()} == {"both", "other"}
    assert place.inventory(SUBJECT).left == 0


def _assets_backfill(instance: dg.DagsterInstance, name: str, keys: list[str]) -> PartitionBackfill:
    instance.add_dynamic_partitions(DELIVERY, keys)
    return PartitionBackfill.from_asset_partitions(
        backfill_id=name,
        asset_graph=build_defs(Settings()).resolve_asset_graph(),
        partition_names=keys,
        asset_selection=[dg.AssetKey(["landing", "raw_delivery"])],
        backfill_timestamp=1.0,
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )


def test_events_without_the_record_of_their_run_are_found(
    instance: dg.DagsterInstance, settings: Settings, place: DagsterPlace
) -> None:
    """Dagster deletes the record first: killed then, it leaves the events."""
    orphan = attempt(instance, settings, KEY)
    instance.delete_dynamic_partition(DELIVERY, KEY)
    instance.run_storage.delete_run(orphan)
    assert counts(place.inventory(SUBJECT))["runs"] == 1
    place.erase(SUBJECT, PURGE)
    assert place.verify_absent(SUBJECT).left == 0
    assert not list(Path(instance.root_directory).rglob(f"*{orphan}*"))


@pytest.mark.parametrize("step", [3, *in_soak([0, 1, 2, 4, 5, 6, 7, 8])])
def test_an_erasure_that_is_killed_is_done_by_the_next(
    instance: dg.DagsterInstance,
    settings: Settings,
    place: DagsterPlace,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    """At every call that changes something."""
    attempt(instance, settings, KEY)
    add_run(instance, "deliver", {"dagster/partition": KEY})
    other = add_run(instance, "deliver", {"dagster/partition": NEIGHBOUR})
    calls = 0

    def counted(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == step + 1:
                raise KeyboardInterrupt
            return real(*arguments, **named)

        patch.setattr(owner, name, call)

    with monkeypatch.context() as patch:
        for name in ("_forget_in_index", "_delete_backfills", "rmtree"):
            counted(erasing, name)
        counted(dg.DagsterInstance, "delete_dynamic_partition")
        counted(dg.DagsterInstance, "wipe_asset_cached_status")
        counted(type(instance.event_log_storage), "delete_events")
        counted(type(instance.run_storage), "delete_run")
        with pytest.raises(KeyboardInterrupt):
            place.erase(SUBJECT, PURGE)
    place.erase(SUBJECT, PURGE)
    assert place.inventory(SUBJECT).left == place.verify_absent(SUBJECT).left == 0
    assert runs(instance) == {other}


def test_work_on_a_delivery_is_cancelled_and_what_does_not_stop_is_named(settings: Settings) -> None:
    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        partition = {"dagster/partition": KEY}
        queued = add_run(instance, "deliver", ranged(KEY), status=DagsterRunStatus.QUEUED)
        dead = add_run(instance, "deliver", partition, status=DagsterRunStatus.STARTED)
        others = [
            add_run(instance, "purge", partition, status=DagsterRunStatus.STARTED),
            add_run(instance, "deliver", {"dagster/partition": NEIGHBOUR}, status=DagsterRunStatus.QUEUED),
        ]
        assert cancel_work(settings, [KEY], patience=0) == (dead,)
        states = {run.run_id: run.status for run in instance.get_runs()}
        assert states[queued] == DagsterRunStatus.CANCELED
        assert [states[run] for run in others] == [DagsterRunStatus.STARTED, DagsterRunStatus.QUEUED]
        DagsterPlace(System.open(settings)).erase(SUBJECT, PURGE)
        assert runs(instance) == set(others), "a run that does not end is no reason to keep it"


def test_both_folders_of_dagster_count(instance: dg.DagsterInstance, settings: Settings, place: DagsterPlace) -> None:
    """What runs by itself keeps its own; DAGSTER_HOME may name another."""
    attempt(instance, settings, KEY)
    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as own:
        attempt(own, settings, KEY)
        assert counts(place.inventory(SUBJECT))["runs"] == 2
        place.erase(SUBJECT, PURGE)
        assert not runs(own) and not runs(instance)


def test_where_dagster_never_ran_there_is_nothing(
    settings: Settings, place: DagsterPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert place.inventory(SUBJECT).left == 0
    assert not any((settings.home / "dagster").iterdir()), "looking makes nothing"


_STEPS = sorted(
    {
        asset.op.name
        for asset in build_defs(Settings()).assets or ()
        if isinstance(asset, dg.AssetsDefinition) and asset.partitions_def == deliveries
    }
)


@pytest.mark.parametrize("step", _STEPS)
def test_each_step_on_a_delivery_puts_its_storage_on_record_first(
    instance: dg.DagsterInstance, settings: Settings, step: str
) -> None:
    """Also one that then fails: what it was about stands in that storage."""
    instance.add_dynamic_partitions(DELIVERY, [KEY])
    defs = build_defs(settings)
    (asset,) = (one for one in defs.assets or () if isinstance(one, dg.AssetsDefinition) and one.op.name == step)
    done = dg.materialize([asset], instance=instance, partition_key=KEY, resources=defs.resources, raise_on_error=False)
    assert not done.success
    with System.open(settings) as system:
        assert list(system.ledger.state().dagsters.values()) == [True]


def test_a_storage_out_of_reach_is_no_zero_until_somebody_says_that_it_is_gone(
    instance: dg.DagsterInstance,
    settings: Settings,
    place: DagsterPlace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """``rod`` by hand, in an environment without the DAGSTER_HOME of the deployment."""
    attempt(instance, settings, KEY)
    asks = (place.inventory, place.verify_absent, lambda subject: place.erase(subject, PURGE))
    with monkeypatch.context() as elsewhere:
        elsewhere.delenv("DAGSTER_HOME")
        for ask in asks:
            with pytest.raises(DagsterElsewhere, match="isn't reached"):
                ask(SUBJECT)
        (tmp_path / "another").mkdir()
        elsewhere.setenv("DAGSTER_HOME", str(tmp_path / "another"))
        with pytest.raises(DagsterElsewhere) as refused:
            place.inventory(SUBJECT)
    assert place.inventory(SUBJECT).left, "what is reached is looked through"
    (storage,) = storages_in(instance)
    assert storage in refused.value.remedy
    with System.open(settings) as system:
        dagster_gone(system, storage, "a")
        with pytest.raises(IllegalEvent):
            dagster_gone(system, storage, "a")
    monkeypatch.delenv("DAGSTER_HOME")
    assert place.inventory(SUBJECT).left == 0
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    attempt(instance, settings, KEY)
    monkeypatch.delenv("DAGSTER_HOME")
    with pytest.raises(DagsterElsewhere):
        place.inventory(SUBJECT)


def test_a_storage_that_cannot_be_asked_is_no_zero(
    settings: Settings, place: DagsterPlace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(DagsterUnknown):
        place.inventory(SUBJECT)
    monkeypatch.delenv("DAGSTER_HOME")
    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as made:
        attempt(made, settings, KEY)
    (settings.home / "dagster" / "history" / "runs.db").write_bytes(b"no database" * 1000)
    for ask in (place.inventory, place.verify_absent):
        with pytest.raises(DagsterUnreachable):
            ask(SUBJECT)


def test_logs_of_runs_that_lie_elsewhere_are_unknown(
    instance: dg.DagsterInstance, place: DagsterPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs print may go to a bucket; nobody looks there, so nobody says that nothing is there."""
    assert place.inventory(SUBJECT).left == 0
    monkeypatch.setattr(dg.DagsterInstance, "compute_log_manager", object())
    for ask in (place.inventory, place.verify_absent):
        with pytest.raises(DagsterUnknown, match="what runs print"):
            ask(SUBJECT)
