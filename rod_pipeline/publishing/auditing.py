"""The audit of what is to be printed, beside everything that was printed before.

Belongs here: what of the past the attacker is shown, and putting the question to it. Does not belong here: what readers
can work out (``rod_pipeline.disclosure.attack``).

The figures fall apart in *years*: a measure and a school year, with those that sums between measures connect with it.
A year that is told again exactly as it was tells nothing new, and was audited when it was told; what hangs together
with it by sums of then alone is looked at beside what it was then. Every other year is looked at beside each earlier
release of it, with that release's own sums: what stood hidden then may follow from what is printed now, or the other
way round.

Two things are held against the register alone, whatever protection did: what was hidden stays hidden, and a figure that
was printed isn't told again otherwise with the same status, for the difference would be a count.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rod_pipeline.disclosure import attack
from rod_pipeline.publishing import keys
from rod_pipeline.publishing.past import Counted, recounted
from rod_pipeline.publishing.register import Told, connected

CONTRADICTION = "figures that contradict each other"


def audited(
    truth: pl.DataFrame,
    printed: pl.DataFrame,
    sums: pl.DataFrame,
    own: pl.DataFrame,
    speaks: pl.DataFrame,
    rules: attack.Rules,
    earlier: Told | None,
    counted: Counted | None = None,
) -> tuple[str, ...]:
    """The levels with cells of which some reader, the public or an institution, can work out a small count; sorted.

    None: the figures may leave. A level is a measure and the columns that name its cells.

    ``truth``: ``cell``, ``n``; ``printed``: the same, null where hidden; ``sums``: ``equation``, ``cell``, ``sign``;
    ``own``: ``cell``, ``reader``, ``n``; ``speaks``: the status of each year; ``earlier``: what was told under the
    definitions of now; ``counted``: what that was counted from.
    """
    new = changed_years(printed, earlier)
    if new.is_empty():
        return ()
    if earlier is not None and len(otherwise := told_otherwise(printed, speaks, earlier)):
        return _levels(otherwise)
    now = connected(new, sums)
    truth, printed, own = (_of_years(frame, now) for frame in (truth, printed, own))
    every_sum, sums, past = sums, _of_years(sums, now), None
    if earlier is not None:
        every = connected(now, pl.concat([every_sum, earlier.sums], how="diagonal"))
        before = _distinct(Told(_of_years(earlier.cells, every), _of_years(earlier.sums, every)))
        sums = pl.concat([sums.with_columns(release=pl.lit("")), before.sums.select(*sums.columns, "release")])
        past = None if before.cells.is_empty() else _tied(before, printed, rules.drift)
        if counted is not None:
            then, own_then = recounted(before, counted)
            truth, own = (pl.concat(both, how="diagonal") for both in ((truth, then), (own, own_then)))
    readers: Sequence[str | None] = [None, *own["reader"].unique().sort()]
    found = attack.audit(truth, printed, sums, own, readers, rules, past)
    if found.contradicts:
        return (CONTRADICTION,)
    failing = [cell for reader in found.readers for cell in (*reader.exact, *reader.narrow, *reader.unresolved)]
    return _levels(pl.Series(failing, dtype=pl.String).str.replace(r"^[0-9]+: ", ""))


def _levels(cells: pl.Series) -> tuple[str, ...]:
    return tuple(cells.to_frame("cell").select(keys.LEVEL).to_series().unique().sort())


def told_otherwise(printed: pl.DataFrame, speaks: pl.DataFrame, earlier: Told) -> pl.Series:
    """The cells that are printed and were hidden before, or printed otherwise with the same status."""
    now = printed.drop_nulls("n").with_columns(*keys.YEAR_OF)
    now = now.join(speaks.select(*keys.YEAR, pl.col("status").alias("now")), on=keys.YEAR, how="left", nulls_equal=True)
    both = now.join(earlier.cells.select("cell", "status", pl.col("n").alias("then")), on="cell")
    same = pl.col("status").eq_missing(pl.col("now"))
    return both.filter(pl.col("then").is_null() | (same & pl.col("then").ne(pl.col("n"))))["cell"]


def changed_years(printed: pl.DataFrame, earlier: Told | None) -> pl.DataFrame:
    """The years (``measure``, ``schooljaar``) of which something else is printed than in the newest release of them."""
    now = _with_year(printed)
    every = now.select(keys.YEAR).unique()
    if earlier is None or earlier.cells.is_empty():
        return every
    before = _with_year(earlier.cells)
    newest = before.group_by(keys.YEAR, maintain_order=True).agg(pl.col("release").last())
    before = before.join(newest, on=[*keys.YEAR, "release"], how="semi", nulls_equal=True)
    levels = before.select(*keys.YEAR, "level", told_level=True).unique()
    both = now.join(
        before.select("cell", pl.col("n").alias("then"), told=True), on="cell", how="full", coalesce=True
    ).with_columns(*keys.YEAR_OF, keys.LEVEL)
    both = both.join(levels, on=[*keys.YEAR, "level"], how="left", nulls_equal=True)
    # A cell that isn't there was told to be zero, where its level is told; elsewhere nothing was.
    zero = pl.lit(0, pl.Int64)
    then = pl.when(pl.col("told").fill_null(False)).then("then").when(pl.col("told_level")).then(zero)
    present = pl.when(pl.col("now")).then("n").otherwise(zero)
    other = both.filter(present.ne_missing(then)).select(keys.YEAR).unique()
    unknown = every.join(newest, on=keys.YEAR, how="anti", nulls_equal=True)
    return pl.concat([other.join(every, on=keys.YEAR, how="semi", nulls_equal=True), unknown]).unique().sort(keys.YEAR)


def _with_year(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.with_columns(*keys.YEAR_OF, keys.LEVEL, now=True)


def _of_years(frame: pl.DataFrame, years: pl.DataFrame) -> pl.DataFrame:
    return (
        frame.with_columns(*keys.YEAR_OF)
        .join(years, on=keys.YEAR, how="semi", nulls_equal=True, maintain_order="left")
        .select(frame.columns)
    )


def _tied(before: Told, printed: pl.DataFrame, drift: int) -> pl.DataFrame:
    """What was told, ``release``, ``cell``, ``n``, and how far a reader thinks that it moved since (``drift``): not at
    all where a whole year is told as it was."""
    now = _content(printed.with_columns(release=pl.lit(""))).drop("release")
    same = _content(before.cells).join(now, on=[*keys.YEAR, "content"], how="semi", nulls_equal=True)
    told = before.cells.with_columns(*keys.YEAR_OF).join(
        same.select(*keys.YEAR, "release", stands=True), on=[*keys.YEAR, "release"], how="left", nulls_equal=True
    )
    moved = pl.when(pl.col("stands")).then(0).otherwise(drift)
    return told.select("release", "cell", "n", moved.cast(pl.Int64).alias("drift"))


def _content(cells: pl.DataFrame) -> pl.DataFrame:
    """What is told of each year in each ``release``, as one text (``content``); sorted by release."""
    line = pl.concat_str("cell", pl.col("n").cast(pl.String).fill_null("x"), separator="\t")
    return (
        cells.with_columns(*keys.YEAR_OF)
        .sort("release", "cell")
        .group_by(*keys.YEAR, "release", maintain_order=True)
        .agg(line.str.join("\n").alias("content"))
    )


def _distinct(told: Told) -> Told:
    """Of releases that told the same of a year the first alone."""
    content = _content(told.cells)
    kept = content.unique([*keys.YEAR, "content"], keep="first", maintain_order=True).select(*keys.YEAR, "release")
    kept = connected(kept, told.sums)
    cells, sums = (
        frame.with_columns(*keys.YEAR_OF)
        .join(kept, on=[*keys.YEAR, "release"], how="semi", nulls_equal=True, maintain_order="left")
        .select(frame.columns)
        for frame in (told.cells, told.sums)
    )
    return Told(cells, sums)
