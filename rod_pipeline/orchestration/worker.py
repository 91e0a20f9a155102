"""What a worker of a Dask cluster does with a step.

Belongs here: carrying out one step of a run in this process, once, and leaving nothing in memory. Does not belong here:
which step is carried out when (``executing``).

Start workers with this module as ``--preload``, one thread each: then a worker that comes after a killed one clears
what that left in the memory of its host.
"""

import logging
from threading import Lock

import dagster as dg
from dagster._cli.api import _execute_step_command_body
from dagster._grpc.types import ExecuteStepArgs
from dagster_shared.serdes import deserialize_value

from rod_pipeline.settings import Settings
from rod_pipeline.store import scratch

_log = logging.getLogger(__name__)
_alone = Lock()
_ENDS = {
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_UP_FOR_RETRY,
    dg.DagsterEventType.STEP_SKIPPED,
}


def carry_out(packed: str) -> None:
    """Carry out a step (``ExecuteStepArgs``, serialized); what comes of it stands in Dagster's storage alone.

    Dask gives a task to another worker when its worker died. What was done by then is found done by the stage itself;
    what even ended is not begun again. Nothing is raised: Dask would log and send on what an error quotes.
    """
    # Dagster isn't safe with threads, and a folder in memory is cleared for the whole process.
    with _alone:
        try:
            settings = Settings.load()
            scratch.serve(scratch.tag(settings.home))
            with scratch.at_work(settings.workers):
                _carry_out(deserialize_value(packed, ExecuteStepArgs))
        except Exception as error:
            _log.error("A step ended without a result (%s).", type(error).__name__)


def _carry_out(args: ExecuteStepArgs) -> None:
    assert args.instance_ref is not None
    with dg.DagsterInstance.from_ref(args.instance_ref) as instance:
        run = instance.get_run_by_id(args.run_id)
        if run is not None and not _has_ended(instance, args):
            for _ in _execute_step_command_body(args, instance, run):
                pass


def _has_ended(instance: dg.DagsterInstance, args: ExecuteStepArgs) -> bool:
    """Whether this very attempt has an end on record: its worker died between writing that and telling Dask."""
    (step,) = args.step_keys_to_execute or ()
    attempt = args.known_state.get_retry_state().get_attempt_count(step) if args.known_state else 0
    ends = [entry for entry in instance.all_logs(args.run_id, of_type=_ENDS) if entry.step_key == step]
    return len(ends) > attempt


def dask_setup(worker: object) -> None:
    """Called by Dask when a worker starts."""
    settings = Settings.load()
    scratch.serve(scratch.tag(settings.home))
    scratch.look_back(settings.workers)
