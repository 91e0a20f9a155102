"""What happens at night, in this process: a run as the daemon would start it, and what on-call sees and types.

``attempt`` runs the real job with the retries of its steps turned off: they come minutes later, and a test that waits
for them learns nothing. ``rod`` is the command line, in this process.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
from typer.testing import CliRunner

from rod_pipeline.cli import application
from rod_pipeline.definitions import build_defs
from rod_pipeline.errors import RodError
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.settings import Settings
from tests.support.pipeline import Bench

LANDING = dg.AssetKey(["landing", "raw_delivery"])
_NO_RETRIES = {"execution": {"config": {"retries": {"disabled": {}}}}}


@dataclass(frozen=True)
class Seen:
    """What the page of a failed run shows of one step."""

    code: str
    kind: str
    runbook: str
    to_do: str
    text: str


def deliver_job() -> dg.JobDefinition:
    """The real job of the installation that the environment names."""
    return build_defs(Settings.load()).resolve_job_def("deliver")


def attempt(bench: Bench, key: str, assets: Sequence[dg.AssetKey] = (LANDING,)) -> list[Seen]:
    """Run these assets of a delivery; returns what is seen of each step that failed, nothing when it is green."""
    instance = bench.instance
    assert instance is not None
    instance.add_dynamic_partitions(DELIVERY, [key])
    with dg.execute_job(
        dg.reconstructable(deliver_job),
        instance,
        tags={"dagster/partition": key},
        run_config=_NO_RETRIES,
        asset_selection=list(assets),
    ) as done:
        return seen(instance, done.run_id)


def seen(instance: dg.DagsterInstance, run_id: str) -> list[Seen]:
    """What the page of a run shows of its failures."""
    found = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        assert entry.dagster_event is not None
        told = entry.dagster_event.step_failure_data.user_failure_data
        assert told is not None, "a failure that isn't told plainly"
        shown = {name: str(value.value) for name, value in told.metadata.items()}
        names = ("code", "kind", "runbook", "what to do")
        found.append(Seen(*(shown.get(name, "") for name in names), text=told.description or ""))
    return found


def rod(*words: str, typed: str | None = None) -> tuple[int, str]:
    """A command of ``rod``: how it exited, and what it said."""
    done = CliRunner().invoke(application(), list(words), input=typed, env={"COLUMNS": "200"})
    if isinstance(done.exception, RodError):
        return 1, f"{done.output}{done.exception}"
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output
