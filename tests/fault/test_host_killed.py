"""Two machines share a delivery; one dies in the middle of it, the other goes on, and nothing is double or lost."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import TypeVar

import dagster as dg
import pytest

from rod_pipeline.ledger.erasure import Subject
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention.places.files import HostUnseen
from rod_pipeline.store import scratch
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population
from tests.support import backend
from tests.support.cluster import Cluster
from tests.support.hosts import Host, network, power_off, why_not
from tests.support.pipeline import Bench, delivery, discrepancies, store_environment, stored_tables

KEY = "2025-12"
SMALL = Population(seed=11, scale=0.0005)
T = TypeVar("T")
pytestmark = pytest.mark.soak


class Two:
    """Two machines with a worker each, on one installation whose servers they share."""

    def __init__(self, cluster: Cluster, hosts: list[Host]) -> None:
        self.cluster, self.bench = cluster, cluster.bench
        self.hosts = {host.name: host for host in hosts}
        self.workers = {host.name: cluster.work_on(host) for host in hosts}

    def at_work(self, instance: dg.DagsterInstance) -> dict[str, tuple[str, str]]:
        """The hosts that are at a step now, each with the step and the process that carries it out."""
        steps, found = _going_on(instance), {}
        for mark in self.bench.settings.workers.glob("*@*"):
            host, _, process = mark.name.rpartition("@")
            if step := steps.get(int(process.partition("-")[0])):
                found[host] = (step, process)
        return found


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that all machines see: not in /dev/shm, of which each has its own."""
    with TemporaryDirectory(prefix="rod-shared-", dir="/var/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def two(shared: Path, seaweed: StoreSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    pytest.importorskip("distributed", reason="Dask isn't installed (the extra `distributed`)")
    if reason := why_not():
        pytest.skip(reason)
    monkeypatch.setenv(backend.VARIABLE, "servers")
    for name, value in store_environment(seaweed).items():
        monkeypatch.setenv(name, value)
    postgres, bao = backend.servers()
    with StandIn() as pleio:
        bench = Bench(shared / "home", seaweed, pleio)
        with (bench.home / "rod.toml").open("a") as settings:
            settings.write("[retention]\ndrain_minutes = 0\n")
        addresses = [seaweed.endpoint, bao.address]
        ports = [postgres.port, pleio.port, pleio.storage.server_port]
        ports += [int(address.rpartition(":")[2]) for address in addresses]
        with network(ports) as net, Cluster(bench, net, shared) as cluster:
            yield Two(cluster, [net.host("rod-a"), net.host("rod-b")])


def test_the_other_machine_goes_on_with_the_delivery(two: Two, tmp_path: Path, seaweed: StoreSettings) -> None:
    bench, cluster = two.bench, two.cluster
    content = delivery(KEY, population=SMALL)
    delivery_id = bench.announce(KEY, content)
    with cluster.instance() as instance:
        instance.add_dynamic_partitions(DELIVERY, [KEY])
        run = cluster.deliver(KEY)
        # Each host reads another file of the same delivery.
        reading = _wait(lambda: found if len(found := two.at_work(instance)) == 2 else {}, cluster, run)
        dead, (middle, process) = min(reading.items())
        power_off(two.workers[dead])
        # What Polars would have left, had memory been short.
        spilled = two.hosts[dead].memory / f"rod-{process}-00000000" / "polars" / "spill"
        spilled.parent.mkdir(parents=True)
        spilled.write_bytes(b"rows")
        assert run.wait(500) == 0, cluster.logs()
        assert _started(instance, middle) == 2, "begun on the dead machine, and again on the other"
        ended = [
            entry.step_key
            for run_of in instance.get_runs()
            for entry in instance.all_logs(run_of.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
        ]
        assert len(ended) == len(set(ended)) > 8, "each step ended once"
        (only,) = instance.get_runs()
        assert only.status is dg.DagsterRunStatus.SUCCESS

    with StandIn() as pleio:
        undisturbed = Bench(tmp_path / "undisturbed", seaweed, pleio)
        undisturbed.announce(KEY, content)
        assert undisturbed.walk(KEY) == []
        expected, found = stored_tables(undisturbed, KEY), stored_tables(bench, KEY)
    assert expected.keys() == found.keys()
    assert all(expected[name].equals(found[name]) for name in expected)
    assert discrepancies(bench) == []

    # What the dead one may have left in its memory isn't taken for nothing by a purge that can't look there.
    assert scratch.unseen(bench.settings.workers, 0) == (dead,)
    with bench.system() as system:
        (place,) = [place for place in copy_register(system) if place.place == "scratch"]
        subject = Subject(key=KEY, intakes=(delivery_id,))
        with pytest.raises(HostUnseen):
            place.verify_absent(subject)
        two.workers[dead] = cluster.work_on(two.hosts[dead])
        _wait(lambda: scratch.unseen(bench.settings.workers, 0) == (), cluster)
        place.verify_absent(subject)
    assert not spilled.exists()


def _going_on(instance: dg.DagsterInstance) -> dict[int, str]:
    """The steps that began and didn't end, by the process that carries them out."""
    going_on = {}
    for run in instance.get_runs():
        for entry in instance.all_logs(run.run_id):
            event = entry.dagster_event
            if event is not None and event.pid is not None and entry.step_key is not None:
                if event.event_type is dg.DagsterEventType.STEP_START:
                    going_on[event.pid] = entry.step_key
                elif event.event_type is dg.DagsterEventType.STEP_SUCCESS:
                    going_on.pop(event.pid, None)
    return going_on


def _started(instance: dg.DagsterInstance, step: str) -> int:
    return sum(
        entry.step_key == step
        for run in instance.get_runs()
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)
    )


def _wait(
    true: Callable[[], T], cluster: Cluster, run: "subprocess.Popen[bytes] | None" = None, hangs: float = 500
) -> T:
    """Wait for something that happens by itself, and return it; fails when it clearly won't."""
    until = monotonic() + hangs
    while not (found := true()):
        assert monotonic() < until and (run is None or run.poll() is None), cluster.logs()
        sleep(0.05)
    return found
