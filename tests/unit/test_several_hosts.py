"""Steps on other machines: what an installation needs for it, and what one host knows of another's memory."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.plan.state import KnownExecutionState
from pydantic import SecretStr

from rod_pipeline.definitions import build_defs
from rod_pipeline.ledger.erasure import Subject
from rod_pipeline.orchestration import executing
from rod_pipeline.orchestration.executing import DaskSteps, NotForSeveral, executor_of
from rod_pipeline.orchestration.worker import _has_ended
from rod_pipeline.retention.places.files import HostUnseen, Scratch
from rod_pipeline.settings import (
    BadSettings,
    ExecutionSection,
    KeyringSection,
    RetentionSection,
    Settings,
    StoreSection,
)
from rod_pipeline.store import scratch
from rod_pipeline.system import System

SUBJECT = Subject(key="2025-12", intakes=())


def settings(home: Path, scheduler: str | None, **changed: Any) -> Settings:
    parts: dict[str, Any] = {
        "ledger_url": SecretStr("postgresql+psycopg2://rod@db.example/ledger"),
        "store": StoreSection(endpoint="https://s3.example"),
        "keyring": KeyringSection(kind="openbao", address="https://keys.example"),
        "execution": ExecutionSection(scheduler=scheduler),
    }
    return Settings(home=home, **parts | changed)


def test_without_a_scheduler_deliveries_run_in_one_process(tmp_path: Path) -> None:
    job = build_defs(Settings(home=tmp_path)).resolve_job_def("deliver")
    assert job.executor_def.name == "in_process"


def test_with_one_only_deliveries_run_on_its_workers(tmp_path: Path) -> None:
    defs = build_defs(settings(tmp_path, "tls://dask.example:8786"))
    assert defs.resolve_job_def("deliver").executor_def.name == "dask"
    assert defs.resolve_job_def("purge").executor_def.name == "in_process"


@pytest.mark.parametrize("scheduler", ["tcp://dask.example:8786", "tcp://10.0.0.1:8786", "tcp://127.0.0.1.evil:8786"])
def test_a_scheduler_that_anybody_may_give_orders_to_is_refused(tmp_path: Path, scheduler: str) -> None:
    with pytest.raises(BadSettings, match="without TLS"):
        executor_of(settings(tmp_path, scheduler))


@pytest.mark.parametrize(
    ("named", "changed"),
    [
        ("ledger_url", {"ledger_url": None}),
        ("store.endpoint", {"store": StoreSection()}),
        ("keyring.kind", {"keyring": KeyringSection()}),
    ],
    ids=["ledger", "store", "keyring"],
)
def test_what_is_on_one_machine_is_refused_by_name(tmp_path: Path, named: str, changed: dict[str, Any]) -> None:
    with pytest.raises(BadSettings, match=rf"is on one: {named}\."):
        executor_of(settings(tmp_path, "tls://dask.example:8786", **changed))


def test_a_storage_of_dagster_in_files_is_refused(tmp_path: Path) -> None:
    made = executor_of(settings(tmp_path, "tcp://127.0.0.1:8786")).executor_creation_fn
    assert made is not None
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance, pytest.raises(NotForSeveral):
        made(SimpleNamespace(instance=instance))  # type: ignore[arg-type]


class _Tasks:
    """Stands in for a Dask client."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.workers = {"tls://10.0.0.2:1": 1}

    def submit(self, function: object, packed: str, key: str) -> SimpleNamespace:
        self.keys.append(key)
        self.task = SimpleNamespace(status="pending", cancel=lambda: self.keys.remove(key))
        return self.task

    def nthreads(self) -> dict[str, int]:
        return self.workers


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Tasks]:
    made = _Tasks()
    monkeypatch.setattr(DaskSteps, "_connected", lambda _: made)
    monkeypatch.setattr(executing, "serialize_value", lambda _: "")
    yield made


def _context(run: str, attempts: int = 0) -> Any:
    state = KnownExecutionState(previous_retry_attempts={"step": attempts})
    return SimpleNamespace(
        execute_step_args=SimpleNamespace(run_id=run, step_keys_to_execute=["step"], known_state=state)
    )


