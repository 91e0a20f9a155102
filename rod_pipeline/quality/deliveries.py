"""Holding a delivery against the stored ones before it.

Belongs here: counting what breaks the rules across deliveries (``deliveries_rules``), what changed in school years that
come back (``Change``), how far columns moved (``Drift``). Does not belong here: which deliveries those are and opening
them (``history``).

*The delivery before* is the newest of them; only whether a final school year comes back as provisional is asked of all.
What a delivery had of which school year (rows, status, prikdatum) is read in its control totals, which agreed with its
rows before it was stored. A school year is *over* at a delivery when its prikdatum lies on or after the next 1 October.
Tables are opened one file at a time, and every frame that is collected is a sum over all students.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from rod_pipeline.contracts.model import FileKind
from rod_pipeline.decree import Decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.quality import deliveries_rules as rules
from rod_pipeline.quality.changes import Change, Drift
from rod_pipeline.quality.differences import changes_between, drifts_between
from rod_pipeline.quality.history import Earlier
from rod_pipeline.quality.report import Detail, RuleResult
from rod_pipeline.quality.tables import MASK, Tables, bit, mask_of, school_year

_TOTALS: FileKind = "technisch"
_TOLD = ("bestand", "schooljaar", "status", "prikdatum", "uitsplitsing", "aantal")
_TELLS_OF: Mapping[FileKind, int] = {"doorstroom": 2}
"""Of how many school years a row tells, where it isn't one: doorstroom has the diploma of the next one too."""
DATA_FILES: tuple[FileKind, ...] = ("inschrijvingen", "diplomas", "doorstroom", "mbo_hbo")


@dataclass(frozen=True)
class Comparison:
    """What came out of it: a result for each rule, changes per file and school year, drift per column."""

    results: tuple[RuleResult, ...]
    changes: tuple[Change, ...] = ()
    drifts: tuple[Drift, ...] = ()


def told_by(totals: Tables) -> pl.DataFrame:
    """What the control totals of a delivery say: ``file``, ``year`` (the first calendar year), ``status``,
    ``prikdatum`` (yyyymmdd), ``rows``; one row per file and school year."""
    return (
        totals.read(_TOTALS, *_TOLD)
        .filter(pl.col("uitsplitsing") == "totaal")
        .group_by(
            pl.col("bestand").alias("file"),
            pl.col("schooljaar").str.slice(0, 4).cast(pl.Int64, strict=False).alias("year"),
        )
        .agg(
            pl.col("status").max().alias("status"),
            pl.col("prikdatum").max().cast(pl.Int64),
            pl.col("aantal").sum().alias("rows"),
        )
        .filter(pl.col("year").is_not_null())
        .collect(engine="streaming")
    )


def compared(
    tables: Tables, key: DeliveryKey, now: pl.DataFrame, earlier: Sequence[Earlier], decree: Decree
) -> Comparison:
    """Hold a delivery against those before it, newest first. ``now``: as ``told_by``, counted from its own rows."""
    known = [(one, _told(one)) for one in earlier if _TOTALS in one.contracts]
    if not known:
        return Comparison(tuple(RuleResult.unjudged(rule, "delivery") for rule in rules.EVERY))
    (previous, before), *_ = known
    results = [
        _final_stays(now, [told for _, told in known]),
        _years_kept(now, before, key, decree),
        *_row_counts(now, before),
    ]
    changes: list[Change] = []
    drifts: list[Drift] = []
    for file in DATA_FILES:
        if not tables.has(file, "sectornummer", "schooljaar") or file not in previous.contracts:
            results += [RuleResult.unjudged(rule, file) for rule in _PER_FILE]
            continue
        years = sorted(set(_years(now, file)) & set(_years(before, file)))
        with previous.table(file) as old:
            results += _overlap(file, tables, old, years)
            changes += changes_between(file, tables, old, _facts(now, before, file, years), str(previous.key))
            moved = _drift(file, tables, old, (now, before), str(previous.key))
        far = tuple((drift.column, round(drift.distance, 4)) for drift in moved if drift.far)
        results.append(RuleResult(rules.DRIFTED, file, len(moved), len(far), not far, "columns", Detail(columns=far)))
        drifts += moved
    return Comparison(tuple(results), tuple(changes), tuple(drifts))


_PER_FILE = (rules.OVERLAP_LOST, rules.OVERLAP_LOW, rules.DRIFTED)


def _told(one: Earlier) -> pl.DataFrame:
    with one.table(_TOTALS) as totals:
        return told_by(totals)


def _years(told: pl.DataFrame, file: FileKind) -> list[int]:
    return told.filter(file=file)["year"].to_list()


def _final_stays(now: pl.DataFrame, earlier: Sequence[pl.DataFrame]) -> RuleResult:
    final = pl.concat(earlier).filter(status="D").select("file", "year").unique()
    again = now.join(final, on=["file", "year"])
    failed = again.filter(status="V").height
    return RuleResult.counted(rules.FINAL_STAYS, "delivery", rows=again.height, failed=failed, unit="school years")


