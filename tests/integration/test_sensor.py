"""The sensor on announcements: it asks for a run once, changes nothing itself, and shows when it can't see."""

import dagster as dg
import pytest

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.announcing import drop
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.orchestration.sensors import announced_deliveries
from tests.support.ledger import decoding
from tests.support.pipeline import Bench, delivery


def tick(bench: Bench) -> dg.SensorResult | dg.SkipReason:
    """What a tick of the sensor would do now."""
    context = dg.build_sensor_context(instance=bench.instance, resources={"rod": Rod(home=str(bench.home))})
    result = announced_deliveries(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def test_it_asks_for_the_run_and_the_partition_of_an_announcement_and_does_nothing_itself(bench: Bench) -> None:
    delivery_id = bench.announce("2025-12")
    with bench.system() as system:
        seq = system.ledger.state().seq
    first, second = tick(bench), tick(bench)
    for result in (first, second):
        assert isinstance(result, dg.SensorResult)
        assert [(run.partition_key, run.run_key) for run in result.run_requests or ()] == [("2025-12", delivery_id)]
        assert [request.partition_keys for request in result.dynamic_partitions_requests or ()] == [["2025-12"]]
    with bench.system() as system:
        assert system.ledger.state().seq == seq
        assert system.secrets.scopes(), "link and code are untouched"
    assert not bench.instance.get_dynamic_partitions(DELIVERY)
    assert not bench.pleio.requests


def test_a_tick_reads_what_is_new_in_the_ledger(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not all of it, each half minute for ten years."""
    bench.announce("2025-12")
    tick(bench)
    bench.announce("2026-08")
    with bench.system() as system:
        newest = system.ledger.state().seq
    numbers = decoding(monkeypatch)
    tick(bench)
    assert numbers and numbers[0] > 1 and numbers[-1] == newest
    del numbers[:]
    tick(bench)
    assert numbers == []


def test_it_asks_once_for_each_announcement(bench: Bench) -> None:
    delivery_id = bench.announce("2025-12")
    bench.instance.add_dynamic_partitions(DELIVERY, ["2025-12"])
    bench.instance.add_run(dg.DagsterRun("deliver", tags={"dagster/run_key": delivery_id}))
    assert isinstance(tick(bench), dg.SkipReason)
    again = bench.announce("2025-12")
    result = tick(bench)
    assert isinstance(result, dg.SensorResult)
    assert [run.run_key for run in result.run_requests or ()] == [again]
    assert not result.dynamic_partitions_requests


def test_it_asks_for_the_run_of_files_that_were_handed_over(bench: Bench) -> None:
    files = bench.home.parent / "downloaded.zip"
    files.write_bytes(delivery("2025-12"))
    with bench.system() as system:
        delivery_id = drop(system, DeliveryKey.parse("2025-12"), [files])
    result = tick(bench)
    assert isinstance(result, dg.SensorResult)
    assert [run.run_key for run in result.run_requests or ()] == [delivery_id]


def test_a_ledger_that_cannot_be_read_makes_a_failed_tick_that_says_so_without_its_address(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROD_LEDGER_URL", "postgresql+psycopg2://rod:hidden@127.0.0.1:9/rod")
    with pytest.raises(dg.Failure) as raised:
        tick(bench)
    assert "What to do" in (raised.value.description or "")
    assert "hidden" not in repr(raised.value) + str(raised.value.description)
