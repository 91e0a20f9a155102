"""What the UI shows about tables and findings.

Belongs here: contracts, marts and reports put into Dagster's metadata. Counts and codes only: what is written here
stays in Dagster's storage. Does not belong here: what a rule or a column means (``contracts``, ``expectations``,
``marts``).
"""

from collections.abc import Mapping

import dagster as dg

from rod_pipeline.contracts.model import Column, ColumnType, Contract
from rod_pipeline.marts.studentaantallen import MartColumn
from rod_pipeline.quality.report import CheckReport

_TYPES: Mapping[ColumnType, str] = {
    ColumnType.CODE: "string",
    ColumnType.PSEUDONYM: "string",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.INTEGER: "int64",
    ColumnType.DECIMAL: "float64",
    ColumnType.DATE: "date",
}


def column_schema(contract: Contract, *, typed: bool) -> dg.TableSchema:
    """The columns of a contract, each with the rubriek of the decree that allows it."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=_TYPES[column.type] if typed else "string",
                description=_about(column),
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in contract.columns
        ]
    )


def _about(column: Column) -> str:
    ground = f"rubriek {column.rubriek}" if column.rubriek else "technical data"
    return f"{column.header} ({ground}){': ' + column.description if column.description else ''}"


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


def broken_table(report: CheckReport) -> str:
    """The rules that did not hold, as a table in Markdown: how much broke, what the rule says, what to do."""
    lines = ["| severity | file | broken | of | rule | what it says | what to do |", "|---|---|---:|---:|---|---|---|"]
    for result in report.broken:
        lines.append(
            f"| {result.severity} | {result.file} | {result.failed:,} | {result.rows:,} | `{result.id}` "
            f"| {result.sentence} | {result.remedy} |"
        )
    return "\n".join(lines)
