"""What a reader knows beside what everybody knows: his own.

Belongs here: the own figures of institutions, and the bounds that they set to unknowns. Does not belong here: what
follows from it (``bounds``, ``search``).
"""

from __future__ import annotations

import re

import numpy as np
import polars as pl

from rod_pipeline.disclosure.attack.system import CURRENT, Bounds, Ints, System, dimension, released

READER = "instellingscode"
"""The dimension whose codes are readers: of a cell with his own code a reader knows the count itself."""


class Own:
    """How many of a reader's own students are in each of ``cells`` (release, cell)."""

    def __init__(self, cells: pl.DataFrame, own: pl.DataFrame) -> None:
        """``own``: cell, reader, n, and release if of an earlier one."""
        given = (
            released(own)
            .join(cells.select("release", "cell").with_row_index("at"), on=["release", "cell"])
            .select("reader", pl.col("at").cast(pl.Int64), pl.col("n").cast(pl.Int64))
        )
        self._cells = cells.height
        self._given = {
            str(reader): (part["at"].to_numpy(), part["n"].to_numpy())
            for (reader,), part in given.partition_by("reader", as_dict=True).items()
        }

    def of(self, reader: str | None) -> tuple[Ints, Ints]:
        """Positions of the cells of which his own figure is given, and the figures."""
        nothing = np.zeros(0, dtype=np.int64)
        return self._given.get(reader or "", (nothing, nothing))

    def everywhere(self, reader: str | None) -> Ints:
        """His own figure of every cell, 0 where none is given."""
        mine = np.zeros(self._cells, dtype=np.int64)
        at, n = self.of(reader)
        mine[at] = n
        return mine


def own_parts(public: System, own: pl.DataFrame) -> pl.DataFrame:
    """The hidden cells of earlier releases, each with the hidden cell of a reader's own students in it: reader, cell,
    his (places in ``public.cells``); a cell with his own code is his own part. ``own``: cell, reader, n.

    That is the cell with his code and the same other codes but those that never stand beside a reader's (of a region,
    say), if as many of his own are in both now.
    """
    now = released(own).filter(pl.col("release") == CURRENT).select("cell", "reader", "n")
    cells = public.cells.with_row_index("at").filter(pl.col("release") != CURRENT).with_columns(code=dimension(READER))
    levels = now["cell"].str.extract_all(r"\|[^=|]*").unique().to_list()
    beside = {name for level in levels if f"|{READER}" in level for name in level}
    gone = [*sorted({name for level in levels for name in level} - beside), f"|{READER}"]
    left_out = "|".join(re.escape(name) for name in gone)
    cells = cells.with_columns(rest=pl.col("cell").str.replace_all(rf"({left_out})=[^|]*", ""))
    his = cells.drop_nulls("code").select("release", "rest", "cell", reader="code", his="at")
    alike = his.join(now, on=["cell", "reader"]).drop("cell")
    totals = cells.filter(pl.col("code").is_null()).join(now, on="cell")
    parts = totals.join(alike, on=["release", "rest", "reader", "n"]).select("reader", "at", "his")
    return pl.concat([parts, his.select("reader", at="his", his="his")]).cast({"at": pl.Int64, "his": pl.Int64})


class Readers:
    """The bounds of readers in a system."""

    def __init__(self, public: System, own: Own) -> None:
        """``own`` is of ``public.cells``."""
        self._public, self._own = public, own
        self._code = public.cells.select(dimension(READER)).to_series().fill_null("").to_numpy()
        self._now = public.cells.select(pl.col("release") == CURRENT).to_series().to_numpy()

    def bounds(self, reader: str) -> Bounds:
        """What a reader knows before he reckons: at least his own, and exactly that in cells of himself."""
        low, high = self._public.bounds.low.copy(), self._public.bounds.high.copy()
        at, n = self._own.of(reader)
        low[at] = np.maximum(low[at], n)
        # Of an earlier release his own figures may not have been given: then he is taken to know nothing of it.
        told = self._now.copy()
        told[at] = True
        himself = np.flatnonzero(told & (self._code == reader))
        low[himself] = high[himself] = self._own.everywhere(reader)[himself]
        return Bounds(low, high)
