"""Erasure in Dagster: requested on time and again after a failure, shown as evidence, and never undone."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import DagsterRunStatus

from rod_pipeline.clock import SystemClock
from rod_pipeline.definitions import build_defs
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.announcing import announce, drop
from rod_pipeline.ledger.erasure import Tombstoned
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.orchestration.jobs import CERTIFICATE, ERASED
from rod_pipeline.orchestration.launching import failures
from rod_pipeline.orchestration.partitions import DELIVERY, PURGED
from rod_pipeline.orchestration.publishing import unpublished_entries
from rod_pipeline.orchestration.purging import newest
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.orchestration.retiring import due_purges
from rod_pipeline.orchestration.sensors import announced_deliveries
from rod_pipeline.orchestration.serving import serving
from rod_pipeline.retention.deadline import AMSTERDAM
from rod_pipeline.retention.decisions import hold, suspend
from rod_pipeline.retention.engine import begin, plan
from rod_pipeline.retention.gate import DeliveryPurged
from rod_pipeline.retention.rounds import make_round
from rod_pipeline.settings import Settings
from rod_pipeline.store.objects import ObjectStore
from tests.support.pipeline import CODE, Bench, delivery

KEY, NEIGHBOUR = "2025-12", "2025-12-r2"
LONG_AGO, LATELY = datetime(2018, 3, 1, 12, tzinfo=UTC), datetime(2025, 12, 16, 10, tzinfo=UTC)
Told = dg.SensorResult | dg.SkipReason


def tick(bench: Bench, sensor: dg.SensorDefinition = due_purges) -> Told:
    """What a tick of the sensor would do now."""
    context = dg.build_sensor_context(instance=bench.instance, resources={"rod": Rod(home=str(bench.home))})
    result = sensor(context)
    if isinstance(result, dg.RunRequest):
        result = dg.SensorResult(run_requests=[result])
    assert isinstance(result, Told)
    return result


def asked(result: Told) -> list[tuple[str | None, Sequence[dg.AssetKey]]]:
    """The runs that a tick asks for, in order."""
    assert isinstance(result, dg.SensorResult), result
    assert all(run.run_key is None for run in result.run_requests or ()), "a fixed one would never run again"
    return [(run.partition_key, run.asset_selection or ()) for run in result.run_requests or ()]


def reason(result: Told) -> str:
    assert isinstance(result, dg.SkipReason), result
    return result.skip_message or ""


def granted(bench: Bench, result: Told) -> list[str]:
    """Do what the daemon does with the result of a tick, in this process; returns what went wrong."""
    assert isinstance(result, dg.SensorResult), result
    instance, told = bench.instance, list[str]()
    assert instance is not None
    for request in result.dynamic_partitions_requests or ():
        instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
    # Retries of steps come minutes later; here the next tick does.
    config = {"execution": {"config": {"retries": {"disabled": {}}}}}
    for run in result.run_requests or ():
        tags, job = {"dagster/partition": str(run.partition_key)}, dg.reconstructable(purge_job)
        with dg.execute_job(
            job, instance, tags=tags, run_config=config, asset_selection=list(run.asset_selection or ())
        ) as done:
            told += failures(instance, done.run_id)
    return told


def purge_job() -> dg.JobDefinition:
    """The real job of the installation that the environment names."""
    return build_defs(Settings.load()).resolve_job_def("purge")


def come(bench: Bench, key: str, moment: datetime) -> str:
    """A delivery that DUO placed at ``moment`` is announced; returns the id of its intake."""
    link = bench.pleio.publish(delivery(key), CODE)
    with bench.system() as system:
        return announce(system, DeliveryKey.parse(key), [link], CODE, moment=moment)


def take_in(bench: Bench, key: str, moment: datetime, *, dagster: bool = True) -> str:
    """A delivery goes all the way, as a run where it matters what Dagster has of it; returns the id of its intake."""
    delivery_id = come(bench, key, moment)
    assert (bench.run(key) if dagster else bench.walk(key)) == []
    return delivery_id


def at_once(bench: Bench) -> None:
    """No wait between the second inventory and the late sweep."""
    with (bench.home / "rod.toml").open("a") as settings:
        settings.write("[retention]\nlate_sweep_hours = 0\n")


def purge_of(bench: Bench, key: str = KEY) -> PurgeState:
    with bench.system() as system:
        found = newest(system.ledger.state(), key)
    assert found is not None
    return found


def evidence(bench: Bench, asset: dg.AssetKey, key: str = KEY) -> Mapping[str, str]:
    """What the newest materialization of a partition says."""
    records = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[key])
    assert bench.instance is not None
    (found,) = bench.instance.fetch_materializations(records, limit=1).records
    assert found.asset_materialization is not None
    return {name: str(value.value) for name, value in found.asset_materialization.metadata.items()}


def test_a_delivery_whose_term_ended_is_erased_and_certified_and_its_evidence_stays(bench: Bench) -> None:
    at_once(bench)
    intake = take_in(bench, KEY, LONG_AGO)
    take_in(bench, NEIGHBOUR, LATELY)
    assert asked(tick(bench)) == [(KEY, [ERASED, CERTIFICATE])]

    assert granted(bench, tick(bench)) == []

    done = purge_of(bench)
    assert done.phase == "attested"
    shown = evidence(bench, ERASED)
    assert shown["purge"] == done.purge_id in shown["tombstone"]
    assert shown["ground"].startswith("its term has ended")
    assert "TE LAAT" in shown["in time"] and "2025-03-01 00:00 (Amsterdam)" in shown["in time"]
    certificate = evidence(bench, CERTIFICATE)
    assert certificate["outcome"].startswith("ONVOLLEDIG"), "the processor hasn't declared yet"
    assert certificate["outstanding"] == "the processor's declaration"
    assert certificate["sha-256 of the record"].replace(" ", "") == done.attested.record  # type: ignore[union-attr]
    assert certificate["bundle"] == f"rod-evidence/evidence/{done.purge_id}/0001/bundel.zip"
    with bench.system() as system:
        assert system.evidence.find(f"evidence/{done.purge_id}/0001/bundel.zip")

    assert bench.instance.get_dynamic_partitions(PURGED) == [KEY]  # type: ignore[union-attr]
    assert bench.instance.get_dynamic_partitions(DELIVERY) == [NEIGHBOUR]  # type: ignore[union-attr]
    for asset in ("landing/raw_delivery", "validation/delivery", "eea/delivery/diplomas", "marts/studentaantallen"):
        assert bench.materialized(asset) == {NEIGHBOUR}
    database = bench.instance.get_latest_materialization_event(dg.AssetKey(["marts", "database"]))  # type: ignore[union-attr]
    with bench.system() as system:
        generation = system.ledger.state().generation
    assert database is not None and generation is not None
    about = database.asset_materialization.metadata  # type: ignore[union-attr]
    assert (about["generation"].value, about["deliveries"].value) == (generation.generation, NEIGHBOUR)
    assert not [key for key in bench.objects() if intake in key]
    assert reason(tick(bench)).startswith("Nothing is due. Next: 2032-12-14 00:00 (Amsterdam).")


def test_an_erased_delivery_cannot_come_back_whatever_is_tried(bench: Bench, tmp_path: Path) -> None:
    take_in(bench, KEY, LONG_AGO)
    assert granted(bench, tick(bench)) == []
    tombstone = f"tombstone {purge_of(bench).purge_id}"
    objects = bench.objects()
    with bench.system() as system:
        seq = system.ledger.state().seq

    assert [told.startswith("[ROD-DELIVERY-07]") and tombstone in told for told in bench.run(KEY)] == [True]
    job = build_defs(bench.settings).resolve_job_def("deliver")
    graph = build_defs(bench.settings).resolve_asset_graph()
    partitions = [(made.keys, made.partitions_def) for made in graph.assets_defs]
    steps = [keys for keys, kept in partitions if getattr(kept, "name", None) == DELIVERY]
    assert len(steps) == 10
    for assets in steps:
        tried = job.execute_in_process(
            instance=bench.instance, partition_key=KEY, asset_selection=list(assets), raise_on_error=False
        )
        (told,) = failures(bench.instance, tried.run_id)  # type: ignore[arg-type]
        assert tombstone in told, assets
        assert not any(bench.materialized("/".join(asset.path)) for asset in assets)
    with pytest.raises(DeliveryPurged, match=tombstone):
        come(bench, KEY, LATELY)
    file = tmp_path / "downloaded.zip"
    file.write_bytes(delivery(KEY))
    with bench.system() as system, pytest.raises(DeliveryPurged, match=tombstone):
        drop(system, DeliveryKey.parse(KEY), [file])

    assert "No delivery is waiting" in reason(tick(bench, announced_deliveries))
    with bench.system() as system:
        assert system.ledger.state().seq == seq, "no half result: nothing happened at all"
        assert not system.secrets.scopes()
    assert bench.objects() == objects


def test_a_purge_that_failed_is_requested_again_but_not_while_one_is_going_on(bench: Bench) -> None:
    """Somebody is still working on the delivery, and does not stop."""
    with (bench.home / "rod.toml").open("a") as settings:
        settings.write("[retention]\ndrain_minutes = 0\n")
    intake = take_in(bench, KEY, LONG_AGO, dagster=False)
    with bench.system() as other, other.ledger.exclusive(intake):
        (told,) = granted(bench, tick(bench))
        assert told.startswith("[ROD-RETENTION-04]") and KEY in told
    assert purge_of(bench).phase != "verified"
    assert bench.materialized("retention/erased") == set()

    going = dg.DagsterRun("purge", tags={"dagster/partition": KEY}, status=DagsterRunStatus.STARTED)
    bench.instance.add_run(going)  # type: ignore[union-attr]
    assert f"{KEY}: its purge is queued or running." in reason(tick(bench))
    bench.instance.report_run_canceled(going)  # type: ignore[union-attr]
    assert asked(tick(bench)) == [(KEY, [ERASED])]
    assert granted(bench, tick(bench)) == []
    assert purge_of(bench).phase == "verified"


def test_nothing_is_asked_while_nothing_is_due_and_it_says_until_when(bench: Bench) -> None:
    assert reason(tick(bench)) == "Nothing is due."
    come(bench, KEY, LATELY)
    with bench.system() as system:
        seq = system.ledger.state().seq
        suspend(system, "BRF-2026-1", datetime(2100, 1, 1, tzinfo=UTC))
    told = reason(tick(bench))
    assert told.startswith("Nothing is due. Next: 2032-12-14 00:00 (Amsterdam).")
    assert "suspended (order BRF-2026-1) until 2100-01-01" in told
    with bench.system() as system:
        assert system.ledger.state().seq == seq + 1, "a tick changes nothing"


def test_after_months_without_a_tick_all_that_is_due_is_asked_for_oldest_first(bench: Bench) -> None:
    for key, moment in (("2026-08", LATELY), ("2025-12-r3", LONG_AGO), (KEY, LONG_AGO - timedelta(days=40))):
        come(bench, key, moment)
    come(bench, NEIGHBOUR, LONG_AGO + timedelta(days=40))
    assert [key for key, _ in asked(tick(bench))] == [KEY, "2025-12-r3", NEIGHBOUR]


def test_what_is_held_waits_in_full_view_and_what_is_not_goes_on(bench: Bench) -> None:
    come(bench, KEY, LONG_AGO)
    until = SystemClock().now() + timedelta(days=30)
    with bench.system() as system:
        hold(
            system,
            DeliveryKey.parse(KEY),
            order="RB-2026-7",
            until=until,
            beyond_term=True,
            set_by="a1",
            approved_by="a2",
        )
    told = reason(tick(bench))
    assert (
        f"{KEY}: held on order RB-2026-7 until {until.astimezone(AMSTERDAM):%Y-%m-%d %H:%M}" in told
        and "OVER ITS TERM" in told
    )
    come(bench, NEIGHBOUR, LONG_AGO)
    assert [key for key, _ in asked(tick(bench))] == [NEIGHBOUR]


def test_a_clock_that_runs_ahead_holds_up_terms_and_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    come(bench, KEY, LONG_AGO)
    real = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda clock: real(clock) + timedelta(days=3))
    told = reason(tick(bench))
    assert told.startswith("Something is due, and can't be done now.")
    assert f"{KEY}: [ROD-RETENTION-02]" in told and "What to do: Set the clock right" in told


def test_what_was_erased_without_dagster_is_shown_as_well(bench: Bench) -> None:
    """By ``rod purge``, from cron, or before Dagster started."""
    at_once(bench)
    take_in(bench, KEY, LONG_AGO)
    with bench.system() as system:
        assert make_round(system, copy_register(system)).errors == ()
    assert asked(tick(bench)) == [(KEY, [ERASED, CERTIFICATE])]
    assert granted(bench, tick(bench)) == []
    assert evidence(bench, ERASED)["purge"] == purge_of(bench).purge_id
    assert reason(tick(bench)).startswith("Nothing is due.")


def test_what_came_back_from_a_backup_is_erased_again_and_shown(bench: Bench) -> None:
    take_in(bench, KEY, LONG_AGO, dagster=False)
    (object_key, *_) = bench.objects()
    store = ObjectStore(bench.store).client
    content = store.get_object(Bucket=bench.store.bucket, Key=object_key)["Body"].read()
    assert granted(bench, tick(bench)) == []
    first = purge_of(bench).purge_id
    store.put_object(Bucket=bench.store.bucket, Key=object_key, Body=content)

    assert asked(tick(bench)) == [(KEY, [ERASED])]
    assert granted(bench, tick(bench)) == []
    again = purge_of(bench)
    assert (again.plan.ground, again.phase) == ("restored", "verified")
    assert again.purge_id != first
    assert evidence(bench, ERASED)["purge"] == again.purge_id
    assert object_key not in bench.objects()


def test_what_is_not_due_is_refused_by_name(bench: Bench) -> None:
    come(bench, KEY, LATELY)
    assert bench.instance is not None
    bench.instance.add_dynamic_partitions(PURGED, [KEY])
    for asset, code in ((ERASED, "ROD-RETENTION-08"), (CERTIFICATE, "ROD-RETENTION-08")):
        request = dg.SensorResult(run_requests=[dg.RunRequest(partition_key=KEY, asset_selection=[asset])])
        (told,) = granted(bench, request)
        assert told.startswith(f"[{code}]") and KEY in told


def withdrawn(bench: Bench, **typed: str) -> list[str]:
    job = build_defs(bench.settings).resolve_job_def("withdraw")
    config = {"ops": {"erase_everything": {"config": typed}}}
    done = job.execute_in_process(instance=bench.instance, run_config=config, raise_on_error=False)
    return failures(bench.instance, done.run_id)  # type: ignore[arg-type]


def test_a_withdrawal_erases_everything_once_it_is_confirmed(bench: Bench) -> None:
    take_in(bench, KEY, LATELY)
    take_in(bench, NEIGHBOUR, LATELY, dagster=False)
    come(bench, "2026-08", LATELY)
    with bench.system() as system:
        reference, seq = system.decree.reference, system.ledger.state().seq

    (told,) = withdrawn(bench, order="BRF-2026-9", confirmation="yes")
    assert told.startswith("[ROD-DAGSTER-03]")
    with bench.system() as system:
        assert system.ledger.state().seq == seq

    going = dg.DagsterRun("withdraw", status=DagsterRunStatus.STARTED)
    bench.instance.add_run(going)  # type: ignore[union-attr]
    assert "A withdrawal is being carried out" in reason(tick(bench))
    bench.instance.report_run_canceled(going)  # type: ignore[union-attr]

    assert withdrawn(bench, order="BRF-2026-9", confirmation=reference) == []
    assert bench.objects() == []
    assert set(bench.instance.get_dynamic_partitions(PURGED)) == {KEY, NEIGHBOUR, "2026-08"}  # type: ignore[union-attr]
    assert bench.instance.get_dynamic_partitions(DELIVERY) == []  # type: ignore[union-attr]
    assert bench.materialized("retention/erased") == {KEY, NEIGHBOUR, "2026-08"}
    assert "the decree was withdrawn (section 5): BRF-2026-9" in evidence(bench, ERASED)["ground"]
    assert reason(tick(bench)).startswith("Nothing is due.")
    assert withdrawn(bench, order="BRF-2026-9", confirmation=reference) == [], "it can be run twice"


def test_tombstones_are_replayed_before_dagster_starts(bench: Bench) -> None:
    """What a killed purge left and a backup brought back is gone before anything may run."""
    take_in(bench, KEY, LONG_AGO, dagster=False)
    with bench.system() as system:
        purge_id = begin(system, plan(system, [KEY], "term"), "schedule")
        system.ledger.append(Tombstoned(purge_id=purge_id, key=KEY))
    # Dagster can't start: where its log belongs is a folder.
    (bench.home / "dagster" / "dev.log").mkdir()
    with pytest.raises(IsADirectoryError), serving(bench.settings):
        raise AssertionError("it started")
    assert purge_of(bench).verified_at is not None
    assert not [key for key in bench.objects() if "parsed" in key]


def test_what_is_new_in_the_ledger_is_published_and_nothing_else_is_asked(bench: Bench) -> None:
    come(bench, KEY, LATELY)
    first = tick(bench, unpublished_entries)
    assert isinstance(first, dg.SensorResult)
    assert len(first.run_requests or ()) == 1
    job = build_defs(bench.settings).resolve_job_def("publish_ledger")
    done = job.execute_in_process(instance=bench.instance, raise_on_error=False)
    assert failures(bench.instance, done.run_id) == []  # type: ignore[arg-type]
    assert reason(tick(bench, unpublished_entries)).startswith("Nothing is new: all ")
    (bench.home / "secrets" / "signing.pem").unlink()
    come(bench, NEIGHBOUR, LATELY)
    assert "no signing key here" in reason(tick(bench, unpublished_entries))
