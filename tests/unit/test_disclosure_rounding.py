"""Small count rounding: no count under five in any filter, and everything adds up."""

from itertools import combinations

import numpy as np
import polars as pl
import pytest

from rod_pipeline.disclosure.policy import load
from rod_pipeline.disclosure.rounding import BothWays, rounded
from rod_pipeline.disclosure.tables import Table

BY = ("instellingscode", "opleidingscode", "leerweg")


def leaves(seed=3):
    random = np.random.default_rng(seed)
    counts = random.poisson(random.lognormal(0.6, 1.2, (12, 20, 2)))
    who, what, how = np.nonzero(counts)
    return pl.DataFrame(
        {
            "instellingscode": [f"{i:02d}AA" for i in who],
            "opleidingscode": [f"{25000 + p}" for p in what],
            "leerweg": [("BOL", "BBL")[h] for h in how],
            "n": counts[who, what, how],
        }
    )


def test_no_filter_has_a_small_count_and_the_margins_stay_near():
    exact, cube = leaves(), rounded("s", leaves(), BY, load(), [])
    for size in range(len(BY) + 1):
        for way in combinations(BY, size):
            told = cube.group_by(way).agg(pl.col("n").sum()) if way else cube.select(pl.col("n").sum())
            assert told.filter(pl.col("n").is_between(1, 4)).is_empty()
    assert abs(cube["n"].sum() - exact["n"].sum()) <= 2
    margin = (
        exact.group_by("instellingscode")
        .agg(pl.col("n").sum())
        .join(cube.group_by("instellingscode").agg(pl.col("n").sum()), on="instellingscode", suffix="_told")
    )
    assert (margin["n"] - margin["n_told"]).abs().max() <= 5
    large = exact.filter(pl.col("n") >= 5)
    assert large.join(cube, on=[*BY, "n"]).height == large.height, "what isn't small is untouched"


def test_the_same_whatever_the_order():
    shuffled = leaves().sample(fraction=1, shuffle=True, seed=1)
    assert rounded("s", leaves(), BY, load(), []).equals(rounded("s", shuffled, BY, load(), []))


def test_no_figure_is_given_both_ways():
    with pytest.raises(BothWays):
        rounded("s", leaves(), BY, load(), [Table("t", "s", ("leerweg",))])
    rounded("s", leaves(), BY, load(), [Table("t", "other", ("leerweg",))])
