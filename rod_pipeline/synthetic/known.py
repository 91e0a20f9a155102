"""What the register knew of a block of careers when a delivery was extracted.

Belongs here: hiding the future and what was registered late or corrected after a provisional count. Does not belong
here: the careers themselves (``careers``), columns (``inschrijvingen``, ``diplomas``, ``doorstroom``, ``mbo_hbo``).
Concept: DUO delivers the last 1 October first provisionally, then finally.
"""

from dataclasses import dataclass

import numpy as np

from rod_pipeline.synthetic import rates
from rod_pipeline.synthetic.careers import NEVER, YEARS, Bools, Careers, Matrix, day
from rod_pipeline.synthetic.moments import Moment
from rod_pipeline.synthetic.world import Ints


@dataclass(frozen=True)
class Known:
    """Careers as the register had them at a moment; matrices as in ``Careers``.

    ``programme`` is -1 in school years after the current one, and where a provisional count misses the enrolment.
    Ends and diplomas after the prikdatum are ``NEVER``.
    """

    careers: Careers
    moment: Moment
    extracted: int
    programme: Matrix
    leerweg: Matrix
    planned: Matrix
    end: Matrix
    diploma: Matrix
    second_programme: Matrix
    second_diploma: Matrix

    def columns(self, years: tuple[int, ...]) -> Ints:
        """The columns of those of the school years that the careers reach."""
        wanted = np.array(years, np.int64) - self.careers.cohort
        return wanted[(wanted >= 0) & (wanted < YEARS)]

    def where(self, mask: Bools, years: tuple[int, ...]) -> tuple[Ints, Ints]:
        """Persons and columns for which ``mask`` holds in one of the school years."""
        columns = self.columns(years)
        person, place = np.nonzero(mask[:, columns])
        return person.astype(np.int64), columns[place]

    def closed(self, year: Ints) -> Bools:
        """Whether the next 1 October lies in the past, so that the results of the year are known."""
        return np.asarray(year < self.moment.current)

    def programme_at(self, person: Ints, y: Ints) -> Ints:
        """The programme on 1 October of each column, -1 for nobody and for columns outside the careers."""
        inside = (y >= 0) & (y < YEARS)
        return np.where(inside, self.programme[person, np.clip(y, 0, YEARS - 1)], -1).astype(np.int64)

    def institution_at(self, person: Ints, y: Ints) -> Ints:
        """The institution on 1 October of each column, -1 where there is no programme."""
        there = self.programme_at(person, y) >= 0
        return np.where(there, self.careers.institution[person, np.clip(y, 0, YEARS - 1)], -1).astype(np.int64)

    def graduated(self, person: Ints, y: Ints) -> Bools:
        """Whether the main enrolment of each column earned a diploma."""
        inside = (y >= 0) & (y < YEARS)
        return np.asarray(inside & (self.diploma[person, np.clip(y, 0, YEARS - 1)] < NEVER))


def known_at(careers: Careers, moment: Moment) -> Known:
    """The part of ``careers`` that the register had at ``moment``."""
    extracted = day(moment.prikdatum.year, moment.prikdatum.month, moment.prikdatum.day)
    last = moment.current - careers.cohort
    programme = careers.programme.copy()
    programme[:, max(last + 1, 0) :] = -1
    leerweg, planned = careers.leerweg, careers.planned
    if moment.status == "V" and 0 <= last < YEARS:
        u = careers.late[:, last]
        programme[u < rates.LATE / moment.key.revision, last] = -1
        changed = (u > 0.5) & (u < 0.5 + rates.CORRECTED)
        leerweg, planned = leerweg.copy(), planned.copy()
        other_way = changed & (u < 0.5 + rates.CORRECTED / 2) & (leerweg[:, last] <= rates.BBL)
        leerweg[other_way, last] = rates.BBL - leerweg[other_way, last]
        planned[changed & ~other_way, last] += 184
    hidden = programme < 0
    return Known(
        careers=careers,
        moment=moment,
        extracted=extracted,
        programme=programme,
        leerweg=leerweg,
        planned=planned,
        end=np.where(hidden | (careers.end > extracted), NEVER, careers.end),
        diploma=np.where(hidden | (careers.diploma > extracted), NEVER, careers.diploma),
        second_programme=np.where(hidden, -1, careers.second_programme),
        second_diploma=np.where(hidden | (careers.second_diploma > extracted), NEVER, careers.second_diploma),
    )
