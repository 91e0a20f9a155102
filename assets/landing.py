"""Landing: what DUO put in PLEIO, sealed in the EEA store as it came.

Belongs here: the asset ``landing/raw_delivery``. Does not belong here: looking inside (``assets.validation``).
"""

import dagster as dg

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.landing import land
from rod_pipeline.orchestration.describe import instant, place, sealed
from rod_pipeline.orchestration.failures import retry_transient, told_plainly
from rod_pipeline.orchestration.partitions import deliveries, one_run_per_delivery
from rod_pipeline.orchestration.pools import PLEIO
from rod_pipeline.orchestration.resources import Rod


@dg.asset(
    key=["landing", "raw_delivery"],
    partitions_def=deliveries,
    backfill_policy=one_run_per_delivery,
    group_name="landing",
    kinds={"s3", "python"},
    retry_policy=retry_transient,
    pool=PLEIO,
    description=(
        "The files of a delivery as they came: downloaded from PLEIO with link and code, or handed over by hand with "
        "`rod drop`. Streamed and sealed under the delivery's own key before the first byte rests anywhere, in a store "
        "that was proved to be in the EEA, and read back. Run again, it finds what it has."
    ),
)
def raw_delivery(context: dg.AssetExecutionContext, rod: Rod) -> dg.MaterializeResult[None]:
    with told_plainly() as took, rod.working(context) as system:
        landing = land(system, DeliveryKey.parse(context.partition_key))
        approval = system.ledger.state().territory[landing.place].approval
    return dg.MaterializeResult(
        metadata={
            "delivery": context.partition_key,
            "seconds": took.seconds,
            "intake": landing.delivery_id,
            "came by": {"pleio": "PLEIO, with link and code", "drop": "hand (rod drop)"}[landing.channel],
            "files": len(landing.files),
            "provided": instant(landing.moment, landing.moment_basis),
            "erase before": instant(landing.deadline),
            "store": place(approval),
            **sealed(sum(file.size or 0 for file in landing.files), *(file.sha256 or "" for file in landing.files)),
        }
    )
