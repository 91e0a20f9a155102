"""Publishing: tables that everybody may read.

Belongs here: the asset of the newest release and its blocking check. Does not belong here: disclosure control
(``rod_pipeline.disclosure``), what a release is (``rod_pipeline.publishing``).

Asset and check are one step: what wasn't found safe is a failed check, and a release that isn't there.
"""

from collections.abc import Iterator

import dagster as dg

from rod_pipeline.orchestration.failures import about, retry_transient, told_plainly
from rod_pipeline.orchestration.packaging import PUBLISHED
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.publishing.disclosing import disclose
from rod_pipeline.publishing.proposal import NotFoundSafe
from rod_pipeline.publishing.release import Disclose, publish

_CHECK = "audit"


def releasing(disclose: Disclose) -> dg.AssetsDefinition:
    """The asset that makes a release of what this disclosure control proposes."""

    @dg.asset(
        key=PUBLISHED,
        deps=[["marts", "database"]],
        group_name="publishing",
        kinds={"duckdb", "parquet"},
        retry_policy=retry_transient,
        pool="publishing",
        metadata={"class": "published"},
        description=(
            "The published tables as one immutable release: DuckDB, Parquet and CSV, protected by disclosure control "
            "and audited for every reader, against all that was printed before. No personal data. Get the files with "
            "`rod published get`; packages are made from the newest release."
        ),
        check_specs=[
            dg.AssetCheckSpec(
                _CHECK,
                asset=PUBLISHED,
                blocking=True,
                description=(
                    "Did an audit by other mathematics and other code find every reader harmless, and was it of "
                    "exactly these figures? If not there is no release, and nothing that rests on it."
                ),
            )
        ],
    )
    def published(
        context: dg.AssetExecutionContext, rod: Rod
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        refusal = None
        with told_plainly() as took, rod.open() as system:
            try:
                release = publish(system, disclose)
            except NotFoundSafe as error:
                refusal = error
            else:
                state = system.ledger.state()
        if refusal is not None:
            carried = about(refusal.code, refusal.kind)
            yield dg.AssetCheckResult(check_name=_CHECK, passed=False, description=str(refusal), metadata=carried)
            raise dg.Failure(str(refusal), metadata=carried, allow_retries=False)
        event = release.event
        rows = sum(table.rows for table in event.tables)
        hidden = sum(table.hidden for table in event.tables)
        lines = "\n".join(f"| {table.name} | {table.rows:,} | {table.hidden:,} |" for table in event.tables)
        yield dg.MaterializeResult(
            metadata={
                "release": event.release,
                "seconds": took.seconds,
                "deliveries": dg.MetadataValue.json([state.intakes[one].key for one in event.deliveries]),
                "policy": event.policy,
                "dagster/row_count": rows,
                "rows hidden": hidden,
                "tables": dg.MetadataValue.md(f"| table | rows | hidden |\n|---|---:|---:|\n{lines}"),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=_CHECK,
                    passed=True,
                    description="Every reader was found harmless, for exactly these figures.",
                    metadata={"release": event.release, "audited cells (SHA-256)": event.audited},
                )
            ],
        )

    return published


published = releasing(disclose)
