"""A correction takes the place of what it corrects, which is erased at once; each has its own clock."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.retention.decisions import NoCorrection, accept, hold
from rod_pipeline.retention.due import terms
from rod_pipeline.retention.engine import Held, begin, plan
from rod_pipeline.retention.evidence import find
from rod_pipeline.retention.rounds import make_round
from rod_pipeline.synthetic.population import Population
from tests.support.pipeline import PLACED, Bench, delivery, discrepancies
from tests.support.purging import Shifted, announced, cheaply, database_content, deliver, on_clock, remains

SMALL = Population(seed=13, scale=0.0005)
FIRST, SECOND, THIRD = "2025-12", "2025-12-r2", "2025-12-r3"


def test_an_accepted_correction_has_the_earlier_delivery_erased_with_evidence(benches: Iterator[Bench]) -> None:
    bench, clock = next(benches), Shifted()
    good = delivery("2025-12", population=SMALL)
    later = PLACED[FIRST] + timedelta(days=40)
    with on_clock(bench, clock) as system:
        old = deliver(bench, FIRST, good, PLACED[FIRST])
        new = deliver(bench, SECOND, good, later)
        assert not make_round(system, copy_register(system)).purges, "nobody accepted it"
        assert accept(system, DeliveryKey.parse(SECOND), "a1") == (FIRST,)
        done = make_round(system, copy_register(system))
        assert done.errors == ()
        (purge,) = done.purges
        assert (purge.keys, purge.plan.ground, purge.phase) == ((FIRST,), "superseded", "verified")
        assert remains(bench, old) == [] and remains(bench, new) != []
        assert {row[0] for row in database_content(system)["leveringen"]} == {SECOND}
        assert discrepancies(bench) == []
        state = system.ledger.state()
        (term,) = [
            each for each in terms(state, clock.now(), system.decree, system.settings.retention) if not each.purge
        ]
        assert (term.key, term.deadline) == (SECOND, deadline(later))
        clock.move(hours=25)
        assert make_round(system, copy_register(system)).errors == ()
        record = find(system, purge.purge_id).record
        assert (record.ground.reason, record.ground.successors) == ("vervangen", (SECOND,))


def test_a_partial_correction_cannot_be_accepted(benches: Iterator[Bench]) -> None:
    """It lacks a file, so that it never gets stored; what it would have corrected stays."""
    bench = next(benches)
    with on_clock(bench, Shifted()) as system:
        deliver(bench, FIRST, delivery("2025-12", population=SMALL))
        announced(bench, SECOND, delivery("2025-12", "missing_file", SMALL))
        assert bench.walk(SECOND) != []
        with pytest.raises(NoCorrection, match="isn't stored"):
            accept(system, DeliveryKey.parse(SECOND), "a1")
        assert not make_round(system, copy_register(system)).purges
        assert system.ledger.state().deliveries[FIRST].stage == "stored"


def test_what_has_no_predecessor_corrects_nothing(benches: Iterator[Bench]) -> None:
    with on_clock(next(benches), Shifted()) as system:
        cheaply(system, FIRST, PLACED[FIRST], "stored")
        cheaply(system, "2026-08", PLACED[FIRST], "stored")
        for key in (FIRST, "2026-08", THIRD):
            with pytest.raises(NoCorrection):
                accept(system, DeliveryKey.parse(key), "a1")


def test_a_second_correction_leaves_nothing_of_its_moment_but_itself(benches: Iterator[Bench]) -> None:
    bench = next(benches)
    with on_clock(bench, Shifted()) as system:
        intakes = {key: cheaply(system, key, PLACED[FIRST]) for key in (FIRST, SECOND, THIRD)}
        accept(system, DeliveryKey.parse(SECOND), "a1")
        accept(system, DeliveryKey.parse(THIRD), "a1")
        assert make_round(system, copy_register(system)).errors == ()
        assert remains(bench, intakes[FIRST], intakes[SECOND]) == []
        assert {row[0] for row in database_content(system)["leveringen"]} == {THIRD}


def test_a_held_predecessor_waits_out_of_the_mart(benches: Iterator[Bench]) -> None:
    bench, clock = next(benches), Shifted()
    with on_clock(bench, clock) as system:
        for key in (FIRST, SECOND):
            cheaply(system, key, PLACED[FIRST])
        hold(
            system,
            DeliveryKey.parse(FIRST),
            order="o1",
            until=clock.now() + timedelta(days=3),
            beyond_term=False,
            set_by="a1",
            approved_by="a2",
        )
        accept(system, DeliveryKey.parse(SECOND), "a1")
        assert not make_round(system, copy_register(system)).purges
        with pytest.raises(Held):
            begin(system, plan(system, [FIRST], "superseded"), "a1")
        clock.move(days=3)
        (purge,) = make_round(system, copy_register(system)).purges
        assert (purge.keys, purge.phase) == ((FIRST,), "verified")
