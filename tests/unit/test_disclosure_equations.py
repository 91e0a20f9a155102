"""The equations of a cell list: what is left when figures that are equal are one."""

import polars as pl

from rod_pipeline.disclosure.cells import CellList
from rod_pipeline.disclosure.equations import equations


def test_a_sum_of_which_one_figure_is_left_says_that_it_is_nothing() -> None:
    """All of a group, and those of it without an outcome, are one figure by another sum: nobody has the outcome."""
    names = ["all", "with", "without"]
    cells = pl.DataFrame(
        {"cell": names, "n": [12, 0, 12], "institutions": [1, 1, 1], "group": [None, "all", "all"]},
        schema={"cell": pl.String, "n": pl.Int64, "institutions": pl.Int64, "group": pl.String},
    )
    sums = pl.DataFrame(
        {
            "equation": [0, 0, 0, 1, 1, 2],
            "cell": ["all", "with", "without", "all", "without", "with"],
            "sign": [1, -1, -1, 1, -1, 1],
        },
        schema={"equation": pl.UInt32, "cell": pl.String, "sign": pl.Int8},
    )
    own = pl.DataFrame(schema={"cell": pl.String, "reader": pl.String, "n": pl.Int64})
    found = equations(CellList(cells, sums, own))
    both, nobody = found.unknown[0], found.unknown[1]
    assert found.unknown[2] == both
    assert {members for members, _ in found.rows} == {(nobody,)}
    assert found.n[nobody] == 0 and found.depth[nobody] == 0
