"""EEA: the validated tables, typed and encrypted, in the EEA store.

Belongs here: the assets ``eea/delivery/*``. Does not belong here: the store itself (``rod_pipeline.store``).
"""

from collections.abc import Iterator

import dagster as dg

from rod_pipeline.contracts.model import FILE_KINDS
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.storing import store
from rod_pipeline.orchestration.describe import ABOUT, column_schema, sealed
from rod_pipeline.orchestration.failures import retry_transient, told_plainly
from rod_pipeline.orchestration.partitions import deliveries, one_run_per_delivery
from rod_pipeline.orchestration.resources import Rod


@dg.multi_asset(
    name="eea_delivery",
    specs=[
        dg.AssetSpec(
            ["eea", "delivery", file],
            deps=[["validation", "delivery"], ["validation", file]],
            kinds={"parquet", "s3"},
            description=(
                f"{ABOUT[file]}. Typed, as Parquet encrypted under the delivery's own key, in the zone for validated "
                "data. Every row that was read is there; the store's place in the EEA was proved again for this write."
            ),
        )
        for file in FILE_KINDS
    ],
    partitions_def=deliveries,
    backfill_policy=one_run_per_delivery,
    group_name="eea",
    retry_policy=retry_transient,
)
def delivery_tables(context: dg.AssetExecutionContext, rod: Rod) -> Iterator[dg.MaterializeResult[None]]:
    with told_plainly() as took, rod.working(context) as system:
        tables = store(system, DeliveryKey.parse(context.partition_key))
    for file, table in tables.items():
        yield dg.MaterializeResult(
            asset_key=["eea", "delivery", file],
            metadata={
                "delivery": context.partition_key,
                "seconds, all five tables": took.seconds,
                "dagster/partition_row_count": table.rows,
                **sealed(table.copy.size, table.copy.sha256),
                "dagster/column_schema": column_schema(table.contract, typed=True),
                **({} if table.incomplete_dates is None else {"dates without day or month": table.incomplete_dates}),
            },
        )
