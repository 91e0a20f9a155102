"""The file inschrijvingen: one row per enrolment period of a student in a school year.

Belongs here: its rows and columns. A row is one of five kinds: the main enrolment on 1 October, a new period of it from
1 February, a second enrolment on 1 October, an enrolment that began after 1 October (and counts on the next), and
one between two 1 Octobers only. A period that is followed by another of the same enrolment ends without a reason.
``hoofdinschrijving``: the highest niveau, then the lowest crebo, then the latest start (Inspectie, 31-05-2024), once
per institution and once in all of mbo; nobody has a hoofdinschrijving without being enrolled on 1 October.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from rod_pipeline.contracts.model import Contract
from rod_pipeline.synthetic import rates
from rod_pipeline.synthetic.careers import NEVER, YEARS, Bools, day, days
from rod_pipeline.synthetic.columns import (
    LEVELS,
    codes,
    dates,
    decimals,
    fit,
    flags,
    gender,
    numbers,
    pseudonyms,
    technical,
)
from rod_pipeline.synthetic.known import Known
from rod_pipeline.synthetic.world import SECTORS, Ints, World

AGE_GROUPS = ("00-15", "16-17", "18-22", "23-26", "27-29", "30+")
_AGE_BOUNDS = (16, 18, 23, 27, 30)
_DIVIDED = 0.24
"""Enrolments that get a new period on 1 February."""
_REASONS = ("01", "02", "03", "04", "05", "06", "07", "08")
_FORMS = ("VT", "DT", "EX")
_FORM_OF_LEERWEG = np.array([0, 1, 1, 2, 0, 1])
_ORIGINS = ("Nederland", "Europa (exclusief Nederland)", "Buiten Europa")
_HERKOMST = (
    "Nederlandse herkomst",
    "Europese herkomst, geboren in Nederland",
    "Europese herkomst, geboren buiten Nederland",
    "Herkomst buiten Europa, geboren in Nederland",
    "Herkomst buiten Europa, geboren buiten Nederland",
)
PRIOR_LEVELS = ("ONB", "PRO", "VMBO-B", "VMBO-K", "VMBO-GT", "HAVO", "MBO-1", "MBO-2", "MBO-3", "MBO-4")
PRIOR_LEVEL_OF_CATEGORY = np.array([0, 1, 0, 5, 0, 2, 3, 4, 4, 5, 0, 6, 7, 8, 9, 0])
_VO_AGGREGATE = np.array([0, 106, 111, 201, 0, 116, 126, 131, 136, 201, 0, 0, 0, 0, 0, 0])
_MBO_AGGREGATE = np.array([101, 151, 161, 301])


@dataclass(frozen=True)
class _Rows:
    """Rows as parallel arrays. ``y`` is the column of the careers' matrices that tells of the enrolment."""

    person: Ints
    year: Ints
    y: Ints
    programme: Ints
    institution: Ints
    leerweg: Ints
    start: Ints
    period: Ints
    planned: Ints
    end: Ints
    reason: Ints
    main_here: Bools
    main: Bools
    counted: Bools
    """Whether the row counts on 1 October."""

    @classmethod
    def joined(cls, parts: list["_Rows"]) -> "_Rows":
        return cls(
            **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)}
        )

    def but(self, chosen: Bools, **changes: Ints | Bools) -> "_Rows":
        """The chosen rows, with some arrays of theirs replaced."""
        return _Rows(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)} | changes)


def blocks(known: Known, world: World, seed: int, contract: Contract, years: tuple[int, ...]) -> Iterator[pl.DataFrame]:
    """The rows of the known careers in the school years, as one frame."""
    rows = _Rows.joined([part for year in years for part in _rows(known, year)] or [_visitors(known, ())])
    if len(rows.person):
        yield fit(_columns(known, world, seed, rows), contract)


def _rows(known: Known, year: int) -> Iterator[_Rows]:
    y = year - known.careers.cohort
    if 0 <= y < YEARS:
        yield from _main(known, year, y)
        yield _second(known, year, y)
    if -1 <= y < YEARS - 1:
        yield _early(known, year, y)
    if y == 0:
        yield _visitors(known, (year,))


