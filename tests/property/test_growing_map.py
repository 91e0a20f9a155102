"""The mapping of the ledger's states against a plain dict that is copied each time."""

from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.ledger.growing import GrowingMap

CHANGES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers()), max_size=60)


@given(CHANGES)
def test_it_is_a_dict_that_is_copied_and_changed_and_every_earlier_one_stays(changes: list[tuple[str, int]]) -> None:
    plain: dict[str, int] = {}
    growing: GrowingMap[int] = GrowingMap()
    history = [(plain, growing)]
    for key, value in changes:
        plain, growing = {**plain, key: value}, growing.with_(key, value)
        history.append((plain, growing))
    for expected, found in history:
        assert found == expected
        assert list(found) == list(expected), "the order is that of arrival, and a new value keeps its key's place"
        assert list(found.items()) == list(expected.items())
        assert list(found.values()) == list(expected.values())
        assert len(found) == len(expected)
        assert all(key in found and found.get(key) == value for key, value in expected.items())
        assert "z" not in found
        assert found.get("z") is None
