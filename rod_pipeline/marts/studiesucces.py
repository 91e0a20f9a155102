"""Studiesucces: the numerators and denominators of the results by which institutions are judged.

Belongs here: the definition of the mart ``studiesucces``. Does not belong here: norms and judgements (``judgement``).

Opbrengstjaar J runs from 1 October J-1 up to 30 September J, so school year 2023-2024 is opbrengstjaar 2024
(informatie-encyclopedie.nl, dc606a27). Which rows are a population's, and whether they succeed, is what DUO says
(29.54.16, 29.54.17, 29.74.07, 29.74.10, 29.74.11): the mart adds up and recomputes nothing. The startersresultaat is
over three cohorts together (4fcb1f2b): the starters of J-2, J-1 and J, of which a delivery has up to six. A row counts
at its own institution and programme; national results are sums over institutions, as the Inspectie's are.
"""

from types import MappingProxyType

import polars as pl

from rod_pipeline.marts.columns import IN_DOORSTROOM, STATUS
from rod_pipeline.marts.definition import Frames, Mart, dimension, number, tally
from rod_pipeline.marts.in_force import finality
from rod_pipeline.marts.norms import EXPECTED_LEVEL

_LEVEL, _DIPLOMA = pl.col("niveau"), pl.col("heeft_diploma")
_LEAVER, _FITTING = pl.col("populatie_diplomaresultaat"), pl.col("passend_diploma")
_KNOWN_CATEGORY = pl.col("categorie_hoogste_vooropleiding").is_in(list(EXPECTED_LEVEL))
_YEARS = ("schooljaar", "status")
_PAIRS: tuple[tuple[str, str, pl.Expr, pl.Expr, tuple[str, ...]], ...] = (
    (
        "jaarresultaat",
        "graduates and leavers without a diploma; with a diploma",
        pl.col("populatie_jaarresultaat"),
        pl.col("populatie_jaarresultaat") & _DIPLOMA,
        ("populatie_jaarresultaat", "heeft_diploma"),
    ),
    (
        "diplomaresultaat",
        "leavers of the institution; with a diploma",
        _LEAVER,
        _LEAVER & _DIPLOMA,
        ("populatie_diplomaresultaat", "heeft_diploma"),
    ),
    (
        "starters",
        "new entrants of the cohort of this opbrengstjaar alone; stayed, or left with a diploma",
        pl.col("populatie_starter"),
        pl.col("populatie_starter") & pl.col("indicatie_startersresultaat"),
        ("populatie_starter", "indicatie_startersresultaat"),
    ),
    (
        "passende_plaatsing",
        "students of whom DUO says whether they were placed at a fitting level; placed so",
        pl.col("passende_plaatsing").is_not_null(),
        pl.col("passende_plaatsing"),
        ("passende_plaatsing",),
    ),
    (
        "passend_diploma",
        "leavers of the institution; with a diploma at or above the level that their vooropleiding makes one expect",
        _LEAVER,
        _LEAVER & _FITTING,
        ("populatie_diplomaresultaat", "passend_diploma"),
    ),
    (
        "kwalificatiewinst",
        "leavers with a diploma and a known category of vooropleiding; whose diploma is at or above the expected level",
        _LEAVER & _DIPLOMA & _KNOWN_CATEGORY,
        _LEAVER & _DIPLOMA & _KNOWN_CATEGORY & _FITTING,
        ("populatie_diplomaresultaat", "heeft_diploma", "categorie_hoogste_vooropleiding", "passend_diploma"),
    ),
    (
        "opstroom",
        "students on level 2 or 3; on a higher level a year later",
        pl.col("populatie_opstroom"),
        pl.col("populatie_opstroom") & pl.col("indicatie_opstroom"),
        ("populatie_opstroom", "indicatie_opstroom"),
    ),
)
_COHORTS = 3
_DIMENSIONS = (
    dimension("schooljaar", "School year of the 1 October at which the opbrengstjaar begins"),
    STATUS,
    dimension("opbrengstjaar", "From 1 October of the year before up to 30 September of this year", "schooljaar"),
    dimension("cohorten", "How many of the three cohorts of the startersresultaat the delivery has", "schooljaar"),
    *IN_DOORSTROOM,
)
_COLUMNS = (
    *_DIMENSIONS,
    *(
        number(f"{name}_{part}", f"{name}, {words}: {told}", *sources)
        for name, about, _, _, sources in _PAIRS
        for part, words, told in zip(("noemer", "teller"), ("denominator", "numerator"), about.split("; "), strict=True)
    ),
    number("startersresultaat_noemer", "startersresultaat, denominator: new entrants of three cohorts", *_PAIRS[2][4]),
    number("startersresultaat_teller", "startersresultaat, numerator: of three cohorts", *_PAIRS[2][4]),
)
RESULTS = (*(name for name, *_ in _PAIRS if name != "starters"), "startersresultaat")
"""The results of which the mart has ``<result>_noemer`` and ``<result>_teller``."""
_OWN = [f"{name}_{part}" for name, *_ in _PAIRS for part in ("noemer", "teller")]
_GROUP = [c.name for c in _DIMENSIONS if c.name not in (*_YEARS, "opbrengstjaar", "cohorten")]


