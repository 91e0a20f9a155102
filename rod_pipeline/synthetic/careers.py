"""The careers of a block of persons, as arrays.

Belongs here: what a career is. Does not belong here: how it comes about (``simulation``), what a delivery knows of it
(``known``). A block holds persons who come into mbo in the same school year, their *cohort*.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rod_pipeline.synthetic.world import Floats, Ints

YEARS = 10
"""School years that a career is followed from its first 1 October."""
BLOCK = 20_000
NEVER = 2_000_000_000

Matrix = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


def day(year: int, month: int, number: int) -> int:
    """Days since 1970-01-01."""
    return int((np.datetime64(f"{year:04d}-{month:02d}-{number:02d}") - np.datetime64("1970-01-01")).astype(int))


def days(year: Ints, month: int, number: int) -> Ints:
    """The same day of each year, as days since 1970-01-01."""
    months = ((year.astype(np.int64) - 1970) * 12 + month - 1).astype("datetime64[M]")
    return np.asarray(months.astype("datetime64[D]").astype(np.int64) + number - 1)


@dataclass
class Careers:
    """A block of N persons. Matrices are (N, YEARS): column y is school year ``cohort + y``.

    ``programme`` is -1 where nobody is enrolled on that 1 October. Dates are days since 1970-01-01, ``NEVER`` for none.
    ``diploma`` is the date of the diploma earned by the main enrolment between that 1 October and the next.
    """

    cohort: int
    number: Ints
    male: Ints
    birth: Ints
    pc4: Ints
    origin: Ints
    born_nl: Bools
    support: Bools
    category: Ints
    school: Ints
    vo_code: Ints
    vo_year: Ints
    vo_grade: Ints
    from_vo: Bools
    route: Ints
    programme: Matrix
    institution: Matrix
    leerweg: Matrix
    start: Matrix
    planned: Matrix
    end: Matrix
    diploma: Matrix
    reason: Matrix
    vooropleiding: Matrix
    earlier_programme: Matrix
    earlier_institution: Matrix
    earlier_year: Matrix
    second_programme: Matrix
    second_institution: Matrix
    second_diploma: Matrix
    late: Floats
    spare: Floats
    visit_programme: Ints
    visit_institution: Ints
    visit_start: Ints
    visit_end: Ints
    hbo_start: Ints
    hbo_school: Ints
    hbo_study: Ints
    hbo_form: Ints
    hbo_end: Ints
    hbo_outcome: Ints
    hbo_switch: Ints

    def __len__(self) -> int:
        return len(self.number)
