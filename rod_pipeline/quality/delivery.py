"""Holding a delivery against itself, its moment and the decree.

Belongs here: judging a delivery as a whole, and counting what breaks the rules about its form and its tables
(``delivery_rules``). Does not belong here: rules about one file (``expectations`` and ``validate``), agreement between
files (``files``), the rekenregels (``rekenregels``), comparison with earlier deliveries (``deliveries``).

Each file is first reduced to a few small tables of counts, in streaming passes; the rules look at those alone. No value
of a person is collected: the tables are grouped by technical columns and by the breakdowns of the control totals.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import polars as pl

from rod_pipeline.clock import Clock
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import Contract, DateNotation, FileKind
from rod_pipeline.decree import Decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.quality import delivery_rules as rules
from rod_pipeline.quality.checks import CheckImpossible
from rod_pipeline.quality.deliveries import compared
from rod_pipeline.quality.files import across_files
from rod_pipeline.quality.history import Earlier
from rod_pipeline.quality.rekenregels import recomputed
from rod_pipeline.quality.report import CheckReport, RuleResult
from rod_pipeline.quality.suite import Rule
from rod_pipeline.quality.tables import Tables, bit, where, years_in
from rod_pipeline.quality.totals import TECHNICAL, Total, beside, comparable, stated, tellable
from rod_pipeline.quality.values import date_key, latest, present

MONTHS_BEFORE = 3
MONTHS_AFTER = 3
"""How far a prikdatum may lie from the month of its moment: "omstreeks" december 2025 is September 2025 up to and
including March 2026. Two moments are at least four months apart, so that the files of the next or the previous one
fall outside. A correction (revision 2 and up) may have been extracted at any later time."""

_ROWS = "__rows"


def validate_delivery(
    frames: Mapping[FileKind, pl.LazyFrame],
    contracts: Mapping[FileKind, Contract],
    key: DeliveryKey,
    decree: Decree,
    clock: Clock,
    earlier: Sequence[Earlier] = (),
    book: ContractBook | None = None,
) -> CheckReport:
    """Judge a delivery as a whole.

    ``frames``: per kind of file the lossless table (all String, technical names); ``contracts``: of every kind that a
    delivery must have; ``earlier``: the deliveries before it, newest first; ``book``: the closed lists, whose codes
    alone are told of a control total (by default the packaged ones). A rule that needs an earlier delivery, or a column
    that a contract no longer has, is not judged, and its result says so. Raises ``CheckImpossible`` where a table lacks
    a column that its contract has.
    """
    present_kinds = [kind for kind in contracts if kind in frames]
    tables = Tables({kind: frames[kind] for kind in present_kinds}, contracts)
    try:
        profile = pl.concat([_profile(frames[kind], contracts[kind]) for kind in present_kinds])
        rows: dict[str, int] = {kind: int(profile.filter(file=kind)[_ROWS].sum()) for kind in present_kinds}
        agreed, totals = _totals(frames, contracts, book or ContractBook.load())
        now = _told(profile)
        years = {kind: frozenset(now.filter(file=kind)["year"]) for kind in present_kinds}
        comparison = compared(tables, key, now, earlier, decree)
        results = [
            RuleResult.counted(
                rules.COMPLETE,
                "delivery",
                rows=len(contracts),
                failed=len(contracts) - len(present_kinds),
                unit="files",
            ),
            *_same(rules.ONE_PRIKDATUM, profile, "prikdatum", over=None),
            *_outside(rules.PRIKDATUM_FITS, profile, _prikdatum_fits(key, clock), "prikdatum"),
            *_same(rules.ONE_STATUS, profile, "status", over="schooljaar"),
            *_outside(rules.IN_SCOPE, profile, _in_scope(key, decree), "schooljaar"),
            *agreed,
            *_main_enrolments(tables),
            *_funded(tables),
            *across_files(tables, years),
            *recomputed(tables, years.get("doorstroom", frozenset())),
            *comparison.results,
        ]
    except pl.exceptions.PolarsError:
        raise CheckImpossible(
            f"The rules over the files of delivery {key} could not be counted.",
            "Hold every file against its contract first: a rule needs a column that a table lacks.",
        ) from None
    changes, drifts = comparison.changes, comparison.drifts
    return CheckReport.of(f"delivery {key}", results, rows, totals=totals, changes=changes, drifts=drifts)


def rows_outside(frame: pl.LazyFrame, contract: Contract, key: DeliveryKey, decree: Decree) -> int:
    """How many rows of a file are about a school year that the decree doesn't allow it.

    What isn't two consecutive years is not among them: it is a mistake, and breaks rules of its own.
    """
    begin, end = (pl.col("schooljaar").str.extract(r"^([0-9]{4})-([0-9]{4})$", g).cast(pl.Int32) for g in (1, 2))
    profile = _profile(frame, contract).filter(end == begin + 1)
    return int(profile.filter(~_in_scope(key, decree))[_ROWS].sum())


def _profile(frame: pl.LazyFrame, contract: Contract) -> pl.DataFrame:
    """Rows per combination of the technical columns. ``about`` is the file that a row is about: for a control total,
    the file that it counts."""
    about = present(pl.col("bestand")) if contract.file == TECHNICAL else pl.lit(contract.file)
    notation: DateNotation = contract.dialect.dates
    return (
        frame.select(
            pl.lit(contract.file).alias("file"),
            about.alias("about"),
            present(pl.col("schooljaar")).alias("schooljaar"),
            present(pl.col("status")).alias("status"),
            date_key(pl.col("prikdatum"), notation).alias("prikdatum"),
        )
        .group_by(pl.all())
        .agg(pl.len().cast(pl.Int64).alias(_ROWS))
        .collect(engine="streaming")
    )


def _told(profile: pl.DataFrame) -> pl.DataFrame:
    """What the rows say of each file and school year, in the form of ``deliveries.told_by``: what most rows say."""
    begin, end = (pl.col("schooljaar").str.extract(r"^([0-9]{4})-([0-9]{4})$", g).cast(pl.Int64) for g in (1, 2))
    return (
        profile.filter((pl.col("file") != TECHNICAL) & (end == begin + 1))
        .sort(_ROWS, descending=True)
        .group_by("file", begin.alias("year"), maintain_order=True)
        .agg(pl.col("status", "prikdatum").first(), pl.col(_ROWS).sum().alias("rows"))
        .with_columns(pl.col("prikdatum").cast(pl.Int64))
    )


def _same(rule: Rule, profile: pl.DataFrame, column: str, *, over: str | None) -> Iterator[RuleResult]:
    """Per file, rows whose value in ``column`` is not the one that most rows (of the same ``over``) have."""
    groups = [over] if over else [pl.lit(0).alias("all")]
    known = profile.filter(pl.col(column).is_not_null())
    usual = (
        known.group_by(*groups, column)
        .agg(pl.col(_ROWS).sum())
        .sort(_ROWS, column, descending=[True, False])
        .group_by(*([over] if over else ["all"]), maintain_order=True)
        .agg(pl.col(column).first().alias("__usual"))
    )
    known = known.with_columns(pl.lit(0).alias("all")).join(usual, on=over or "all", how="left", nulls_equal=True)
    yield from _per_file(rule, profile, known.filter(pl.col(column) != pl.col("__usual")))


def _outside(rule: Rule, profile: pl.DataFrame, allowed: pl.Expr, column: str) -> Iterator[RuleResult]:
    """Per file, rows that have a value in ``column`` for which ``allowed`` does not hold."""
    yield from _per_file(rule, profile, profile.filter(pl.col(column).is_not_null() & ~allowed.fill_null(False)))


def _per_file(rule: Rule, profile: pl.DataFrame, failing: pl.DataFrame) -> Iterator[RuleResult]:
    for kind in profile["file"].unique(maintain_order=True):
        rows, failed = (int(table.filter(file=kind)[_ROWS].sum()) for table in (profile, failing))
        yield RuleResult.counted(rule, kind, rows=rows, failed=failed)


def _prikdatum_fits(key: DeliveryKey, clock: Clock) -> pl.Expr:
    year, month = (int(part) for part in key.moment.split("-"))
    months = year * 12 + month - 1
    today = _as_key(clock.now().astimezone(ZoneInfo("Europe/Amsterdam")).date())
    first, last = _month_key(months - MONTHS_BEFORE), _month_key(months + MONTHS_AFTER) + 31
    prikdatum = pl.col("prikdatum")
    fits = (latest(prikdatum) >= first) & (prikdatum <= today)
    return fits if key.revision > 1 else fits & (prikdatum <= last)


def _month_key(months: int) -> int:
    """The date key of day 0 of a month, counted from year 0."""
    return months // 12 * 10_000 + (months % 12 + 1) * 100


def _as_key(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def _in_scope(key: DeliveryKey, decree: Decree) -> pl.Expr:
    """Two consecutive years, the first not before what the decree allows this file and not after the moment.

    The decree's "actuele schooljaar en voorafgaande schooljaar, vanaf 2022" is read at its widest, all school years
    since 2022: what may be lawful is not refused. A school year begins on 1 August.
    """
    year, month = (int(part) for part in key.moment.split("-"))
    scope, begin = decree.scope, pl.col("schooljaar").str.slice(0, 4).cast(pl.Int32, strict=False)
    end = pl.col("schooljaar").str.slice(5, 4).cast(pl.Int32, strict=False)
    extended = pl.col("about").is_in(list(scope.extended_files)).fill_null(False)
    first = pl.when(extended).then(scope.first_year - scope.extended_preceding_years).otherwise(scope.first_year)
    return (begin >= first) & (begin <= (year if month >= 8 else year - 1)) & (end == begin + 1)


def _totals(
    frames: Mapping[FileKind, pl.LazyFrame], contracts: Mapping[FileKind, Contract], book: ContractBook
) -> tuple[list[RuleResult], list[Total]]:
    """How the rules about control totals came out, and the totals as far as they may be told."""
    if TECHNICAL not in frames or TECHNICAL not in contracts:
        return [], []
    lines = stated(frames[TECHNICAL])
    known = comparable(frames, contracts)
    unknown = lines.join(known, on=["file", "breakdown"], how="anti").height
    results = [RuleResult.counted(rules.COMPARABLE, TECHNICAL, rows=lines.height, failed=unknown, unit="totals")]
    totals: list[Total] = []
    for kind, breakdown in known.iter_rows():
        both = beside(lines, frames[kind], contracts[kind], breakdown)
        differ = both.filter(pl.col("stated") != pl.col("counted")).height
        rule = rules.totals_agree(breakdown)
        results.append(RuleResult.counted(rule, kind, rows=both.height, failed=differ, unit="totals"))
        totals += tellable(both, contracts[kind], breakdown, book)
    return results, totals


def _main_enrolments(tables: Tables) -> Iterator[RuleResult]:
    """Students who are enrolled on the peildatum, at an institution and at all, and those without a main enrolment."""
    judged = (rules.MAIN_AT_INSTITUTION, rules.MAIN_IN_MBO)
    keys, flags = ("sectornummer", "instellingscode"), ("hoofdinschrijving_instelling", "hoofdinschrijving_mbo")
    dates = ("peildatum", "datum_inschrijving", "datum_uitschrijving_werkelijk")
    if not tables.has("inschrijvingen", "schooljaar", *keys, *flags, *dates):
        yield from (RuleResult.unjudged(rule, "inschrijvingen", "students") for rule in judged)
        return
    frame, dialect = tables.frames["inschrijvingen"], tables.contracts["inschrijvingen"].dialect
    at, begin, end = (date_key(pl.col(name), dialect.dates) for name in dates)
    enrolled = (begin <= at) & (present(pl.col("datum_uitschrijving_werkelijk")).is_null() | (latest(end) >= at))
    year, (here, anywhere) = bit(pl.col("schooljaar")), (pl.col(flag) == dialect.booleans[0] for flag in flags)
    row = (
        frame.filter(enrolled)
        .select(*keys, year.alias("year"), where(here, year).alias("here"), where(anywhere, year).alias("anywhere"))
        .group_by(keys)
        .agg(pl.col("year", "here", "anywhere").bitwise_or())
        .with_columns(
            pl.col("year").bitwise_count_ones().alias("rows"),
            (pl.col("year") & ~pl.col("here")).bitwise_count_ones().alias("without"),
        )
        .group_by("sectornummer")
        .agg(pl.col("rows", "without").sum(), pl.col("year", "anywhere").bitwise_or())
        .select(
            pl.col("rows", "without").cast(pl.Int64).sum(),
            years_in(pl.col("year")).alias("all rows"),
            years_in(pl.col("year") & ~pl.col("anywhere")).alias("all without"),
        )
        .collect(engine="streaming")
        .row(0)
    )
    for rule, (rows, without) in zip(judged, (row[:2], row[2:]), strict=True):
        yield RuleResult.counted(rule, "inschrijvingen", rows=int(rows), failed=int(without), unit="students")


def _funded(tables: Tables) -> Iterator[RuleResult]:
    if not tables.has("inschrijvingen", "instellingscode", "bekostigbaar"):
        yield RuleResult.unjudged(rules.FUNDED, "inschrijvingen")
        return
    enrolments, failed = (
        tables.read("inschrijvingen", "instellingscode", "bekostigbaar")
        .group_by("instellingscode")
        .agg(pl.len().alias("rows"), pl.col("bekostigbaar").any().fill_null(False).alias("any"))
        .select(
            pl.col("rows").sum(),
            pl.col("rows").filter(~pl.col("any") & (pl.col("rows") >= rules.FEW)).sum().alias("failed"),
        )
        .collect(engine="streaming")
        .row(0)
    )
    yield RuleResult.counted(rules.FUNDED, "inschrijvingen", rows=int(enrolments), failed=int(failed))
