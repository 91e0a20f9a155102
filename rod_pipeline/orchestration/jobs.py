"""Jobs: what runs together.

Belongs here: the one job that takes a delivery all the way. https://docs.dagster.io/guides/build/jobs/asset-jobs
"""

import dagster as dg

DELIVERED = ("landing", "validation", "eea", "marts")
"""The groups of assets that a delivery goes through; the first part of each asset's key is its group."""

deliver = dg.define_asset_job(
    "deliver",
    selection=dg.AssetSelection.groups(*DELIVERED),
    # In one process: importing the libraries costs more than most steps, and nothing is handed over by file.
    executor_def=dg.in_process_executor,
    description=(
        "Takes one delivery from its link (or from the files that were handed over) to validated, encrypted tables in "
        "the EEA store and to the marts. Every step may be run again: what has been done is found done."
    ),
)
