"""Tables of which the intervals are known, for readers who may take a hidden cell for empty and readers who may not."""

from itertools import combinations

import polars as pl
import pytest

from rod_pipeline.disclosure.attack import DoesNotAddUp, attack
from tests.support.attacking import List, cross

NOBODY = pl.DataFrame(schema={"cell": pl.String, "reader": pl.String, "n": pl.Int64})


def table(*rows: tuple[int, ...], names: tuple[str, str] = ("row", "column"), outcome: str | None = None) -> List:
    """A two-way table with margins: rows A, B, .. and columns X, Y, .."""
    return cross(
        {
            ((names[0], "ABCDE"[r]), (names[1], "XYZUV"[c])): n
            for r, row in enumerate(rows)
            for c, n in enumerate(row)
            if n
        },
        outcome,
    )


def intervals(made: List, *hidden: str, outcomes: tuple[str, ...] = (), **more: object) -> dict[str, tuple[int, int]]:
    """By the letters of the cell."""
    keys = {
        cell: "".join(part.split("=")[1] for part in sorted(cell.split("|")[1:], reverse=True)) for cell in made.truth
    }
    chosen = [cell for cell, letters in keys.items() if letters in hidden]
    assert len(chosen) == len(hidden)
    found = attack(**made.tables(chosen), readers=[None], outcomes=outcomes, **more)  # type: ignore[arg-type]
    assert found["settled"].all()
    return {keys[cell]: (low, high) for cell, low, high in found.select("cell", "low", "high").iter_rows()}


SQUARE = ((20, 50, 10), (8, 19, 22), (17, 32, 12))


def test_a_hidden_square_with_zeros_printed() -> None:
    found = intervals(table(*SQUARE), "AX", "AZ", "BX", "BZ")
    assert found == {"AX": (1, 27), "AZ": (3, 29), "BX": (1, 27), "BZ": (3, 29)}


def test_the_same_square_when_it_may_be_empty() -> None:
    made = table(*SQUARE, names=("row", "column"), outcome="column")
    found = intervals(made, "AX", "AZ", "BX", "BZ", outcomes=("column",))
    assert found == {"AX": (0, 28), "AZ": (2, 30), "BX": (0, 28), "BZ": (2, 30)}


def test_one_alone_in_its_row_is_known() -> None:
    assert intervals(table(*SQUARE), "AX", "BY", "BZ") == {"AX": (20, 20), "BY": (19, 19), "BZ": (22, 22)}


def test_two_small_ones_in_a_row_and_the_floor_of_one() -> None:
    """3 + 1 = 4: with both hidden in both directions, each is 1 to 3, or 0 to 4 when it may be empty."""
    made = table((3, 1, 20), (9, 30, 20), (7, 3, 20))
    assert intervals(made, "AX", "AY", "BX", "BY")["AX"] == (1, 3)
    sides = table((3, 1, 20), (9, 30, 20), (7, 3, 20), outcome="column")
    assert intervals(sides, "AX", "AY", "BX", "BY", outcomes=("column",))["AX"] == (0, 4)


def test_a_ring_of_six_cells_moves_together() -> None:
    made = table((2, 6, 40), (40, 3, 7), (5, 40, 4))
    found = intervals(made, "AX", "AY", "BY", "BZ", "CX", "CZ")
    assert found == {"AX": (1, 6), "AY": (2, 7), "BY": (2, 7), "BZ": (3, 8), "CX": (1, 6), "CZ": (3, 8)}


def test_hidden_margins_let_a_lone_cell_go() -> None:
    """A hidden cell with its row and column totals hidden, beside the grand total's row and column of totals."""
    found = intervals(table(*SQUARE), "AX", "A", "X", "B", "Y", "BY")
    assert found["AX"][0] == 1
    assert found["AX"][1] - found["AX"][0] >= 3


def test_what_no_fraction_may_be() -> None:
    """Five cells of which any two are at most one together: 2.5 in fractions, so up to 2 rounded down; whole, 1."""
    terms, printed = [], {}
    for number, (one, two) in enumerate(combinations("abcde", 2)):
        total = f"n|pair={one}{two}"
        printed[total] = 1
        terms += [
            (number, total, 1),
            (number, f"n|o={one}", -1),
            (number, f"n|o={two}", -1),
            (number, f"n|o=-{number}", -1),
        ]
    terms += [(99, "n|o=all", 1), *((99, f"n|o={one}", -1) for one in "abcde")]
    sums = pl.DataFrame(terms, {"equation": pl.UInt32, "cell": pl.String, "sign": pl.Int8}, orient="row")
    shown = pl.DataFrame({"cell": list(printed), "n": list(printed.values())})
    found = attack(shown, sums, NOBODY, [None], outcomes=("o",), enough=None)
    assert found.filter(pl.col("cell") == "n|o=all").select("low", "high", "settled").row(0) == (0, 1, True)


@pytest.mark.parametrize("enough", [4, None])
def test_where_nothing_is_printed_there_is_no_highest(enough: int | None) -> None:
    made = table((3, 9), (8, 7))
    found = attack(**made.tables(made.truth), readers=[None], enough=enough)
    assert found["settled"].all()
    assert found["high"].null_count() == len(made.truth)
    assert found.filter(pl.col("cell") == "n")["low"].item() <= 4


@pytest.mark.parametrize("enough", [4, None])
def test_figures_that_do_not_add_up_are_refused(enough: int | None) -> None:
    made = table(*SQUARE)
    tables = made.tables([])
    wrong = tables["printed"].with_columns(n=pl.col("n") + (pl.col("cell") == "n").cast(pl.Int64))
    with pytest.raises(DoesNotAddUp) as raised:
        attack(wrong, tables["sums"], NOBODY, [None], enough=enough)
    assert raised.value.code == "ROD-DISCLOSURE-22"


def test_order_of_rows_makes_no_difference() -> None:
    tables = table(*SQUARE).tables(["n|column=X|row=A", "n|column=Y|row=A", "n|column=X|row=B", "n|column=Y|row=B"])
    shuffled = {name: frame.sample(fraction=1.0, shuffle=True, seed=7) for name, frame in tables.items()}
    assert attack(**tables, readers=[None]).equals(attack(**shuffled, readers=[None]))
