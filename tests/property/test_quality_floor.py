"""Whatever the counts, none of 1 to 4 is told, nor does one follow from the others and their sum."""

from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.quality.changes import FLOOR, floored

COUNTS = st.dictionaries(st.integers(0, 30), st.one_of(st.integers(0, 9), st.integers(0, 10_000)), max_size=12)


@given(COUNTS)
def test_no_small_count_is_told(counts: dict[int, int]) -> None:
    told = floored(counts)
    assert told.keys() == counts.keys()
    for key, count in told.items():
        assert count is None or count == counts[key]
        assert count is None or count == 0 or count >= FLOOR


@given(COUNTS)
def test_what_is_hidden_does_not_follow_from_the_whole(counts: dict[int, int]) -> None:
    told = floored(counts)
    hidden = [counts[key] for key, count in told.items() if count is None]
    shown = [count for count in told.values() if count]
    assert not hidden or max(hidden) >= FLOOR or not shown, "only what is small is hidden: its sum says how small"
    assert len(hidden) != 1 or not shown, "one hidden count is the whole without the others"


@given(COUNTS)
def test_nothing_is_hidden_without_need(counts: dict[int, int]) -> None:
    small = sum(0 < count < FLOOR for count in counts.values())
    hidden = sum(count is None for count in floored(counts).values())
    assert hidden <= small + bool(small)
