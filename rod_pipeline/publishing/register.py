"""The register of publications: what was printed in which release, readable for the next protection run.

Belongs here: the shape of the register and reading it. Does not belong here: what follows from it for protection
(``rod_pipeline.disclosure``).

What was printed once is known for ever, so the next release is protected and audited against all that came before it.
Only the newest release would do as long as every figure stays; a figure that was printed and is hidden since stands in
the older ones alone, so all are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from rod_pipeline.publishing.proposal import Proposal

if TYPE_CHECKING:
    from rod_pipeline.system import System

NAME = "register"
SCHEMA = {"release": pl.String, "cell": pl.String, "n": pl.Int64, "definition": pl.Int64, "status": pl.String}
YEAR_OF = (
    pl.col("cell").str.extract(r"^([^|]*)", 1).alias("measure"),
    pl.col("cell").str.extract(r"\|schooljaar=([^|]*)", 1).alias("schooljaar"),
)
"""Of which measure and school year a cell is, by its key."""


def of(proposal: Proposal) -> pl.DataFrame:
    """What a proposal prints: ``cell``, ``n`` (null: hidden), ``definition``, ``status`` of its school year (V, D)."""
    return (
        proposal.printed.select(
            "cell", pl.col("n").cast(pl.Int64), pl.lit(proposal.definition, pl.Int64).alias("definition")
        )
        .with_columns(*YEAR_OF)
        .join(proposal.speaks.select("measure", "schooljaar", "status"), on=["measure", "schooljaar"], how="left")
        .select(list(SCHEMA)[1:])
        .sort("cell")
    )


def earlier(system: System) -> pl.DataFrame | None:
    """All that was ever printed: ``SCHEMA``, releases in the order in which they came; None before the first.

    Raises what the vault raises when one of them can't be read: what was printed is never taken to be nothing.
    """
    state = system.ledger.state()
    found = []
    for release in state.releases.values():
        (copy_id,) = (copy for copy in release.event.copies if state.copies[copy].name == NAME)
        with system.vault.scan_table(copy_id) as frame:
            told = frame.collect()
        found.append(told.select(pl.lit(release.event.release).alias("release"), *list(SCHEMA)[1:]))
    return pl.concat(found) if found else None
