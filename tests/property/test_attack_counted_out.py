"""What the attacker works out is what counting out every table that fits shows, and the audit sees what it must."""

from itertools import product

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rod_pipeline.disclosure.attack import DoesNotAddUp, Rules, attack, audit
from tests.support.attacking import Leaf, List, cross, fits, ranges
from tests.support.soak import examples

MOST = 60


@st.composite
def lists(draw: st.DrawFn, sides: bool = False) -> List:
    """Institutions by qualifications, perhaps by diploma; few and small, with holes."""
    schools = draw(st.integers(2, 3))
    courses = draw(st.integers(2, 2 if sides else 3))
    dimensions: list[list[tuple[str, str]]] = [
        [("instellingscode", f"{number}A") for number in range(schools)],
        [("opleiding", f"c{number}") for number in range(courses)],
    ]
    if sides:
        dimensions.append([("diploma", "J"), ("diploma", "N")])
    combinations: list[Leaf] = list(product(*dimensions))
    counts = draw(st.lists(st.integers(0, 6), min_size=len(combinations), max_size=len(combinations)))
    leaves = {leaf: n for leaf, n in zip(combinations, counts, strict=True) if n}
    return cross(leaves or {combinations[0]: 1}, "diploma" if sides else None)


@st.composite
def publications(draw: st.DrawFn, sides: bool = False) -> tuple[List, set[str]]:
    """A list and what is hidden of it: some small cells, and some others; the grand total is printed."""
    made = draw(lists(sides))
    cells = sorted(cell for cell in made.truth if cell != "n")
    chance = draw(st.lists(st.integers(0, 9), min_size=len(cells), max_size=len(cells)))
    hidden = {cell for cell, luck in zip(cells, chance, strict=True) if luck >= (2 if made.truth[cell] < 5 else 7)}
    return made, set(sorted(hidden)[:9])


def told(made: List, hidden: set[str], outcomes: tuple[str, ...] = (), enough: int | None = None) -> pl.DataFrame:
    return attack(**made.tables(hidden), readers=[None, *made.own], outcomes=outcomes, enough=enough)


def per_reader(found: pl.DataFrame, reader: str | None) -> dict[str, tuple[int, int]]:
    """The intervals of a reader: his own where he has one, else the public's."""
    rows = found.filter(pl.col("reader").is_null() | (pl.col("reader") == (reader or "")))
    return {
        cell: (low, high)
        for cell, low, high in rows.sort("reader", nulls_last=False).select("cell", "low", "high").iter_rows()
    }


@examples(20, soak=600)
@given(publications())
def test_intervals_are_those_of_all_tables_that_fit(publication: tuple[List, set[str]]) -> None:
    made, hidden = publication
    found = told(made, hidden)
    assert found["settled"].all()
    for reader in (None, *made.own):
        assert per_reader(found, reader) == ranges(fits(made, hidden, reader, most=MOST)), reader


@examples(15, soak=500)
@given(publications(sides=True))
def test_outcomes_may_be_nobody(publication: tuple[List, set[str]]) -> None:
    made, hidden = publication
    found = told(made, hidden, ("diploma",))
    for reader in (None, *made.own):
        assert per_reader(found, reader) == ranges(fits(made, hidden, reader, "diploma", most=MOST)), reader


@examples(20, soak=600)
@given(publications())
def test_the_audit_finds_each_small_count_that_can_be_told(publication: tuple[List, set[str]]) -> None:
    made, hidden = publication
    outcome = audit(made.frame(), **made.tables(hidden), readers=list(made.own), rules=Rules())
    assert not outcome.contradicts
    by_reader = {one.reader: one for one in outcome.readers}
    public = by_reader[None]
    for reader in (None, *made.own):
        mine = made.own.get(reader or "", {})
        possible = ranges(fits(made, hidden, reader, most=MOST))
        small = {cell for cell, n in made.truth.items() if 1 <= n - mine.get(cell, 0) <= 4}
        failing = {cell for cell in small if cell not in hidden or possible[cell][1] - possible[cell][0] + 1 < 4}
        seen = by_reader[reader]
        assert {*seen.exact, *seen.narrow, *public.exact, *public.narrow} & small == failing, reader
        assert not seen.unresolved


@examples(15, soak=500)
@given(lists())
def test_masking_what_is_small_and_nothing_else_is_caught(made: List) -> None:
    hidden = {cell for cell, n in made.truth.items() if n < 5}
    assume(len(hidden) < 10 and "n" not in hidden)
    outcome = audit(made.frame(), **made.tables(hidden), readers=[], rules=Rules())
    possible = ranges(fits(made, hidden, most=MOST))
    assert outcome.clean == all(high - low >= 3 for low, high in possible.values())


@examples(15, soak=500)
@given(publications(), st.data())
def test_printing_one_that_was_hidden_is_caught_unless_it_was_superfluous(
    publication: tuple[List, set[str]], data: st.DataObject
) -> None:
    made, hidden = publication
    secondary = sorted(cell for cell in hidden if made.truth[cell] > 4)
    assume(secondary)
    left = hidden - {data.draw(st.sampled_from(secondary))}
    possible = ranges(fits(made, left, most=MOST))
    safe = all(n > 4 or (cell in left and possible[cell][1] - possible[cell][0] >= 3) for cell, n in made.truth.items())
    assert audit(made.frame(), **made.tables(left), readers=[], rules=Rules()).clean == safe


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[List, set[str], List, set[str]]:
    """Two deliveries of the same four courses in two sectors, and what is hidden in each."""
    made = []
    for _ in range(2):
        counts = draw(st.lists(st.integers(1, 5), min_size=3, max_size=3))
        made.append(cross({(("opleiding", f"c{number}"),): n for number, n in enumerate(counts)}))
    hidden = [draw(st.sets(st.sampled_from(sorted(one.truth)), max_size=3)) - {"n"} for one in made]
    return made[0], hidden[0], made[1], hidden[1]


@examples(20, soak=600)
@given(deliveries(), st.integers(0, 3))
def test_two_deliveries_tell_what_all_pairs_of_tables_tell(
    both: tuple[List, set[str], List, set[str]], drift: int
) -> None:
    now, hidden, then, hidden_then = both
    pairs = [
        (one, other)
        for one, other in product(fits(now, hidden, most=MOST), fits(then, hidden_then, most=MOST))
        if all(
            abs(one.get(cell, now.truth[cell]) - other.get(cell, then.truth[cell])) <= drift
            for cell in hidden | hidden_then
        )
    ]
    tables, before = now.tables(hidden), then.tables(hidden_then)
    sums = pl.concat(
        [tables["sums"].with_columns(release=pl.lit("")), before["sums"].with_columns(release=pl.lit("2025-12"))]
    )
    earlier = before["printed"].with_columns(release=pl.lit("2025-12"))
    asked = (tables["printed"], sums, tables["own"], [None], earlier, drift)
    if not pairs:
        with pytest.raises(DoesNotAddUp):
            attack(*asked, enough=None)
        return
    found = attack(*asked, enough=None)
    for release, tabled in (("", [one for one, _ in pairs]), ("2025-12", [other for _, other in pairs])):
        here = found.filter(pl.col("release") == release).select("cell", "low", "high")
        assert {cell: (low, high) for cell, low, high in here.iter_rows()} == ranges(iter(tabled))
