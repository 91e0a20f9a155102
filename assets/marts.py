"""Marts: what the deliveries are used for.

Belongs here: the marts of each delivery (partitioned) and the mart database over all living deliveries. Does not belong
here: formulas (``rod_pipeline.marts``).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import polars as pl
from dagster_duckdb import DuckDBResource

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.marts import studentaantallen as counts
from rod_pipeline.marts.build import build_marts
from rod_pipeline.marts.database import build_database
from rod_pipeline.marts.declared import MARTS
from rod_pipeline.marts.picture import picture
from rod_pipeline.marts.plausible import as_table, held_against_published
from rod_pipeline.orchestration.describe_marts import (
    SPEAKS,
    built_mart,
    in_database,
    mart_key,
    mart_spec,
    observed,
    who_speaks,
)
from rod_pipeline.orchestration.failures import retry_transient, told_plainly
from rod_pipeline.orchestration.partitions import deliveries, one_run_per_delivery
from rod_pipeline.orchestration.pools import MART_DATABASE
from rod_pipeline.orchestration.resources import Rod


@dg.multi_asset(
    name="marts_of_delivery",
    specs=[mart_spec(mart) for mart in MARTS],
    partitions_def=deliveries,
    backfill_policy=one_run_per_delivery,
    retry_policy=retry_transient,
)
def marts_of_delivery(context: dg.AssetExecutionContext, rod: Rod) -> Iterator[dg.MaterializeResult[None]]:
    """All marts of a delivery in one step: each validated table is read from the store once, and they never differ."""
    with told_plainly() as took, rod.working(context) as system:
        marts = build_marts(system, DeliveryKey.parse(context.partition_key))
        shown = _of_the_country({one.mart.name: one.table for one in marts}, context.partition_key)
    for one in marts:
        yield dg.MaterializeResult(
            asset_key=mart_key(one.mart.name),
            metadata={
                "delivery": context.partition_key,
                "seconds, all marts": took.seconds,
                **built_mart(one),
                **(shown if one.mart is counts.MART else {}),
            },
        )


def _of_the_country(tables: Mapping[str, pl.DataFrame], delivery: str) -> dict[str, Any]:
    """Students over the whole country, per school year and drawn; and national figures beside published ones."""
    students = tables[counts.MART.name]
    totals = students.group_by("schooljaar", "niveau", "leerweg").agg(pl.col("studenten").sum()).sort(pl.all())
    per_year = totals.group_by("schooljaar").agg(pl.col("studenten").sum()).sort("schooljaar")
    return {
        "students per school year": dg.MetadataValue.json(dict(per_year.iter_rows())),
        "picture: students per level and leerweg": dg.MetadataValue.md(picture(totals, delivery)),
        "held against published figures": dg.MetadataValue.md(as_table(held_against_published(tables))),
    }


@dg.asset(
    key=["marts", "database"],
    deps=[mart_key(mart.name) for mart in MARTS],
    group_name="marts",
    kinds={"duckdb"},
    retry_policy=retry_transient,
    pool=MART_DATABASE,
    description=(
        "The restricted mart database over all living deliveries: one DuckDB file, built anew each time under a key of "
        "its own, sealed in the EEA store. The generation before it is erased when this one takes over. Query it with "
        "`rod open`.\n\nOver deliveries it holds:\n\n" + in_database()
    ),
)
def database(context: dg.AssetExecutionContext, rod: Rod, duckdb: DuckDBResource) -> dg.MaterializeResult[None]:
    with told_plainly() as took, rod.open() as system, duckdb.get_connection() as connection:
        generation = build_database(system, connection)
        speaking = who_speaks(connection)
    for observation in observed(speaking):
        context.log_event(observation)
    return dg.MaterializeResult(
        metadata={
            "generation": generation.generation,
            "seconds": took.seconds,
            "deliveries": dg.MetadataValue.json(list(generation.deliveries)),
            "rows": dg.MetadataValue.json(dict(generation.rows)),
            "rows per delivery, reread from the file": dg.MetadataValue.json(dict(generation.per_delivery)),
            **({"waivers": dg.MetadataValue.json(dict(generation.waivers))} if generation.waivers else {}),
            "bytes sealed": generation.size,
            **{f"{SPEAKS}: {mart}": told for mart, told in speaking.items()},
        }
    )
