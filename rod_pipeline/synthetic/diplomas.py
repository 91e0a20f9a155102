"""The file diplomas: what was earned in a school year.

Belongs here: its rows and columns. The main diploma of a year belongs to the main enrolment; a *nevendiploma* comes
from a second enrolment and a certificate on the way to a diploma, so whoever stands in this file has a diploma.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from rod_pipeline.contracts.model import Contract
from rod_pipeline.synthetic import rates
from rod_pipeline.synthetic.careers import NEVER, YEARS, Bools, day
from rod_pipeline.synthetic.columns import LEVELS, codes, dates, fit, flags, gender, pseudonyms, technical
from rod_pipeline.synthetic.known import Known
from rod_pipeline.synthetic.world import SECTORS, Ints, World

_KINDS = ("01", "02")
_CERTIFICATES = 0.09
_OTHER_QUALIFICATION = 0.03


def diploma_programme(known: Known, world: World, person: Ints, y: Ints | int) -> Ints:
    """The programme of the main diploma: that of the enrolment, for a few its sibling in the same beroepsopleiding."""
    programme = known.programme[person, y].astype(np.int64)
    other = known.careers.spare[person, 7] < _OTHER_QUALIFICATION
    return np.asarray(np.where(other, world.sibling[programme], programme))


def blocks(known: Known, world: World, seed: int, contract: Contract, years: tuple[int, ...]) -> Iterator[pl.DataFrame]:
    """The diplomas and certificates of each of the school years."""
    c = known.careers
    for year in years:
        y = year - c.cohort
        if not 0 <= y < YEARS:
            continue
        main = np.flatnonzero(known.diploma[:, y] < NEVER)
        second = np.flatnonzero(known.second_diploma[:, y] < NEVER)
        october = day(year, 10, 1)
        late_enough = known.diploma[main, y] > october + 30
        certified = main[late_enough & (c.spare[main, 6] < _CERTIFICATES)]
        elsewhere = c.second_institution[second, y] != c.institution[second, y]
        person = np.concatenate([main, second, certified])
        if not len(person):
            continue
        programme = np.concatenate(
            [
                diploma_programme(known, world, main, y),
                known.second_programme[second, y].astype(np.int64),
                diploma_programme(known, world, certified, y),
            ]
        )
        institution = np.concatenate(
            [c.institution[main, y], c.second_institution[second, y], c.institution[certified, y]]
        ).astype(np.int64)
        half_way = october + (known.diploma[certified, y] - october) // 2
        when = np.concatenate([known.diploma[main, y], known.second_diploma[second, y], half_way])
        kind = np.repeat([0, 1, 2], [len(main), len(second), len(certified)])
        here = np.concatenate([np.zeros(len(main), np.int64), 1 - elsewhere, np.ones(len(certified), np.int64)])
        yield fit(_columns(known, world, seed, year, person, programme, institution, when, kind, here), contract)


def _columns(
    known: Known,
    world: World,
    seed: int,
    year: int,
    person: Ints,
    programme: Ints,
    institution: Ints,
    when: Ints,
    kind: Ints,
    here: Ints,
) -> dict[str, pl.Series]:
    c = known.careers
    leerweg = known.leerweg[person, year - c.cohort]
    is_diploma: Bools = kind < 2
    return {
        "sectornummer": pseudonyms(seed, c.number[person]),
        **technical(known.moment, year, len(person)),
        "geslacht": gender(c, person),
        "instellingscode": codes(world.brin.tolist(), institution),
        "opleidingscode": codes(world.crebo.tolist(), programme),
        "niveau_diploma": codes(LEVELS, world.level[programme] - 1, is_diploma),
        "datum_examen_behaald": dates(when.astype(np.int64)),
        "soort_diploma_instelling_kalenderjaar": codes(_KINDS, here),
        "soort_diploma_instelling_studiejaar": codes(_KINDS, here),
        "soort_diploma_mbo_studiejaar": codes(_KINDS, np.minimum(kind, 1)),
        "hoofddiploma": flags(kind == 0),
        "techniek_diploma": flags(world.technical[programme]),
        "sectorkamer_diploma": codes(SECTORS, world.sector[programme]),
        "bekostigbaar": flags((kind == 0) & (leerweg < rates.OVO)),
    }