def _years_kept(now: pl.DataFrame, before: pl.DataFrame, key: DeliveryKey, decree: Decree) -> RuleResult:
    """The school years of the moment are read at their narrowest: what may be lacking lawfully is not missed."""
    year, month = (int(part) for part in key.moment.split("-"))
    current = year if month >= 10 else year - 1
    extended = pl.col("file").is_in(list(decree.scope.extended_files))
    first = pl.when(extended).then(current - decree.scope.extended_preceding_years).otherwise(current - 1)
    wanted = before.filter((pl.col("year") >= first) & (pl.col("year") <= current))
    lost = wanted.join(now, on=["file", "year"], how="anti")
    return RuleResult.counted(rules.YEARS_KEPT, "delivery", rows=wanted.height, failed=lost.height, unit="school years")


def _over(prikdatum: pl.Expr, years: int = 1) -> pl.Expr:
    """Whether a school year, and so many in all from it on, were over at the prikdatum."""
    return prikdatum >= (pl.col("year") + years) * 10_000 + 1001


def _row_counts(now: pl.DataFrame, before: pl.DataFrame) -> Iterator[RuleResult]:
    both = now.join(before, on=["file", "year"], suffix="_before").filter(pl.col("rows_before") >= rules.ENOUGH)
    part, over = pl.col("rows") / pl.col("rows_before"), _over(pl.col("prikdatum_before"))
    grows = (pl.col("file") == "diplomas") & ~over
    low = pl.when(over).then(rules.BAND[0]).otherwise(rules.OPEN_BAND[0])
    high = pl.when(over).then(rules.BAND[1]).otherwise(rules.OPEN_BAND[1])
    for rule, least, most in (
        (rules.ROWS_COLLAPSED, pl.lit(rules.COLLAPSE[0]), pl.lit(rules.COLLAPSE[1])),
        (rules.ROWS_PLAUSIBLE, low, high),
    ):
        for file in DATA_FILES:
            years = both.filter(file=file)
            odd = years.filter((part < least) | ((part > most) & ~grows)).height
            yield RuleResult.counted(rule, file, rows=years.height, failed=odd, unit="school years")


def _overlap(file: FileKind, tables: Tables, old: Tables, years: Sequence[int]) -> Iterator[RuleResult]:
    """Students of the school years in which too few are found again, of all students of the years that came back."""
    if not years:
        yield from (RuleResult.unjudged(rule, file, "students") for rule in (rules.OVERLAP_LOST, rules.OVERLAP_LOW))
        return
    year, none = bit(pl.col("schooljaar")), pl.lit(0, MASK)
    columns = ("sectornummer", "schooljaar")
    both = (
        pl.concat(
            [
                old.read(file, *columns).select("sectornummer", year.alias("before"), none.alias("now")),
                tables.read(file, *columns).select("sectornummer", none.alias("before"), year.alias("now")),
            ]
        )
        .group_by("sectornummer")
        .agg(pl.col("before", "now").bitwise_or())
        .select(
            pl.struct(
                ((pl.col("before") & mask_of([one])) > 0).sum().alias("students"),
                ((pl.col("before") & pl.col("now") & mask_of([one])) > 0).sum().alias("found"),
            ).alias(school_year(one))
            for one in years
        )
        .collect(engine="streaming")
    )
    counts = [(both[school_year(one)][0]["students"], both[school_year(one)][0]["found"]) for one in years]
    students = sum(of for of, _ in counts)
    for rule, least in ((rules.OVERLAP_LOST, rules.LOST), (rules.OVERLAP_LOW, rules.LOW)):
        lost = sum(of - found for of, found in counts if found < least * of)
        yield RuleResult.counted(rule, file, rows=students, failed=lost, unit="students")


def _facts(now: pl.DataFrame, before: pl.DataFrame, file: FileKind, years: Sequence[int]) -> pl.DataFrame:
    """Rows and status of the school years that come back, now and before."""
    return (
        now.filter(pl.col("year").is_in(years), file=file)
        .join(before, on=["file", "year"], suffix="_before")
        .select("year", "rows", "rows_before", "status", "status_before")
        .sort("year")
    )


def _drift(
    file: FileKind, tables: Tables, old: Tables, told: tuple[pl.DataFrame, pl.DataFrame], before: str
) -> list[Drift]:
    """Drift between the newest school years of which all was known in each delivery, so that like meets like."""
    over = _over(pl.col("prikdatum"), _TELLS_OF.get(file, 1))
    newest = [one.filter(over, file=file)["year"].max() for one in told]
    if not all(isinstance(year, int) for year in newest):
        return []
    this, that = (school_year(year) for year in newest if isinstance(year, int))
    return drifts_between(file, (tables, this), (old, that), before)
