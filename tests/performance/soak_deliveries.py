"""Many small deliveries through sensor, queue and purge, on PostgreSQL, with two workers, and random kills.

    .venv/bin/python -W ignore -m tests.performance.soak_deliveries --deliveries 200 [--seed 1]

A deployment as on several machines: two hosts with a Dask worker each (network namespaces, so it needs root),
Dagster's code server, daemon and webserver as processes, ledger and Dagster's storage in PostgreSQL, keys in OpenBao,
data in SeaweedFS. Deliveries are announced a few at a time; the sensor takes them in. Of nine out of ten it turns out,
once they are in, that they came more than seven years ago, so the other sensor has them erased. Meanwhile a host or the
process of a run is killed, by a seeded die. It judges: it ends with an error unless

- every delivery is stored, or erased with a certificate, and nobody had to help;
- store, keys, secrets and ledger tell one story, and the chain of the ledger holds;
- nothing is queued or going on, no pool is held, no worker says that it is at a step;
- the memory of daemon and webserver is flat: the median of the last quarter of the samples is at most a tenth above
  that of the second quarter. (In the first the caches fill.)
"""

import argparse
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import RETRY_NUMBER_TAG

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.announcing import announce
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.orchestration.partitions import DELIVERY, PURGED
from rod_pipeline.orchestration.reasons import went_through
from rod_pipeline.retention.decisions import move_moment
from rod_pipeline.store import scratch
from rod_pipeline.store.seaweed import LocalStore
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support import backend
from tests.support.cluster import Cluster
from tests.support.hosts import Host, network, power_off, why_not
from tests.support.pipeline import CODE, Bench, delivery, discrepancies, store_environment
from tests.support.services import Services, services

MOMENTS = ("2025-12", "2026-08")
"""Those that are past: a delivery of a later one is refused, its prikdatum lies in the future."""
LONG_AGO = datetime(2018, 3, 1, 12, tzinfo=UTC)
SMALL = Population(seed=11, scale=0.0005)
KEPT = 10
"""One in so many deliveries stays."""
AT_ONCE, RUNS = 8, 4
"""Deliveries under way, and runs going on: half of what a run takes is waiting for looks, locks and processes."""
WATCHED = ("daemon", "webserver")
GROWTH = 1.1
_LOOK = """{ runsOrError(limit: 25) { ... on Runs { results { runId status tags { key value } } } }
assetNodes { id partitionStats { numMaterialized numFailed } } }"""


