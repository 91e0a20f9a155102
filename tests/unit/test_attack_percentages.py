"""What a percentage tells of the count behind it, held against trying every count."""

import polars as pl
import pytest

from rod_pipeline.disclosure.attack import counts_behind, telling


@pytest.mark.parametrize("decimals", [0, 1])
def test_counts_behind_a_percentage_are_all_that_round_to_it(decimals: int) -> None:
    rows = [(n, round(100 * k / n, decimals), k) for n in range(1, 120) for k in range(n + 1)]
    table = pl.DataFrame(rows, {"n": pl.Int64, "percentage": pl.Float64, "k": pl.Int64}, orient="row")
    low, high = counts_behind(decimals)
    behind = table.with_columns(low=low, high=high)
    assert behind.filter((pl.col("k") < pl.col("low")) | (pl.col("k") > pl.col("high"))).is_empty()
    same = table.group_by("n", "percentage").agg(least=pl.col("k").min(), most=pl.col("k").max())
    # Half a unit may be rounded either way: only then is one more count allowed for.
    for n, low_, high_, least, most in (
        behind.join(same, on=["n", "percentage"]).select("n", "low", "high", "least", "most").unique().iter_rows()
    ):
        for told, tried in ((low_, least), (high_, most)):
            assert told == tried or (abs(told - tried) == 1 and (200 * 10**decimals * told) % n == 0)


def test_percentages_from_which_a_small_count_is_read() -> None:
    table = pl.DataFrame(
        {
            "cell": ["three", "rest of three", "half", "nobody of few", "nobody of many", "wide"],
            "n": [62, 62, 40, 20, 62, 2000],
            "percentage": [4.8, 95.2, 50.0, 0.0, 0.0, 0.1],
        }
    )
    assert telling(table, 1)["cell"].to_list() == ["three", "rest of three", "nobody of few", "wide"]
    assert telling(table, 0)["cell"].to_list() == ["three", "rest of three", "nobody of few"]
