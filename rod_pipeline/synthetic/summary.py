"""A population held against the published figures.

Belongs here: measuring what was simulated, from the files of a delivery as anybody would, and putting it beside
``published``. Does not belong here: the figures and their sources (``published``).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from rod_pipeline.contracts import ContractBook
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.synthetic import published
from rod_pipeline.synthetic.columns import LEVELS, school_year
from rod_pipeline.synthetic.moments import moment_of
from rod_pipeline.synthetic.population import DATA_FILES, Population, iter_file


@dataclass(frozen=True)
class Figure:
    """One figure: published beside measured. ``unit``: ``students`` (scaled up to the country), ``share`` or ``rows``.

    ``tolerance`` is relative for counts, absolute for shares; without ``published`` there is nothing to hold against.
    """

    name: str
    unit: str
    measured: float
    published: float | None = None
    tolerance: float | None = None

    @property
    def agrees(self) -> bool | None:
        if self.published is None or self.tolerance is None:
            return None
        allowed = self.tolerance if self.unit == "share" else self.tolerance * self.published
        return abs(self.measured - self.published) <= allowed


def summarise(population: Population, key: DeliveryKey, book: ContractBook) -> list[Figure]:
    """Measure a delivery; counts are scaled up by the population's scale."""
    counts: Counter[str] = Counter()
    for kind in DATA_FILES:
        for frame in iter_file(kind, key, population, book):
            counts[f"rows {kind}"] += frame.height
            if kind == "doorstroom":
                counts.update(_of_doorstroom(frame))
            elif kind == "inschrijvingen":
                counts.update(_of_inschrijvingen(frame))
            elif kind == "mbo_hbo":
                counts.update(_of_mbo_hbo(frame))
    return list(_figures(counts, population.scale, moment_of(key).current))


def _of_doorstroom(frame: pl.DataFrame) -> dict[str, int]:
    stock = frame.filter(pl.col("niveau").is_not_null() & ~_visitor())
    found: dict[str, int] = {}
    for year, students, bbl, graduates in (
        stock.group_by("schooljaar")
        .agg(pl.len(), (pl.col("leerweg") == "BBL").sum(), pl.col("heeft_diploma").sum().alias("graduates"))
        .iter_rows()
    ):
        found |= {f"students {year}": students, f"bbl {year}": bbl, f"graduates {year}": graduates}
    yes = {name: pl.col(name).sum() for name in ("populatie_jaarresultaat", "populatie_diplomaresultaat")}
    starters, good = pl.col("populatie_starter"), pl.col("indicatie_startersresultaat")
    row = stock.select(
        jr=yes["populatie_jaarresultaat"],
        jr_good=(pl.col("populatie_jaarresultaat") & pl.col("heeft_diploma")).sum(),
        dr=yes["populatie_diplomaresultaat"],
        dr_good=(pl.col("populatie_diplomaresultaat") & pl.col("heeft_diploma")).sum(),
        sr=starters.sum(),
        sr_good=(starters & good).sum(),
    ).row(0, named=True)
    return found | {name: int(value or 0) for name, value in row.items()}


def _visitor() -> pl.Expr:
    """Enrolled between two 1 Octobers only: T, and of no population. (At level 1 nobody is: those few are counted.)"""
    return (pl.col("in_door_uitstroom") == "T") & ~pl.col("populatie_starter") & (pl.col("niveau") != "MBO-1")


def _of_inschrijvingen(frame: pl.DataFrame) -> dict[str, int]:
    main = frame.filter("hoofdinschrijving_mbo")
    found: dict[str, int] = {}
    for column in ("niveau", "sectorkamer", "instellingscode"):
        for year, value, count in main.group_by("schooljaar", column).len().iter_rows():
            found[f"{column} {year} {value}"] = count
    return found


def _of_mbo_hbo(frame: pl.DataFrame) -> dict[str, int]:
    entered = pl.col("hbo_instroom_studiejaar").is_not_null()
    # Dropout in the first year is known from the second 1 October on.
    known = entered & ((pl.col("hbo_verblijfsduur") > 1) | pl.col("hbo_schooljaren_tot_uitval").is_not_null())
    row = frame.select(
        level4=pl.len(),
        direct=(pl.col("hbo_onderbrekingsduur") == 0).sum(),
        hbo=known.sum(),
        hbo_out=(known & (pl.col("hbo_schooljaren_tot_uitval") == 1)).sum(),
    ).row(0, named=True)
    return {name: int(value or 0) for name, value in row.items()}


def _figures(counts: Counter[str], scale: float, current: int) -> Iterator[Figure]:
    for year in range(current - 5, current + 1):
        name = school_year(year)
        told = published.STUDENTS.get(year) or published.STUDENTS_WITHOUT_EXTRANEI.get(year)
        students = counts[f"students {name}"]
        yield Figure(f"students on 1 October {year}", "students", students / scale, told, 0.06)
        bbl = published.BBL.get(year)
        share = None if bbl is None else bbl / published.STUDENTS[year]
        yield Figure(f"share of bbl in {year}", "share", counts[f"bbl {name}"] / max(students, 1), share, 0.03)
        if year < current:
            graduates = published.GRADUATES.get(year)
            yield Figure(f"graduates of {name}", "students", counts[f"graduates {name}"] / scale, graduates, 0.15)
    now = school_year(current)
    total = max(sum(counts[f"niveau {now} {level}"] for level in LEVELS), 1)
    for level, expected in published.LEVEL_SHARES.items():
        measured = counts[f"niveau {now} {LEVELS[level - 1]}"] / total
        yield Figure(f"share of level {level}", "share", measured, expected, 0.02)
    named = sum(published.SECTORKAMER_STUDENTS.values())
    known = max(sum(counts[f"sectorkamer {now} {code}"] for code in published.SECTORKAMER_STUDENTS), 1)
    for code, size in sorted(published.SECTORKAMER_STUDENTS.items()):
        measured = counts[f"sectorkamer {now} {code}"] / known
        yield Figure(f"share of sectorkamer {code}", "share", measured, size / named, 0.02)
    sizes = sorted((value for key, value in counts.items() if key.startswith(f"instellingscode {now}")), reverse=True)
    yield Figure("institutions", "rows", len(sizes), 60, 0.05)
    for here, size in zip(sizes, published.INSTITUTION_STUDENTS, strict=False):
        yield Figure("students of a large institution", "students", here / scale, size, 0.15)
    for name, short, rate, tolerance in (
        ("jaarresultaat", "jr", published.JAARRESULTAAT, 0.03),
        ("startersresultaat", "sr", published.STARTERSRESULTAAT, 0.07),
        ("diplomaresultaat (diploma of the year alone; published: six years)", "dr", published.DIPLOMARESULTAAT, 0.07),
    ):
        yield Figure(name, "share", counts[f"{short}_good"] / max(counts[short], 1), rate, tolerance)
    yield Figure(
        "mbo-4 to hbo, direct", "share", counts["direct"] / max(counts["level4"], 1), published.MBO_HBO_DIRECT, 0.03
    )
    dropout = counts["hbo_out"] / max(counts["hbo"], 1)
    yield Figure("dropout in the first year of hbo", "share", dropout, published.HBO_FIRST_YEAR_DROPOUT, 0.03)
    for kind in DATA_FILES:
        yield Figure(f"rows of {kind}", "rows", counts[f"rows {kind}"])
