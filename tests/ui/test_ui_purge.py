"""What people see in Dagster's UI of an erasure: the preview of what is due, and what is left afterwards.

The tests follow each other: the delivery goes through in the fixture, the first test has it erased.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from playwright.sync_api import BrowserContext

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.orchestration.launching import failures, run_delivery
from rod_pipeline.orchestration.partitions import DELIVERY, PURGED
from rod_pipeline.orchestration.register import copy_register, stop_runs
from rod_pipeline.retention.decisions import move_moment
from rod_pipeline.retention.engine import PlanChanged, begin, carry_out, plan
from rod_pipeline.retention.gate import DeliveryPurged
from rod_pipeline.retention.restoring import recover
from rod_pipeline.store.objects import ObjectStore
from tests.support.browser import Ui
from tests.support.live import Live, live, wait_until

KEY, NEIGHBOUR = "2025-12", "2025-12-r2"
LONG_AGO = datetime(2018, 3, 1, 12, tzinfo=UTC)
STARTED = dg.DagsterRunStatus.STARTED
ASSETS = ("landing/raw_delivery", "validation/delivery", "eea/delivery/diplomas", "marts/studentaantallen")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A running installation with two deliveries, one of which came more than seven years ago."""
    home = tmp_path_factory.mktemp("purging") / "home"
    with live(home, {NEIGHBOUR: None, KEY: None}, "[retention]\nlate_sweep_hours = 0\n") as running:
        move_moment(running.system, DeliveryKey.parse(KEY), LONG_AGO, "placed")
        yield running


@pytest.fixture(scope="module")
def old_run(house: Live) -> str:
    """The run that took the delivery in."""
    return house.runs(KEY)[-1].run_id


@pytest.fixture
def page(screen: BrowserContext, house: Live, pictures: Path, request: pytest.FixtureRequest) -> Iterator[Ui]:
    """The UI of this installation; fails a test in which anything wanted to leave for another host."""
    opened = Ui(screen, house.url)
    yield opened
    opened.picture(pictures / f"{request.node.name}.png")
    opened.close()


def test_previewing_a_tick_shows_what_is_due_and_erases_nothing(page: Ui, house: Live, old_run: str) -> None:
    seq = house.system.ledger.state().seq
    page.sensor("due_purges", "Each hour: which delivery's term ends")
    page.preview_tick()
    page.sees("Requested runs (1)", "Dynamic Partition Requests", KEY, PURGED)
    added = {entry.event.kind for entry in house.system.ledger.entries(after=seq)}
    # The ledger is published meanwhile, and the first time it is put on record where.
    assert added <= {"territory_approved"}
    assert house.instance.get_dynamic_partitions(PURGED) == []
    assert house.instance.has_run(old_run)


def test_committing_the_tick_erases_the_delivery_and_shows_the_evidence(
    page: Ui, house: Live, old_run: str, pictures: Path
) -> None:
    page.sensor("due_purges")
    page.preview_tick()
    page.commit_tick()

    wait_until(lambda: _over(house, "purge"), "the run of the purge")
    (done,) = _runs(house, "purge")
    assert failures(house.instance, done.run_id) == []
    page.partition("retention/erased", KEY, "its term has ended", "TE LAAT: out of the house")
    page.sees("late sweep and certificate from", "all versions deleted", "versions: 19, copies: 19")
    page.picture(pictures / "erased.png")
    page.partition("retention/certificate", KEY, "ONVOLLEDIG", "the processor's declaration", "bundel.zip")
    page.picture(pictures / "certificate.png")
    page.run(done.run_id, "Success")


def test_the_delivery_is_gone_from_assets_partitions_and_runs(
    page: Ui, house: Live, old_run: str, pictures: Path
) -> None:
    for asset in ASSETS:
        assert _colours(house, asset) == {NEIGHBOUR: "materialized"}
    page.open("/runs", "due_purges", "Success")
    assert page.page.get_by_text(old_run[:8]).count() == 0
    page.picture(pictures / "runs after the purge.png")
    page.open(f"/runs/{old_run}", "The run with this ID does not exist or has been cleaned up.")
    page.partition("landing/raw_delivery", NEIGHBOUR, "erase before")
    assert page.page.get_by_text(KEY, exact=True).count() == 0


def test_the_mart_database_tells_of_living_deliveries_alone(page: Ui, house: Live) -> None:
    page.asset("marts/database", "built anew because a delivery was erased", NEIGHBOUR)
    assert page.page.get_by_text(KEY, exact=True).count() == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning:gql")
