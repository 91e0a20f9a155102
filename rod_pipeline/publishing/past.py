"""The counts behind what was told before, from deliveries that still live.

Belongs here: counting again what a release told and hid, and whose it was. Does not belong here: which deliveries a
release was of (``disclosing``), what follows from it (``auditing``).

Which hidden cells of an earlier release are small, and what an institution knew of itself, is in no register: it is
personal data. As long as the deliveries of then live, it can be counted again. What is counted is held against what was
told: where a figure or a sum isn't as it was then (a delivery is gone, a measure means something else), nothing is said
of those school years, and the audit takes all that could be small to be so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from rod_pipeline.disclosure.cells import READER
from rod_pipeline.disclosure.tables import UNKNOWN
from rod_pipeline.publishing import between, keys
from rod_pipeline.publishing.register import Told, connected

Counts = tuple[Mapping[str, pl.DataFrame], pl.DataFrame]
"""Leaves per measure, and the status of each of its years (``leaves``, ``editions`` of ``marts.published``)."""
Counted = Callable[[str], Counts | None]
"""What a release, by its label, was counted from: of the deliveries of then that live; None where none does."""

TRUTH = {"release": pl.String, "cell": pl.String, "n": pl.Int64}
OWN = {"release": pl.String, "cell": pl.String, "reader": pl.String, "n": pl.Int64}
_NOTHING = pl.DataFrame(schema=TRUTH).drop("release"), pl.DataFrame(schema=OWN).drop("release")


def recounted(told: Told, counted: Counted) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The true counts (``TRUTH``) and the readers' own (``OWN``) of the cells of releases, as far as they are known.

    A cell with an institution's own code is its own, whatever it counts; elsewhere own counts are above 0.
    """
    truths, owns = [pl.DataFrame(schema=TRUTH)], [pl.DataFrame(schema=OWN)]
    for (release,), cells in told.cells.partition_by("release", as_dict=True).items():
        if (then := counted(str(release))) is None:
            continue
        truth, own = _of_release(cells, told.sums.filter(release=release), *then)
        truths.append(truth.select(release=pl.lit(release), cell="cell", n="n").cast(TRUTH))  # type: ignore[arg-type]
        owns.append(own.select(pl.lit(release).alias("release"), "cell", "reader", "n").cast(OWN))  # type: ignore[arg-type]
    return pl.concat(truths), pl.concat(owns)


def told_anew(before: Told, speaks: pl.DataFrame, counted: Counted) -> pl.DataFrame:
    """What was true then of the school years that speak with another status now: ``cell``, with the status of now;
    ``n``. As far as it is known."""
    newest = pl.col("release", "status").sort_by("release").last()
    last = before.cells.with_columns(*keys.YEAR_OF).group_by(keys.YEAR).agg(newest)
    anew = last.join(speaks.select(*keys.YEAR, now="status"), on=keys.YEAR, nulls_equal=True)
    anew = anew.filter(pl.col("status") != pl.col("now")).select(*keys.YEAR, "release", "now")

    def with_year(frame: pl.DataFrame) -> pl.DataFrame:
        # A difference has the status of what differs.
        measure = pl.col("measure").str.split(between.APART).list.first()
        years = frame.with_columns(*keys.YEAR_OF).with_columns(measure)
        return years.join(anew, on=[*keys.YEAR, "release"], nulls_equal=True)

    sums = before.sums.join(with_year(before.sums), on=["release", "equation"], how="semi")
    cells = with_year(before.cells).select(before.cells.columns)
    truth = with_year(recounted(Told(cells, sums), counted)[0])
    return truth.select(keys.extended(keys.STATUS, pl.col("now")).alias("cell"), "n")


def _of_release(
    cells: pl.DataFrame, sums: pl.DataFrame, leaves: Mapping[str, pl.DataFrame], speaks: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    named = pl.concat([cells.select("cell"), sums.select("cell")]).unique().with_columns(*keys.YEAR_OF, keys.LEVEL)
    told = cells.select("cell", "n", "status").with_columns(*keys.YEAR_OF)
    # Of a measure that stands in sums alone no status was told.
    otherwise = told.join(speaks, on=[*keys.YEAR, "status"], how="anti", nulls_equal=True)
    same = speaks.join(otherwise, on=keys.YEAR, how="anti", nulls_equal=True)
    levels = named.join(same, on=keys.YEAR, how="semi", nulls_equal=True).partition_by("level", "measure", as_dict=True)
    counts = [_NOTHING]
    counts += [_counted(str(level), leaves[of], wanted) for (level, of), wanted in levels.items() if of in leaves]
    truth, own = (pl.concat(frames) for frames in zip(*counts, strict=True))
    differences, of_differences = between.apart(sums, truth, own)
    truth, own = pl.concat([truth, differences]), pl.concat([own, of_differences])
    kept = _as_told(named, told, sums, truth)
    return truth.join(kept, on="cell", how="semi"), own.join(kept, on="cell", how="semi")


def _counted(level: str, leaves: pl.DataFrame, wanted: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The cells of a level that are ``wanted``, and whose they are."""
    measure, *by = level.split("|")
    if not {*by, READER} <= set(leaves.columns):
        return _NOTHING
    codes = {column: pl.col(column).fill_null(UNKNOWN) for column in by}
    each = leaves.select("n", cell=keys.named(measure, codes), reader=pl.col(READER).fill_null(UNKNOWN))
    each = each.group_by("cell", "reader").agg(pl.col("n").sum())
    truth = wanted.select("cell").join(each.group_by("cell").agg(pl.col("n").sum()), on="cell", how="left")
    truth = truth.with_columns(pl.col("n").fill_null(0).cast(pl.Int64))
    if READER in by:
        return truth, truth.select("cell", keys.code(READER).alias("reader"), "n")
    return truth, each.join(wanted, on="cell", how="semi").select("cell", "reader", "n")


def _as_told(named: pl.DataFrame, told: pl.DataFrame, sums: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """The cells of those years that are as they were told, and so is all that sums connect with them."""
    other = told.drop_nulls("n").join(truth, on="cell", how="left", suffix="_now")
    other = other.filter(pl.col("n").ne_missing(pl.col("n_now")))
    terms = sums.join(truth, on="cell", how="left")
    unequal = terms.group_by("equation").agg(
        pl.col("n").null_count().alias("unknown"), (pl.col("sign") * pl.col("n")).sum().alias("left")
    )
    unequal = unequal.filter((pl.col("unknown") > 0) | (pl.col("left") != 0))
    wrong = pl.concat(
        [
            other.select(keys.YEAR),
            terms.join(unequal, on="equation", how="semi").with_columns(*keys.YEAR_OF).select(keys.YEAR),
        ]
    ).unique()
    return named.join(connected(wrong, sums), on=keys.YEAR, how="anti", nulls_equal=True).select("cell")