def _main(known: Known, year: int, y: int) -> Iterator[_Rows]:
    c = known.careers
    person = np.flatnonzero(known.programme[:, y] >= 0)
    chance = c.spare[person, y]
    start, end = c.start[person, y].astype(np.int64), known.end[person, y].astype(np.int64)
    reason = np.where(end < NEVER, c.reason[person, y], 0)
    august, february = day(year, 8, 1), day(year + 1, 2, 1)
    yes = np.ones(len(person), bool)
    whole = _Rows(
        person=person,
        year=np.full(len(person), year),
        y=np.full(len(person), y),
        programme=known.programme[person, y].astype(np.int64),
        institution=c.institution[person, y].astype(np.int64),
        leerweg=known.leerweg[person, y].astype(np.int64),
        start=start,
        period=np.where((start < august) & (chance < 0.4), august, start),
        planned=np.maximum(known.planned[person, y], start).astype(np.int64),
        end=end,
        reason=reason,
        main_here=yes,
        main=yes,
        counted=yes,
    )
    divided = (np.abs(chance - 0.7) < _DIVIDED / 2) & (end > february + 28) & (february < known.extracted)
    no = np.zeros(int(divided.sum()), bool)
    yield whole.but(yes, end=np.where(divided, february - 1, end), reason=np.where(divided, 0, reason))
    yield whole.but(divided, period=np.full(len(no), february), main_here=no, main=no, counted=no)


def _second(known: Known, year: int, y: int) -> _Rows:
    c = known.careers
    person = np.flatnonzero(known.second_programme[:, y] >= 0)
    start = day(year, 8, 1) + (c.spare[person, y] * 50).astype(np.int64)
    end = np.minimum(np.minimum(c.end[person, y], c.second_diploma[person, y]), day(year + 1, 7, 31)).astype(np.int64)
    end = np.where(end > known.extracted, NEVER, end)
    earned = known.second_diploma[person, y] < NEVER
    leerweg = known.leerweg[person, y].astype(np.int64)
    if year > 2022:  # a second enrolment is new each year, and bol deeltijd ended on 31 July 2023
        leerweg = np.where(leerweg == rates.BOL_DT, rates.BOL, leerweg)
    return _Rows(
        person=person,
        year=np.full(len(person), year),
        y=np.full(len(person), y),
        programme=known.second_programme[person, y].astype(np.int64),
        institution=c.second_institution[person, y].astype(np.int64),
        leerweg=leerweg,
        start=start,
        period=start,
        planned=np.full(len(person), day(year + 1, 7, 31)),
        end=end,
        reason=np.where(end == NEVER, 0, np.where(earned, 8, 7)),
        main_here=c.second_institution[person, y] != c.institution[person, y],
        main=np.zeros(len(person), bool),
        counted=np.ones(len(person), bool),
    )


def _early(known: Known, year: int, y: int) -> _Rows:
    """Enrolments that count on the next 1 October and began between this one and 1 August."""
    c = known.careers
    begun = (c.start[:, y + 1] > day(year, 10, 1)) & (c.start[:, y + 1] < day(year + 1, 8, 1))
    person = np.flatnonzero((c.programme[:, y + 1] >= 0) & begun & (c.start[:, y + 1] <= known.extracted))
    start = c.start[person, y + 1].astype(np.int64)
    no = np.zeros(len(person), bool)
    return _Rows(
        person=person,
        year=np.full(len(person), year),
        y=np.full(len(person), y + 1),
        programme=c.programme[person, y + 1].astype(np.int64),
        institution=c.institution[person, y + 1].astype(np.int64),
        leerweg=c.leerweg[person, y + 1].astype(np.int64),
        start=start,
        period=start,
        planned=c.planned[person, y + 1].astype(np.int64),
        end=np.full(len(person), NEVER),
        reason=np.zeros(len(person), np.int64),
        main_here=no,
        main=no,
        counted=no,
    )


def _visitors(known: Known, years: tuple[int, ...]) -> _Rows:
    """Enrolments between two 1 Octobers only; they begin and end in the year of the cohort."""
    c = known.careers
    here = c.cohort in years
    person = np.flatnonzero((c.visit_programme >= 0) & (c.visit_start <= known.extracted) & here)
    no = np.zeros(len(person), bool)
    end = np.where(c.visit_end[person] > known.extracted, NEVER, c.visit_end[person])
    return _Rows(
        person=person,
        year=np.full(len(person), c.cohort),
        y=np.zeros(len(person), np.int64),
        programme=c.visit_programme[person],
        institution=c.visit_institution[person],
        leerweg=c.leerweg[person, 0].astype(np.int64),
        start=c.visit_start[person],
        period=c.visit_start[person],
        planned=np.full(len(person), day(c.cohort + 2, 7, 31)),
        end=end,
        reason=np.where(end == NEVER, 0, 1 + person % 7),
        main_here=no,
        main=no,
        counted=no,
    )


