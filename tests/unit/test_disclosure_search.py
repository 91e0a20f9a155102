"""Programs around one figure, and rounds over a list of which levels are given up."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from rod_pipeline.disclosure import attack
from rod_pipeline.disclosure import protect as protecting
from rod_pipeline.disclosure.cells import cell_list
from rod_pipeline.disclosure.policy import load
from rod_pipeline.disclosure.protect import printed, protect
from rod_pipeline.disclosure.search import WHOLE, Search
from rod_pipeline.disclosure.tables import Table
from tests.support.national_list import COURSES, PLACES, leaves, national_list


def moves(up: int, size: int):
    """Of a total of two parts that are equal: up by one would be a half for each part."""
    rows = [((0, 1, 2), (1, -1, -1)), ((1, 2), (1, -1))]
    system = SimpleNamespace(n=np.array([8, 4, 4]), rows=rows, needed=np.ones(2, bool))
    rooms = lambda cells: (np.full(len(cells), 3), np.where(cells == 0, up, 9))  # noqa: E731
    search, price = Search(system), np.ones(3)
    search.write(np.array([0]), size, rooms, price)
    return list(search.moves(0, [1], rooms, price))


def test_what_would_be_a_half_is_done_twice():
    assert moves(up=9, size=120) == [(4.0, {0: 2, 1: 1, 2: 1})]


@pytest.mark.parametrize("size", [120, WHOLE])
def test_without_room_for_it_there_is_none(size):
    assert moves(up=1, size=size) == []


def test_when_hiding_makes_a_level_mostly_hidden_it_is_given_up_and_all_stays_safe(monkeypatch):
    """A second round begins from the first; the attacker has the last word on what it leaves."""
    rounds = []
    one_round = protecting._protect
    monkeypatch.setattr(protecting, "_protect", lambda *given: rounds.append(given) or one_round(*given))
    made = leaves(5_000, 9, 3, 30, 10, 3)
    ways = [tuple(column for column in way if column is not None) for way in product(PLACES, COURSES)]
    protected = protect(cell_list({"n": made}, [Table("_".join(by), "n", by) for by in ways]), load())
    assert len(rounds) > 1
    levels = protected.report.levels
    assert levels.filter(~pl.col("offered")).height > 0
    assert levels.filter("offered")["hidden_share"].max() <= load().most_hidden
    whole = national_list(made)
    assert attack.audit(whole.truth, printed(protected), whole.sums, whole.own, whole.readers, attack.Rules()).clean
