"""The partitions: one per delivery.

Belongs here: the partitions definition of deliveries. Keys follow ``rod_pipeline.deliveries``; the ledger, not Dagster,
says which deliveries exist. https://docs.dagster.io/guides/build/partitions-and-backfills
"""

import dagster as dg

DELIVERY = "delivery"
deliveries = dg.DynamicPartitionsDefinition(name=DELIVERY)
# One run per delivery: a run is one thing that can be rerun, and one thing that can be erased.
one_run_per_delivery = dg.BackfillPolicy.multi_run(1)
