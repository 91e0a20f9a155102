"""What is red: seen with its reason and its age, and run again only when that can help."""

import re
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import DagsterRunStatus

from rod_pipeline.definitions import build_defs
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.refusing import refuse_by_decision
from rod_pipeline.orchestration.alerting import standing_alerts
from rod_pipeline.orchestration.jobs import RED_CHECK
from rod_pipeline.orchestration.launching import failures
from rod_pipeline.orchestration.red import DIED, red
from rod_pipeline.orchestration.red_check import red_partitions
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.retention.decisions import lift_suspension, suspend
from tests.support.night import attempt, rod
from tests.support.pipeline import Bench

FAR = datetime(2999, 1, 1, tzinfo=UTC)


def told(bench: Bench) -> dict[str, tuple[str, str | None]]:
    """Each red delivery: its codes, and what it waits for."""
    assert bench.instance is not None
    with bench.system() as system:
        return {one.key: (one.codes, one.waits) for one in red(bench.instance, system)}


def check(bench: Bench) -> dg.AssetCheckEvaluation:
    """What the standing check says when its job runs now."""
    job = build_defs(bench.settings).resolve_job_def("look_for_red")
    done = job.execute_in_process(instance=bench.instance)
    (evaluation,) = done.get_asset_check_evaluations()
    assert evaluation.asset_check_key == RED_CHECK
    return evaluation


def tick(bench: Bench, cursor: str | None) -> dg.SensorResult | dg.SkipReason:
    resources = {"rod": Rod(home=str(bench.home))}
    result = red_partitions(dg.build_sensor_context(instance=bench.instance, cursor=cursor, resources=resources))
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def test_what_goes_away_by_itself_is_run_again_and_what_needs_mending_is_not(bench: Bench) -> None:
    bench.announce("2025-12", b"PK", scenario="maintenance")
    assert attempt(bench, "2025-12")[0].kind == "transient"
    bench.announce("2026-08", b"PK", scenario="not_found")
    assert attempt(bench, "2026-08")[0].kind == "permanent"
    found = told(bench)
    assert found["2025-12"] == ("ROD-PLEIO-18", None)
    code, waits = found["2026-08"]
    assert code == "ROD-PLEIO-09"
    assert waits == "mending: rod runbook ROD-PLEIO-09; then rod rerun 2026-08"
    exits, said = rod("rerun-failed", typed="n\n")
    assert exits == 0
    assert "2025-12: red since" in said and "is run again" in said
    assert "Run 1 again, from where they failed? [y/N]: n" in said and "Nothing was run." in said
    assert len(list(bench.instance.get_runs())) == 2  # type: ignore[union-attr]


def test_the_standing_check_names_what_is_red_and_the_sensor_asks_for_it_when_that_changes(bench: Bench) -> None:
    assert bench.instance is not None
    assert check(bench).passed
    quiet = tick(bench, None)
    assert isinstance(quiet, dg.SensorResult)
    assert isinstance(tick(bench, quiet.cursor), dg.SkipReason)
    bench.announce("2025-12", b"PK", scenario="code_expired")
    attempt(bench, "2025-12")
    changed = tick(bench, quiet.cursor)
    assert isinstance(changed, dg.SensorResult) and len(changed.run_requests or ()) == 1
    assert isinstance(tick(bench, changed.cursor), dg.SkipReason)
    evaluation = check(bench)
    assert not evaluation.passed
    (row,) = evaluation.metadata["what is red"].value.records  # type: ignore[union-attr]
    assert row.data["delivery"] == "2025-12"
    assert re.fullmatch(r"[0-9-]{10} [0-9:]{5} UTC", row.data["red since"]), (
        "an age would be old by the time it is read"
    )
    assert row.data["why"] == "ROD-PLEIO-07"
    assert row.data["waits for"].startswith("DUO: a new access code")
    assert row.data["owner"] == bench.settings.owner
    assert row.data["runbook"] == "docs/runbooks/ROD-PLEIO.md#rod-pleio-07"
    bench.announce("2025-12", b"PK")
    assert check(bench).passed, "announced anew: the sensor asks for its run"


def test_a_run_that_died_is_run_again_and_one_of_a_refused_delivery_never(bench: Bench) -> None:
    assert bench.instance is not None
    bench.announce("2025-12", b"PK")
    bench.instance.add_run(
        dg.DagsterRun("deliver", tags={"dagster/partition": "2025-12"}, status=DagsterRunStatus.FAILURE)
    )
    assert told(bench) == {"2025-12": (DIED, None)}
    with bench.system() as system:
        suspend(system, "o1", FAR)
    assert told(bench) == {"2025-12": (DIED, "the decree is suspended or withdrawn")}
    with bench.system() as system:
        lift_suspension(system, "o2")
        refuse_by_decision(system, DeliveryKey.parse("2025-12"))
    assert told(bench) == {}
    exits, said = rod("rerun-failed", "2025-12")
    assert exits == 1 and "ROD-DELIVERY-03" in said


def test_a_run_whose_process_died_when_every_step_was_done_is_not_red(bench: Bench) -> None:
    """A step on another machine outlives the process of its run; Dagster finds nothing to run again in such a run."""
    assert bench.instance is not None
    bench.announce("2025-12")
    assert attempt(bench, "2025-12") == []
    (whole,) = bench.instance.get_runs()
    bench.instance.report_run_failed(whole)
    assert bench.instance.get_run_by_id(whole.run_id).status is DagsterRunStatus.FAILURE  # type: ignore[union-attr]
    assert told(bench) == {} and failures(bench.instance, whole.run_id) == []
    assert alerted(bench) == set()
    assert rod("rerun-failed") == (0, "Nothing is red.\n")

    job = build_defs(bench.settings).resolve_job_def("deliver")
    begun = bench.instance.create_run_for_job(job, tags={"dagster/partition": "2025-12"})
    bench.instance.report_run_failed(begun)
    assert told(bench) == {"2025-12": (DIED, None)}
    assert alerted(bench) == {"2025-12"}


def alerted(bench: Bench) -> set[str]:
    """What somebody is told of runs that failed."""
    with bench.system() as system:
        alerts, _ = standing_alerts(system, bench.instance)
    return {alert.about for alert in alerts if alert.kind == "run_failed"}


def test_one_that_runs_right_now_is_not_red(bench: Bench) -> None:
    assert bench.instance is not None
    bench.announce("2025-12", b"PK")
    tags = {"dagster/partition": "2025-12"}
    bench.instance.add_run(dg.DagsterRun("deliver", tags=tags, status=DagsterRunStatus.FAILURE))
    bench.instance.add_run(dg.DagsterRun("deliver", tags=tags, status=DagsterRunStatus.STARTED))
    assert told(bench) == {}
    assert rod("rerun-failed") == (0, "Nothing is red.\n")


@pytest.mark.parametrize("job", ["purge"])
def test_a_run_that_erases_is_no_run_of_the_delivery(bench: Bench, job: str) -> None:
    assert bench.instance is not None
    bench.announce("2025-12", b"PK")
    tags = {"dagster/partition": "2025-12"}
    bench.instance.add_run(dg.DagsterRun(job, tags=tags, status=DagsterRunStatus.FAILURE))
    assert told(bench) == {}