def test_a_task_is_of_one_attempt_of_one_step_of_one_run(tasks: _Tasks) -> None:
    steps = DaskSteps("")
    for context in (_context("one"), _context("two"), _context("two", attempts=1)):
        list(steps.launch_step(context))
    assert tasks.keys == ["one/step/0", "two/step/0", "two/step/1"]
    list(steps.terminate_step(_context("two")))
    assert tasks.keys == ["one/step/0", "two/step/0"]


def test_a_step_is_given_up_when_nobody_can_do_it_or_its_task_ended_without_a_result(tasks: _Tasks) -> None:
    steps, context = DaskSteps(""), _context("one")
    assert not steps.check_step_health(context).is_healthy, "never handed over"
    list(steps.launch_step(context))
    assert steps.check_step_health(context).is_healthy
    tasks.workers.clear()
    assert not steps.check_step_health(context).is_healthy
    tasks.task.status = "error"
    assert not steps.check_step_health(context).is_healthy
    tasks.task.status = "finished"
    assert steps.check_step_health(context).is_healthy, "its events are on their way"
    assert not steps.check_step_health(context).is_healthy


def test_an_attempt_that_ended_is_not_begun_again(tmp_path: Path) -> None:
    @dg.op
    def step() -> None:
        pass

    @dg.job
    def job() -> None:
        step()

    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        run = job.execute_in_process(instance=instance).run_id
        ended = [_has_ended(instance, _context(run, attempts).execute_step_args) for attempts in (0, 1)]
    assert ended == [True, False]


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System.open(Settings(home=tmp_path, retention=RetentionSection(drain_minutes=0)))


def _on(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)


def test_a_purge_knows_nothing_of_a_host_where_somebody_is_at_a_step(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, workers = Scratch(system), system.settings.workers
    _on("there", monkeypatch)
    with pytest.raises(KeyError), scratch.at_work(workers):
        _on("here", monkeypatch)
        for look in (place.inventory, place.verify_absent):
            with pytest.raises(HostUnseen, match="there"):
                look(SUBJECT)
        place.erase(SUBJECT, "purge")
        raise KeyError
    assert place.verify_absent(SUBJECT).left == 0, "a step that failed is over as well"


def test_it_waits_for_the_step_that_is_going_on_and_not_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is always at some step would else keep every purge from its inventory."""
    _on("there", monkeypatch)
    steps = [scratch.at_work(tmp_path) for _ in range(3)]
    steps[0].__enter__()
    _on("here", monkeypatch)
    waited = iter(range(len(steps) - 1))

    def next_step(_: float) -> None:
        ended = next(waited)
        _on("there", monkeypatch)
        steps[ended].__exit__(None, None, None)
        steps[ended + 1].__enter__()
        _on("here", monkeypatch)

    monkeypatch.setattr(scratch, "sleep", next_step)
    assert scratch.unseen(tmp_path, 60) == ()
    assert scratch.unseen(tmp_path, 0) == ("there",)


def test_on_the_same_host_it_looks_for_itself(system: System) -> None:
    with scratch.at_work(system.settings.workers):
        assert Scratch(system).inventory(SUBJECT).left == 0


def test_a_worker_leaves_nothing_in_its_memory_between_steps(system: System) -> None:
    with scratch.at_work(system.settings.workers):
        left = scratch.claim() / "polars" / "spilled"
        left.write_bytes(b"rows")
    assert not left.exists()


def test_what_a_killed_worker_said_stands_until_one_starts_on_its_host(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, workers = Scratch(system), system.settings.workers
    workers.mkdir()
    (workers / "there@1-0-0").touch()
    for host in ("here", "elsewhere"):
        _on(host, monkeypatch)
        scratch.look_back(workers)
        with pytest.raises(HostUnseen, match="there"):
            place.verify_absent(SUBJECT)
    _on("there", monkeypatch)
    started = scratch._started(os.getpid())
    (workers / f"there@{os.getpid()}-{started}-0").touch()
    scratch.look_back(workers)
    assert [mark.name for mark in workers.iterdir()] == [f"there@{os.getpid()}-{started}-0"], (
        "one that lives says it still"
    )
