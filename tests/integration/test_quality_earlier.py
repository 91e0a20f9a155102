"""What a delivery is held against, in a whole installation: what is stored and living, held while it is read."""

from collections.abc import Iterator
from datetime import timedelta

import polars as pl
import pytest

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.ledger.lease import Busy
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.quality.history import earlier
from rod_pipeline.quality.verdict import judge
from rod_pipeline.retention.decisions import accept
from rod_pipeline.retention.rounds import make_round
from rod_pipeline.store.vault import TombstonedScope
from rod_pipeline.synthetic.population import Population
from tests.support.pipeline import PLACED, Bench, delivery
from tests.support.purging import Shifted, announced, deliver, on_clock

FIRST, CORRECTION, LATER = "2025-12", "2025-12-r2", "2026-08"
SMALL = Population(seed=21, scale=0.0005)


def key(text: str) -> DeliveryKey:
    return DeliveryKey.parse(text)


def test_a_delivery_is_held_against_what_is_stored_before_it_and_against_nothing_that_is_erased(
    benches: Iterator[Bench],
) -> None:
    bench, clock = next(benches), Shifted()
    good = delivery(FIRST, population=SMALL)
    with on_clock(bench, clock) as system:
        first = deliver(bench, FIRST, good, PLACED[FIRST])
        with earlier(system, key(FIRST)) as before:
            assert before == ()
        with earlier(system, key(LATER)) as before:
            (one,) = before
            assert str(one.key) == FIRST
            with one.table("diplomas") as tables:
                rows = tables.frames["diplomas"].select(pl.len()).collect().item()
            assert rows == system.ledger.state().intakes[first].rows["diplomas"]
            with pytest.raises(Busy), system.ledger.exclusive(first):
                pass

        deliver(bench, CORRECTION, good, PLACED[FIRST] + timedelta(days=40))
        with earlier(system, key(LATER)) as before:
            assert [str(one.key) for one in before] == [CORRECTION, FIRST]
        accept(system, key(CORRECTION), "a1")
        with earlier(system, key(LATER)) as before:
            assert [str(one.key) for one in before] == [CORRECTION], "what a living correction took the place of"
        assert make_round(system, copy_register(system)).errors == ()
        assert system.ledger.state().intakes[first].tombstone is not None
        with earlier(system, key(CORRECTION)) as before:
            assert before == ()
        with pytest.raises(TombstonedScope), one.table("diplomas"):
            pass

        deliver(bench, LATER, delivery(LATER, population=SMALL), PLACED[LATER])
        report = judge(system, key(LATER)).report
        assert report.broken == ()
        assert {change.before for change in report.changes} == {CORRECTION}


def test_files_of_another_population_stop_the_delivery_at_its_verdict(benches: Iterator[Bench]) -> None:
    """Pseudonyms that lost their link: nothing of the new delivery could be joined with what is there."""
    bench = next(benches)
    with on_clock(bench, Shifted()):
        deliver(bench, FIRST, delivery(FIRST, population=SMALL), PLACED[FIRST])
        announced(bench, LATER, delivery(LATER, population=Population(seed=22, scale=0.0005)), PLACED[LATER])
        (told,) = bench.walk(LATER)
        assert "deliveries.students.linked" in told and "REFUSED" in told
        assert bench.intake(LATER).stage == "failed"
        assert bench.intake(FIRST).stage == "stored"
