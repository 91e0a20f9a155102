"""A table that would be mostly hidden is given up before anything is searched, and never silently."""

import polars as pl
import pytest

from rod_pipeline.disclosure import policy
from rod_pipeline.marts.published import Offered
from rod_pipeline.publishing.offering import Reason, small_share, worth_protecting

RULES = policy.load()
WHOLE = Offered("landelijk", "studenten", ("schooljaar",))
LEVEL = Offered("niveau", "studenten", ("schooljaar", "niveau"))
SECTOR = Offered("sector", "studenten", ("schooljaar", "sectorkamer"))
BOTH = Offered("sector_niveau", "studenten", ("schooljaar", "sectorkamer", "niveau"))
OTHER = Offered("elders", "instroom", ("schooljaar",))
TABLES = (WHOLE, LEVEL, SECTOR, BOTH, OTHER)


def leaves(*counts: int) -> dict[str, pl.DataFrame]:
    """Students by two levels in two sectors."""
    return {
        "studenten": pl.DataFrame(
            {"schooljaar": "2024-2025", "niveau": ["1", "1", "2", "2"], "sectorkamer": ["01", "02"] * 2, "n": counts}
        )
    }


def test_divisions_that_cross_in_small_cells_are_not_offered_together() -> None:
    kept, given_up = worth_protecting(TABLES, leaves(3, 20, 20, 20), (), RULES)
    assert kept == [WHOLE, LEVEL]
    assert {one.table.name: one.reason for one in given_up} == {
        "sector": Reason.TOO_SMALL_TOGETHER,
        "sector_niveau": Reason.TOO_SMALL,
        "elders": Reason.EMPTY,
    }


def test_what_is_large_enough_is_offered() -> None:
    kept, given_up = worth_protecting(TABLES, leaves(20, 20, 20, 20), (), RULES)
    assert kept == [WHOLE, LEVEL, SECTOR, BOTH]
    assert [one.table for one in given_up] == [OTHER]


def test_what_was_told_stays_however_small_it_became() -> None:
    kept, _ = worth_protecting(TABLES, leaves(3, 20, 20, 20), {"sector_niveau"}, RULES)
    assert BOTH in kept


@pytest.mark.parametrize(
    ("good", "bad", "share"),
    [((40, 40), (40, 40), 0), ((40, 40), (0, 40), 0), ((9, 40), (0, 40), 0.25), ((3, 40), (0, 40), 0.5)],
)
def test_nobody_of_a_few_is_small_as_well(good: tuple[int, int], bad: tuple[int, int], share: float) -> None:
    one = Offered("resultaat", "uitkomsten", ("niveau", "diploma"), "diploma")
    counted = pl.DataFrame({"niveau": ["1", "2"] * 2, "diploma": ["J", "J", "N", "N"], "n": [*good, *bad]})
    assert small_share(one, counted.filter(pl.col("n") > 0), RULES) == share