def test_re_adding_the_key_shows_nothing_green_and_every_rerun_names_the_tombstone(
    page: Ui, house: Live, old_run: str
) -> None:
    """By rerun, re-execution, and a backfill over the key that somebody added again by hand."""
    with pytest.raises(DeliveryPurged):
        run_delivery(house.settings, DeliveryKey.parse(KEY))
    assert not house.instance.has_dynamic_partition(DELIVERY, KEY)
    with pytest.raises(urllib.error.HTTPError):
        _graphql(house, _REEXECUTE, {"params": {"parentRunId": old_run, "strategy": "ALL_STEPS"}})

    house.instance.add_dynamic_partitions(DELIVERY, [KEY])
    assert {_colours(house, asset)[KEY] for asset in ASSETS} == {"unmaterialized"}
    over = {"params": {"assetSelection": [{"path": ["landing", "raw_delivery"]}], "partitionNames": [KEY]}}
    launched = _graphql(house, _BACKFILL, over)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    (backfill,) = house.instance.get_backfills()
    over_it = dg.RunsFilter(tags={"dagster/backfill": backfill.backfill_id})
    wait_until(lambda: any(run.is_finished for run in house.instance.get_runs(over_it)), "the run of the backfill")
    (run,) = house.instance.get_runs(over_it)
    assert run.status == dg.DagsterRunStatus.FAILURE
    tombstone = house.system.ledger.state().tombstones[KEY].purge_id
    (told,) = failures(house.instance, run.run_id)
    assert told.startswith("[ROD-DELIVERY-07]") and tombstone in told
    page.run(run.run_id, "was erased on purpose", tombstone, "There is nothing to mend")
    assert _colours(house, "landing/raw_delivery")[KEY] == "failed"


def test_a_delivery_is_erased_while_its_run_is_going_on(house: Live) -> None:
    """From another process, as the run of a purge does it: that run ends, and nothing that it wrote stays."""
    intake = house.announce("2026-08")
    wait_until(lambda: [run.status for run in house.runs("2026-08")] == [STARTED], "the run of 2026-08")
    going = house.runs("2026-08")[0].run_id
    ordered = _ordered(house, "2026-08")
    done = carry_out(house.system, copy_register(house.system), ordered, stop_runs(house.system))
    assert done.verified_at is not None
    assert house.runs("2026-08") == [] and not house.instance.has_run(going)
    inventory = ObjectStore(house.system.objects.settings).inventory("")
    assert not [key for key, _ in (*inventory.versions, *inventory.uploads) if intake in key]


def test_what_the_attempt_left_in_dagster_is_found_and_goes(house: Live) -> None:
    """At the next start, before anything may run."""
    (done,) = recover(house.system, copy_register(house.system))
    assert (done.keys, done.plan.ground, done.verified_at is not None) == ((KEY,), "restored", True)
    assert {run.job_name for run in house.runs(KEY)} == {"purge"}
    assert not house.instance.has_dynamic_partition(DELIVERY, KEY)
    assert house.instance.get_backfills() == []


def _ordered(house: Live, key: str) -> str:
    """The purge of a delivery that is being written, so that its plan is made anew until nothing came between."""
    while True:
        try:
            return begin(house.system, plan(house.system, [key], "order", "BRF-2026-1"), "tester")
        except PlanChanged:
            continue


_REEXECUTE = """mutation($params: ReexecutionParams!) {launchRunReexecution(reexecutionParams: $params) {__typename}}"""
_BACKFILL = """mutation($params: LaunchBackfillParams!) {launchPartitionBackfill(backfillParams: $params) {__typename
    ... on PythonError {message}}}"""
_STATUSES = """query($key: AssetKeyInput!) {assetNodeOrError(assetKey: $key) {... on AssetNode {
    assetPartitionStatuses {... on DefaultPartitionStatuses {
        unmaterializedPartitions materializedPartitions materializingPartitions failedPartitions}}}}}"""


def _runs(house: Live, job: str) -> list[dg.DagsterRun]:
    return list(house.instance.get_runs(dg.RunsFilter(job_name=job)))


def _over(house: Live, job: str) -> bool:
    found = _runs(house, job)
    return bool(found) and all(run.is_finished for run in found)


def _colours(house: Live, asset: str) -> dict[str, str]:
    """The colour of each partition of an asset, as the UI asks for it."""
    found = _graphql(house, _STATUSES, {"key": {"path": asset.split("/")}})
    # What failed is among the unmaterialized as well: the later word counts.
    statuses = found["assetNodeOrError"]["assetPartitionStatuses"]
    return {key: name.removesuffix("Partitions") for name, keys in statuses.items() for key in keys}


def _graphql(house: Live, query: str, variables: object) -> Any:
    request = urllib.request.Request(
        f"{house.url}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    assert "errors" not in found, found["errors"]
    return found["data"]
