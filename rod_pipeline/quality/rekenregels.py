"""Recomputing what DUO derived: identities between the rows, indicaties and school years of doorstroom.

Belongs here: counting what breaks the rules of ``rekenregels_rules``. Does not belong here: results for readers
(``marts``), agreement between files (``files``).

Rows are those of mbo students. A row with I, D or U is in *stock* on 1 October; one with T is in none (it came and
went, so it is neither there a year earlier nor a year later). What needs the next school year is judged in the years
whose next one is in the file too: of the others the next 1 October was not known. *In view*: level 2 to 4, leerweg bol,
bol-dt, bbl or ex. A pass groups by student, another by student and institution, with masks of school years
(``tables``); others count rows. Every frame that is collected is a sum over all students, per level at most.
"""

from collections.abc import Iterator, Mapping

import polars as pl

from rod_pipeline.contracts.model import FileKind
from rod_pipeline.quality import rekenregels_rules as rules
from rod_pipeline.quality.changes import FLOOR
from rod_pipeline.quality.report import Detail, RuleResult, Unit
from rod_pipeline.quality.suite import Rule
from rod_pipeline.quality.tables import MASK, Tables, after, before, bit, mask_of, school_year, where, years_in

_FILE: FileKind = "doorstroom"
_LEVELS = ("MBO-1", "MBO-2", "MBO-3", "MBO-4")
_IN_VIEW = ("BOL", "BBL", "BOL_DT", "EX")
_KEYS = ("sectornummer", "instellingscode", "schooljaar", "niveau", "in_door_uitstroom")
_POPULATIONS = (
    "leerweg",
    "heeft_diploma",
    "populatie_starter",
    "indicatie_startersresultaat",
    "populatie_diplomaresultaat",
    "populatie_jaarresultaat",
)
_FITTING = (
    "schooljaar",
    "niveau",
    "categorie_hoogste_vooropleiding",
    "kwalificatiecode_diploma",
    "heeft_diploma",
    "passend_diploma",
    "populatie_diplomaresultaat",
)
_CLIMBING = ("schooljaar", "niveau", "niveau_jaar2", "populatie_opstroom", "indicatie_opstroom")
_LEVEL_OF_PROGRAMME: tuple[tuple[FileKind, str, str], ...] = (
    ("inschrijvingen", "opleidingscode", "niveau"),
    ("doorstroom", "kwalificatiecode_inschrijving", "niveau"),
    ("diplomas", "opleidingscode", "niveau_diploma"),
)
_CHANCE = 4.0
"""How many standard errors a share of a small group may lie outside its band: chance, as long as it is alone."""

Counts = Mapping[Rule, tuple[pl.Expr, pl.Expr]]


def recomputed(tables: Tables, years: frozenset[int]) -> Iterator[RuleResult]:
    """Judge doorstroom by the rekenregels. ``years``: the school years (by their first calendar year) that it has."""
    known = {year for year in years if year + 1 in years}
    yield from _flows(tables, known)
    yield from _populations(tables, known, years)
    yield from _climbing(tables, known)
    yield from _fitting(tables)
    yield from _bands(tables, known)


def _students(tables: Tables, *columns: str) -> pl.LazyFrame:
    return tables.read(_FILE, *_KEYS, *columns).filter(pl.col("niveau").is_not_null())


def _of(text: str) -> pl.Expr:
    return pl.col("in_door_uitstroom") == text


