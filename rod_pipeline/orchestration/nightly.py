"""What goes by itself once a night: one declaration of a job of one op, and of its schedule.

Belongs here: what all of these have in common. Does not belong here: what each does (``tidying``, ``hygiene``).
"""

from typing import NamedTuple

import dagster as dg

from rod_pipeline.orchestration.failures import stop_run_retries


class Nightly(NamedTuple):
    """A job, and the schedule that starts it."""

    job: dg.JobDefinition
    schedule: dg.ScheduleDefinition


def nightly(op: dg.OpDefinition, *, job: str, schedule: str, minute: int, does: str, when: str) -> Nightly:
    """``op`` as the job ``job``, at ``minute`` past three in the Netherlands. The other texts are for the UI."""

    @dg.job(name=job, executor_def=dg.in_process_executor, hooks={stop_run_retries}, description=does)
    def made() -> None:
        op()

    return Nightly(
        made,
        dg.ScheduleDefinition(
            name=schedule,
            job=made,
            cron_schedule=f"{minute} 3 * * *",
            execution_timezone="Europe/Amsterdam",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description=when,
        ),
    )
