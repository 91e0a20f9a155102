"""What is retried: by steps, by the daemon, by sensors. An error that comes back is retried by none of them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import MAX_RETRIES_TAG, WILL_RETRY_TAG

from rod_pipeline.definitions import build_defs
from rod_pipeline.errors import BlockedError, PermanentError, RodError, TransientError
from rod_pipeline.orchestration.failures import UNFORESEEN, retry_transient, stop_run_retries, told_plainly
from rod_pipeline.runbooks import address
from rod_pipeline.settings import Settings


class GoesAway(TransientError):
    code = "ROD-STORE-01"


class ComesBack(PermanentError):
    code = "ROD-STORE-02"


class WaitsForAPerson(BlockedError):
    code = "ROD-LANDING-01"


TRIES = retry_transient.max_retries + 1
AT_ONCE = dg.RetryPolicy(max_retries=retry_transient.max_retries)
"""The policy of every step, without its pauses."""
CASES = [
    pytest.param(GoesAway("It is busy.", "Wait."), TRIES, True, id="transient"),
    pytest.param(ComesBack("It is wrong.", "Mend it."), 1, False, id="permanent"),
    pytest.param(WaitsForAPerson("It waits.", "Decide."), 1, False, id="blocked"),
    pytest.param(ValueError("123456789"), 1, False, id="unforeseen"),
]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster that is set up as badly as can be: it retries every run that failed, in a step too."""
    retries = {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": True}
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides={"run_retries": retries}) as made:
        yield made


def run(
    instance: dg.DagsterInstance, error: Exception, tags: dict[str, str] | None = None
) -> tuple[int, dg.DagsterRun]:
    """How often a step with this error was tried, and its run."""
    tries = []

    @dg.op(retry_policy=AT_ONCE)
    def step() -> None:
        with told_plainly():
            tries.append(1)
            raise error

    @dg.job(hooks={stop_run_retries})
    def job() -> None:
        step()

    done = job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    found = instance.get_run_by_id(done.run_id)
    assert found is not None and found.is_failure_or_canceled
    return len(tries), found


@pytest.mark.parametrize(("error", "tries", "run_again"), CASES)
def test_the_step_and_the_run_are_tried_again_for_what_goes_away_alone(
    error: Exception, tries: int, run_again: bool, instance: dg.DagsterInstance
) -> None:
    tried, failed = run(instance, error)
    assert tried == tries
    assert failed.tags[WILL_RETRY_TAG] == str(run_again).lower()


@pytest.mark.parametrize(("error", "tries", "run_again"), CASES)
def test_no_tag_on_a_run_makes_what_comes_back_be_retried(
    error: Exception, tries: int, run_again: bool, instance: dg.DagsterInstance
) -> None:
    """Somebody typed it in the launchpad."""
    asked = {MAX_RETRIES_TAG: "9", "dagster/retry_on_asset_or_op_failure": "true"}
    tried, failed = run(instance, error, asked)
    assert tried == tries
    assert failed.tags[WILL_RETRY_TAG] == str(run_again).lower()


def test_a_failure_carries_its_runbook_and_no_value_of_the_data(instance: dg.DagsterInstance) -> None:
    for error, code in ((ComesBack("It is wrong.", "Mend it."), "ROD-STORE-02"), (ValueError("123456789"), UNFORESEEN)):
        _, failed = run(instance, error)
        (entry,) = instance.all_logs(failed.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        assert entry.dagster_event is not None
        told = entry.dagster_event.step_failure_data.user_failure_data
        assert told is not None and told.metadata["runbook"].value == address(code)
        shown = told.metadata["what to do"]
        assert isinstance(shown, dg.MarkdownMetadataValue) and (shown.value or "").startswith(f"## {code}\n")
        texts = [str(log) for log in instance.all_logs(failed.run_id)]
        assert not [text for text in texts if "123456789" in text]


def test_pauses_grow_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    pauses = [retry_transient.calculate_delay(number) for number in range(1, TRIES)]
    assert pauses == sorted(pauses) and len(set(pauses)) == len(pauses)
    assert sum(pauses) < timedelta(minutes=5).total_seconds()


def test_every_asset_and_job_of_ours_is_retried_so_and_nothing_starts_by_a_condition(tmp_path: Path) -> None:
    defs = build_defs(Settings(home=tmp_path))
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        if not graph.get(key).is_executable:
            continue  # The moments of the decree: nothing makes them.
        made = graph.get(key).assets_def
        assert stop_run_retries in made.hook_defs, key
        assert made.op.retry_policy in (retry_transient, None), key
        assert graph.get(key).automation_condition is None, key
    for job in defs.jobs or ():
        if isinstance(job, dg.JobDefinition):
            assert stop_run_retries in job.hook_defs, job.name
            assert all(node.definition.retry_policy in (retry_transient, None) for node in job.nodes), job.name
    once = {job.name for job in defs.get_repository_def().get_all_jobs() if job.tags.get(MAX_RETRIES_TAG) == "0"}
    assert once == {"make_packages", "publish_tables"}, "what leaves, leaves by a person's word"


def test_all_three_kinds_are_among_the_cases() -> None:
    kinds = {case.values[0].kind for case in CASES if isinstance(case.values[0], RodError)}
    assert kinds == {"transient", "permanent", "blocked"}
