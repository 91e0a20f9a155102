"""Where the steps of a delivery run: in the process of their run, or on the workers of a Dask cluster.

Belongs here: the executor of an installation. Does not belong here: what a worker does with a step (``worker``).
https://docs.dagster.io/deployment/execution/run-executors, https://distributed.dask.org

``dagster-dask`` 0.29.27 isn't used (ADR 42): it names a task after its step alone, so that of two runs at the same time
one gets the results of the other; it runs what comes after a failed step; and it doesn't retry. Dagster's own executor
for steps elsewhere, the one below ``k8s_job_executor``, does all of that well; what is here tells it how Dask is asked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import dagster as dg
from dagster._core.events import DagsterEvent
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster_shared.serdes import serialize_value

from rod_pipeline.errors import Kind, PermanentError, TransientError
from rod_pipeline.orchestration.pools import declare, in_process
from rod_pipeline.orchestration.worker import carry_out
from rod_pipeline.settings import BadSettings, Settings

if TYPE_CHECKING:
    from distributed import Client, Future

_POLL_SECONDS = 0.2
_HEALTH_SECONDS = 10


class NotForSeveral(PermanentError):
    """Something that workers on other machines need is a file of this one."""

    code = "ROD-DAGSTER-05"


class ClusterSilent(TransientError):
    """The Dask scheduler doesn't answer, it and this machine don't accept each other, or it has no worker."""

    code = "ROD-DAGSTER-07"


OF_RUNS: Mapping[str, Kind] = {one.code: one.kind for one in (NotForSeveral, ClusterSilent)}
"""What ends a run, or a step that no worker carried out, from here; all that Dagster keeps of it is its text."""


def connected(scheduler: str) -> Client:
    """A client of the cluster, configured as Dask is: by ``DASK_…`` in the environment. Raises ``ClusterSilent``."""
    # Only who has a cluster pays for its client.
    from distributed import Client

    try:
        return Client(scheduler, set_as_default=False)
    # Without any certificate Dask says that the type of one is wrong.
    except (OSError, TypeError) as error:
        raise ClusterSilent(
            f"The Dask scheduler doesn't answer, or it and this machine don't accept each other's certificates "
            f"({type(error).__name__}).",
            "Start the scheduler; see that DASK_… is set for this process too, and that no certificate ended.",
        ) from None


def without_worker() -> ClusterSilent:
    """The error for a scheduler that nobody works for."""
    return ClusterSilent(
        "No worker is connected to the Dask scheduler.",
        "Start the workers; if they run, look in their logs why the scheduler doesn't know them (certificates?).",
    )


def executor_of(settings: Settings) -> dg.ExecutorDefinition:
    """How this installation runs the steps of a delivery.

    Raises ``BadSettings`` for a scheduler that anybody could give orders to, or one whose workers would not find the
    ledger, the store and the keys.
    """
    scheduler = settings.execution.scheduler
    if scheduler is None:
        # Importing the libraries costs more than most steps.
        return in_process
    if not scheduler.startswith("tls://") and not _on_loopback(scheduler):
        raise BadSettings(
            "The Dask scheduler is spoken to without TLS: whoever reaches it could have any code carried out.",
            "Give scheduler and workers certificates, and set `execution.scheduler` to tls://HOST:PORT.",
        )
    local = {
        "ledger_url": settings.ledger().startswith("sqlite"),
        "store.endpoint": settings.store.endpoint is None,
        "keyring.kind": settings.keyring.kind == "local",
    }
    if missing := ", ".join(name for name, is_local in local.items() if is_local):
        raise BadSettings(
            f"Steps are to run on several machines, but what these settings name is on one: {missing}.",
            "Put the ledger in PostgreSQL, the data in an S3 store and the keys in OpenBao, or unset "
            "`execution.scheduler`.",
        )

    @dg.executor(name="dask", requirements=dg.multiple_process_executor_requirements())
    def dask(context: dg.InitExecutorContext) -> _Delegating:
        if isinstance(context.instance.event_log_storage, SqliteEventLogStorage):
            raise NotForSeveral(
                "Steps are to run on several machines, but Dagster's storage is a file.",
                "Put it in PostgreSQL (`storage` in dagster.yaml), or unset `execution.scheduler`.",
            )
        declare(context.instance)
        return _Delegating(DaskSteps(scheduler))

    return dask


def _on_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(urlsplit(address).hostname or "").is_loopback
    except ValueError:
        return urlsplit(address).hostname == "localhost"


class DaskSteps(StepHandler):
    """Hands each step to a worker as a task of its own: a worker that dies is replaced by another, by Dask itself."""

    def __init__(self, scheduler: str) -> None:
        self._scheduler = scheduler
        self._client: Client | None = None
        self._tasks: dict[str, Future] = {}
        self._over: set[str] = set()

    @property
    def name(self) -> str:
        return "DaskSteps"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        args = step_handler_context.execute_step_args
        step = _step(step_handler_context)
        attempt = args.known_state.get_retry_state().get_attempt_count(step) if args.known_state else 0
        key = f"{args.run_id}/{step}/{attempt}"
        self._tasks[step] = self._connected().submit(carry_out, serialize_value(args), key=key)
        self._over.discard(step)
        return iter(())

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        step = _step(step_handler_context)
        task = self._tasks.get(step)
        status = "lost" if task is None else task.status
        if status == "pending":
            if not self._connected().nthreads():
                return CheckStepHealthResult.unhealthy(str(without_worker()))
            return CheckStepHealthResult.healthy()
        if status == "finished" and step not in self._over:
            # Its last events may not have been read yet: they are by the next look.
            self._over.add(step)
            return CheckStepHealthResult.healthy()
        # 'error' is what Dask says of a task with which several workers died.
        return CheckStepHealthResult.unhealthy(f"its task is {status} without a result")

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """What waits for a worker doesn't start; what is being done comes to its end, which its lease tells a purge."""
        if task := self._tasks.get(_step(step_handler_context)):
            task.cancel()
        return iter(())

    def close(self) -> None:
        """Leave the cluster."""
        if self._client is not None:
            self._client.close()

    def _connected(self) -> Client:
        if self._client is None:
            self._client = connected(self._scheduler)
        return self._client


class _Delegating(StepDelegatingExecutor):
    """As many steps of a run at a time as the graph lets: the five files of a delivery go to whoever is free."""

    def __init__(self, steps: DaskSteps) -> None:
        super().__init__(
            steps,
            retries=RetryMode.ENABLED,
            sleep_seconds=_POLL_SECONDS,
            check_step_health_interval_seconds=_HEALTH_SECONDS,
        )
        self._steps = steps

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        try:
            yield from super().execute(plan_context, execution_plan)
        finally:
            self._steps.close()


def _step(context: StepHandlerContext) -> str:
    (step,) = context.execute_step_args.step_keys_to_execute or ()
    return step
