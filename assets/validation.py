"""Validation: what came is held against the contracts and the expectations.

Belongs here: the assets ``validation/*`` and their blocking checks. Does not belong here: the rules (``expectations``),
how they are computed (``rod_pipeline.quality``).

An asset and its check are one step. A delivery that is refused then has a red partition on the very asset that refused
it, and the failure of the step says which rules are broken, on how much of what, and what to do. The UI shows only
the latest result of a check; so the delivery stands in each result, and every delivery keeps reports of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from expectations.loader import suite_for
from rod_pipeline.contracts.model import FILE_KINDS, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.parsing import parse, take_stock
from rod_pipeline.orchestration.describe import ABOUT, check_metadata, column_schema, sealed, verdict_text
from rod_pipeline.orchestration.failures import retry_transient, told_plainly
from rod_pipeline.orchestration.partitions import deliveries, one_run_per_delivery
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.quality.verdict import Outcome, check_file, judge

_Results = Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]


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
    with told_plainly() as took, rod.working(context) as system:
        stock = take_stock(system, DeliveryKey.parse(context.partition_key))
    return dg.MaterializeResult(
        metadata={
            "delivery": context.partition_key,
            "seconds": took.seconds,
            "files": len(stock.members),
            **{f"bytes: {file}": member.size for file, member in stock.members.items() if member.size is not None},
        }
    )


def _validated(file: FileKind) -> dg.AssetsDefinition:
    key = dg.AssetKey(["validation", file])

    @dg.asset(
        key=key,
        deps=[["validation", "manifest"]],
        partitions_def=deliveries,
        backfill_policy=one_run_per_delivery,
        group_name="validation",
        kinds={"polars", "parquet"},
        retry_policy=retry_transient,
        description=(
            f"{ABOUT[file]}. Read by contract, every value still the text that DUO wrote, nothing lost: a column that "
            "isn't declared or that identifies a person stops the delivery. Then held against the expectations."
        ),
        check_specs=[
            dg.AssetCheckSpec(
                "expectations",
                asset=key,
                blocking=True,
                partitions_def=deliveries,
                description=f"The rules for {file}: what follows from its contract, and what was written by hand.",
            )
        ],
    )
    def validated(context: dg.AssetExecutionContext, rod: Rod) -> _Results:
        delivery = DeliveryKey.parse(context.partition_key)
        with told_plainly() as took, rod.working(context) as system:
            table = parse(system, delivery, file)
            outcome = check_file(system, delivery, file, suite_for)
        yield from _judged(
            context.partition_key,
            "expectations",
            outcome,
            {
                "dagster/partition_row_count": table.rows,
                "contract": f"{file} version {table.contract.version}",
                "seconds": took.seconds,
                "bytes read": table.bytes_read,
                **sealed(table.copy.size, table.copy.sha256),
                "dagster/column_schema": column_schema(table.contract, typed=False),
            },
        )

    return validated


@dg.asset(
    key=["validation", "delivery"],
    deps=[["validation", file] for file in FILE_KINDS],
    partitions_def=deliveries,
    backfill_policy=one_run_per_delivery,
    group_name="validation",
    kinds={"polars"},
    retry_policy=retry_transient,
    description=(
        "The verdict on the delivery as a whole, once every file has been read and passed its own rules. Only a "
        "delivery that passes goes on to the EEA store and the marts."
    ),
    check_specs=[
        dg.AssetCheckSpec(
            "verdict",
            asset=dg.AssetKey(["validation", "delivery"]),
            blocking=True,
            partitions_def=deliveries,
            description=(
                "Do the files belong together and to this moment, do the control totals agree with the rows, does "
                "every student have one main enrolment, is every row within the decree. It goes into the ledger."
            ),
        )
    ],
)
def whole_delivery(context: dg.AssetExecutionContext, rod: Rod) -> _Results:
    delivery = DeliveryKey.parse(context.partition_key)
    with told_plainly() as took, rod.working(context) as system:
        outcome = judge(system, delivery)
        intake = system.intake(delivery)
    yield from _judged(
        context.partition_key,
        "verdict",
        outcome,
        {
            "seconds": took.seconds,
            "picture of the delivery": dg.MetadataValue.path(str(outcome.pages.picture)),
            "rules": len(outcome.report.results) + sum(check.rules for check in intake.checks.values()),
            **{f"rows: {file}": table.rows for file, table in intake.parsed.items()},
        },
    )


def _judged(delivery: str, check: str, outcome: Outcome, about: Mapping[str, Any]) -> _Results:
    """The result of a check, and what follows: a partition with ``about`` in its metadata, or the failure of the step.

    The materialization comes first: of a check that is older than its partition, Dagster says that it is missing.
    """
    report = outcome.report
    shown = check_metadata(delivery, outcome)
    result = dg.AssetCheckResult(
        check_name=check, passed=report.passed, description=verdict_text(report), metadata=shown
    )
    if report.passed:
        yield dg.MaterializeResult(metadata={"delivery": delivery, **about}, check_results=[result])
        return
    yield result
    raise dg.Failure(
        f"{report.summary()}\nNothing of this delivery goes on. When a corrected one has come, announce it "
        f"(`rod announce {delivery} --link …`); when the cause was on our side, mend it and re-execute this run.",
        metadata=shown,
        allow_retries=False,
    )


validated_files: Sequence[dg.AssetsDefinition] = [_validated(file) for file in FILE_KINDS]
