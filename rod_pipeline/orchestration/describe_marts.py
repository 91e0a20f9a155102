"""What the UI shows about marts.

Belongs here: the declarations and the accounts of marts put into Dagster's metadata: names, and counts of whole files.
Does not belong here: what a mart means (``marts``), contracts and findings (``describe``).
"""

from collections.abc import Mapping

import dagster as dg

from rod_pipeline.contracts.model import FileKind
from rod_pipeline.marts.build import Account
from rod_pipeline.marts.studentaantallen import MartColumn


def contract_versions(contracts: Mapping[FileKind, tuple[int, ...]]) -> str:
    """The contract versions that a mart's code was written for; a person may have named it in others."""
    return "; ".join(f"{file}: {', '.join(map(str, versions))}" for file, versions in contracts.items())


def reconciliation(account: Account) -> dg.MetadataValue:
    """What became of every row that a mart read, and what its columns of numbers come to."""
    lines = [("read", account.read), *((f"left out: {why}", rows) for why, rows in account.left_out.items())]
    lines += [("counted", account.counted), *((f"sum of {name}", total) for name, total in account.totals.items())]
    table = "\n".join(f"| {what.replace('_', ' ')} | {rows:,} |" for what, rows in lines)
    return dg.MetadataValue.md(f"| rows | |\n|---|---:|\n{table}")


def mart_schema(columns: tuple[MartColumn, ...]) -> dg.TableSchema:
    """The columns of a mart, as its definition describes them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type="string" if str(column.dtype) == "String" else "int64",
                description=column.description,
            )
            for column in columns
        ]
    )


def mart_lineage(columns: tuple[MartColumn, ...], source: dg.AssetKey) -> dg.TableColumnLineage:
    """Which columns of the validated table each column of a mart comes from."""
    return dg.TableColumnLineage(
        {
            column.name: [dg.TableColumnDep(asset_key=source, column_name=name) for name in column.sources]
            for column in columns
        }
    )
