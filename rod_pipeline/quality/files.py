"""Holding the files of one delivery against each other.

Belongs here: counting what breaks the rules across files (``files_rules``). Does not belong here: rules about one file
(``expectations``), identities of the rekenregels (``rekenregels``).

One pass over all files groups by student and institution, then by student: what each was in which school year is a mask
(``tables``), and every rule is a count of bits. Rules hold only for school years that both files have. Institutions and
programmes are compared by small tables of their own. Every frame that is collected is a sum over all of them.
"""

from collections.abc import Iterator, Mapping

import polars as pl

from rod_pipeline.contracts.model import FileKind
from rod_pipeline.quality import files_rules as rules
from rod_pipeline.quality.report import RuleResult
from rod_pipeline.quality.suite import Rule
from rod_pipeline.quality.tables import MASK, Tables, bit, mask_of, where, years_in

Years = Mapping[FileKind, frozenset[int]]

_HIGHEST = "MBO-4"
_LEVEL_OF_STUDENTS: Mapping[FileKind, str] = {"doorstroom": "niveau"}
"""The column that is filled for mbo students alone, in a file that has others too."""
_OTHERS: tuple[FileKind, ...] = ("diplomas", "doorstroom", "mbo_hbo")

_PROGRAMMES: tuple[tuple[FileKind, str, Mapping[str, str]], ...] = (
    (
        "inschrijvingen",
        "opleidingscode",
        {"niveau": "niveau", "sector": "sectorkamer", "hg": "code_hg", "sg": "code_sg", "bc": "code_bc"},
    ),
    (
        "doorstroom",
        "kwalificatiecode_inschrijving",
        {"niveau": "niveau", "sector": "sector_inschrijving", "hg": "code_hg", "sg": "code_sg", "bc": "code_bc"},
    ),
    (
        "doorstroom",
        "kwalificatiecode_diploma",
        {
            "sector": "sectorkamer_diploma",
            "hg": "code_hg_diploma",
            "sg": "code_sg_diploma",
            "bc": "code_bc_diploma",
        },
    ),
    ("diplomas", "opleidingscode", {"niveau": "niveau_diploma", "sector": "sectorkamer_diploma"}),
    ("mbo_hbo", "mbo_opleiding_code", {"niveau": "mbo_opleiding_niveau", "sector": "mbo_opleiding_sector"}),
    ("mbo_hbo", "mbo_hoogste_diploma_opleiding_code", {"niveau": "mbo_hoogste_diploma_niveau"}),
)
"""Who tells what of a programme: file, the column with its code, and the column of each attribute."""


def across_files(tables: Tables, years: Years) -> Iterator[RuleResult]:
    """Judge the files beside each other. ``years``: the school years (by their first calendar year) that each has."""
    yield from _students(tables, years)
    yield from _institutions(tables, years)
    yield from _programmes(tables)


_IS = ("enrolled", "diploma", "main", "level4", "flagged", "mbo", "left", "left4")
"""Masks of a student: enrolled in inschrijvingen; mbo student in doorstroom; with a diploma, a main diploma, one of
level 4; with a diploma by doorstroom; in mbo_hbo, and there with a level-4 diploma."""


def _told(tables: Tables) -> Iterator[pl.LazyFrame]:
    """Of each file, student and institution and the masks that it tells of."""
    keys = ("sectornummer", "instellingscode", "schooljaar")
    year, text = bit(pl.col("schooljaar")), pl.col
    if tables.has("inschrijvingen", *keys):
        yield _masks(tables.read("inschrijvingen", *keys), enrolled=year)
    if tables.has("diplomas", *keys, "niveau_diploma", "hoofddiploma"):
        yield _masks(
            tables.read("diplomas", *keys, "niveau_diploma", "hoofddiploma"),
            diploma=where(text("niveau_diploma").is_not_null(), year),
            main=where(text("hoofddiploma"), year),
            level4=where(text("niveau_diploma") == _HIGHEST, year),
        )
    if tables.has("doorstroom", *keys, "niveau", "heeft_diploma"):
        student = text("niveau").is_not_null()
        yield _masks(
            tables.read("doorstroom", *keys, "niveau", "heeft_diploma").filter(student),
            mbo=year,
            flagged=where(text("heeft_diploma"), year),
        )
    if tables.has("mbo_hbo", *keys, "mbo_hoogste_diploma_niveau"):
        yield _masks(
            tables.read("mbo_hbo", *keys, "mbo_hoogste_diploma_niveau"),
            left=year,
            left4=where(text("mbo_hoogste_diploma_niveau") == _HIGHEST, year),
        )


def _masks(frame: pl.LazyFrame, **masks: pl.Expr) -> pl.LazyFrame:
    return frame.select(
        "sectornummer",
        "instellingscode",
        *[masks.get(name, pl.lit(0, MASK)).alias(name) for name in _IS],
    )


