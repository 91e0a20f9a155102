"""The partitions: one per delivery.

Belongs here: the partitions definition of deliveries. Keys follow ``rod_pipeline.deliveries``; the ledger, not Dagster,
says which deliveries exist. https://docs.dagster.io/guides/build/partitions-and-backfills
"""

import warnings

import dagster as dg

# Known, and held by the snapshot of the asset graph; without this every command prints them a dozen times.
warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)
warnings.filterwarnings("ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning)

DELIVERY = "delivery"
deliveries = dg.DynamicPartitionsDefinition(name=DELIVERY)
# One run per delivery: a run is one thing that can be rerun, and one thing that can be erased.
one_run_per_delivery = dg.BackfillPolicy.multi_run(1)