@dataclass
class Soak:
    """One soak going on; ``samples`` are MiB of each watched process, ``killed`` what was killed how often."""

    bench: Bench
    cluster: Cluster
    hosts: list[Host]
    running: Services
    instance: dg.DagsterInstance
    dice: random.Random
    keys: list[str]
    hangs: float
    announces_for: float
    samples: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in WATCHED})
    killed: Counter[str] = field(default_factory=Counter)
    announced: int = 0
    finished: set[str] = field(default_factory=set)

    def run(self, between_kills: float) -> list[str]:
        """Take all deliveries through; returns what is wrong at the end."""
        workers = {host.name: self.cluster.work_on(host) for host in self.hosts}
        kill_at = monotonic() + between_kills
        done, progress = -1, monotonic()
        began = monotonic()
        # What looks on reads the ledger once; at the end it is read anew.
        with self.bench.kept_open():
            while True:
                with self.bench.system() as system:
                    state = system.ledger.state()
                if monotonic() - began > self.announces_for:
                    self.keys = self.keys[: self.announced]
                self._grow_old(state)
                self.finished |= {key for key in self._under_way() if self._is_done(state, key)}
                if len(self.finished) != done:
                    done, progress = len(self.finished), monotonic()
                    tell(f"{done} of {len(self.keys)} done, {dict(self.killed)}, {self._memory()}")
                if done == len(self.keys) and not self._going_on():
                    break
                if monotonic() - progress > self.hangs:
                    return [f"nothing got done for {self.hangs:.0f} seconds", *self._left(state)]
                while self.announced < len(self.keys) and self.announced - done < AT_ONCE:
                    self._announce(self.keys[self.announced])
                if monotonic() > kill_at and done < len(self.keys) - 1:
                    kill_at = monotonic() + between_kills * self.dice.uniform(0.5, 1.5)
                    self._kill(workers)
                with suppress(OSError):
                    self.running.ask(_LOOK)
                for name, sizes in self.samples.items():
                    sizes.append(resident_mib(self.running.processes[name].pid))
                sleep(5)
        return self._wrong()

    def _announce(self, key: str) -> None:
        link = self.bench.pleio.publish(delivery(DeliveryKey.parse(key).moment, population=SMALL), CODE)
        with self.bench.system() as system:
            announce(system, DeliveryKey.parse(key), [link], CODE)
        self.announced += 1

    def _grow_old(self, state: LedgerState) -> None:
        """Of deliveries that have gone all the way, and are to go, an earlier moment becomes known."""
        for key in self._under_way():
            intake = state.deliveries.get(key)
            is_in = intake is not None and intake.tombstone is None and self._went_well(key)
            if is_in and self._is_to_go(key) and intake.moment != LONG_AGO:  # type: ignore[union-attr]
                with self.bench.system() as system:
                    move_moment(system, DeliveryKey.parse(key), LONG_AGO, "placed")

    def _under_way(self) -> list[str]:
        """What was announced and isn't done: what is done stays so, and is looked at again at the end."""
        return [key for key in self.keys[: self.announced] if key not in self.finished]

    def _went_well(self, key: str) -> bool:
        """Whether the newest run of a delivery did all that it was to do."""
        newest = self.instance.get_runs(dg.RunsFilter(tags={"dagster/partition": key}), limit=1)
        return bool(newest) and went_through(self.instance, newest[0])

    def _is_to_go(self, key: str) -> bool:
        return self.keys.index(key) % KEPT != 0

    def _is_done(self, state: LedgerState, key: str) -> bool:
        if self._is_to_go(key):
            grave = state.tombstones.get(key)
            return grave is not None and state.purges[grave.purge_id].phase == "attested"
        return key in state.deliveries and state.deliveries[key].stage == "stored" and self._went_well(key)

    def _going_on(self) -> bool:
        return bool(self.instance.get_runs_count(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES))))

    def _kill(self, workers: "dict[str, object]") -> None:
        """Kill a host's worker with all that belongs to it, or the process of a run; a host comes back at once."""
        runs = self._run_processes()
        if runs and self.dice.random() < 0.5:
            with suppress(ProcessLookupError):
                os.kill(self.dice.choice(runs), signal.SIGKILL)
                self.killed["run"] += 1
            return
        host = self.dice.choice(self.hosts)
        power_off(workers[host.name])  # type: ignore[arg-type]
        workers[host.name] = self.cluster.work_on(host)
        self.killed["host"] += 1

    def _run_processes(self) -> list[int]:
        """The processes of runs that are going on, by what they said of themselves when they began.

        But for those that the daemon doesn't go on with any more: who dies a third time waits for a person.
        """
        found = []
        for run in self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
            if run.tags.get(RETRY_NUMBER_TAG) == str(self.instance.run_retries_max_retries):
                continue
            for entry in self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
                if entry.dagster_event and (entry.dagster_event.message or "").startswith("Started process for run"):
                    found.append(int(entry.dagster_event.engine_event_data.metadata["pid"].value))  # type: ignore[arg-type]
        return sorted(found)

    def _left(self, state: LedgerState) -> Iterator[str]:
        for key in self.keys[: self.announced]:
            if not self._is_done(state, key):
                intake = state.deliveries.get(key)
                yield f"{key} isn't done: {intake.stage if intake else 'unknown'}"

    def _wrong(self) -> list[str]:
        with self.bench.system() as system:
            state = system.ledger.state()
            checked = sum(1 for _ in system.ledger.entries())
        storage = self.instance.event_log_storage
        pools = sorted(storage.get_concurrency_keys())
        kept = {key for key in self.keys if not self._is_to_go(key)}
        shown = {
            "deliveries that are shown": (set(self.instance.get_dynamic_partitions(DELIVERY)), kept),
            "erasures that are shown": (set(self.instance.get_dynamic_partitions(PURGED)), set(self.keys) - kept),
        }
        return [
            *self._left(state),
            *([] if checked == state.seq else [f"{checked} entries are read of {state.seq}"]),
            *discrepancies(self.bench),
            *(f"{pool} is held" for pool in pools if storage.get_concurrency_info(pool).active_slot_count),
            *(f"a worker on {host} says it is at a step" for host in scratch.unseen(self.bench.settings.workers, 0)),
            *(f"{what}: {sorted(seen ^ meant)[:9]}" for what, (seen, meant) in shown.items() if seen != meant),
            *(
                f"memory of the {name} grew: {grown(sizes):.2f}"
                for name, sizes in self.samples.items()
                if grown(sizes) > GROWTH
            ),
        ]

    def _memory(self) -> dict[str, str]:
        return {name: f"{sizes[-1]:.0f} MiB" for name, sizes in self.samples.items() if sizes}

    def told(self, seconds: float) -> Iterator[str]:
        """The figures, as a table in Markdown."""
        runs = list(self.instance.get_runs())
        again = sum("dagster/parent_run_id" in run.tags for run in runs)
        starts = Counter(
            (run.run_id, entry.step_key)
            for run in runs
            for entry in self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)
        )
        with self.bench.system() as system:
            state = system.ledger.state()
        purged = sum(self._is_to_go(key) for key in self.keys)
        yield "| what | |\n|---|---:|"
        yield f"| deliveries: stored and kept, erased with a certificate | {len(self.keys) - purged}, {purged} |"
        yield f"| hosts killed, processes of runs killed | {self.killed['host']}, {self.killed['run']} |"
        yield f"| runs that are left, of those gone on with by the daemon | {len(runs)}, {again} |"
        yield f"| steps of them that began more than once | {sum(count > 1 for count in starts.values())} |"
        yield f"| entries of the ledger | {state.seq} |"
        yield f"| minutes | {seconds / 60:.0f} |"
        for name, sizes in self.samples.items():
            second, last = quarters(sizes)
            told = f"{second:.0f}, {last:.0f}, {max(sizes):.0f}"
            yield f"| memory of the {name}, MiB: second quarter, last quarter, most | {told} |"