def _columns(known: Known, world: World, seed: int, rows: _Rows) -> dict[str, pl.Series]:
    c, person, y, year = known.careers, rows.person, rows.y, rows.year
    level = world.level[rows.programme] - 1
    chance = c.spare[person, y]
    pc4 = c.pc4[person]
    place = c.spare[person, 8] > 0.012
    count = (c.programme[person] >= 0) & (np.arange(YEARS) <= y[:, None])
    here = count & (c.institution[person] == rows.institution[:, None])
    first_start = np.where(here.any(1), c.start[person, here.argmax(1)], rows.start)
    counted = rows.counted.astype(np.int64)
    route = np.where((y <= 2) & rows.main, c.route[person], 0)
    levels = codes(LEVELS, level)
    return {
        "sectornummer": pseudonyms(seed, c.number[person]),
        **technical(known.moment, year),
        "geslacht": gender(c, person),
        "leeftijdsgroep_1aug": _ages(c.birth[person], days(year, 8, 1)),
        "leeftijdsgroep_1okt": _ages(c.birth[person], days(year, 10, 1)),
        "leeftijdsgroep_30sep": _ages(c.birth[person], days(year, 9, 30)),
        "leeftijdsgroep_31dec": _ages(c.birth[person], days(year, 12, 31)),
        "gemeentecode_student": codes(world.gemeente.tolist(), world.pc4_gemeente[pc4], place),
        "apcg_gebied": flags(world.pc4_apcg[pc4], place),
        **{
            f"ses_woa_{part}": decimals(world.pc4_ses[pc4, number], place & (pc4 % 97 != 0))
            for number, part in enumerate(("totaal", "welvaart", "opleiding", "arbeid"))
        },
        "herkomstland_niveau_1": codes(_ORIGINS, c.origin[person]),
        "herkomst": codes(_HERKOMST, np.where(c.origin[person] == 0, 0, 2 * c.origin[person] - c.born_nl[person])),
        "geboren_in_nederland": flags(c.born_nl[person]),
        "instellingscode": codes(world.brin.tolist(), rows.institution),
        "onderwijsaanbieder": codes(
            world.providers.tolist(),
            world.provider_of[rows.institution] + rows.programme % world.provider_count[rows.institution],
        ),
        "onderwijslocatie": codes(
            world.locations.tolist(),
            world.location_of[rows.institution] + (rows.programme // 3) % world.location_count[rows.institution],
            chance < 0.985,
        ),
        "datum_inschrijving": dates(rows.start),
        "inschrijvingsjaar_instelling": numbers(_calendar_year(first_start)),
        "jaar_van_inschrijving": numbers(_calendar_year(rows.start)),
        "datum_uitschrijving_gepland": dates(np.where(rows.leerweg == rates.EX, NEVER, rows.planned)),
        "periode": dates(rows.period),
        "datum_uitschrijving_werkelijk": dates(rows.end),
        **prior_education(known, world, person, y),
        "reden_uitstroom": codes(_REASONS, rows.reason - 1, rows.reason > 0),
        "hoofdinschrijving_instelling": flags(rows.main_here),
        "hoofdinschrijving_mbo": flags(rows.main),
        "verblijfsjaar_instelling": numbers(here.sum(1) * counted),
        "verblijfsjaar_mbo": numbers(count.sum(1) * counted),
        "verblijfsjaar_domein": numbers(count.sum(1) * counted),
        "techniek_inschrijving": flags(world.technical[rows.programme]),
        "code_bc": codes(world.bc.tolist(), rows.programme),
        "code_hg": codes(world.hg.tolist(), rows.programme),
        "code_sg": codes(world.sg.tolist(), rows.programme),
        "opleidingsvorm": codes(_FORMS, _FORM_OF_LEERWEG[rows.leerweg]),
        "opleidingscode": codes(world.crebo.tolist(), rows.programme),
        "niveau": levels,
        "niveau_inschrijf": levels,
        "leerweg": codes(rates.LEERWEGEN, rows.leerweg),
        "doorlopende_leerroute": flags(route > 0),
        "leerroute_vorm": codes(("DLP", "GLR"), route - 1, route > 0),
        "leerroute_fase": codes(("VO", "MBO"), np.maximum((chance > 0.2).astype(np.int64), y > 0), route > 0),
        "sectorkamer": codes(SECTORS, world.sector[rows.programme]),
        "extra_ondersteuning": flags(c.support[person], rows.leerweg != rates.EX),
        "bekostigbaar": flags(rows.main & (rows.leerweg < rates.EX) & (chance < 0.985)),
    }


def prior_education(known: Known, world: World, person: Ints, y: Ints) -> dict[str, pl.Series]:
    """The highest earlier education at enrolment, in vo and in mbo."""
    c = known.careers
    category = c.vooropleiding[person, y].astype(np.int64)
    first = c.category[person]
    from_vo = ~np.isin(first, (0, 15))
    certified = np.isin(first, (5, 6, 7, 8, 9))
    aggregate = np.where(_VO_AGGREGATE[first] > 0, _VO_AGGREGATE[first] + c.vo_code[person] % 5, 0)
    original = np.where(from_vo, 10_000 + aggregate * 37 + c.vo_code[person] * 11, 0)
    earlier = c.earlier_programme[person, y].astype(np.int64)
    had_mbo = earlier >= 0
    mbo = _MBO_AGGREGATE[world.level[np.maximum(earlier, 0)] - 1] + earlier % 5
    year = np.where(certified, c.vo_year[person], 0)
    school = codes(world.school_brin.tolist(), c.school[person], from_vo)
    branch = pl.Series(c.vo_code[person] % 3, dtype=pl.Int64).cast(pl.String).str.zfill(2)
    diploma_year = pl.Series(year, dtype=pl.Int64).cast(pl.String).str.zfill(4)
    vo_postcode = codes(world.pc4.tolist(), world.school_pc4[c.school[person]], from_vo)
    institution = np.maximum(c.earlier_institution[person, y], 0).astype(np.int64)
    return {
        "hoogste_vooropleiding_vo": _five_digits(aggregate),
        "hoogste_vooropleiding_vo_oorspronkelijk": _five_digits(original),
        "hoogste_vooropleiding_mbo": _five_digits(mbo, had_mbo),
        "hoogste_vooropleiding_mbo_oorspronkelijk": _five_digits(20_000 + earlier * 7, had_mbo),
        "diplomajaar_vooropleiding_vo": diploma_year,
        "diploma_teljaar_vooropleiding_vo": diploma_year,
        "instelling_vooropleiding_vo": school,
        "vestiging_vooropleiding_vo": school + branch,
        "gemiddeld_cijfer_vo": decimals(c.vo_grade[person] / 10, certified),
        "postcodecijfers_vooropleiding_vo": vo_postcode.fill_null("0040"),
        "instelling_vooropleiding_mbo": codes(world.brin.tolist(), institution, had_mbo),
        "diplomajaar_vooropleiding_mbo": codes(
            [f"{number:04d}" for number in range(1990, 2060)],
            np.maximum(c.earlier_year[person, y].astype(np.int64) - 1990, 0),
            had_mbo,
        ),
        "postcodecijfers_vooropleiding_mbo": codes(world.pc4.tolist(), world.home_pc4[institution], had_mbo),
        **prior_categories(category, c.vo_code[person]),
    }


def prior_categories(category: Ints, variant: Ints) -> dict[str, pl.Series]:
    """Category, subcategory and level of the highest earlier education."""
    return {
        "categorie_hoogste_vooropleiding": codes([str(number) for number in range(16)], category),
        "subcategorie_hoogste_vooropleiding": codes(
            [f"{number:02d}{letter}" for number in range(16) for letter in "abcde"], category * 5 + variant
        ),
        "niveau_hoogste_vooropleiding": codes(PRIOR_LEVELS, PRIOR_LEVEL_OF_CATEGORY[category]),
    }


def _five_digits(values: Ints, present: Bools | None = None) -> pl.Series:
    return numbers(values, present).cast(pl.String).str.zfill(5)


def _calendar_year(days: Ints) -> Ints:
    return np.asarray(days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970)


def _ages(birth: Ints, on: Ints) -> pl.Series:
    return codes(AGE_GROUPS, np.searchsorted(_AGE_BOUNDS, ((on - birth) / 365.25).astype(np.int64), side="right"))
