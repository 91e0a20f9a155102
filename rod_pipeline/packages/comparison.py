"""One institution, sector chamber or bedrijfstakgroep beside the whole country: from published figures alone.

Belongs here: own figure, national figure, norm and rank, for every published table that has a figure of its own for
whoever the package is for. Does not belong here: how it is drawn (``report``).

Everything here is a function of what was published, so it tells nobody more than that does. A rank names no other: it
counts the institutions whose figure is printed, and there is none among fewer than three.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from rod_pipeline.publishing.shape import PERCENTAGE
from rod_pipeline.publishing.words import words

FEWEST = 3
"""Among fewer institutions than this there is no rank (notes on disclosure: fewer are no benchmark)."""
YEARS = ("schooljaar", "opbrengstjaar", "studiejaar", "uitstroomjaar")
"""The columns that are a year, the first that a table has is its own."""
_FIGURE: Mapping[str, str] = {"count": "aantal", "percentage": "percentage"}


@dataclass(frozen=True)
class Subject:
    """Whose figures they are: the column and the code that name it, and what it is called."""

    column: Literal["instellingscode", "sectorkamer", "bedrijfstakgroep"]
    code: str
    label: str


@dataclass(frozen=True)
class Comparison:
    """One measure, by ``by``. ``frame``: these columns, then ``eigen``, ``landelijk``, ``norm``, ``rang``, ``van``,
    ``alle`` (every printed figure, unnamed, sorted), ``status``; null where a figure is hidden or isn't there.
    """

    measure: str
    kind: Literal["count", "percentage"]
    by: tuple[str, ...]
    frame: pl.DataFrame

    @property
    def year(self) -> str:
        """The column that is its year; empty when it has none."""
        return next((column for column in YEARS if column in self.by), "")

    @property
    def rest(self) -> tuple[str, ...]:
        """What it is by, apart from the year."""
        return tuple(column for column in self.by if column != self.year)

    @property
    def years(self) -> tuple[str, ...]:
        """The years, oldest first."""
        return tuple(self.frame[self.year].unique().sort()) if self.year else ()


def comparisons(tables: Mapping[str, pl.DataFrame], subject: Subject) -> tuple[Comparison, ...]:
    """All comparisons that the published ``tables`` (by name, the catalogue ``tabellen`` among them) allow.

    In the order in which ``labels.toml`` has the measures.
    """
    about = [
        (name, measure, tuple(by.split(",")) if by else ())
        for name, measure, by in tables["tabellen"].select("tabel", "maat", "indeling").iter_rows()
    ]
    found = {}
    for name, measure, by in about:
        # The two sides of an outcome are told by their percentage.
        if subject.column not in by or f"{name}{PERCENTAGE}" in tables:
            continue
        rest = tuple(column for column in by if column != subject.column)
        kind: Literal["count", "percentage"] = "percentage" if "percentage" in tables[name].columns else "count"
        nationals = [
            other
            for other, counted, its_by in about
            if counted == measure and set(its_by) == set(rest) and _FIGURE[kind] in tables[other].columns
        ]
        if nationals:
            frame = _compared(tables[name], tables[nationals[0]], subject, rest, _FIGURE[kind], measure)
            found[measure, kind, rest] = Comparison(measure, kind, rest, frame)
    order = {measure: place for place, measure in enumerate(words().measures)}
    return tuple(found[key] for key in sorted(found, key=lambda key: (order[key[0]], key)))


def _compared(
    own: pl.DataFrame, national: pl.DataFrame, subject: Subject, by: tuple[str, ...], figure: str, measure: str
) -> pl.DataFrame:
    printed = own.filter(pl.col(figure).is_not_null()).with_columns(pl.lit("").alias("__all"))
    group = ["__all", *by]
    ranked = printed.with_columns(
        pl.col(figure).rank("min", descending=True).over(group).cast(pl.Int64).alias("rang"),
        pl.len().over(group).cast(pl.Int64).alias("van"),
    )
    every = ranked.group_by(group).agg(pl.col(figure).sort().alias("alle")).drop("__all")
    # Sector chambers are no rivals: there is no rank among them, and a norm is for institutions.
    of_institution = subject.column == "instellingscode"
    enough = (pl.col("van") >= FEWEST) & of_institution
    mine = own.filter(pl.col(subject.column) == subject.code).select(
        *by, pl.col(figure).alias("eigen"), *_status(own, by)
    )
    places = ranked.filter(pl.col(subject.column) == subject.code).select(
        *by, pl.when(enough).then("rang").alias("rang"), pl.when(enough).then("van").alias("van")
    )
    whole = national.select(*by, pl.col(figure).alias("landelijk"))
    return (
        _joined(_joined(_joined(mine, whole, by), places, by), every, by)
        .with_columns((_norm(measure, by) if of_institution else pl.lit(None, pl.Float64)).alias("norm"))
        .select(*by, "eigen", "landelijk", "norm", "rang", "van", "alle", *_status(own, by))
        .sort(by or "eigen")
    )


def _status(own: pl.DataFrame, by: tuple[str, ...]) -> list[str]:
    return ["status"] if "status" in own.columns and "status" not in by else []


def _joined(left: pl.DataFrame, right: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    return left.join(right, on=by, how="left") if by else left.join(right, how="cross")


def _norm(measure: str, by: tuple[str, ...]) -> pl.Expr:
    """The norm for the level of a row; null where there is none."""
    norms = words().norms.get(measure)
    if norms is None or "niveau" not in by:
        return pl.lit(None, pl.Float64)
    return pl.col("niveau").replace_strict(norms, default=None, return_dtype=pl.Float64)


def listed(found: tuple[Comparison, ...]) -> pl.DataFrame:
    """All comparisons under each other, for who wants to work with them: one row a figure.

    Figures as they stand in a file for Dutch readers: a count has no decimals, a percentage a comma.
    """
    parts = [frame for one in found for frame in _lines(one)]
    if not parts:
        return pl.DataFrame(schema=_LISTED)
    return pl.concat(parts).select(*_LISTED)


_LISTED: Mapping[str, type[pl.DataType]] = {
    "maat": pl.String,
    "eenheid": pl.String,
    "jaar": pl.String,
    "status": pl.String,
    "indeling": pl.String,
    "eigen": pl.String,
    "landelijk": pl.String,
    "norm": pl.String,
    "rang": pl.Int64,
    "van": pl.Int64,
}


def _lines(one: Comparison) -> Iterator[pl.DataFrame]:
    parts = [pl.format(f"{column}={{}}", pl.col(column)) for column in one.rest]
    yield one.frame.select(
        pl.lit(one.measure).alias("maat"),
        pl.lit("aantal" if one.kind == "count" else "procent").alias("eenheid"),
        (pl.col(one.year) if one.year else pl.lit(None, pl.String)).alias("jaar"),
        (pl.col("status") if "status" in one.frame.columns else pl.lit(None, pl.String)).alias("status"),
        (pl.concat_str(*parts, separator=", ") if parts else pl.lit("totaal")).alias("indeling"),
        *(_plain(name, one.kind) for name in ("eigen", "landelijk")),
        _plain("norm", "percentage"),
        "rang",
        "van",
    )


def _plain(name: str, kind: Literal["count", "percentage"]) -> pl.Expr:
    if kind == "count":
        return pl.col(name).cast(pl.Int64).cast(pl.String)
    return pl.col(name).cast(pl.Float64).cast(pl.String).str.replace(".", ",", literal=True)
