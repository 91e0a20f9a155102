"""The partitions: one per delivery, and one per delivery that was erased.

Belongs here: the two partitions definitions. Keys follow ``rod_pipeline.deliveries``; the ledger, not Dagster, says
which deliveries exist. A delivery that is erased leaves ``delivery`` and enters ``purged_delivery`` under the same key,
so that evidence outlives data. https://docs.dagster.io/guides/build/partitions-and-backfills
"""

import warnings

import dagster as dg

# Known, and held by the snapshot of the asset graph; without this every command prints them a dozen times.
warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)
warnings.filterwarnings("ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning)
warnings.filterwarnings("ignore", "Parameter `owners` of initializer `SensorDefinition", dg.BetaWarning)

DELIVERY = "delivery"
deliveries = dg.DynamicPartitionsDefinition(name=DELIVERY)
PURGED = "purged_delivery"
purged_deliveries = dg.DynamicPartitionsDefinition(name=PURGED)
# One run per delivery: a run is one thing that can be rerun, and one thing that can be erased.
one_run_per_delivery = dg.BackfillPolicy.multi_run(1)
