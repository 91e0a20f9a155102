"""Whether a run did what it was to do, and why it failed, as Dagster's log has it.

Belongs here: reading that back. Does not belong here: writing it (``failures``, ``executing``), what is done about it
(``red``, ``alerting``).

A step that we ended says so in the metadata of its failure (``failures.about``). A run that ended before its first
step, or a step that no worker of a cluster carried out, leaves a text alone; a code of ours in it tells as much.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
from dagster._core.events import DagsterEvent
from dagster_shared.error import SerializableErrorInfo

from rod_pipeline.orchestration.executing import OF_RUNS

_CODED = re.compile(r"\[(ROD-[A-Z]+-\d+)\] .*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one ``step`` failed, or the run as a whole (empty).

    ``code`` and ``kind`` are empty for an end that isn't ours: a check of the data (``by_check``), a process that died.
    ``text``: what we said of it.
    """

    step: str
    code: str = ""
    kind: str = ""
    text: str = ""
    by_check: bool = False


def reasons(instance: dg.DagsterInstance, run_id: str) -> tuple[Reason, ...]:
    """Of each step that failed, why; where none did, of the run. Empty when nothing is told."""
    steps = tuple(_of_step(event) for event in _events(instance, run_id, dg.DagsterEventType.STEP_FAILURE))
    if steps:
        return steps
    ends = _events(instance, run_id, dg.DagsterEventType.RUN_FAILURE)
    # Where it was found dead, or called failed by a person, there is no error.
    errors = (event.job_failure_data.error for event in ends if event.event_specific_data is not None)
    return tuple(reason for error in errors if (reason := _by_text("", error)).code)


def went_through(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a run did all that it was to do: it ended well, or its process died when no step was left to begin.

    A step on another machine goes on when the process of its run is killed. Dagster calls such a run failed, and
    refuses to run it again from its failure: no step of it failed.
    """
    if run.status is dg.DagsterRunStatus.SUCCESS:
        return True
    if run.status is not dg.DagsterRunStatus.FAILURE or run.execution_plan_snapshot_id is None:
        return False
    planned = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).step_keys_to_execute
    succeeded = {event.step_key for event in _events(instance, run.run_id, dg.DagsterEventType.STEP_SUCCESS)}
    return succeeded.issuperset(planned)


def _events(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> Iterator[DagsterEvent]:
    for entry in instance.all_logs(run_id, of_type=kind):
        assert entry.dagster_event is not None
        yield entry.dagster_event


def _of_step(event: DagsterEvent) -> Reason:
    step, failed = event.step_key or "", event.step_failure_data
    if (told := failed.user_failure_data) is None:
        return _by_text(step, failed.error)
    text, told_of = told.description or "", told.metadata
    if "code" in told_of:
        return Reason(step, str(told_of["code"].value), str(told_of["kind"].value), text)
    return Reason(step, text=text, by_check="table of what is broken" in told_of)


def _by_text(step: str, error: SerializableErrorInfo | None) -> Reason:
    found = _CODED.search(error.message if error else "")
    if found is None or found[1] not in OF_RUNS:
        return Reason(step)
    return Reason(step, found[1], OF_RUNS[found[1]], found[0].strip())
