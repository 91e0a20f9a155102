"""DUO's control totals beside the rows of the files that they are about.

Belongs here: counting rows as the control totals do, setting both beside each other, and what of that may be told. Does
not belong here: judging a difference (``delivery``), showing it (``picture``).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import Column, Contract, FileKind
from rod_pipeline.quality.changes import floored
from rod_pipeline.quality.values import present

WHOLE: Final = "totaal"
TECHNICAL: Final[FileKind] = "technisch"
SCHOOL_YEAR: Final = re.compile(r"20[0-9]{2}-20[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Total:
    """One control total: rows of ``file`` in a school year, of the whole file or of one ``value`` of a breakdown.

    ``agrees`` says whether what is stated is what was counted. Both numbers are None where they are 1 to 4 or would
    give such a number away. ``value`` is None for a whole file, and for what no list or pattern of the contract names.
    """

    file: str
    breakdown: str
    schooljaar: str
    value: str | None
    agrees: bool
    stated: int | None
    counted: int | None


def stated(frame: pl.LazyFrame) -> pl.DataFrame:
    """The control totals as they came: ``file``, ``breakdown``, ``schooljaar``, ``value``, ``stated``."""
    return frame.select(
        present(pl.col("bestand")).alias("file"),
        present(pl.col("uitsplitsing")).alias("breakdown"),
        present(pl.col("schooljaar")).alias("schooljaar"),
        present(pl.col("waarde")).alias("value"),
        present(pl.col("aantal")).cast(pl.Int64, strict=False).alias("stated"),
    ).collect(engine="streaming")


def comparable(frames: Mapping[FileKind, pl.LazyFrame], contracts: Mapping[FileKind, Contract]) -> pl.DataFrame:
    """Every ``file`` and ``breakdown`` that can be counted."""
    known = sorted(
        (kind, breakdown)
        for kind, contract in contracts.items()
        if kind != TECHNICAL and kind in frames
        for breakdown in (WHOLE, *contract.breakdowns)
    )
    return pl.DataFrame(known, schema={"file": pl.String, "breakdown": pl.String}, orient="row")


def beside(lines: pl.DataFrame, frame: pl.LazyFrame, contract: Contract, breakdown: str) -> pl.DataFrame:
    """The control totals of one breakdown beside the rows: ``schooljaar``, ``value``, ``stated``, ``counted``."""
    column = contract.breakdowns.get(breakdown)
    value = present(pl.col(column)) if column else pl.lit(None, dtype=pl.String)
    counted = (
        frame.select(present(pl.col("schooljaar")).alias("schooljaar"), value.alias("value"))
        .group_by("schooljaar", "value")
        .agg(pl.len().cast(pl.Int64).alias("counted"))
        .collect(engine="streaming")
    )
    return (
        lines.filter(file=contract.file, breakdown=breakdown)
        .group_by("schooljaar", "value")
        .agg(pl.col("stated").sum())
        .join(counted, on=["schooljaar", "value"], how="full", coalesce=True, nulls_equal=True)
        .with_columns(pl.col("stated", "counted").fill_null(0))
        .sort("schooljaar", "value")
    )


def tellable(both: pl.DataFrame, contract: Contract, breakdown: str, book: ContractBook) -> Iterator[Total]:
    """What may be told of ``both`` (see ``beside``): no value that the contract doesn't name, and no small number."""
    column = contract.breakdowns.get(breakdown)
    known = _named(contract.column(column), book) if column else None
    for (year,), group in both.group_by("schooljaar", maintain_order=True):
        lines = list(group.select("value", "stated", "counted").iter_rows())
        shown = [floored(dict(enumerate(line[at] for line in lines))) for at in (1, 2)]
        for number, (value, says, found) in enumerate(lines):
            told = None not in (shown[0][number], shown[1][number])
            yield Total(
                file=contract.file,
                breakdown=breakdown,
                schooljaar=str(year) if SCHOOL_YEAR.fullmatch(str(year)) else "no school year",
                value=value if known is not None and value is not None and known.fullmatch(value) else None,
                agrees=says == found,
                stated=says if told else None,
                counted=found if told else None,
            )


def _named(column: Column, book: ContractBook) -> re.Pattern[str] | None:
    """What a value must look like to be told: one of a closed list, or of the form of an institution's code."""
    if column.values is not None and not (listed := book.value_list(column.values)).open:
        return re.compile("|".join(map(re.escape, listed.values)))
    if column.name == "instellingscode" and column.pattern is not None:
        return re.compile(column.pattern)
    return None
