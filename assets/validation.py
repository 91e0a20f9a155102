"""Validation: what came is held against the contracts and the expectations.

Belongs here: the assets ``validation/*`` and their blocking checks. Does not belong here: the rules (``expectations``),
how they are computed (``rod_pipeline.quality``).

Checks are partitioned, but the UI shows only the latest result of a check; so the delivery stands in each result, and
every delivery keeps a validation report of its own.
"""

from collections.abc import Sequence

import dagster as dg

from expectations.loader import suite_for
from rod_pipeline.contracts.model import FILE_KINDS, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.parsing import parse, take_stock
from rod_pipeline.orchestration.describe import broken_table, column_schema
from rod_pipeline.orchestration.failures import retry_transient, told_plainly
from rod_pipeline.orchestration.partitions import deliveries, one_run_per_delivery
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.quality.verdict import Outcome, check_file, judge

_ABOUT: dict[FileKind, str] = {
    "inschrijvingen": "enrolments: who was enrolled where, for which programme, from when until when",
    "diplomas": "diplomas and certificates that were earned",
    "doorstroom": "flows: one row per student and school year, with the populations and indicators of studiesucces",
    "mbo_hbo": "graduates of mbo level 4 and what became of them in hbo",
    "technisch": "technical data: reference dates, status, and the control totals that DUO gives",
}


@dg.asset(
    key=["validation", "manifest"],
    deps=[["landing", "raw_delivery"]],
    partitions_def=deliveries,
    backfill_policy=one_run_per_delivery,
    group_name="validation",
    kinds={"python"},
    retry_policy=retry_transient,
    description=(
        "Which file of the delivery is which, by the contracts. A file that the decree doesn't know, a file too many "
        "or a file that is missing stops the delivery here, by name."
    ),
)
def manifest(context: dg.AssetExecutionContext, rod: Rod) -> dg.MaterializeResult[None]:
    with told_plainly(), rod.open() as system:
        stock = take_stock(system, DeliveryKey.parse(context.partition_key))
    return dg.MaterializeResult(
        metadata={
            "delivery": context.partition_key,
            "files": len(stock.members),
            **{f"bytes: {file}": member.size for file, member in stock.members.items() if member.size is not None},
        }
    )


def _parsed(file: FileKind) -> dg.AssetsDefinition:
    @dg.asset(
        key=["validation", file],
        deps=[["validation", "manifest"]],
        partitions_def=deliveries,
        backfill_policy=one_run_per_delivery,
        group_name="validation",
        kinds={"polars", "parquet"},
        retry_policy=retry_transient,
        description=(
            f"{_ABOUT[file].capitalize()}. Read by contract, every value still the text that DUO wrote, nothing lost: "
            "a column that isn't declared or that identifies a person stops the delivery."
        ),
    )
    def parsed(context: dg.AssetExecutionContext, rod: Rod) -> dg.MaterializeResult[None]:
        with told_plainly(), rod.open() as system:
            table = parse(system, DeliveryKey.parse(context.partition_key), file)
        return dg.MaterializeResult(
            metadata={
                "delivery": context.partition_key,
                "dagster/partition_row_count": table.rows,
                "contract": f"{file} version {table.contract.version}",
                "bytes read": table.bytes_read,
                "bytes sealed": table.copy.size,
                "sha-256 of the sealed table": table.copy.sha256,
                "dagster/column_schema": column_schema(table.contract, typed=False),
            }
        )

    return parsed


def _checked(file: FileKind) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dg.AssetKey(["validation", file]),
        name="expectations",
        blocking=True,
        partitions_def=deliveries,
        retry_policy=retry_transient,
        description=f"The expectations on {file}: what follows from its contract, and what was written by hand.",
    )
    def expectations(context: dg.AssetCheckExecutionContext, rod: Rod) -> dg.AssetCheckResult:
        with told_plainly(), rod.open() as system:
            outcome = check_file(system, DeliveryKey.parse(context.partition_key), file, suite_for)
        return _result(context, outcome)

    return expectations


@dg.asset(
    key=["validation", "delivery"],
    deps=[["validation", file] for file in FILE_KINDS],
    partitions_def=deliveries,
    backfill_policy=one_run_per_delivery,
    group_name="validation",
    kinds={"polars"},
    description=(
        "The delivery as a whole: every file has been read and passed its own checks. Its check holds the files "
        "against each other, the control totals, the moment and the decree; only a delivery that passes goes on."
    ),
)
def whole_delivery(context: dg.AssetExecutionContext, rod: Rod) -> dg.MaterializeResult[None]:
    with told_plainly(), rod.open() as system:
        intake = system.intake(DeliveryKey.parse(context.partition_key))
    return dg.MaterializeResult(
        metadata={
            "delivery": context.partition_key,
            "rules per file": dg.MetadataValue.json({file: check.rules for file, check in intake.checks.items()}),
            "rows per file": dg.MetadataValue.json({file: table.rows for file, table in intake.parsed.items()}),
        }
    )


@dg.asset_check(
    asset=whole_delivery,
    name="verdict",
    blocking=True,
    partitions_def=deliveries,
    retry_policy=retry_transient,
    description=(
        "Do the files belong together and to this moment, do the control totals agree with the rows, does every "
        "student have one main enrolment, is every row within the decree. The verdict goes into the ledger."
    ),
)
def verdict(context: dg.AssetCheckExecutionContext, rod: Rod) -> dg.AssetCheckResult:
    with told_plainly(), rod.open() as system:
        outcome = judge(system, DeliveryKey.parse(context.partition_key))
    return _result(context, outcome)


def _result(context: dg.AssetCheckExecutionContext, outcome: Outcome) -> dg.AssetCheckResult:
    report = outcome.report
    if not report.passed:
        # So that it stands on the run's page as well, where on-call looks first.
        context.log.error(report.summary())
    metadata: dict[str, dg.MetadataValue] = {
        "delivery": dg.MetadataValue.text(context.partition_key),
        "rules": dg.MetadataValue.int(len(report.results)),
        "broken": dg.MetadataValue.int(len(report.broken)),
        "report": dg.MetadataValue.path(str(outcome.page)),
    }
    if report.broken:
        metadata["what failed"] = dg.MetadataValue.md(broken_table(report))
    if outcome.notice is not None:
        metadata["drafted notice to DUO"] = dg.MetadataValue.path(str(outcome.notice))
    return dg.AssetCheckResult(passed=report.passed, description=report.summary(), metadata=metadata)


parsed_files: Sequence[dg.AssetsDefinition] = [_parsed(file) for file in FILE_KINDS]
checks: Sequence[dg.AssetChecksDefinition] = [*(_checked(file) for file in FILE_KINDS), verdict]
