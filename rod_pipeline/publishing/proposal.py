"""What disclosure control hands over to be published, and the refusal of what wasn't found safe.

Belongs here: the shape of a proposal, the digest that an audit is of, and every reason to refuse. Does not belong here:
finding out what is safe (``rod_pipeline.disclosure``), writing a release (``release``).

A release is refused unless an audit by other mathematics and other code found it clean, and unless that audit was of
exactly these figures: the digest of all printed cells ties the two, and each table is held against those cells. Last,
and whatever the audit says, no printed figure is from 1 to 4: the decree calls those traceable to persons (6c).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import polars as pl

from rod_pipeline.disclosure.tables import UNKNOWN as UNKNOWN
from rod_pipeline.errors import BlockedError
from rod_pipeline.marts.groupings import SCHEMA as GROUPINGS
from rod_pipeline.publishing import keys

if TYPE_CHECKING:
    from rod_pipeline.publishing.cost import Cost


class NotFoundSafe(BlockedError):
    """Tables were to be published of which nobody knows that they are safe."""


class AuditMissing(NotFoundSafe):
    """Tables were to be published that nobody audited."""

    code = "ROD-PUBLISH-01"


class AuditUnclean(NotFoundSafe):
    """The audit found counts in these tables that some reader can work out."""

    code = "ROD-PUBLISH-02"


class AuditOfOther(NotFoundSafe):
    """The audit was of other figures than those in the tables."""

    code = "ROD-PUBLISH-03"


class SmallCountPrinted(NotFoundSafe):
    """A figure from 1 to 4 was to be printed."""

    code = "ROD-PUBLISH-04"


@dataclass(frozen=True)
class Table:
    """One published table: the cells of ``measure`` with the codes ``within``, named by the columns ``by``.

    ``outcome``: the column among ``by`` whose two sides, J and N, are an outcome. ``within``: pairs of a column and its
    code that hold for the whole table, such as those who left. ``reads_as``: what people call it, where that is not the
    measure itself: diplomaresultaat is ``uitkomsten`` of who left.
    """

    name: str
    measure: str
    by: tuple[str, ...]
    outcome: str | None = None
    within: tuple[tuple[str, str], ...] = ()
    reads_as: str = ""

    @property
    def known_as(self) -> str:
        """The measure as people know it: an entry of ``labels.toml``."""
        return self.reads_as or self.measure


class Audit(Protocol):
    """What an audit says: whether it found all readers harmless, of which cells (``digest_of``), and at which levels it
    didn't."""

    @property
    def clean(self) -> bool: ...
    @property
    def digest(self) -> str: ...
    @property
    def failing(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Proposal:
    """Tables to be published, and all that they rest on.

    ``tables``: by name, the columns ``by`` of its ``Table`` (String), ``n`` (Int64, null where it is hidden) and
    ``afgeschermd`` (Boolean). ``printed``: every cell of all tables, ``cell`` (String) and ``n`` (null: hidden).
    ``sums``: how they add up, ``equation``, ``cell``, ``sign`` (+1 total, -1 part).
    ``speaks``: which delivery speaks for which school year of which measure: ``measure``, ``schooljaar``, ``status`` (V
    or D), ``levering``.
    ``deliveries``: ids of the intakes. ``policy`` and ``definition``: the version of the policy, and of what the
    measures mean. ``cost``: what protection cost, and what isn't offered. ``groups``: the groupings that
    tables are by (``marts.groupings``). ``provisional``: what was told before of provisional school years
    (``revisions.provisional``).
    """

    declared: Sequence[Table]
    tables: Mapping[str, pl.DataFrame]
    printed: pl.DataFrame
    sums: pl.DataFrame
    speaks: pl.DataFrame
    deliveries: tuple[str, ...]
    policy: str
    definition: int
    audit: Audit | None
    cost: Cost
    groups: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=GROUPINGS))
    provisional: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"cell": pl.String, "n": pl.Int64}))


def digest_of(printed: pl.DataFrame) -> str:
    """The digest of printed cells, whatever their order: what ties an audit to what is published."""
    lines = printed.select("cell", pl.col("n").cast(pl.Int64)).sort("cell")
    digest = sha256()
    for cell, n in lines.iter_rows():
        digest.update(f"{cell}\t{'x' if n is None else n}\n".encode())
    return digest.hexdigest()


def cell_keys(table: Table, frame: pl.DataFrame) -> pl.Series:
    """The key of the cell of each row: ``measure|dim=code|…``, the dimensions sorted by name."""
    codes = {dim: pl.col(dim) for dim in table.by} | {dim: pl.lit(code) for dim, code in table.within}
    return frame.select(keys.named(table.measure, codes).alias("cell")).to_series()


def refuse_unsafe(proposal: Proposal) -> None:
    """Raise unless these very figures were audited and found clean: see the errors of this module."""
    audit = proposal.audit
    if audit is None:
        raise AuditMissing("Nobody audited what was to be published.", "Run the audit; without it nothing leaves.")
    if audit.digest != digest_of(proposal.printed):
        raise AuditOfOther(
            "The audit was of other figures than those that were to be published.",
            "Protect and audit again; nothing may change between the audit and publishing.",
        )
    if not audit.clean:
        raise AuditUnclean(
            "The audit found counts that some reader can work out from what was to be published, at "
            f"{', '.join(level.replace('|', ' x ') for level in audit.failing) or 'some level'}.",
            "Nothing was published. Offer these tables coarser, or not (rod_pipeline/marts/published.py), or have the "
            "protection mended; then publish again.",
        )
    _refuse_other_tables(proposal)
    if proposal.printed.filter(pl.col("n").is_between(1, 4)).height:
        raise SmallCountPrinted(
            "A figure under five was to be printed, though the audit was clean.",
            "Protection and audit are both wrong: nothing was published. Have their code looked at.",
        )


def _refuse_other_tables(proposal: Proposal) -> None:
    """Each row of each table is a printed cell with that very figure, and hidden where that is."""
    known = proposal.printed.select("cell", pl.col("n").alias("printed"), pl.lit(True).alias("known"))
    declared = {table.name: table for table in proposal.declared}
    wrong = sorted(set(declared) ^ set(proposal.tables))
    for name in sorted(set(declared) & set(proposal.tables)):
        frame = proposal.tables[name]
        rows = frame.select("n", "afgeschermd", cell_keys(declared[name], frame)).join(known, on="cell", how="left")
        agrees = (
            pl.col("known").is_not_null()
            & pl.col("n").eq_missing(pl.col("printed"))
            & pl.col("n").is_null().eq(pl.col("afgeschermd"))
        )
        if not rows.select(agrees.fill_null(False).all()).item() or rows["cell"].is_duplicated().any():
            wrong.append(name)
    if wrong or not proposal.tables:
        raise AuditOfOther(
            f"Tables differ from the cells that were audited: {', '.join(wrong) or 'there are none'}.",
            "Make each table from the audited cells and from nothing else; then publish again.",
        )
