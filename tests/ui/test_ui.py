"""What people see and do in Dagster's UI: on the installation that took one delivery in and refused two."""

import json
import urllib.request
from typing import Any

import dagster as dg
import pytest

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.orchestration.launching import run_delivery
from tests.support.browser import GROUPS, Ui
from tests.support.live import Live

RULE, COUNTS, REMEDY = "delivery.totals.totaal", "1 of 2 control totals", "What to do: Ask DUO for a corrected file"


def test_the_graph_shows_every_group_and_asset(ui: Ui, installation: Live) -> None:
    ui.lineage()
    ui.sees(*GROUPS, "raw_delivery", "manifest", "delivery", "inschrijvingen", "studentaantallen", "database")


def test_an_asset_tells_where_a_delivery_lies_and_until_when(ui: Ui, installation: Live) -> None:
    ui.partition("landing/raw_delivery", "2025-12", "erase before", "2032-12-16 00:00 (Amsterdam)")
    ui.sees("2025-12-16 11:00 (Amsterdam), when DUO placed it", "local at 127.0.0.1, NL (by signed declaration)")
    ui.asset("eea/delivery/inschrijvingen", "sectornummer", "Sectornummer (rubriek 29.02.10)")
    ui.asset("marts/studentaantallen", "Students, each counted once in the country", "picture: students per level")


def test_the_partition_of_a_refused_delivery_is_red_where_it_was_refused(ui: Ui, installation: Live) -> None:
    run_id = installation.runs("2026-08")[-1].run_id
    ui.partition("validation/delivery", "2026-08", "failed, and did not materialize this asset", run_id[:8])
    for refused in ("validation/delivery", "eea/delivery/inschrijvingen", "marts/studentaantallen"):
        assert _partitions(installation, refused)["2026-08"] == "failed"
        assert _partitions(installation, refused)["2025-12"] == "materialized"
    assert _partitions(installation, "validation/inschrijvingen")["2026-08"] == "materialized"


def test_the_run_of_a_refused_delivery_says_why_and_what_to_do(ui: Ui, installation: Live) -> None:
    ui.run(installation.runs("2026-08")[-1].run_id, RULE, COUNTS, REMEDY, "rod announce 2026-08")


def test_the_check_of_a_refused_delivery_says_why_and_what_to_do(ui: Ui, installation: Live) -> None:
    ui.check("validation/delivery", "2026-08", "Delivery 2026-08 is refused", RULE, COUNTS, REMEDY)


def test_the_check_of_a_good_delivery_stays_good_beside_it(ui: Ui, installation: Live) -> None:
    ui.check("validation/delivery", "2025-12", "Delivery 2025-12 passed: every rule holds.")


def test_a_mended_delivery_that_is_announced_again_runs_by_itself_and_turns_green(ui: Ui, installation: Live) -> None:
    assert _partitions(installation, "validation/delivery")["2025-12-r2"] == "failed"
    installation.announce("2025-12-r2")
    run = installation.finished("2025-12-r2", runs=2)
    assert run.status == dg.DagsterRunStatus.SUCCESS
    intake = installation.system.intake(DeliveryKey.parse("2025-12-r2"))
    assert intake.stage == "stored"
    held = [copy.zone for copy in installation.system.ledger.state().live_copies(intake.delivery_id)]
    assert {zone: held.count(zone) for zone in held} == {"landing": 2, "parsed": 5, "validated": 5, "marts": 7}
    assert _partitions(installation, "validation/delivery")["2025-12-r2"] == "materialized"
    ui.partition("validation/delivery", "2025-12-r2", run.run_id[:8])


@pytest.mark.filterwarnings("ignore::DeprecationWarning:gql")
def test_a_rerun_waits_for_another_run_of_the_delivery_and_changes_nothing(installation: Live) -> None:
    key = DeliveryKey.parse("2025-12")
    tables = installation.system.intake(key).tables
    other = _materialize(installation, "validation/diplomas", str(key))
    assert run_delivery(installation.settings, key) == []
    assert installation.finished(str(key), runs=3).status == dg.DagsterRunStatus.SUCCESS
    records = installation.instance.get_run_records(dg.RunsFilter(tags={"dagster/partition": str(key)}), limit=2)
    assert other in {record.dagster_run.run_id for record in records}
    (_, ended), (started, _) = sorted((record.start_time or 0, record.end_time or 0) for record in records)
    assert ended <= started, "two runs of one delivery at the same time"
    assert installation.system.intake(key).tables == tables


