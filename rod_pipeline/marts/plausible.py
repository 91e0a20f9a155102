"""National totals of the marts beside what has been published about the same things.

Belongs here: which figure of a mart answers to which published one, and how far they may be apart. Does not belong
here: the published figures with their sources (``synthetic.published``), the rules that judge a delivery (``quality``).

It is for a person to read, and refuses nothing: sources differ by extranei, niet bekostigde instellingen, double
enrolment and V/D status, so a total is held to some per cents; what a real delivery is that differs from all of them is
a question for DUO. Every figure is of the whole country; one that rests on fewer than fifty students, on either side of
a share, is left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from rod_pipeline.marts.across import STROMEN
from rod_pipeline.marts.contents import careers_alone
from rod_pipeline.synthetic import published

_FLOOR = 50
_WHOLE_COUNTRY = 300_000
_WITHOUT = "without extranei"


@dataclass(frozen=True)
class Figure:
    """A figure of a mart beside a published one; ``tolerance`` is a share of a count, and points of a share."""

    name: str
    source: str
    measured: float
    published: float
    tolerance: float
    is_share: bool

    @property
    def agrees(self) -> bool:
        """Whether they are no further apart than stated."""
        allowed = self.tolerance if self.is_share else self.tolerance * self.published
        return abs(self.measured - self.published) <= allowed


def held_against_published(tables: Mapping[str, pl.DataFrame], scale: float | None = None) -> tuple[Figure, ...]:
    """The figures of one delivery (or of those in force) that something published answers to.

    ``tables``: the marts by name; with ``stromen`` (``steps``) what became of students a year later is held too.
    ``scale``: which part of the country the tables are of; without it counts are compared when they look like a whole
    country's, and shares always.
    """
    students = tables["studentaantallen"]
    largest = students.group_by("schooljaar").agg(pl.col("studenten").sum())["studenten"].max() or 0
    part = scale or (1.0 if isinstance(largest, int) and largest >= _WHOLE_COUNTRY else None)
    found = [*_students(students, part), *_outflow(tables, part), *_results(tables["studiesucces"]), *_hbo(tables)]
    if STROMEN.name in tables:
        found += _careers(tables[STROMEN.name], part)
    return tuple(found)


def steps(frames: Mapping[str, pl.LazyFrame], moments: pl.DataFrame) -> pl.DataFrame:
    """The view ``stromen`` over doorstroom of these deliveries; ``moments`` as ``contents.moments_of`` gives them."""
    with careers_alone(frames, moments) as connection:
        return pl.DataFrame(connection.table(STROMEN.name))


def as_table(figures: tuple[Figure, ...]) -> str:
    """The figures as a Markdown table."""
    lines = ["| figure | here | published | apart at most | source |", "|---|---:|---:|---:|---|"]
    for one in figures:
        numbers = [one.measured, one.published, one.tolerance]
        if one.is_share:
            here, there, apart = (f"{100 * n:.1f} %" for n in numbers)
        else:
            here, there, apart = f"{numbers[0]:,.0f}", f"{numbers[1]:,.0f}", f"{100 * numbers[2]:.0f} %"
        lines.append(
            f"| {one.name} | {here}{'' if one.agrees else ' **differs**'} | {there} | {apart} | {one.source} |"
        )
    return "\n".join(lines)


def _count(
    name: str, source: str, measured: int, part: float | None, told: float, tolerance: float
) -> Iterator[Figure]:
    if part is not None and measured >= _FLOOR:
        yield Figure(name, source, measured / part, told, tolerance, False)


def _share(name: str, source: str, good: int, of: int, told: float, tolerance: float) -> Iterator[Figure]:
    if min(good, of - good) >= _FLOOR:
        yield Figure(name, source, good / of, told, tolerance, True)


def _students(students: pl.DataFrame, part: float | None) -> Iterator[Figure]:
    for year in _years(students):
        of_year = students.filter(pl.col("schooljaar").str.starts_with(str(year)))
        whole, extranei = _sum(of_year), _sum(of_year.filter(leerweg="EX"))
        if told := published.STUDENTS.get(year):
            yield from _count(f"students {year}", "NJI", whole, part, told, 0.06)
        if told := published.STUDENTS_WITHOUT_EXTRANEI.get(year):
            yield from _count(f"students {year}, {_WITHOUT}", "OCW in cijfers", whole - extranei, part, told, 0.06)
        if told := published.BBL.get(year):
            share = told / published.STUDENTS[year]
            yield from _share(f"bbl {year}", "NJI", _sum(of_year.filter(leerweg="BBL")), whole, share, 0.03)
        if year != _NEWEST:
            continue
        for level, share in published.LEVEL_SHARES.items():
            here = _sum(of_year.filter(niveau=f"MBO-{level}"))
            yield from _share(f"level {level}, {year}", "OCW in cijfers", here, whole, share, 0.02)
        named = of_year.filter(pl.col("sectorkamer").is_in(list(published.SECTORKAMER_STUDENTS)))
        for code, size in sorted(published.SECTORKAMER_STUDENTS.items()):
            share = size / sum(published.SECTORKAMER_STUDENTS.values())
            here = _sum(named.filter(sectorkamer=code))
            yield from _share(f"sectorkamer {code}, {year}", "DUO prognoses, CEDA", here, _sum(named), share, 0.02)


_NEWEST = 2025
"""The year of which shares of levels and sectorkamers are published."""


def _outflow(tables: Mapping[str, pl.DataFrame], part: float | None) -> Iterator[Figure]:
    left = tables["uitstroom"].filter(pl.col("schooljaar").str.starts_with("2021"))
    yield from _count("left mbo in 2021-2022", "CBS 85519NED", _sum(left, "uitstroom"), part, published.LEFT_2021, 0.15)
    graduates = tables["behaalde_diplomas"]
    for year in _years(graduates):
        if told := published.GRADUATES.get(year):
            of_year = graduates.filter(pl.col("schooljaar").str.starts_with(str(year)))
            yield from _count(f"graduates of {year}", "NJI", _sum(of_year, "hoofddiplomas"), part, told, 0.15)


def _results(results: pl.DataFrame) -> Iterator[Figure]:
    for name, source, told, tolerance in (
        ("jaarresultaat", "onderwijsincijfers.nl, 2012-13 up to 2016-17", published.JAARRESULTAAT, 0.03),
        ("diplomaresultaat", "id., 2015 and 2016 (six-year window)", published.DIPLOMARESULTAAT, 0.07),
        ("kwalificatiewinst", "onderwijsincijfers.nl, 2015", published.KWALIFICATIEWINST, 0.07),
        ("starters", "norms of the Inspectie, no figure found", published.STARTERSRESULTAAT, 0.07),
    ):
        good, of = _sum(results, f"{name}_teller"), _sum(results, f"{name}_noemer")
        yield from _share(name, source, good, of, told, tolerance)


def _careers(steps: pl.DataFrame, part: float | None) -> Iterator[Figure]:
    of_2020 = steps.filter(pl.col("schooljaar").str.starts_with("2020"))
    for leerweg, size in published.PARTICIPANTS_2020.items():
        # Bol in deeltijd is bol there.
        here = of_2020.filter(pl.col("leerweg").str.starts_with(leerweg))
        students, having = _sum(here), _sum(here.filter(diploma="J"))
        yield from _count(f"students 2020 in {leerweg.lower()}", "CBS 84553NED", students, part, size, 0.06)
        share = published.WITH_DIPLOMA_2020[leerweg] / size
        yield from _share(
            f"with a diploma of 2020-2021, {leerweg.lower()}", "CBS 84553NED", having, students, share, 0.05
        )
    for year in _years(steps):
        of_year = steps.filter(pl.col("schooljaar").str.starts_with(str(year)))
        if told := published.STUDENTS.get(year):
            yield from _count(f"students {year}, in doorstroom", "NJI", _sum(of_year), part, told, 0.06)
        if told := published.GRADUATES.get(year):
            having = _sum(of_year.filter(diploma="J"))
            yield from _count(f"with a diploma of {year}-{year + 1}", "NJI", having, part, told, 0.15)
    of_2021 = steps.filter(pl.col("schooljaar").str.starts_with("2021"))
    stayed = _sum(of_2021.filter(pl.col("vervolg_niveau").is_not_null()))
    yield from _count("of 2021-2022 in mbo a year later", "CBS 85519NED", stayed, part, published.STAYED_2021, 0.06)


def _hbo(tables: Mapping[str, pl.DataFrame]) -> Iterator[Figure]:
    hbo = tables["doorstroom_hbo"]
    graduates, direct = _sum(hbo, "gediplomeerden"), _sum(hbo, "direct")
    yield from _share("mbo-4 to hbo, direct", "OCW in cijfers", direct, graduates, published.MBO_HBO_DIRECT, 0.03)
    known, dropped = _sum(hbo, "jaar1_bekend"), _sum(hbo, "uitval_jaar1")
    told = published.HBO_FIRST_YEAR_DROPOUT
    yield from _share("dropout in the first year of hbo", "Vereniging Hogescholen", dropped, known, told, 0.03)


def _years(table: pl.DataFrame) -> list[int]:
    return sorted({int(year[:4]) for year in table["schooljaar"].drop_nulls() if year[:4].isdigit()})


def _sum(table: pl.DataFrame, number: str = "studenten") -> int:
    return int(table[number].sum())
