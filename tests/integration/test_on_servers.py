"""A delivery lives and dies on servers as in production: its ledger in PostgreSQL, its keys in OpenBao."""

from collections.abc import Iterator

import pytest

from rod_pipeline.ledger.events import KeyCreated
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention.evidence import find
from rod_pipeline.retention.rounds import make_round
from rod_pipeline.store.keyring import KeyGone
from rod_pipeline.synthetic.population import Population
from tests.support import backend
from tests.support.pipeline import Bench, delivery, discrepancies
from tests.support.purging import Shifted, deliver, on_clock, remains, seven_years_ago

KEY, NEIGHBOUR = "2025-12", "2026-08"
SMALL = Population(seed=11, scale=0.0005)


@pytest.fixture(scope="module")
def bench(benches: Iterator[Bench]) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(backend.VARIABLE, "servers")
        yield next(benches)


def test_it_is_taken_in_erased_when_its_term_ends_and_attested(bench: Bench) -> None:
    clock = Shifted()
    with on_clock(bench, clock) as system:
        gone = deliver(bench, KEY, delivery(KEY, population=SMALL), seven_years_ago(clock, hours=36))
        stays = deliver(bench, NEIGHBOUR, delivery(NEIGHBOUR, population=SMALL), clock.now())
        assert {e.event.keyring for e in system.ledger.entries() if isinstance(e.event, KeyCreated)} == {"openbao"}
        assert {gone, stays} <= system.keyring.traces().keys()
        assert discrepancies(bench) == []

        assert make_round(system, copy_register(system)).errors == ()
        clock.move(days=1)
        assert make_round(system, copy_register(system)).errors == ()
        (purge,) = system.ledger.state().purges.values()
        assert purge.phase == "attested"
        record = find(system, purge.purge_id).record
        assert {key.keyring for key in record.keys.keys} == {"openbao"}
        assert remains(bench, gone) == []
        with pytest.raises(KeyGone):
            system.keyring.get(gone)
        assert discrepancies(bench) == []
    assert (bench.home / "ledger.db").exists() is False and not (bench.home / "keys").exists()
