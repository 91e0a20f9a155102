"""Writers of the ledger that are killed without warning (SIGKILL) at any instant."""

import pytest

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.database import Database
from rod_pipeline.ledger.events import KeyCreated
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.tree import stored_size
from tests.support.ledger_worker import batches, holds, working
from tests.support.soak import in_soak

BATCH = 3


@pytest.mark.parametrize("deaths", [(1, 5, 14), *in_soak([((2, 9, 20),)])], ids=str)
def test_a_killed_writer_leaves_whole_transactions_and_no_lock(ledger_url: str, deaths: tuple[int, ...]) -> None:
    ledger = Ledger(ledger_url, SystemClock())
    for said_before_death in deaths:
        with working(batches, ledger_url, str(BATCH)) as writer, working(batches, ledger_url, str(BATCH)) as other:
            writer.go()
            other.go()
            said = [writer.says() for _ in range(said_before_death)]
            writer.kill()
            said += writer.rest()
            said += [other.says() for _ in range(3)]
            other.kill()
            said += other.rest()
            promised = [int(number) for number in said]
        entries = list(ledger.entries())
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        assert len(entries) % BATCH == 0, "a part of a transaction was kept"
        assert len(entries) >= max(promised), "what was reported as written is gone"
        # A batch shares one instant, and no writer's batch runs through another's.
        for start in range(0, len(entries), BATCH):
            assert len({entry.at for entry in entries[start : start + BATCH]}) == 1
        assert ledger.state().seq == len(entries)
        # Entries and their hashes were written together: nothing has to be caught up with.
        with Database(ledger_url).reading() as connection:
            assert stored_size(connection) == len(entries)
        ledger.verify_tree()


def test_the_lock_falls_with_the_process_that_holds_it(ledger_url: str) -> None:
    ledger = Ledger(ledger_url, SystemClock())
    with working(holds, ledger_url) as holder:
        holder.go()
        assert holder.says() == "holding"
        holder.kill()
        holder.ended()
        (entry,) = ledger.append(KeyCreated(scope=new_id(), keyring="local"))
    assert entry.seq == 1
