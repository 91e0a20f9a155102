"""The job for the day on which the decree is withdrawn.

Belongs here: typed confirmation, and showing the evidence of what the withdrawal erased. Does not belong here: what a
withdrawal does (``retention.withdrawal``). It isn't bound to a partition, so it waits for no run of a delivery.
"""

from datetime import timedelta

import dagster as dg

from rod_pipeline.errors import PermanentError
from rod_pipeline.orchestration import describe_erasure
from rod_pipeline.orchestration.failures import retry_transient, stop_run_retries, told_plainly
from rod_pipeline.orchestration.jobs import ERASED, FIRST
from rod_pipeline.orchestration.partitions import PURGED
from rod_pipeline.orchestration.pools import PURGE, in_process
from rod_pipeline.orchestration.purging import show_mart_database
from rod_pipeline.orchestration.register import copy_register, stop_runs
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.retention.withdrawal import withdraw as withdraw_decree


class NotConfirmed(PermanentError):
    """Somebody started the withdrawal without typing what it asks for."""

    code = "ROD-DAGSTER-03"


class Withdrawal(dg.Config):
    """What a person types in the launchpad: the letter that this rests on, and that they mean it."""

    order: str
    confirmation: str


@dg.op(
    name="erase_everything",
    retry_policy=retry_transient,
    pool=PURGE,
    description=(
        "Stops intake and every run, puts a tombstone on every delivery, destroys all keys, erases every place, and "
        "looks through everything again. Can be killed and run again. There is no way back."
    ),
)
def erase_everything(context: dg.OpExecutionContext, config: Withdrawal, rod: Rod) -> None:
    with told_plainly(), rod.open() as system:
        if config.confirmation != system.decree.reference:
            raise NotConfirmed(
                "The confirmation isn't the reference of the decree; nothing was erased.",
                "If the decree was withdrawn, type its reference as confirmation. It can't be undone.",
            )
        register, stop = copy_register(system), stop_runs(system, context.log.warning)
        withdraw_decree(system, register, config.order, system.actor(), stop)
        state = system.ledger.state()
        sweep = timedelta(hours=system.settings.retention.late_sweep_hours)
        for purge in state.purges.values():
            if purge.plan.ground != "withdrawal" or purge.verified_at is None:
                continue
            context.instance.add_dynamic_partitions(PURGED, list(purge.keys))
            for key in purge.keys:
                shown = describe_erasure.erased(purge, key, state, sweep)
                context.log_event(dg.AssetMaterialization(ERASED, partition=key, metadata=shown))
        show_mart_database(context, state)


@dg.job(
    name="withdraw",
    executor_def=in_process,
    hooks={stop_run_retries},
    tags=FIRST,
    description=(
        "The decree was withdrawn (section 5): erase everything at once. Asks for the reference of the minister's "
        "letter (order) and, as confirmation, the reference of the decree. Certificates follow after the late sweep."
    ),
)
def withdraw() -> None:
    erase_everything()
