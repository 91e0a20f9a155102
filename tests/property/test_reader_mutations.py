"""Thousands of broken files: each is read whole and right, or refused with a code; never anything else."""

from collections import Counter

import pytest

from tests.support.mutating import READ, broken, outcome

FILES, SHARES = 3000, 4


@pytest.mark.parametrize("share", [0, *(pytest.param(share, marks=pytest.mark.soak) for share in range(1, SHARES))])
def test_a_broken_file_is_read_whole_or_refused_with_a_code(share: int) -> None:
    outcomes = Counter(outcome(broken(number)) for number in range(share, FILES, SHARES))
    # That the files are broken in many ways, and not beyond reading.
    assert len(outcomes) > 15
    assert outcomes[READ] > 20


def test_a_number_is_a_file() -> None:
    assert [broken(number).data for number in range(3)] == [broken(number).data for number in range(3)]
