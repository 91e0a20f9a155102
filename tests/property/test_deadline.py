"""When a delivery must be gone: never after the term, hardly before it, whatever the calendar does."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rod_pipeline.decree import load_decree
from rod_pipeline.retention.deadline import deadline

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
moments = st.datetimes(datetime(2000, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
years = st.integers(1, 20)


def later(moment: datetime, number: int) -> datetime:
    """The same day and time of day, ``number`` years later; 29 February becomes 28 February."""
    try:
        return moment.replace(year=moment.year + number)
    except ValueError:
        return moment.replace(year=moment.year + number, day=28)


@given(moments, years)
@example(datetime(2019, 12, 31, 23, 30, tzinfo=UTC), 7)
@example(datetime(2024, 2, 29, tzinfo=UTC), 7)
@example(datetime(2024, 2, 28, 23, 30, tzinfo=UTC), 7)
@example(datetime(2021, 2, 28, 23, 30, tzinfo=UTC), 7)
@example(datetime(2026, 3, 29, 1, tzinfo=UTC), 7)
@example(datetime(2025, 10, 26, 0, 59, 59, 999999, tzinfo=UTC), 7)
def test_never_after_the_term_and_never_a_day_and_a_bit_too_early(moment: datetime, number: int) -> None:
    end = deadline(moment, number)
    assert end <= later(moment, number)
    assert end <= later(moment.astimezone(AMSTERDAM), number)
    # A day for the day itself, two hours for the summer.
    assert end > later(moment, number) - timedelta(hours=26)


@given(moments, moments, years)
def test_a_later_moment_never_ends_earlier(one: datetime, other: datetime, number: int) -> None:
    first, second = sorted((one, other))
    assert deadline(first, number) <= deadline(second, number)


@given(moments, years, years)
def test_a_longer_term_ends_later(moment: datetime, one: int, other: int) -> None:
    shorter, longer = sorted((one, other))
    assert deadline(moment, shorter) <= deadline(moment, longer)


@given(moments, st.integers(-12 * 60, 14 * 60))
def test_the_zone_in_which_a_moment_is_written_makes_no_difference(moment: datetime, minutes: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert deadline(elsewhere) == deadline(moment)


@given(moments)
def test_a_deadline_is_a_midnight_in_amsterdam_that_exists(moment: datetime) -> None:
    end = deadline(moment)
    assert end.tzinfo == AMSTERDAM
    assert end.time() == time(0)
    assert end.astimezone(UTC).astimezone(AMSTERDAM) == end


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2025-12-15T12:00:00+00:00", date(2032, 12, 15)),
        ("2020-01-01T00:30:00+01:00", date(2026, 12, 31)),
        ("2024-02-29T12:00:00+00:00", date(2031, 2, 28)),
        ("2021-02-28T12:00:00+00:00", date(2028, 2, 28)),
        ("2026-08-31T23:59:59.999999+00:00", date(2033, 8, 31)),
    ],
)
def test_days_worked_out_by_hand(moment: str, day: date) -> None:
    end = deadline(datetime.fromisoformat(moment), load_decree().retention.years)
    assert end == datetime.combine(day, time(0), AMSTERDAM)


def test_a_moment_without_a_zone_is_no_moment() -> None:
    with pytest.raises(ValueError, match="time zone"):
        deadline(datetime(2025, 12, 15))  # noqa: DTZ001