def test_re_executing_a_refused_delivery_from_failure_repeats_the_verdict_alone(ui: Ui, installation: Live) -> None:
    first = installation.runs("2026-08")[-1]
    copies = len(installation.system.ledger.state().copies)
    ui.run(first.run_id, "Re-execute all")
    again = ui.re_execute_from_failure()
    assert installation.finished("2026-08", runs=2).run_id == again
    ui.run(again, RULE, "Re-executions")
    run = installation.instance.get_run_by_id(again)
    assert run is not None and run.root_run_id == first.run_id
    started = installation.instance.all_logs(again, of_type=dg.DagsterEventType.STEP_START)
    assert [entry.step_key for entry in started] == ["validation__delivery"]
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert len(installation.system.ledger.state().copies) == copies, "nothing was downloaded or written anew"


def test_previewing_a_tick_of_the_sensor_does_nothing(ui: Ui, installation: Live) -> None:
    seq, runs = installation.system.ledger.state().seq, len(installation.instance.get_runs())
    ui.sensor("announced_deliveries", "Looks in the ledger for deliveries")
    ui.preview_tick()
    ui.sees("No delivery is waiting")
    assert (installation.system.ledger.state().seq, len(installation.instance.get_runs())) == (seq, runs)


def test_every_daemon_is_alive(ui: Ui, installation: Live) -> None:
    asked = "{instance{daemonHealth{allDaemonStatuses{daemonType required healthy}}}}"
    statuses = _graphql(installation, asked)["instance"]["daemonHealth"]["allDaemonStatuses"]
    required = {one["daemonType"]: one["healthy"] for one in statuses if one["required"]}
    assert {"SENSOR", "QUEUED_RUN_COORDINATOR", "MONITORING"} <= set(required)
    assert all(required.values()), required
    ui.open("/health", "Daemons", "Run queue")


def test_dagster_keeps_no_telemetry(installation: Live) -> None:
    """Where it is on, it writes down what it will send: in these two folders."""
    home = installation.settings.home / "dagster"
    assert not (home / "logs").exists()
    assert not (home / ".telemetry").exists()


def test_a_validation_report_asks_no_host_for_anything(ui: Ui, installation: Live) -> None:
    (page,) = (installation.settings.home / "data_docs").glob("2026-08-*/delivery.html")
    asked: list[str] = []
    ui.page.on("request", lambda request: asked.append(request.url))
    ui.page.goto(page.as_uri())
    ui.sees("refused", RULE, "Each file's own rules")
    ui.page.get_by_role("link", name="doorstroom").click()
    ui.sees("Validation of doorstroom of delivery 2026-08", "every rule holds")
    assert {address.partition(":")[0] for address in asked} == {"file"}


def _partitions(installation: Live, asset: str) -> dict[str, str]:
    """The colour of each partition of an asset, as the UI asks for it."""
    asked = """query($key: AssetKeyInput!) {assetNodeOrError(assetKey: $key) {... on AssetNode {
        assetPartitionStatuses {... on DefaultPartitionStatuses {
            unmaterializedPartitions materializedPartitions materializingPartitions failedPartitions}}}}}"""
    found = _graphql(installation, asked, {"key": {"path": asset.split("/")}})
    # What failed is among the unmaterialized as well: the later word counts.
    statuses = found["assetNodeOrError"]["assetPartitionStatuses"]
    return {key: name.removesuffix("Partitions") for name, keys in statuses.items() for key in keys}


def _materialize(installation: Live, asset: str, delivery: str) -> str:
    """Launch a run of one asset, as the UI does; returns its id."""
    asked = """mutation($params: ExecutionParams!) {
        launchRun(executionParams: $params) {__typename ... on LaunchRunSuccess {run {runId}}}}"""
    params = {
        "selector": {
            "repositoryLocationName": "rod_pipeline",
            "repositoryName": "__repository__",
            "jobName": "deliver",
            "assetSelection": [{"path": asset.split("/")}],
        },
        "mode": "default",
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": delivery}]},
    }
    return _graphql(installation, asked, {"params": params})["launchRun"]["run"]["runId"]


def _graphql(installation: Live, query: str, variables: object = None) -> Any:
    request = urllib.request.Request(
        f"{installation.url}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    assert "errors" not in found, found["errors"]
    return found["data"]
