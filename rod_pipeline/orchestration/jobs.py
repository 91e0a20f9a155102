"""Jobs: what runs together.

Belongs here: the job that takes a delivery all the way, and the one that takes it away. Does not belong here: jobs that
aren't about one delivery (``withdrawing``, ``publishing``). https://docs.dagster.io/guides/build/jobs/asset-jobs
"""

import dagster as dg

from rod_pipeline.orchestration.pools import in_process

DELIVERED = ("landing", "validation", "eea", "marts")
"""The groups of assets that a delivery goes through; the first part of each asset's key is its group."""
ERASED, CERTIFICATE = dg.AssetKey(["retention", "erased"]), dg.AssetKey(["retention", "certificate"])
MART_DATABASE = dg.AssetKey(["marts", "database"])
RED_CHECK = dg.AssetCheckKey(MART_DATABASE, "no_partition_is_red")
FIRST = {"dagster/priority": "10"}
"""Tags of what doesn't wait behind deliveries in the queue."""

deliver = dg.define_asset_job(
    "deliver",
    # Without the standing check, which looks at all deliveries: while one runs it would not see that one.
    selection=dg.AssetSelection.groups(*DELIVERED) - dg.AssetSelection.checks(RED_CHECK),
    # With the executor of the installation (``definitions``): in one process, or on the workers of a cluster.
    description=(
        "Takes one delivery from its link (or from the files that were handed over) to validated, encrypted tables in "
        "the EEA store and to the marts. Every step may be run again: what has been done is found done."
    ),
)

purge = dg.define_asset_job(
    "purge",
    selection=dg.AssetSelection.assets(ERASED, CERTIFICATE),
    executor_def=in_process,
    tags=FIRST,
    description=(
        "Erases one delivery whose time has come, looks whether it is gone, and draws up its certificate after a late "
        "sweep. The sensor due_purges requests it; every step may be run again. What isn't due is refused."
    ),
)
