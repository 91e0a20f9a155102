"""What a second worker saves of one delivery: the same delivery with one, and with two, each on a host of its own.

    .venv/bin/python -W ignore -m tests.performance.two_workers --scale 0.05

needs root (network namespaces). Each worker computes with one thread, so that two of them need two cores and one needs
one. Prints when each step began and ended, on which host, and what the whole took; judges nothing. Starting and the
imports of a worker aren't in it: a small delivery went through before.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import dagster as dg

from rod_pipeline.contracts.model import FILE_KINDS
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.synthetic.population import Population
from tests.performance.soak_deliveries import installation
from tests.support.hosts import why_not
from tests.support.pipeline import delivery

WARM, KEY = "2025-12", "2026-08"


class Step(NamedTuple):
    """A step of a run: seconds since the first one began, and the process that carried it out."""

    name: str
    began: float
    ended: float
    pid: int


def carried_out(workers: int, scale: float) -> list[Step]:
    """The steps of a delivery on so many workers, in the order in which they began."""
    with tempfile.TemporaryDirectory(prefix="rod-two-", dir="/var/tmp") as folder, ExitStack() as stack:
        bench, cluster, hosts = stack.enter_context(installation(Path(folder)))
        instance = stack.enter_context(cluster.instance())
        for host in hosts[:workers]:
            cluster.work_on(host)
        for key, size in ((WARM, 0.0005), (KEY, scale)):
            bench.announce(key, delivery(key, population=Population(seed=1, scale=size)))
            instance.add_dynamic_partitions(DELIVERY, [key])
            assert cluster.deliver(key).wait() == 0, cluster.logs()
        return steps_of(instance, next(iter(instance.get_runs(limit=1))).run_id)


def steps_of(instance: dg.DagsterInstance, run_id: str) -> list[Step]:
    """When each step began and ended, by the events of a run."""
    began: dict[str, tuple[float, int]] = {}
    steps = []
    for entry in instance.all_logs(run_id):
        if entry.dagster_event is not None and entry.step_key is not None:
            if entry.dagster_event.event_type is dg.DagsterEventType.STEP_START:
                began[entry.step_key] = (entry.timestamp, entry.dagster_event.pid or 0)
            elif entry.dagster_event.event_type is dg.DagsterEventType.STEP_SUCCESS:
                steps.append(Step(entry.step_key, began[entry.step_key][0], entry.timestamp, began[entry.step_key][1]))
    first = min(step.began for step in steps)
    return sorted((Step(s.name, s.began - first, s.ended - first, s.pid) for s in steps), key=lambda step: step.began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.05)
    asked = parser.parse_args()
    if reason := why_not():
        sys.exit(f"Not run: {reason}.")
    os.environ |= {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
    for workers in (1, 2):
        steps = carried_out(workers, asked.scale)
        print("\n".join(told(workers, steps)))  # noqa: T201


def told(workers: int, steps: list[Step]) -> Iterator[str]:
    """The steps as a table in Markdown, and what the five files took."""
    hosts = {pid: "ab"[place] for place, pid in enumerate(dict.fromkeys(step.pid for step in steps))}
    yield f"\n{workers} worker(s), at a load of {os.getloadavg()[0]:.0f}\n"
    yield "| step | host | began | ended |\n|---|---|---:|---:|"
    for step in steps:
        yield f"| {step.name} | {hosts[step.pid]} | {step.began:.1f} | {step.ended:.1f} |"
    files = [step for step in steps if step.name.removeprefix("validation__") in FILE_KINDS]
    span = max(step.ended for step in files) - min(step.began for step in files)
    work = sum(step.ended - step.began for step in files)
    yield f"\nThe five files: {work:.1f} s of work in {span:.1f} s; all steps: {max(s.ended for s in steps):.1f} s."


if __name__ == "__main__":
    main()
