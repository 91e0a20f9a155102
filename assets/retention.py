"""Retention: the evidence that a delivery is gone, on partitions of its own, which outlive it.

Belongs here: the assets ``retention/*``. Does not belong here: erasing (``rod_pipeline.retention``), when it is due
(the sensor in ``rod_pipeline.orchestration.retiring``).
"""

from datetime import timedelta

import dagster as dg

from rod_pipeline.orchestration import describe_erasure
from rod_pipeline.orchestration.failures import retry_transient, told_plainly
from rod_pipeline.orchestration.jobs import CERTIFICATE, ERASED
from rod_pipeline.orchestration.partitions import one_run_per_delivery, purged_deliveries
from rod_pipeline.orchestration.pools import PURGE
from rod_pipeline.orchestration.purging import conclude, erase, hand_over, show_mart_database
from rod_pipeline.orchestration.register import stop_runs
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.retention.evidence import find


@dg.asset(
    key=ERASED,
    partitions_def=purged_deliveries,
    backfill_policy=one_run_per_delivery,
    group_name="retention",
    kinds={"python"},
    retry_policy=retry_transient,
    pool=PURGE,
    description=(
        "A delivery that is gone: tombstone, its runs stopped, its keys destroyed, every place emptied, the mart "
        "database rebuilt without it, and everything looked through again by another way. Green means that the second "
        "inventory found nothing in house. What isn't due is refused."
    ),
)
def erased(context: dg.AssetExecutionContext, rod: Rod) -> dg.MaterializeResult[None]:
    key = context.partition_key
    with told_plainly(), rod.open() as system:
        purge = erase(system, key, stop_runs(system, context.log.warning))
        state = system.ledger.state()
        shown = describe_erasure.erased(purge, key, state, timedelta(hours=system.settings.retention.late_sweep_hours))
        show_mart_database(context, state)
    return dg.MaterializeResult(metadata=shown)


@dg.asset(
    key=CERTIFICATE,
    deps=[ERASED],
    partitions_def=purged_deliveries,
    backfill_policy=one_run_per_delivery,
    group_name="retention",
    kinds={"python"},
    # What it finds or waits for is not over in a minute: the sensor comes back each hour.
    pool=PURGE,
    description=(
        "The proof that a delivery is gone: a late sweep that found nothing any more, and a record of the erasure; its "
        "digest stands in the ledger. Says VOLLEDIG, ONVOLLEDIG or TE LAAT, and what is outstanding. A later one takes "
        "its place when a recipient, the processor or the end of a backup makes it say more."
    ),
)
def certificate(context: dg.AssetExecutionContext, rod: Rod) -> dg.MaterializeResult[None]:
    key = context.partition_key
    with told_plainly(), rod.open() as system:
        purge = conclude(system, key)
        entry = find(system, purge.purge_id).entry
        shown = describe_erasure.certificate(purge, key, entry, hand_over(system, purge))
    return dg.MaterializeResult(metadata=shown)