def _flows(tables: Tables, known: set[int]) -> Iterator[RuleResult]:
    """Each student's letters and levels of a school year against those of the next."""
    told = tables.has(_FILE, *_KEYS, "niveau_jaar2")
    if not told or not known:
        yield from (RuleResult.unjudged(rule, _FILE, "students") for rule in (rules.FLOW, rules.NEXT_LEVEL))
        return
    year, level = bit(pl.col("schooljaar")), pl.col("niveau")
    stock = pl.col("in_door_uitstroom").is_in(["I", "D", "U"]).fill_null(False)
    masks = {
        "came": where(_of("I"), year),
        "stayed": where(_of("D"), year),
        "left": where(_of("U"), year),
        "visited": where(_of("T"), year),
        **{f"at {name}": where(stock & (level == name), year) for name in _LEVELS},
        **{f"to {name}": where(stock & (pl.col("niveau_jaar2") == name), year) for name in _LEVELS},
    }
    came, stayed, left = (pl.col(name) for name in ("came", "stayed", "left"))
    stock_of = came | stayed | left
    goes_on, pairs = came | stayed, pl.lit(mask_of(known), MASK)
    # Seen from the first of two years: who isn't there a year later, or is there as if new; and who is there a year
    # later without having come, from nowhere or after having left.
    odd = (
        (goes_on & ~after(stock_of))
        | (goes_on & after(came) & ~after(stayed | left))
        | (~goes_on & after(stayed | left) & ~after(came))
    ) & pairs
    somewhere = (stock_of | after(stock_of)) & pairs
    told_level, at, to = pl.lit(0, MASK), pl.lit(0, MASK), pl.lit(0, MASK)
    for name in _LEVELS:
        at, to = at | pl.col(f"at {name}"), to | pl.col(f"to {name}")
        told_level = told_level | (pl.col(f"to {name}") & ~after(pl.col(f"at {name}")))
    wrong_level = (told_level | (at & after(at) & ~to)) & pairs
    row = (
        _students(tables, "niveau_jaar2")
        .select("sectornummer", *[mask.alias(name) for name, mask in masks.items()])
        .group_by("sectornummer")
        .agg(pl.col(list(masks)).bitwise_or())
        .select(
            years_in(somewhere).alias("rows"),
            years_in(odd).alias("failed"),
            years_in(at & (to | after(at)) & pairs).alias("levels"),
            years_in(wrong_level).alias("levels failed"),
            years_in(left & after(came) & pairs).alias("moved"),
            years_in(pl.col("visited")).alias("visited"),
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    explained = {"left (U) and came again (I), as after a change of institution": row["moved"], "T": row["visited"]}
    detail = Detail(explained=tuple((kind, int(count)) for kind, count in explained.items() if count >= FLOOR))
    rows, failed = int(row["rows"]), int(row["failed"])
    yield RuleResult(rules.FLOW, _FILE, rows, failed, failed == 0, "students", detail)
    yield RuleResult.counted(
        rules.NEXT_LEVEL, _FILE, rows=int(row["levels"]), failed=int(row["levels failed"]), unit="students"
    )


def _populations(tables: Tables, known: set[int], years: frozenset[int]) -> Iterator[RuleResult]:
    """Who is in which population, by where the student is a school year earlier and later."""
    judged = (rules.STARTER, rules.STARTER_RESULT, rules.LEAVERS, rules.JAAR)
    if not tables.has(_FILE, *_KEYS, *_POPULATIONS) or not known:
        yield from (RuleResult.unjudged(rule, _FILE, "students") for rule in judged)
        return
    year = bit(pl.col("schooljaar"))
    in_view = pl.col("niveau").is_in(_LEVELS[1:]) & pl.col("leerweg").is_in(_IN_VIEW)
    masks = {
        "stock": where(~_of("T"), year),
        "view": where(in_view, year),
        "graduated": where(pl.col("heeft_diploma"), year),
        **{name: where(pl.col(name), year) for name in _POPULATIONS[2:]},
    }
    stock, view, graduated, starter, result, leaver, jaar = (pl.col(name) for name in masks)
    closed = pl.lit(mask_of(known), MASK)
    since = pl.lit(mask_of(year for year in known if year - 1 in years), MASK)
    counted = view & stock
    starts = view & ~before(stock)
    leaves = view & ~after(stock)
    # Of who came and went (T), some were there on 1 October and some were not: they may be in a population or not.
    counts: Counts = {
        rules.STARTER: ((starter | counted) & since, ((starter & ~starts) | (counted & starts & ~starter)) & since),
        rules.STARTER_RESULT: (starter & closed, (result ^ (starter & (after(stock) | graduated))) & closed),
        rules.LEAVERS: ((leaver | counted) & closed, ((leaver & ~leaves) | (counted & leaves & ~leaver)) & closed),
        rules.JAAR: ((jaar | counted) & closed, (jaar ^ (leaver | (view & graduated))) & closed),
    }
    frame = (
        _students(tables, *_POPULATIONS)
        .select("sectornummer", "instellingscode", *[mask.alias(name) for name, mask in masks.items()])
        .group_by("sectornummer", "instellingscode")
        .agg(pl.col(list(masks)).bitwise_or())
    )
    yield from _counted(frame, {rule: (years_in(r), years_in(f)) for rule, (r, f) in counts.items()}, "students")


def _climbing(tables: Tables, known: set[int]) -> Iterator[RuleResult]:
    if not tables.has(_FILE, *_CLIMBING):
        yield RuleResult.unjudged(rules.CLIMB, _FILE)
        return
    level, later = (pl.col(name).str.slice(4, 1).cast(pl.Int8, strict=False) for name in ("niveau", "niveau_jaar2"))
    population, has = pl.col("populatie_opstroom").fill_null(False), pl.col("indicatie_opstroom").fill_null(False)
    right = population & level.is_in([2, 3]) & (later > level).fill_null(False)
    odd = (has != right) | (population & ~level.is_in([2, 3]).fill_null(False))
    frame = tables.read(_FILE, *_CLIMBING).filter(pl.col("schooljaar").is_in([school_year(year) for year in known]))
    yield from _counted(frame, {rules.CLIMB: ((population | has).sum(), ((population | has) & odd).sum())}, "rows")


def _fitting(tables: Tables) -> Iterator[RuleResult]:
    if not tables.has(_FILE, *_FITTING):
        yield from (RuleResult.unjudged(rule, _FILE) for rule in (rules.FITTING, rules.GAIN))
        return
    expected = pl.col("categorie_hoogste_vooropleiding").replace_strict(
        {str(category): level for category, level in rules.EXPECTED_LEVEL.items()}, default=None, return_dtype=pl.Int8
    )
    levels = _levels(tables)
    reached = (
        pl.col("kwalificatiecode_diploma").replace_strict(levels, default=None, return_dtype=pl.Int8)
        if levels
        else pl.lit(None, pl.Int8)
    )
    graduated, fitting = pl.col("heeft_diploma").fill_null(False), pl.col("passend_diploma")
    established = expected.is_not_null() & reached.is_not_null()
    judged = fitting.is_not_null() & (~graduated | established)
    leavers = graduated & pl.col("populatie_diplomaresultaat").fill_null(False)
    counts = {
        rules.FITTING: (
            judged.sum(),
            (judged & (fitting != (graduated & (reached >= expected).fill_null(False)))).sum(),
        ),
        rules.GAIN: (leavers.sum(), (leavers & ~established).sum()),
    }
    frame = tables.read(_FILE, *_FITTING).filter(pl.col("niveau").is_not_null())
    for result in _counted(frame, counts, "rows"):
        if result.rule is rules.GAIN:
            enough = result.failed <= (1 - rules.ESTABLISHED) * result.rows
            result = RuleResult(result.rule, _FILE, result.rows, result.failed, enough)
        yield result


def _levels(tables: Tables) -> Mapping[str, int]:
    """The level of each programme that the files tell one level of."""
    sources = [
        tables.read(file, code, level).select(pl.col(code).alias("code"), pl.col(level).alias("level")).unique()
        for file, code, level in _LEVEL_OF_PROGRAMME
        if tables.has(file, code, level)
    ]
    told = (
        pl.concat(sources)
        .drop_nulls()
        .filter(pl.col("level").is_in(_LEVELS))
        .group_by("code")
        .agg(pl.col("level").unique())
        .filter(pl.col("level").list.len() == 1)
        .select("code", pl.col("level").list.first())
        .collect(engine="streaming")
    )
    return {code: int(level.removeprefix("MBO-")) for code, level in told.iter_rows()}


def _bands(tables: Tables, known: set[int]) -> Iterator[RuleResult]:
    """JR, DR and SR per level and school year; SR over the school year and the two before it, as the Inspectie does."""
    bands = {
        rules.JR: ("populatie_jaarresultaat", "heeft_diploma"),
        rules.DR: ("populatie_diplomaresultaat", "heeft_diploma"),
        rules.SR: ("populatie_starter", "indicatie_startersresultaat"),
    }
    columns = ("schooljaar", "niveau", *{name: None for pair in bands.values() for name in pair})
    if not tables.has(_FILE, *columns):
        yield from (RuleResult.unjudged(band.rule, _FILE, "levels") for band in bands)
        return
    sums = (
        tables.read(_FILE, *columns)
        .filter(pl.col("niveau").is_in(_LEVELS[1:]))
        .group_by(pl.col("schooljaar").str.slice(0, 4).cast(pl.Int64, strict=False).alias("year"), "niveau")
        .agg(
            *[pl.col(population).sum().alias(f"{band.rule.id} of") for band, (population, _) in bands.items()],
            *[(pl.col(p) & pl.col(met)).sum().alias(band.rule.id) for band, (p, met) in bands.items()],
        )
        .collect(engine="streaming")
    )
    for band in bands:
        cells = sums.select("year", "niveau", met=pl.col(band.rule.id), of=pl.col(f"{band.rule.id} of"))
        if band is rules.SR:
            later = pl.concat(cells.with_columns(pl.col("year") + back) for back in (0, 1, 2))
            cells = later.group_by("year", "niveau").agg(pl.col("met", "of").sum())
        cells = cells.filter(pl.col("year").is_in(list(known)) & (pl.col("of") >= rules.LEAST))
        outside = [_outside(met / of, of, band) for met, of in cells.select("met", "of").iter_rows()]
        yield RuleResult.counted(band.rule, _FILE, rows=len(outside), failed=sum(outside), unit="levels")


def _outside(share: float, of: int, band: rules.Band) -> bool:
    """Whether a share lies outside its band by more than chance gives a group of this size."""
    nearest = min(max(share, band.low), band.high)
    return bool(abs(share - nearest) > _CHANCE * (nearest * (1 - nearest) / of) ** 0.5)


def _counted(frame: pl.LazyFrame, counts: Counts, unit: Unit) -> Iterator[RuleResult]:
    row = (
        frame.select(
            pl.struct(rows.cast(pl.Int64).alias("rows"), failed.cast(pl.Int64).alias("failed")).alias(rule.id)
            for rule, (rows, failed) in counts.items()
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    for rule in counts:
        rows, failed = (int(row[rule.id][part] or 0) for part in ("rows", "failed"))
        yield RuleResult.counted(rule, _FILE, rows=rows, failed=failed, unit=unit)
