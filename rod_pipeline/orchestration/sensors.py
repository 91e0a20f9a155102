"""Sensors: what starts runs.

Belongs here: watching the ledger for deliveries that have been announced or handed over. Bodies have no side effects,
because "Preview tick result" in the UI runs them for real. https://docs.dagster.io/guides/automate/sensors
"""

import dagster as dg

from rod_pipeline.orchestration.failures import told_plainly
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
        "partition and requests one run for each intake. A failed run isn't requested again: re-execute it once the "
        "cause is mended, or announce the delivery anew."
    ),
)
def announced_deliveries(context: dg.SensorEvaluationContext, rod: Rod) -> dg.SensorResult | dg.SkipReason:
    with told_plainly(), rod.open() as system:
        state = system.ledger.state()
    ready = [
        intake
        for intake in sorted(state.deliveries.values(), key=lambda intake: intake.key)
        if (intake.channel == "pleio" and intake.stage == "announced") or intake.stage == "received"
        if not context.instance.get_runs_count(dg.RunsFilter(tags={"dagster/run_key": intake.delivery_id}))
    ]
    if not ready:
        return dg.SkipReason("No delivery is waiting: every one that was announced has had its run.")
    known = set(context.instance.get_dynamic_partitions(DELIVERY))
    new = [intake.key for intake in ready if intake.key not in known]
    return dg.SensorResult(
        # The id of the intake: each announcement has one run, and a new announcement has a new one.
        run_requests=[dg.RunRequest(run_key=intake.delivery_id, partition_key=intake.key) for intake in ready],
        dynamic_partitions_requests=[deliveries.build_add_request(new)] if new else [],
    )
