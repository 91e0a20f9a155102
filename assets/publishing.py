"""Publishing: tables that everybody may read.

Belongs here: the asset of the newest release and its blocking check. Does not belong here: disclosure control
(``rod_pipeline.disclosure``), what a release is (``rod_pipeline.publishing``).

Asset and check are one step: what wasn't found safe is a failed check, and a release that isn't there.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl

from rod_pipeline.orchestration.failures import about, retry_transient, told_plainly
from rod_pipeline.orchestration.packaging import PUBLISHED
from rod_pipeline.orchestration.pools import PUBLISHING
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.publishing.cost import coverage, split
from rod_pipeline.publishing.proposal import NotFoundSafe, Proposal
from rod_pipeline.publishing.register import Told
from rod_pipeline.publishing.release import Disclose, publish
from rod_pipeline.system import System

_CHECK = "audit"


def releasing(disclose: Disclose) -> dg.AssetsDefinition:
    """The asset that makes a release of what this disclosure control proposes."""

    @dg.asset(
        key=PUBLISHED,
        deps=[["marts", "database"]],
        group_name="publishing",
        kinds={"duckdb", "parquet"},
        retry_policy=retry_transient,
        pool=PUBLISHING,
        metadata={"class": "published"},
        description=(
            "The published tables as one immutable release: DuckDB, Parquet and CSV, protected by disclosure control "
            "and audited for every reader, against all that was printed before. No personal data. Get the files with "
            "`rod published get`; packages are made from the newest release. The report says what protection cost: per "
            "table what is printed and hidden, which tables aren't offered and why, which figures had to go."
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
        proposals: list[Proposal] = []

        def noted(system: System, earlier: Told | None) -> Proposal:
            proposals.append(disclose(system, earlier))
            return proposals[-1]

        with told_plainly() as took, rod.open() as system:
            try:
                release = publish(system, noted)
            except NotFoundSafe as error:
                refusal = error
            else:
                state = system.ledger.state()
        if refusal is not None:
            carried = about(refusal.code, refusal.kind)
            yield dg.AssetCheckResult(check_name=_CHECK, passed=False, description=str(refusal), metadata=carried)
            raise dg.Failure(str(refusal), metadata=carried, allow_retries=False)
        event = release.event
        yield dg.MaterializeResult(
            metadata={
                "release": event.release,
                "seconds": took.seconds,
                "deliveries": dg.MetadataValue.json([state.intakes[one].key for one in event.deliveries]),
                "policy": event.policy,
                "dagster/row_count": sum(table.rows for table in event.tables),
                "rows hidden": sum(table.hidden for table in event.tables),
                **_cost(proposals[-1]),
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


def _cost(proposal: Proposal) -> dict[str, Any]:
    """What protection cost, in what may be seen: numbers of cells, and shares that follow from printed figures."""
    told = coverage(proposal)
    offered, others = told.filter("aangeboden"), told.filter(pl.col("aangeboden").not_())
    tables = offered.select("tabel", "rijen", "getoond", "afgeschermd", "aandeel")
    return {
        "figures hidden since an earlier release": len(proposal.cost.changed),
        "small figures that both releases narrow": proposal.cost.strained,
        "tables not offered": others.height,
        "report: tables": _table("| table | rows | printed | hidden | % of students in printed figures |", tables),
        "report: levels": _table("| level | cells | printed | hidden | small | hidden besides |", split(proposal.cost)),
        "report: not offered": _table("| table | why |", others.select("tabel", "reden")),
    }


def _table(head: str, rows: pl.DataFrame) -> dg.MarkdownMetadataValue:
    # A level has the sign in it that parts the columns of a table.
    lines = [
        f"| {' | '.join(str('' if value is None else value).replace('|', ' ') for value in row)} |"
        for row in rows.iter_rows()
    ]
    return dg.MetadataValue.md("\n".join([head, "|---|" + "---:|" * (rows.width - 1), *lines]))


def _disclose(system: System, earlier: Told | None) -> Proposal:
    # Solver and matrices are imported where they are used: of all runs, only a release needs them.
    from rod_pipeline.publishing.disclosing import disclose

    return disclose(system, earlier)


published = releasing(_disclose)
