"""What protection promises, held against every whole table that fits what is printed."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from rod_pipeline.disclosure.cells import CellList, cell_list
from rod_pipeline.disclosure.policy import load
from rod_pipeline.disclosure.protect import printed, protect
from rod_pipeline.disclosure.published import Published
from rod_pipeline.disclosure.tables import Table
from tests.support.soak import examples

POLICY = load().model_copy(update={"most_hidden": 1.0})
SLOW = examples(6, soak=200)
WAYS = (
    (("instellingscode", "opleidingscode"), ("instellingscode", "code_bc"), ("regio", "opleidingscode"), ("regio",)),
    (("instellingscode", "code_bc"), ("opleidingscode",), ("regio", "code_bc"), ("sectorkamer",)),
    (("regio", "opleidingscode"), ("code_bc", "leerweg"), ("regio", "leerweg")),
    (("instellingscode", "code_bc", "leerweg"), ("instellingscode", "leerweg"), ("code_bc",), ()),
)


@st.composite
def leaves(draw):
    """Up to five institutions in two regions, up to five programmes in two clusters, two ways of learning."""
    rows = []
    for institution in range(draw(st.integers(3, 5))):
        for programme in range(draw(st.integers(2, 5))):
            for way in ("BOL", "BBL"):
                n = draw(st.one_of(st.just(0), st.integers(1, 4), st.integers(5, 14)))
                if n:
                    rows.append((f"0{institution}AA", f"R{institution % 2}", f"2500{programme}", f"B{programme // 3}",
                                 f"K{programme % 2}", way, n))  # fmt: skip
    names = ("instellingscode", "regio", "opleidingscode", "code_bc", "sectorkamer", "leerweg", "n")
    return pl.DataFrame(rows or [("00AA", "R0", "25000", "B0", "K0", "BOL", 3)], schema=list(names), orient="row")


def tables(ways):
    return [Table(str(by), "s", by) for by in ways]


class Reader:
    """All whole tables that fit what a reader sees, from the frames that leave and what he has himself."""

    def __init__(self, cells: CellList, shown: pl.DataFrame, code: str | None, floors: dict[str, int]):
        self.keys = cells.cells["cell"].to_list()
        self.at = {key: place for place, key in enumerate(self.keys)}
        self.n = cells.cells["n"].to_numpy()
        own = dict(cells.own.filter(pl.col("reader") == (code or "")).select("cell", "n").iter_rows())
        self.own = np.array([own.get(key, 0) for key in self.keys])
        hidden = shown.sort("cell")["n"].is_null().to_numpy()
        mine = np.array([code is not None and f"|instellingscode={code}" in key for key in self.keys])
        least = np.maximum([floors.get(key, 1) for key in self.keys], self.own)
        self.lower = np.where(hidden & ~mine, least, self.n)
        self.upper = np.where(hidden & ~mine, np.inf, self.n)
        numbers = cells.sums["equation"].unique().sort().to_list()
        at = {number: place for place, number in enumerate(numbers)}
        self.sums = csr_array(
            (
                cells.sums["sign"].to_numpy().astype(float),
                ([at[e] for e in cells.sums["equation"]], [self.at[c] for c in cells.sums["cell"]]),
            ),
            shape=(len(numbers), len(self.keys)),
        )

    def can_be(self, place: int, value: int) -> bool:
        """Whether a whole table has this value there."""
        lower, upper = self.lower.astype(float).copy(), self.upper.astype(float).copy()
        if not lower[place] <= value <= upper[place]:
            return False
        lower[place] = upper[place] = value
        sums = [] if not self.sums.shape[0] else [LinearConstraint(self.sums, 0, 0)]
        answer = milp(
            np.zeros(len(lower)), integrality=np.ones(len(lower)), bounds=Bounds(lower, upper), constraints=sums
        )
        return answer.status == 0

    def values(self, place: int, enough: int) -> int:
        """How many whole values a cell can have, counted up to ``enough``."""
        found = 0
        for away in (0, 1, -1, 2, -2, 3, -3, *range(4, 9)):
            found += self.can_be(place, int(self.n[place]) + away)
            if found >= enough:
                break
        return found


def narrow(cells: CellList, shown: pl.DataFrame, outcome_group: int = 0) -> list[tuple[str, str | None, int]]:
    """The cells that tell of 1-4 others (of an outcome: of nobody too) and that a reader can narrow."""
    n = dict(cells.cells.select("cell", "n").iter_rows())
    groups = {cell: group for cell, group in cells.cells.select("cell", "group").iter_rows() if group is not None}
    floors = dict.fromkeys(groups, 0)
    told = []
    for code in [None, *cells.own["reader"].unique().sort()]:
        reader = Reader(cells, shown, code, floors)
        mine = dict(cells.own.filter(pl.col("reader") == (code or "")).select("cell", "n").iter_rows())
        for place, cell in enumerate(reader.keys):
            others = int(reader.n[place] - reader.own[place])
            of = n[groups[cell]] - mine.get(groups[cell], 0) if cell in groups else 0
            if not (0 < others < 5 or (others == 0 and 0 < of < outcome_group)):
                continue
            if code is not None and f"|instellingscode={code}" in cell:
                continue
            if (values := reader.values(place, 4)) < 4:
                told.append((cell, code, values))
    return told


@SLOW
@given(leaves(), st.sampled_from(WAYS))
def test_every_small_count_keeps_four_values_for_everybody(frame, ways):
    cells = cell_list({"s": frame}, tables(ways))
    assert narrow(cells, printed(protect(cells, POLICY))) == []


@SLOW
@given(leaves())
def test_so_do_outcomes_of_nobody_and_of_all(frame):
    frame = frame.rename({"leerweg": "diploma"}).with_columns(pl.col("diploma").replace({"BOL": "J", "BBL": "N"}))
    ways = [("instellingscode", "code_bc"), ("regio",), ("regio", "opleidingscode")]
    asked = [Table(str(by), "s", (*by, "diploma"), outcome="diploma") for by in ways]
    cells = cell_list({"s": frame}, asked)
    assert narrow(cells, printed(protect(cells, POLICY)), outcome_group=POLICY.outcome_group) == []


@SLOW
@given(leaves(), st.sampled_from(WAYS), st.randoms())
def test_the_order_of_the_input_makes_no_difference(frame, ways, random):
    one = cell_list({"s": frame}, tables(ways))
    mixed = frame.sample(fraction=1, shuffle=True, seed=random.randrange(2**31))
    other = cell_list({"s": mixed.select(random.sample(mixed.columns, mixed.width))}, tables(ways)[::-1])
    assert one.cells.equals(other.cells) and one.sums.equals(other.sums) and one.own.equals(other.own)
    assert protect(one, POLICY).cells.equals(protect(other, POLICY).cells)


@SLOW
@given(leaves(), st.lists(st.integers(-2, 2), min_size=50, max_size=50), st.sampled_from(WAYS))
def test_what_was_told_before_binds(frame, changes, ways):
    """Provisional, then definitive with some records corrected."""
    asked = [Table(str(by), "s", ("schooljaar", "status", *by)) for by in ways]
    first = frame.with_columns(schooljaar=pl.lit("2024-2025"), status=pl.lit("V"))
    told = printed(protect(cell_list({"s": first}, asked), POLICY))
    register = Published(told.with_columns(release=pl.lit("2025-12"), definition=pl.lit(1, pl.Int64)))

    changed = first.with_columns(n=(pl.col("n") + pl.Series(changes[: first.height])).clip(lower_bound=1))
    again = protect(cell_list({"s": changed}, asked), POLICY, register)
    assert (
        printed(again)
        .join(told, on="cell", suffix="_told")
        .filter(~pl.col("n").eq_missing(pl.col("n_told")))
        .is_empty()
    ), "provisional figures stand"

    final = cell_list({"s": changed.with_columns(status=pl.lit("D"))}, asked)
    protected = protect(final, POLICY, register)
    shown = printed(protected)
    before = told.select(pl.col("cell").str.replace("status=V", "status=D"), "n")
    hidden_then = before.filter(pl.col("n").is_null())["cell"]
    assert shown.filter(pl.col("cell").is_in(hidden_then.to_list()), pl.col("n").is_not_null()).is_empty()
    assert narrow(final, shown) == []
