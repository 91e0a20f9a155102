"""The file doorstroom: one row per participant and school year, with what the next year brought.

Belongs here: its rows, and the populaties and indicaties by the rekenregels (Inspectie, "Definitie indicatoren",
31-05-2024; informatie-encyclopedie.nl). Does not belong here: sums over them (``marts``).

Rows of school year J: everybody enrolled in mbo on 1 October J at the institution of the hoofdinschrijving; those
enrolled only between two 1 Octobers; and vo participants in the year before they come into mbo.

``in_door_uitstroom``, one letter per row, read so that the letters add up:

=====  ====================================================================================================
I      not in mbo on 1 October J-1, in mbo on 1 October J (and on 1 October J+1, or not known yet)
D      in mbo on both, and not leaving
U      in mbo on 1 October J-1 and J, not on 1 October J+1
T      came and went: in mbo on 1 October J alone, or between two 1 Octobers only
empty  vo participants
=====  ====================================================================================================

With stock(J) = the rows I, D and U of J: stock(J) - U(J) + I(J+1) = stock(J+1). A year whose next 1 October is not
known yet has no U, no T of the first kind, no populaties and no ``jaar 2``.

The diploma is the one earned in the school year itself, so ``heeft_diploma`` agrees with the file diplomas.
Populations: level 2 to 4, leerweg bol, bol-dt, bbl or ex. A leaver (*verlater*) is not at that
institution on the next 1 October.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from rod_pipeline.contracts.model import Contract
from rod_pipeline.synthetic import rates
from rod_pipeline.synthetic.careers import Bools
from rod_pipeline.synthetic.columns import LEVELS, codes, fit, flags, gender, pseudonyms, repeat, technical
from rod_pipeline.synthetic.diplomas import diploma_programme
from rod_pipeline.synthetic.inschrijvingen import prior_categories
from rod_pipeline.synthetic.known import Known
from rod_pipeline.synthetic.world import SECTORS, Ints, World

_EXPECTED = np.array([rates.EXPECTED_LEVEL.get(category, 5) for category in range(16)])
_LETTERS = ("I", "D", "U", "T")


def blocks(known: Known, world: World, seed: int, contract: Contract, years: tuple[int, ...]) -> Iterator[pl.DataFrame]:
    """The rows of the school years: students, visitors and vo participants each as one frame."""
    c = known.careers
    person, y = known.where(known.programme >= 0, years)
    if len(person):
        yield fit(_students(known, world, seed, person, y), contract)
    if c.cohort in years:
        visitor = np.flatnonzero((c.visit_programme >= 0) & (c.visit_end <= known.extracted))
        if len(visitor):
            yield fit(_visitors(known, world, seed, visitor), contract)
    if c.cohort - 1 in years:
        pupil = np.flatnonzero(c.from_vo)
        if len(pupil):
            yield fit(_pupils(known, world, seed, pupil), contract)


def _students(known: Known, world: World, seed: int, person: Ints, y: Ints) -> dict[str, pl.Series]:
    c = known.careers
    closed = known.closed(c.cohort + y)
    programme = known.programme[person, y].astype(np.int64)
    level = world.level[programme]
    leerweg = known.leerweg[person, y].astype(np.int64)
    category = c.vooropleiding[person, y].astype(np.int64)
    institution = c.institution[person, y].astype(np.int64)
    stays = known.institution_at(person, y + 1) == institution
    starts = known.institution_at(person, y - 1) != institution
    graduated = known.graduated(person, y)
    later = known.programme_at(person, y + 1)
    gone = (later < 0) & closed
    before = known.programme_at(person, y - 1) >= 0
    letter = np.where(before, np.where(gone, 2, 1), np.where(gone, 3, 0))

    in_view = closed & (level >= 2) & (leerweg <= rates.EX)
    leaver = in_view & ~stays
    later_level = np.where(later >= 0, world.level[np.maximum(later, 0)], 0)
    climbing = closed & ((level == 2) | (level == 3))
    diploma = diploma_programme(known, world, person, y)
    return {
        **_shared(known, world, seed, person, y, programme, leerweg),
        "instellingscode": codes(world.brin.tolist(), institution),
        "in_door_uitstroom": codes(_LETTERS, letter),
        "niveau_jaar2": codes(LEVELS, later_level - 1, later_level > 0),
        "inschrijving_bij_diploma": codes(("CREBO", "BC"), (diploma != programme).astype(np.int64), graduated),
        "passende_plaatsing": flags(level >= _EXPECTED[category]),
        "populatie_starter": flags(in_view & starts),
        "indicatie_startersresultaat": flags(in_view & starts & (stays | graduated)),
        "populatie_opstroom": flags(climbing),
        "indicatie_opstroom": flags(climbing & (later_level > level)),
        "populatie_jaarresultaat": flags(in_view & (graduated | leaver)),
        "populatie_diplomaresultaat": flags(leaver),
        **_diploma(world, diploma, graduated, category),
        "niveau_diploma_jaar2": codes(LEVELS, later_level - 1, known.graduated(person, y + 1) & closed),
        **prior_categories(category, c.vo_code[person]),
    }


def _visitors(known: Known, world: World, seed: int, person: Ints) -> dict[str, pl.Series]:
    c = known.careers
    programme, first = c.visit_programme[person], np.zeros(len(person), np.int64)
    category = c.vooropleiding[person, 0].astype(np.int64)
    no = flags(np.zeros(len(person), bool))
    return {
        **_shared(known, world, seed, person, first, programme, c.leerweg[person, 0].astype(np.int64)),
        "instellingscode": codes(world.brin.tolist(), c.visit_institution[person]),
        "in_door_uitstroom": repeat("T", len(person)),
        "passende_plaatsing": flags(world.level[programme] >= _EXPECTED[category]),
        **{name: no for name in _POPULATIONS},
        **_diploma(world, programme, np.zeros(len(person), bool), category),
        **prior_categories(category, c.vo_code[person]),
    }


def _pupils(known: Known, world: World, seed: int, person: Ints) -> dict[str, pl.Series]:
    c = known.careers
    no = flags(np.zeros(len(person), bool))
    return {
        "sectornummer": pseudonyms(seed, c.number[person]),
        **technical(known.moment, np.full(len(person), c.cohort - 1)),
        "geslacht": gender(c, person),
        "instellingscode": codes(world.school_brin.tolist(), c.school[person]),
        **{name: no for name in _POPULATIONS},
        "heeft_diploma": no,
    }


_POPULATIONS = (
    "populatie_starter",
    "indicatie_startersresultaat",
    "populatie_opstroom",
    "indicatie_opstroom",
    "populatie_jaarresultaat",
    "populatie_diplomaresultaat",
)


def _shared(
    known: Known, world: World, seed: int, person: Ints, y: Ints, programme: Ints, leerweg: Ints
) -> dict[str, pl.Series]:
    c = known.careers
    return {
        "sectornummer": pseudonyms(seed, c.number[person]),
        **technical(known.moment, c.cohort + y),
        "geslacht": gender(c, person),
        "kwalificatiecode_inschrijving": codes(world.crebo.tolist(), programme),
        "niveau": codes(LEVELS, world.level[programme] - 1),
        "leerweg": codes(rates.LEERWEGEN, leerweg),
        "sector_inschrijving": codes(SECTORS, world.sector[programme]),
        "code_bc": codes(world.bc.tolist(), programme),
        "code_hg": codes(world.hg.tolist(), programme),
        "code_sg": codes(world.sg.tolist(), programme),
    }


def _diploma(world: World, programme: Ints, graduated: Bools, category: Ints) -> dict[str, pl.Series]:
    """The diploma of the year; *passend*: its level is at least what the vooropleiding makes one expect."""
    return {
        "heeft_diploma": flags(graduated),
        "passend_diploma": flags(graduated & (world.level[programme] >= _EXPECTED[category])),
        "kwalificatiecode_diploma": codes(world.crebo.tolist(), programme, graduated),
        "sectorkamer_diploma": codes(SECTORS, world.sector[programme], graduated),
        "code_bc_diploma": codes(world.bc.tolist(), programme, graduated),
        "code_hg_diploma": codes(world.hg.tolist(), programme, graduated),
        "code_sg_diploma": codes(world.sg.tolist(), programme, graduated),
    }
