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

    @property
    def enrolled(self) -> Bools:
        return self.programme >= 0

    def column(self, school_year: int) -> int | None:
        """The column of a school year in the matrices, None where the careers do not reach."""
        y = school_year - self.careers.cohort
        return y if 0 <= y < YEARS else None

    def closed(self, school_year: int) -> bool:
        """Whether the next 1 October lies in the past, so that the results of the year are known."""
        return school_year < self.moment.current

    def there(self, y: int) -> Bools:
        """Who is enrolled on 1 October of column ``y``; nobody outside the careers."""
        if not 0 <= y < YEARS:
            return np.zeros(len(self.careers), bool)
        return np.asarray(self.programme[:, y] >= 0)

    def same_institution(self, y: int, other: int) -> Bools:
        """Who is at the institution of column ``y`` on 1 October of column ``other`` too."""
        both = self.there(y) & self.there(other)
        if not 0 <= other < YEARS:
            return both
        return np.asarray(both & (self.careers.institution[:, y] == self.careers.institution[:, other]))


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
