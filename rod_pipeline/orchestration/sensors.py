"""Sensors: what starts runs.

Belongs here: watching the ledger for deliveries that have been announced or handed over. Bodies have no side effects,
because "Preview tick result" in the UI runs them for real. https://docs.dagster.io/guides/automate/sensors
"""

import dagster as dg

from rod_pipeline.errors import RodError
from rod_pipeline.orchestration.jobs import deliver
from rod_pipeline.orchestration.partitions import DELIVERY, deliveries
from rod_pipeline.orchestration.resources import Rod


@dg.sensor(
    job=deliver,
    name="announced_deliveries",
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Looks in the ledger for deliveries that were announced with a link or handed over by hand, adds their "
        "partition and requests one run for each intake. A failed run isn't requested again: rerun it from the "
        "partition, or announce the delivery anew."
    ),
)
def announced_deliveries(context: dg.SensorEvaluationContext, rod: Rod) -> dg.SensorResult | dg.SkipReason:
    try:
        state = rod.open().ledger.state()
    except RodError as error:
        return dg.SkipReason(str(error))
    ready = [
        intake
        for intake in state.deliveries.values()
        if (intake.channel == "pleio" and intake.stage == "announced") or intake.stage == "received"
    ]
    if not ready:
        return dg.SkipReason("No delivery is waiting: every one that was announced has had its run.")
    known = set(context.instance.get_dynamic_partitions(DELIVERY))
    new = sorted({intake.key for intake in ready} - known)
    return dg.SensorResult(
        run_requests=[
            # The id of the intake: each announcement has one run, and a new announcement has a new one.
            dg.RunRequest(run_key=intake.delivery_id, partition_key=intake.key, tags={"rod/delivery": intake.key})
            for intake in sorted(ready, key=lambda intake: intake.key)
        ],
        dynamic_partitions_requests=[deliveries.build_add_request(new)] if new else [],
    )
