"""What the UI shows about marts.

Belongs here: the declarations and the accounts of marts put into Dagster's metadata: names, and counts of whole files.
Does not belong here: what a mart means (``marts``), contracts and findings (``describe``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from rod_pipeline.contracts.model import FileKind
from rod_pipeline.marts.across import VIEWS
from rod_pipeline.marts.build import Account, BuiltMart
from rod_pipeline.marts.declared import ACROSS, MARTS
from rod_pipeline.marts.definition import Described, Mart
from rod_pipeline.marts.in_force import RULE
from rod_pipeline.marts.oordelen import OORDELEN
from rod_pipeline.marts.waived import in_words
from rod_pipeline.orchestration.describe import sealed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SPEAKS = "which delivery speaks"
_FLOOR = 50
"""Of fewer students no number is told of a school year: far above a count that is personal data."""


def contract_versions(contracts: Mapping[FileKind, tuple[int, ...]]) -> str:
    """The contract versions that a mart's code was written for; a person may have named it in others."""
    return "; ".join(f"{file}: {', '.join(map(str, versions))}" for file, versions in contracts.items())


def reconciliation(account: Account) -> dg.MetadataValue:
    """What became of every row that a mart read, and what its columns of numbers come to."""
    lines = [("read", account.read), *((f"left out: {why}", rows) for why, rows in account.left_out.items())]
    lines += [("counted", account.counted), *((f"sum of {name}", total) for name, total in account.totals.items())]
    table = "\n".join(f"| {what.replace('_', ' ')} | {rows:,} |" for what, rows in lines)
    return dg.MetadataValue.md(f"| rows | |\n|---|---:|\n{table}")


def mart_schema(mart: Mart) -> dg.TableSchema:
    """The columns of a mart, as its definition describes them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type="string" if column.dtype == pl.String else "int64",
                description=column.description,
            )
            for column in mart.columns
        ]
    )


def mart_lineage(mart: Mart) -> dg.TableColumnLineage:
    """Which columns of which validated tables each column of a mart comes from."""
    origins = {column.name: [mart.origin(source) for source in column.sources] for column in mart.columns}
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(asset_key=validated_table(file), column_name=column) for file, column in found]
            for name, found in origins.items()
        }
    )


def validated_table(file: FileKind) -> dg.AssetKey:
    """The asset of a file's validated table."""
    return dg.AssetKey(["eea", "delivery", file])


def mart_key(name: str) -> dg.AssetKey:
    """The asset of a mart."""
    return dg.AssetKey(["marts", name])


def mart_spec(mart: Mart) -> dg.AssetSpec:
    """A mart as an asset: what it holds, by which formula, from which source, for which purpose."""
    return dg.AssetSpec(
        mart_key(mart.name),
        deps=[validated_table(file) for file in mart.contracts],
        group_name="marts",
        kinds={"polars", "parquet"},
        tags={f"rod/purpose-{purpose}": "" for purpose in mart.purposes},
        metadata={
            "formula": mart.formula,
            "source": mart.source,
            "purpose (voorschrift 3a)": ", ".join(mart.purposes),
            "class": "restricted",
            SPEAKS: f"{RULE}; marts/database shows the answer per school year, and here as an observation",
            "contract versions": contract_versions(mart.contracts),
            "dagster/column_schema": mart_schema(mart),
            "dagster/column_lineage": mart_lineage(mart),
        },
        description=(
            f"{mart.about}, from one delivery. Restricted: counts under five are in it.\n\n"
            f"Formula: {mart.formula}\n\nSource: {mart.source}\n\nPurpose: {', '.join(mart.purposes)} (voorschrift 3a)."
        ),
    )


def in_database() -> str:
    """What the mart database holds over deliveries, for its description: each with formula, source and purpose."""
    across: tuple[Mart | Described, ...] = (*ACROSS, *VIEWS, OORDELEN)
    return "\n\n".join(
        f"**{one.name}**: {one.about}. Formula: {one.formula} Source: {one.source} Purpose: {', '.join(one.purposes)}."
        for one in across
    )


def built_mart(built: BuiltMart) -> dict[str, Any]:
    """What the UI shows of a mart that was built: counts of whole files, never a cell of the mart."""
    return {
        "dagster/partition_row_count": built.table.height,
        "contract versions": ", ".join(f"{file} {version}" for file, version in built.contracts.items()),
        "reconciliation": reconciliation(built.account),
        "school years": school_years(built),
        "dagster/column_schema": mart_schema(built.mart),
        "dagster/column_lineage": mart_lineage(built.mart),
        **({"waivers": dg.MetadataValue.json(in_words(built.waivers))} if built.waivers else {}),
        **sealed(built.copy.size, built.copy.sha256),
    }


def school_years(built: BuiltMart) -> dg.MetadataValue:
    """Of which school years the mart tells, with which status, and how many its first number comes to."""
    (number, *_) = built.mart.numbers
    totals = built.table.group_by("schooljaar", "status").agg(pl.col(number).sum()).sort("schooljaar", "status")
    lines = (
        f"| {year or 'not told'} | {status or 'not told'} | {f'{total:,}' if total >= _FLOOR else f'under {_FLOOR}'} |"
        for year, status, total in totals.iter_rows()
    )
    return dg.MetadataValue.md(f"| school year | status | {number} |\n|---|---|---:|\n" + "\n".join(lines))


def who_speaks(connection: DuckDBPyConnection) -> Mapping[str, dg.MetadataValue]:
    """Per mart of a mart database which delivery speaks for which school year, as a table."""
    rows = connection.execute(
        "select mart, schooljaar, status, levering from edities where geldt order by mart, schooljaar nulls last"
    ).fetchall()
    return {mart: dg.MetadataValue.md(_speaking(rows, mart)) for mart in dict.fromkeys(row[0] for row in rows)}


def observed(speaking: Mapping[str, dg.MetadataValue]) -> Iterator[dg.AssetObservation]:
    """The same with each mart: which delivery speaks for which of its school years."""
    for mart in MARTS:
        if mart.name in speaking:
            yield dg.AssetObservation(mart_key(mart.name), metadata={SPEAKS: speaking[mart.name]})


def _speaking(rows: list[tuple[Any, ...]], mart: str) -> str:
    lines = [
        f"| {year or 'not told'} | {delivery} | {status or 'not told'} |"
        for name, year, status, delivery in rows
        if name == mart
    ]
    return "\n".join(["| school year | delivery | status |", "|---|---|---|", *lines])
