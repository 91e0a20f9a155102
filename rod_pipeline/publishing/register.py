"""The register of publications: what was printed in which release, readable for the next protection run.

Belongs here: the shape of the register and reading it. Does not belong here: what follows from it for protection
(``rod_pipeline.disclosure``) and for the audit (``auditing``).

What was printed once is known for ever, so the next release is protected and audited against all that came before it.
Only the newest release would do as long as every figure stays; a figure that was printed and is hidden since stands in
the older ones alone, so all are read. How the cells of a release add up is part of what it tells: it can't be worked
out anew when its delivery is gone, so it is kept with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from rod_pipeline.publishing import keys
from rod_pipeline.publishing.proposal import Proposal

if TYPE_CHECKING:
    from rod_pipeline.ledger.publication import Published
    from rod_pipeline.ledger.state import LedgerState
    from rod_pipeline.system import System

NAME, SUMS = "register", "sums"
SCHEMA = {"release": pl.String, "cell": pl.String, "n": pl.Int64, "definition": pl.Int64, "status": pl.String}
SUMS_SCHEMA = {"release": pl.String, "equation": pl.UInt32, "cell": pl.String, "sign": pl.Int8}


@dataclass(frozen=True)
class Told:
    """What was told: ``cells`` (``SCHEMA``) and how they add up (``SUMS_SCHEMA``). ``release`` sorts in time."""

    cells: pl.DataFrame
    sums: pl.DataFrame

    def under(self, definition: int) -> Told:
        """What was told under this definition; under another one it was another figure."""
        cells = self.cells.filter(definition=definition)
        return Told(cells, self.sums.join(cells.select("release").unique(), on="release", how="semi"))


def of(proposal: Proposal) -> pl.DataFrame:
    """What a proposal prints: ``cell``, ``n`` (null: hidden), ``definition``, ``status`` of its school year (V, D)."""
    return (
        proposal.printed.select(
            "cell", pl.col("n").cast(pl.Int64), pl.lit(proposal.definition, pl.Int64).alias("definition")
        )
        .with_columns(*keys.YEAR_OF)
        .join(proposal.speaks.select("measure", "schooljaar", "status"), on=["measure", "schooljaar"], how="left")
        .select(list(SCHEMA)[1:])
        .sort("cell")
    )


def sums_of(proposal: Proposal) -> pl.DataFrame:
    """How what a proposal prints adds up: ``SUMS_SCHEMA`` without the release."""
    kept = {name: dtype for name, dtype in SUMS_SCHEMA.items() if name != "release"}
    return proposal.sums.select(pl.col(name).cast(dtype) for name, dtype in kept.items())


def told(releases: list[tuple[pl.DataFrame, pl.DataFrame]]) -> Told | None:
    """Releases as they came, each as ``of`` and ``sums_of`` have it, under labels that sort in that order."""
    if not releases:
        return None
    named = [(pl.lit(label(number)).alias("release"), one) for number, one in enumerate(releases, 1)]
    cells = pl.concat(cells.select(name, *list(SCHEMA)[1:]) for name, (cells, _) in named)
    return Told(cells, pl.concat(sums.select(name, *list(SUMS_SCHEMA)[1:]) for name, (_, sums) in named))


def published(state: LedgerState, release: str) -> Published:
    """The event of the release with this label."""
    return next(one.event for number, one in enumerate(state.releases.values(), 1) if label(number) == release)


def label(number: int) -> str:
    """What the release with this number, the first being 1, is called in ``Told``."""
    return f"{number:06d}"


def connected(years: pl.DataFrame, sums: pl.DataFrame) -> pl.DataFrame:
    """``years`` with those that sums connect with them; of the same ``release`` where they are of one."""
    by = years.columns
    one = [column for column in ("release", "equation") if column in sums.columns]
    of = sums.with_columns(*keys.YEAR_OF).select(*one, *keys.YEAR).unique()
    across = of.filter(pl.len().over(one) > 1)
    while True:
        touched = across.join(years, on=by, how="semi", nulls_equal=True).select(one).unique()
        more = across.join(touched, on=one, how="semi", nulls_equal=True).select(by)
        grown = pl.concat([years, more]).unique()
        if grown.height == years.height:
            return years.sort(by)
        years = grown


def earlier(system: System) -> Told | None:
    """All that was ever printed, and how it adds up; None before the first release.

    Raises what the vault raises when one of them can't be read: what was printed is never taken to be nothing.
    """
    state = system.ledger.state()

    def read(copies: tuple[str, ...], name: str) -> pl.DataFrame:
        (copy_id,) = (copy for copy in copies if state.copies[copy].name == name)
        with system.vault.scan_table(copy_id) as frame:
            return frame.collect()

    copies = [release.event.copies for release in state.releases.values()]
    return told([(read(of_one, NAME), read(of_one, SUMS)) for of_one in copies])
