"""Marts: what the deliveries are used for.

Belongs here: the mart of each delivery (partitioned) and the mart database over all living deliveries. Does not belong
here: formulas (``rod_pipeline.marts``).
"""

import dagster as dg
from dagster_duckdb import DuckDBResource

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.marts import studentaantallen as counts
from rod_pipeline.marts.build import build_studentaantallen
from rod_pipeline.marts.database import build_database
from rod_pipeline.marts.picture import picture
from rod_pipeline.marts.waived import in_words
from rod_pipeline.orchestration.describe import sealed
from rod_pipeline.orchestration.describe_marts import contract_versions, mart_lineage, mart_schema, reconciliation
from rod_pipeline.orchestration.failures import retry_transient, told_plainly
from rod_pipeline.orchestration.partitions import deliveries, one_run_per_delivery
from rod_pipeline.orchestration.resources import Rod

_ENROLMENTS = dg.AssetKey(["eea", "delivery", counts.SOURCE_FILE])


@dg.asset(
    key=["marts", counts.NAME],
    deps=[_ENROLMENTS],
    partitions_def=deliveries,
    backfill_policy=one_run_per_delivery,
    group_name="marts",
    kinds={"polars", "parquet"},
    retry_policy=retry_transient,
    tags={f"rod/purpose-{purpose}": "" for purpose in counts.PURPOSES},
    metadata={
        "formula": counts.FORMULA,
        "source": counts.SOURCE,
        "class": "restricted",
        "contract versions": contract_versions(counts.CONTRACTS),
    },
    description=(
        "Students on 1 October per school year, institution, programme, learning path, level and age group, from one "
        f"delivery. Restricted: counts under five are in it.\n\nFormula: {counts.FORMULA}\n\nSource: {counts.SOURCE}"
    ),
)
def studentaantallen(context: dg.AssetExecutionContext, rod: Rod) -> dg.MaterializeResult[None]:
    with told_plainly() as took, rod.open() as system:
        mart = build_studentaantallen(system, DeliveryKey.parse(context.partition_key))
        image = picture(mart.totals, context.partition_key)
    return dg.MaterializeResult(
        metadata={
            "delivery": context.partition_key,
            "seconds": took.seconds,
            "dagster/partition_row_count": mart.rows,
            "contract version": mart.contract,
            "reconciliation": reconciliation(mart.account),
            **({"waivers": dg.MetadataValue.json(in_words(mart.waivers))} if mart.waivers else {}),
            "students per school year": dg.MetadataValue.json(dict(mart.per_school_year)),
            "dagster/column_schema": mart_schema(counts.COLUMNS),
            "dagster/column_lineage": mart_lineage(counts.COLUMNS, _ENROLMENTS),
            "picture: students per level and leerweg": dg.MetadataValue.md(image),
            **sealed(mart.copy.size, mart.copy.sha256),
        }
    )


@dg.asset(
    key=["marts", "database"],
    deps=[["marts", counts.NAME]],
    group_name="marts",
    kinds={"duckdb"},
    retry_policy=retry_transient,
    pool="mart_database",
    description=(
        "The restricted mart database over all living deliveries: one DuckDB file, built anew each time under a key of "
        "its own, sealed in the EEA store. The generation before it is erased when this one takes over. Query it with "
        "`rod open`."
    ),
)
def database(context: dg.AssetExecutionContext, rod: Rod, duckdb: DuckDBResource) -> dg.MaterializeResult[None]:
    with told_plainly() as took, rod.open() as system, duckdb.get_connection() as connection:
        generation = build_database(system, connection)
    return dg.MaterializeResult(
        metadata={
            "generation": generation.generation,
            "seconds": took.seconds,
            "deliveries": dg.MetadataValue.json(list(generation.deliveries)),
            "rows": dg.MetadataValue.json(dict(generation.rows)),
            "rows per delivery, reread from the file": dg.MetadataValue.json(dict(generation.per_delivery)),
            **({"waivers": dg.MetadataValue.json(dict(generation.waivers))} if generation.waivers else {}),
            "bytes sealed": generation.size,
        }
    )
