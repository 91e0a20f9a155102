"""Which school years a delivery carries, and what was known when it was extracted.

Belongs here: the calendar of deliveries. Does not belong here: persons or files. Concept: the decree's section 6 ("het
actuele schooljaar en voorafgaande schooljaar, vanaf 2022", doorstroom with its five earlier years) and DUO's practice
of a provisional count per 1 October that becomes final in the next year.

A school year J runs from 1 August J; its peildatum is 1 October J. A delivery from October up to June has the last
1 October provisionally (``V``); from July up to September it has that same school year finally (``D``).

=============  ==================  ======  =====================  =================  ==================
key            prikdatum           status  inschrijvingen,        doorstroom         mbo_hbo (year of
                                           diplomas                                  leaving mbo)
=============  ==================  ======  =====================  =================  ==================
2025-12        1 December 2025     V       2024, 2025             2020 up to 2025    2022 up to 2024
2026-08        1 August 2026       D       2024, 2025             2020 up to 2025    2022 up to 2024
2026-12        1 December 2026     V       2025, 2026             2021 up to 2026    2022 up to 2025
=============  ==================  ======  =====================  =================  ==================

The decree's sentence can also be read as "all years since 2022"; the two-year reading is taken. A correction
(``-r2`` …) was extracted a fortnight later per revision.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from rod_pipeline.contracts.model import FileKind
from rod_pipeline.deliveries import DeliveryKey

FIRST_SCHOOL_YEAR = 2022
_EARLIER_YEARS = 5


@dataclass(frozen=True)
class Moment:
    """What a delivery key means for the data: ``current`` is the youngest school year with a 1 October in the past.

    ``status`` is that of the current school year; the ones before it were final already.
    """

    key: DeliveryKey
    prikdatum: date
    current: int
    status: str

    @property
    def peildatum(self) -> date:
        return date(self.current, 10, 1)

    def status_of(self, year: int) -> str:
        """The status of a school year in this delivery: once it was final, it stays so."""
        return self.status if year >= self.current else "D"

    def school_years(self, file: FileKind) -> tuple[int, ...]:
        """The school years of a file, ascending; for ``mbo_hbo`` the years in which people left mbo."""
        if file == "doorstroom":
            return tuple(range(self.current - _EARLIER_YEARS, self.current + 1))
        if file == "mbo_hbo":
            return tuple(range(max(FIRST_SCHOOL_YEAR, self.current - _EARLIER_YEARS), self.current))
        return tuple(range(max(FIRST_SCHOOL_YEAR, self.current - 1), self.current + 1))


def moment_of(key: DeliveryKey) -> Moment:
    """The calendar of a delivery, from its key alone."""
    year, month = (int(part) for part in key.moment.split("-"))
    return Moment(
        key=key,
        prikdatum=date(year, month, 1) + timedelta(days=14 * (key.revision - 1)),
        current=year if month >= 10 else year - 1,
        status="D" if 7 <= month <= 9 else "V",
    )