def _students(tables: Tables, years: Years) -> Iterator[RuleResult]:
    known, found = {file: years.get(file, frozenset()) for file in ("inschrijvingen", *_OTHERS)}, list(_told(tables))
    both: dict[FileKind, int] = {file: mask_of(known[file] & known["inschrijvingen"]) for file in _OTHERS}
    graduating = mask_of(known["diplomas"] & known["doorstroom"])
    left = mask_of(known["diplomas"] & known["mbo_hbo"])
    is_ = {name: pl.col(name) for name in _IS}
    by_now = is_["level4"]
    for years_back in (1, 2, 4, 8):
        by_now = by_now | (by_now * pl.lit(1 << years_back, MASK))

    def share(considered: pl.Expr, met: pl.Expr, within: int) -> tuple[pl.Expr, pl.Expr]:
        within_years = considered & pl.lit(within, MASK)
        return years_in(within_years), years_in(within_years & ~met)

    counts: dict[tuple[Rule, FileKind], tuple[pl.Expr, pl.Expr]] = {
        (rules.FLAG_KNOWN, "doorstroom"): share(is_["flagged"], is_["diploma"], graduating),
        (rules.DIPLOMA_FLAGGED, "diplomas"): share(is_["main"] & is_["mbo"], is_["flagged"], graduating),
        (rules.LEAVERS_GRADUATED, "mbo_hbo"): share(is_["left4"], by_now, left),
        (rules.ENROLLED_THERE, "doorstroom"): (pl.col("there_rows").sum(), pl.col("there_failed").sum()),
        (rules.SAME_STUDENTS, "diplomas"): share(is_["diploma"], is_["enrolled"], both["diplomas"]),
        (rules.SAME_STUDENTS, "doorstroom"): share(is_["mbo"], is_["enrolled"], both["doorstroom"]),
        (rules.SAME_STUDENTS, "mbo_hbo"): share(is_["left"], is_["enrolled"], both["mbo_hbo"]),
    }
    if not found:
        yield from (RuleResult.unjudged(rule, file, "students") for rule, file in counts)
        return
    there = is_["mbo"] & pl.lit(both["doorstroom"], MASK)
    row = (
        pl.concat(found)
        .group_by("sectornummer", "instellingscode")
        .agg(pl.col(_IS).bitwise_or())
        .with_columns(
            there.bitwise_count_ones().alias("there_rows"),
            (there & ~is_["enrolled"]).bitwise_count_ones().alias("there_failed"),
        )
        .group_by("sectornummer")
        .agg(pl.col(_IS).bitwise_or(), pl.col("there_rows", "there_failed").sum())
        .select(
            pl.struct(rows=rows.cast(pl.Int64), failed=failed.cast(pl.Int64)).alias(f"{rule.id} {file}")
            for (rule, file), (rows, failed) in counts.items()
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    for rule, file in counts:
        rows, failed = (int(row[f"{rule.id} {file}"][part] or 0) for part in ("rows", "failed"))
        allowed = (1 - rules.LINKED) * rows if rule is rules.SAME_STUDENTS else 0
        yield RuleResult(rule, file, rows, failed, failed <= allowed, "students")


def _institutions(tables: Tables, years: Years) -> Iterator[RuleResult]:
    """Per other file, its institutions with ``FEW`` rows or more, and those of them that nobody is enrolled at."""
    keys = ("instellingscode", "schooljaar")
    if not tables.has("inschrijvingen", *keys):
        yield from (RuleResult.unjudged(rules.INSTITUTIONS_ENROL, file, "institutions") for file in _OTHERS)
        return
    shared = pl.col("schooljaar").str.slice(0, 4).cast(pl.Int64, strict=False)
    enrolled = _rows_of(tables.read("inschrijvingen", *keys))
    for file in _OTHERS:
        level = _LEVEL_OF_STUDENTS.get(file)
        if not tables.has(file, *keys, *([level] if level else [])):
            yield RuleResult.unjudged(rules.INSTITUTIONS_ENROL, file, "institutions")
            continue
        frame = tables.read(file, *keys, *([level] if level else []))
        counted = _rows_of(frame.filter(pl.col(level).is_not_null()) if level else frame)
        within = shared.is_in(list(years.get(file, frozenset()) & years.get("inschrijvingen", frozenset())))
        many = (
            counted.filter(within)
            .group_by("instellingscode")
            .agg(pl.col("rows").sum())
            .filter(pl.col("rows") >= rules.FEW)
        )
        nowhere = many.join(enrolled.filter(within), on="instellingscode", how="anti")
        yield RuleResult.counted(
            rules.INSTITUTIONS_ENROL, file, rows=many.height, failed=nowhere.height, unit="institutions"
        )


def _rows_of(frame: pl.LazyFrame) -> pl.DataFrame:
    return frame.group_by("instellingscode", "schooljaar").agg(pl.len().alias("rows")).collect(engine="streaming")


def _programmes(tables: Tables) -> Iterator[RuleResult]:
    """Per attribute, the programmes (in a school year) that have more than one of it."""
    found = [
        tables.read(file, "schooljaar", code, *columns.values())
        .select(
            "schooljaar",
            pl.col(code).alias("code"),
            *[
                pl.col(columns[name]).alias(name) if name in columns else pl.lit(None, pl.String).alias(name)
                for name in rules.PROGRAMME
            ],
        )
        .unique()
        for file, code, columns in _PROGRAMMES
        if tables.has(file, "schooljaar", code, *columns.values())
    ]
    if not found:
        yield from (RuleResult.unjudged(rule, "delivery", "programmes") for rule in rules.PROGRAMME.values())
        return
    programmes = (
        pl.concat(found)
        .filter(pl.col("code").is_not_null())
        .group_by("schooljaar", "code")
        .agg(pl.col(name).drop_nulls().n_unique() for name in rules.PROGRAMME)
        .select(
            pl.struct((pl.col(name) > 0).sum().alias("rows"), (pl.col(name) > 1).sum().alias("failed")).alias(name)
            for name in rules.PROGRAMME
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    for name, rule in rules.PROGRAMME.items():
        rows, failed = (int(programmes[name][part]) for part in ("rows", "failed"))
        yield RuleResult.counted(rule, "delivery", rows=rows, failed=failed, unit="programmes")
