"""The alarm about notices that nobody sends: findings have to be told at once (voorschrift 3e).

Belongs here: the sensor that sees that one is overdue, and the job that goes red with it. Does not belong here: when a
notice is overdue (``quality.notifying``), who is called when a run fails.

The sensor requests a run once a day for as long as the same notices wait, and at once when another one joins them: a
red run each quarter of an hour is one that nobody looks at any more.
"""

import dagster as dg

from rod_pipeline.orchestration.failures import stop_run_retries, told_plainly
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.quality.notifying import clock, overdue_now, refuse_overdue


@dg.op(
    name="notices_are_sent",
    description="Fails with the notices to DUO and the minister that nobody sent in time, and for how long they wait.",
)
def _notices_are_sent(context: dg.OpExecutionContext, rod: Rod) -> None:
    with told_plainly(), rod.open() as system:
        refuse_overdue(system)
    context.log.info("No notice is overdue.")


@dg.job(
    name="overdue_notices",
    executor_def=dg.in_process_executor,
    hooks={stop_run_retries},
    description=(
        "Red while a notice to DUO and the minister is overdue. It mends nothing: a person sends the notice and "
        "records that (`rod notice send`); then it is green."
    ),
)
def overdue_notices() -> None:
    _notices_are_sent()


@dg.sensor(
    job=overdue_notices,
    name="unsent_notices",
    minimum_interval_seconds=900,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Each quarter of an hour: has a notice waited longer than quality.notice_hours since the discovery? Then it "
        "requests a run of overdue_notices, which fails with them: once a day, and when another one becomes overdue."
    ),
)
def unsent_notices(rod: Rod) -> dg.RunRequest | dg.SkipReason:
    with told_plainly(), rod.open() as system:
        state, now = system.ledger.state(), system.clock.now()
        late = overdue_now(system)
    if late:
        return dg.RunRequest(run_key=f"{now:%Y-%m-%d} {' '.join(sorted(notice.notice for notice in late))}")
    waiting = [clock(notice, now) for notice in state.notices.values() if notice.waits]
    return dg.SkipReason(f"No notice is overdue. Waiting: {'; '.join(waiting) or 'none'}.")