def studiesucces(frames: Frames) -> pl.LazyFrame:
    """Add up populations and results per opbrengstjaar, institution, programme, level and leerweg."""
    students = frames["doorstroom"].filter(_LEVEL.is_not_null())
    own = (
        students.group_by(
            *_YEARS, *(pl.col(c.by).cast(pl.String).alias(c.name) for c in _DIMENSIONS if c.name in _GROUP)
        )
        .agg(
            part
            for name, _, of, good, _ in _PAIRS
            for part in (tally(of, f"{name}_noemer"), tally(good, f"{name}_teller"))
        )
        .filter(pl.sum_horizontal(f"{name}_noemer" for name, *_ in _PAIRS) > 0)
    )
    windows = _windows(students.group_by(_YEARS).agg(tally(pl.col("populatie_starter"), "starters")))
    counts = pl.col("own") | (pl.col("starters_noemer") > 0)
    return (
        own.join(windows, on=_YEARS, how="inner", nulls_equal=True)
        .filter(counts)
        .group_by(pl.col("to_schooljaar").alias("schooljaar"), pl.col("to_status").alias("status"), "cohorten", *_GROUP)
        .agg(
            *(pl.col(name).filter("own").sum() for name in _OWN),
            *(
                pl.col(f"starters_{part}").filter("cohort").sum().alias(f"startersresultaat_{part}")
                for part in ("noemer", "teller")
            ),
        )
        .with_columns((_first_year() + 1).cast(pl.String).alias("opbrengstjaar"))
        .select(c.name for c in _COLUMNS)
        .sort([c.name for c in _DIMENSIONS], nulls_last=True)
    )


def _windows(editions: pl.LazyFrame) -> pl.LazyFrame:
    """Which rows count in an opbrengstjaar (``to_…``): its ``own``, and as ``cohort`` its own and of the two before it.

    ``editions``: each school year and status, with the number of its ``starters``; one without any is no cohort. Of an
    earlier cohort that stands in the file with two statuses, the final one counts. ``cohorten``: how many there are.
    """
    numbered = editions.with_columns(_first_year().alias("year"), (pl.col("starters") > 0).alias("cohort"))
    itself = numbered.select(
        *_YEARS,
        pl.col("schooljaar").alias("to_schooljaar"),
        pl.col("status").alias("to_status"),
        pl.lit(True).alias("own"),
        (pl.col("cohort") & pl.col("year").is_not_null()).alias("cohort"),
    )
    cohorts = numbered.filter("cohort").with_columns(finality().alias("rank"))
    best = cohorts.filter(pl.col("rank") == pl.col("rank").min().over("schooljaar"))
    to = cohorts.select(
        pl.col("schooljaar").alias("to_schooljaar"),
        pl.col("status").alias("to_status"),
        pl.col("year").alias("to_year"),
    )
    earlier = (
        best.join(to, how="cross")
        .filter((pl.col("to_year") - pl.col("year")).is_between(1, _COHORTS - 1))
        .select(*_YEARS, "to_schooljaar", "to_status", pl.lit(False).alias("own"), pl.lit(True).alias("cohort"))
    )
    windows = pl.concat([itself, earlier])
    return windows.with_columns(
        pl.col("cohort").sum().over("to_schooljaar", "to_status").cast(pl.String).alias("cohorten")
    )


def _first_year() -> pl.Expr:
    return pl.col("schooljaar").str.slice(0, 4).cast(pl.Int64, strict=False)


_IN_NONE = ~pl.any_horizontal((of.fill_null(False) for _, _, of, _, _ in _PAIRS))

MART = Mart(
    name="studiesucces",
    about=(
        "Numerators and denominators of jaarresultaat, diplomaresultaat, startersresultaat, passende plaatsing, "
        "passend diploma, kwalificatiewinst and opstroom per opbrengstjaar, institution, programme, level and leerweg"
    ),
    file="doorstroom",
    contracts=MappingProxyType({"doorstroom": (1,)}),
    formula=(
        "JR = (populatie_jaarresultaat and heeft_diploma) / populatie_jaarresultaat; DR = (populatie_diplomaresultaat "
        "and heeft_diploma) / populatie_diplomaresultaat; SR = (populatie_starter and indicatie_startersresultaat) / "
        "populatie_starter over the cohorts J-2, J-1 and J; passende plaatsing = passende_plaatsing / rows with that "
        "flag; passend diploma = (populatie_diplomaresultaat and passend_diploma) / populatie_diplomaresultaat; "
        "kwalificatiewinst = the same over those with a diploma and a category in the norm table; opstroom = "
        "(populatie_opstroom and indicatie_opstroom) / populatie_opstroom. Each as noemer and teller."
    ),
    source=(
        "Inspectie van het Onderwijs, 'Definitie indicatoren en toelichting bestanden onderwijsresultaten bekostigd "
        "MBO' (31-05-2024); informatie-encyclopedie.nl 05cf1d63, 4fcb1f2b, 4fcb1f37, 20ea7ba3, 4fcb1f33; flags: "
        "besluit 55352791, annex 1: 29.54.16, 29.54.17, 29.74.07, 29.74.09, 29.74.10, 29.74.11. The window of "
        "heeft_diploma (the year, or six years for DR) isn't in the annex; passende plaatsing has no public definition."
    ),
    columns=_COLUMNS,
    left_out=MappingProxyType({"no_mbo": _LEVEL.is_null(), "in_no_population": _IN_NONE}),
    totals=MappingProxyType(
        {
            f"{name}_{part}": flag.sum()
            for name, _, of, good, _ in _PAIRS
            for part, flag in (("noemer", of), ("teller", good))
        }
    ),
    table=studiesucces,
)
