"""Every question about one row is answered in a stream: no column of a large table is ever held whole."""

import polars as pl
import pytest

from rod_pipeline.quality import checks as ask
from rod_pipeline.quality.counting import LookingUp, Table
from tests.support.quality import NAMES, contract, frame

_HELD_WHOLE = "0.0 0.3 1.0"
"""The colour, in polars' picture of a plan, of a step that falls back to the engine in memory; the legend shows it."""
QUESTIONS: tuple[ask.Check, ...] = (
    ask.Missing("code"),
    ask.Unreadable("begin"),
    ask.NotIn("code", ("1",)),
    ask.NotMatching("nummer", "^[0-9]+$"),
    ask.Outside("getal", 0, 3),
    ask.NotAfter("einde", "begin"),
    ask.Unequal("code", "ander"),
    ask.PairNotIn("code", "ander", (("1", "2"),)),
    ask.NotValidInYear("code", "begin", (("1", 2000, 2010),)),
    ask.Apart("einde", ("begin",), 0, 3),
    ask.OutsideSeason("begin", "ander", 801, 10_731),
    ask.Missing("code", ask.Compare("getal", ">", (2,))),
)


def held_whole(plan: pl.LazyFrame) -> int:
    picture = plan.show_graph(raw_output=True, engine="streaming", plan_stage="physical")
    return str(picture).count(_HELD_WHOLE) - 1


@pytest.mark.parametrize("check", QUESTIONS, ids=lambda check: type(check).__name__)
def test_no_step_holds_a_column_whole(check: ask.Check) -> None:
    table = Table(frame([dict.fromkeys(NAMES, "1")]), contract())
    read = LookingUp(table)
    found = read.finds(check).sum()
    assert held_whole(read.prepared(table.frame).select(found)) == 0


def test_polars_own_replacement_would() -> None:
    """What the test above sees when it is there."""
    replaced = pl.col("code").replace_strict(pl.Series(["1"]), pl.Series([1]), default=None, return_dtype=pl.Int64)
    assert held_whole(frame([dict.fromkeys(NAMES, "1")]).select(replaced.sum())) > 0
