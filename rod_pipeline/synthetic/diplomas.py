"""The file diplomas: what was earned in a school year.

Belongs here: its rows and columns. The main diploma of a year belongs to the main enrolment; a *nevendiploma* comes
from a second enrolment and a certificate on the way to a diploma, so whoever stands in this file has a diploma.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from rod_pipeline.contracts.model import Contract
from rod_pipeline.synthetic import rates
from rod_pipeline.synthetic.careers import NEVER, days
from rod_pipeline.synthetic.columns import LEVELS, codes, dates, fit, flags, gender, pseudonyms, technical
from rod_pipeline.synthetic.known import Known
from rod_pipeline.synthetic.world import SECTORS, Ints, World

_KINDS = ("01", "02")
_CERTIFICATES = 0.09
_OTHER_QUALIFICATION = 0.03


def diploma_programme(known: Known, world: World, person: Ints, y: Ints) -> Ints:
    """The programme of the main diploma: that of the enrolment, for a few its sibling in the same beroepsopleiding."""
    programme = known.programme[person, y].astype(np.int64)
    other = known.careers.spare[person, 7] < _OTHER_QUALIFICATION
    return np.asarray(np.where(other, world.sibling[programme], programme))


def blocks(known: Known, world: World, seed: int, contract: Contract, years: tuple[int, ...]) -> Iterator[pl.DataFrame]:
    """The diplomas and certificates of the school years, as one frame."""
    c = known.careers
    person, y = known.where(known.diploma < NEVER, years)
    if not len(person):
        return
    second, second_y = known.where(known.second_diploma < NEVER, years)
    october = days(c.cohort + y, 10, 1)
    earned = known.diploma[person, y].astype(np.int64)
    certified = (earned > october + 30) & (c.spare[person, 6] < _CERTIFICATES)
    main_programme = diploma_programme(known, world, person, y)
    main_institution = c.institution[person, y].astype(np.int64)
    elsewhere = c.second_institution[second, second_y] != c.institution[second, second_y]
    rows = _Rows(
        person=np.concatenate([person, second, person[certified]]),
        y=np.concatenate([y, second_y, y[certified]]),
        programme=np.concatenate(
            [main_programme, known.second_programme[second, second_y], main_programme[certified]]
        ).astype(np.int64),
        institution=np.concatenate(
            [main_institution, c.second_institution[second, second_y], main_institution[certified]]
        ).astype(np.int64),
        when=np.concatenate(
            [earned, known.second_diploma[second, second_y], (october + (earned - october) // 2)[certified]]
        ).astype(np.int64),
        kind=np.repeat([0, 1, 2], [len(person), len(second), int(certified.sum())]),
        beside=np.concatenate(
            [np.zeros(len(person), np.int64), 1 - elsewhere, np.ones(int(certified.sum()), np.int64)]
        ),
    )
    yield fit(_columns(known, world, seed, rows), contract)


@dataclass(frozen=True)
class _Rows:
    """Rows as parallel arrays. ``kind``: 0 main diploma, 1 of a second enrolment, 2 certificate.

    ``beside`` is 1 where the institution has a better one of the same person and year.
    """

    person: Ints
    y: Ints
    programme: Ints
    institution: Ints
    when: Ints
    kind: Ints
    beside: Ints


def _columns(known: Known, world: World, seed: int, rows: _Rows) -> dict[str, pl.Series]:
    c = known.careers
    leerweg = known.leerweg[rows.person, rows.y]
    programme = rows.programme
    beside = codes(_KINDS, rows.beside)
    return {
        "sectornummer": pseudonyms(seed, c.number[rows.person]),
        **technical(known.moment, c.cohort + rows.y),
        "geslacht": gender(c, rows.person),
        "instellingscode": codes(world.brin.tolist(), rows.institution),
        "opleidingscode": codes(world.crebo.tolist(), programme),
        "niveau_diploma": codes(LEVELS, world.level[programme] - 1, rows.kind < 2),
        "datum_examen_behaald": dates(rows.when),
        "soort_diploma_instelling_kalenderjaar": beside,
        "soort_diploma_instelling_studiejaar": beside,
        "soort_diploma_mbo_studiejaar": codes(_KINDS, np.minimum(rows.kind, 1)),
        "hoofddiploma": flags(rows.kind == 0),
        "techniek_diploma": flags(world.technical[programme]),
        "sectorkamer_diploma": codes(SECTORS, world.sector[programme]),
        "bekostigbaar": flags((rows.kind == 0) & (leerweg < rates.OVO)),
    }
