"""The decree's moments in Dagster: a look each day, and at once when something about them changed.

Belongs here: the sensor, and the job that makes the check. Does not belong here: the check itself (``assets.moments``),
when a moment is asked about (``rod_pipeline.intake.moments``).
"""

import dagster as dg

from rod_pipeline.intake.moments import open_questions, planned
from rod_pipeline.orchestration.failures import stop_run_retries, told_plainly
from rod_pipeline.orchestration.resources import Rod

MOMENTS, CAME = dg.AssetKey(["decree", "moments"]), "have_come"

look_for_moments = dg.define_asset_job(
    "look_for_moments",
    selection=dg.AssetSelection.checks(dg.AssetCheckKey(MOMENTS, CAME)),
    executor_def=dg.in_process_executor,
    hooks={stop_run_retries},
    description="Looks which deliveries that the decree plans have come; one that hasn't is a question, not an error.",
)


@dg.sensor(
    job=look_for_moments,
    name="planned_moments",
    minimum_interval_seconds=900,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests a look at the decree's moments once a day, and when one came, was missed or was answered.",
)
def planned_moments(rod: Rod) -> dg.RunRequest:
    with told_plainly(), rod.open() as system:
        state, now = system.ledger.state(), system.clock.now()
        asked = {one.moment for one in open_questions(state, system.decree, now)}
        moments = [f"{one.moment}:{one.moment in asked}:{one.status}" for one in planned(state, system.decree, now)]
    return dg.RunRequest(run_key=" ".join((f"{now:%Y-%m-%d}", *moments)))