def quarters(sizes: list[float]) -> tuple[float, float]:
    """The medians of the second and of the last quarter of the samples."""
    quarter = max(1, len(sizes) // 4)
    return median(sizes[quarter : 2 * quarter] or sizes), median(sizes[-quarter:])


def grown(sizes: list[float]) -> float:
    """By what factor the last quarter of the samples is above the second."""
    second, last = quarters(sizes)
    return last / second


def resident_mib(pid: int) -> float:
    """What a process has resident (proc(5), VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"process {pid} is gone")


def keys_of(count: int) -> list[str]:
    """So many deliveries over the moments of the decree, each moment's corrections after it."""
    each = [DeliveryKey(moment, revision) for revision in range(1, count // len(MOMENTS) + 2) for moment in MOMENTS]
    return [str(key) for key in each[:count]]


@contextmanager
def installation(folder: Path) -> Iterator[tuple[Bench, Cluster, list[Host]]]:
    """An installation on servers, with a cluster and two hosts."""
    os.environ[backend.VARIABLE] = "servers"
    with ExitStack() as stack:
        store = LocalStore(folder / "seaweed")
        seaweed = store.start()
        stack.callback(store.stop)
        os.environ.update(store_environment(seaweed))
        postgres, bao = backend.servers()
        pleio = stack.enter_context(StandIn())
        bench = Bench(folder / "home", seaweed, pleio)
        with (bench.home / "rod.toml").open("a") as settings:
            settings.write("[retention]\nlate_sweep_hours = 0\n")
        ports = [int(address.rpartition(":")[2]) for address in (seaweed.endpoint, bao.address)]
        net = stack.enter_context(network([postgres.port, pleio.port, pleio.storage.server_port, *ports]))
        cluster = stack.enter_context(Cluster(bench, net, folder, RUNS))
        # As while `rod up` runs: else the store of the evidence is started for each certificate.
        assert stack.enter_context(System.open(bench.settings)).evidence
        yield bench, cluster, [net.host("rod-a"), net.host("rod-b")]


def tell(line: str) -> None:
    print(f"{SystemClock().now():%H:%M:%S} {line}", file=sys.stderr, flush=True)  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deliveries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the die that says what is killed when")
    parser.add_argument("--kill-every", type=float, default=120.0, help="seconds between two kills, on average")
    parser.add_argument("--hangs", type=float, default=1800.0, help="seconds without a delivery done: it is stuck")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after so many no more are announced")
    asked = parser.parse_args()
    if reason := why_not():
        sys.exit(f"Not run: {reason}.")
    # What service managers send would otherwise end this process and leave all that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    began = monotonic()
    # Not in /dev/shm, of which each host has its own.
    with tempfile.TemporaryDirectory(prefix="rod-soak-", dir="/var/tmp") as named, ExitStack() as stack:
        folder = Path(named)
        bench, cluster, hosts = stack.enter_context(installation(folder))
        running = stack.enter_context(services("tests.support.hasty", cluster.environment, folder))
        instance = stack.enter_context(cluster.instance())
        dice, keys = random.Random(asked.seed), keys_of(asked.deliveries)
        soak = Soak(bench, cluster, hosts, running, instance, dice, keys, asked.hangs, 60 * asked.minutes)
        wrong = soak.run(asked.kill_every)
        for line in soak.told(monotonic() - began):
            print(line)  # noqa: T201
        if wrong:
            print(cluster.logs(), file=sys.stderr)  # noqa: T201
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
