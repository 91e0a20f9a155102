"""What the UI shows about marts.

Belongs here: the declarations and the accounts of marts put into Dagster's metadata: names, and counts of whole files.
Does not belong here: what a mart means (``marts``), contracts and findings (``describe``).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from rod_pipeline.contracts.model import FileKind
from rod_pipeline.marts.build import Account, BuiltMart
from rod_pipeline.marts.definition import Mart
from rod_pipeline.marts.waived import in_words
from rod_pipeline.orchestration.describe import sealed


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
            "class": "restricted",
            "contract versions": contract_versions(mart.contracts),
            "dagster/column_schema": mart_schema(mart),
            "dagster/column_lineage": mart_lineage(mart),
        },
        description=(
            f"{mart.about}, from one delivery. Restricted: counts under five are in it.\n\n"
            f"Formula: {mart.formula}\n\nSource: {mart.source}"
        ),
    )


def built_mart(built: BuiltMart) -> dict[str, Any]:
    """What the UI shows of a mart that was built: counts of whole files, never a cell of the mart."""
    return {
        "dagster/partition_row_count": built.table.height,
        "contract versions": ", ".join(f"{file} {version}" for file, version in built.contracts.items()),
        "reconciliation": reconciliation(built.account),
        "dagster/column_schema": mart_schema(built.mart),
        "dagster/column_lineage": mart_lineage(built.mart),
        **({"waivers": dg.MetadataValue.json(in_words(built.waivers))} if built.waivers else {}),
        **sealed(built.copy.size, built.copy.sha256),
    }
