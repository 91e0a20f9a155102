"""When a delivery must be gone.

Belongs here: the one function from moment of provision to deadline. Does not belong here: erasing.

Besluit 55352791, voorschrift 3j: at most seven years after the moment of provision. Read strictly: counted in Dutch
time or in UTC, the deadline never lies after the instant plus seven calendar years. So the day is taken in UTC (which
is never later than the day in Amsterdam), and the term ends at the start of the last day, not at its end. A day that
doesn't exist (29 February) becomes the last day of its month, as in Regulation 1182/71.
"""

import calendar
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def deadline(moment: datetime, years: int = 7) -> datetime:
    """Midnight in Amsterdam at the start of the day ``years`` after the UTC day of ``moment``, which must be aware."""
    if moment.tzinfo is None:
        raise ValueError("a moment of provision needs a time zone")
    day = moment.astimezone(UTC).date()
    year = day.year + years
    last = calendar.monthrange(year, day.month)[1]
    return datetime(year, day.month, min(day.day, last), tzinfo=AMSTERDAM)
