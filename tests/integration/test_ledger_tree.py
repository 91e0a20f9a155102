"""The Merkle tree of a ledger in a real database: proofs, other writers, older ledgers, and hands that meddle."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.database import NODES, Database
from rod_pipeline.ledger.events import KeyCreated
from rod_pipeline.ledger.log import Ledger, LedgerCorrupt, NotInTree
from rod_pipeline.ledger.merkle import EMPTY, leaf_hash, verify_consistency, verify_inclusion
from rod_pipeline.ledger.rows import leaf_bytes
from tests.support import ledger as make
from tests.support.ledger_worker import appends, working

SIZES = (1, 2, 3, 1, 7, 1, 1, 5)


@pytest.fixture
def ledger(ledger_url: str) -> Ledger:
    """A ledger of 21 entries, appended some at a time."""
    ledger = Ledger(ledger_url, make.SetClock())
    for size in SIZES:
        ledger.append(*(KeyCreated(scope=new_id(), keyring="local") for _ in range(size)))
    return ledger


@pytest.fixture
def meddle(ledger_url: str) -> Callable[[str], None]:
    """Runs SQL on the ledger's database past its guards, as whoever owns the database can."""

    def run(sql: str) -> None:
        with Database(ledger_url).writing() as connection:
            if connection.dialect.name == "sqlite":
                names = connection.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
                for name in names:
                    connection.execute(sa.text(f"DROP TRIGGER {name}"))
            else:
                for table in ("ledger", "ledger_nodes"):
                    connection.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            connection.exec_driver_sql(sql)

    return run


def test_an_empty_ledger_has_the_root_of_the_empty_tree(ledger_url: str) -> None:
    ledger = Ledger(ledger_url, make.SetClock())
    assert ledger.tree_head() == (0, EMPTY)
    ledger.verify_tree()
    with pytest.raises(NotInTree):
        ledger.leaf(1)


def test_every_entry_and_every_earlier_size_is_proved_to_whoever_knows_only_the_head(ledger: Ledger) -> None:
    entries = list(ledger.entries())
    size, root = ledger.tree_head()
    assert size == sum(SIZES)
    for entry in entries:
        assert ledger.leaf(entry.seq) == leaf_bytes(entry)
        verify_inclusion(leaf_hash(leaf_bytes(entry)), entry.seq - 1, size, ledger.inclusion(entry.seq, size), root)


def test_a_head_that_was_kept_is_proved_to_be_the_beginning_of_a_later_one(ledger_url: str) -> None:
    ledger = Ledger(ledger_url, make.SetClock())
    heads = []
    for size in SIZES:
        ledger.append(*(KeyCreated(scope=new_id(), keyring="local") for _ in range(size)))
        heads.append(ledger.tree_head())
    fresh = Ledger(ledger_url, make.SetClock())
    assert fresh.tree_head() == heads[-1]
    for at, (old, old_root) in enumerate(heads):
        for new, root in heads[at:]:
            verify_consistency(old, new, fresh.consistency(old, new), old_root, root)
            for seq in (1, old):
                proof = fresh.inclusion(seq, new)
                verify_inclusion(leaf_hash(fresh.leaf(seq)), seq - 1, new, proof, root)


@pytest.mark.parametrize("ask", [(0, 5), (6, 5), (-1, 5), (5, 22), (22, 22)])
def test_no_proof_is_given_beyond_the_log(ledger: Ledger, ask: tuple[int, int]) -> None:
    for prove in (ledger.inclusion, ledger.consistency):
        with pytest.raises(NotInTree):
            prove(*ask)


def test_writers_in_two_processes_grow_one_tree(ledger_url: str) -> None:
    with working(appends, ledger_url, "15") as one, working(appends, ledger_url, "15") as other:
        one.go()
        other.go()
        assert one.ended() == other.ended() == 0
    ledger = Ledger(ledger_url, SystemClock())
    assert ledger.tree_head().size == 30
    ledger.verify_tree()


def test_a_ledger_from_before_there_was_a_tree_gets_one(
    ledger: Ledger, ledger_url: str, meddle: Callable[[str], None]
) -> None:
    head = ledger.tree_head()
    drop = "DROP TABLE ledger_nodes"
    if ledger_url.startswith("postgresql"):
        drop += "; DROP FUNCTION ledger_nodes_guard"
    meddle(drop)
    older = Ledger(ledger_url, make.SetClock())
    assert older.tree_head() == head
    older.inclusion(3, 21)
    older.verify_tree()
    meddle(drop)
    older = Ledger(ledger_url, make.SetClock())
    older.append(KeyCreated(scope=new_id(), keyring="local"))
    older.verify_tree()


def test_entries_of_an_older_version_that_wrote_no_hashes_are_caught_up_with(
    ledger: Ledger, meddle: Callable[[str], None]
) -> None:
    meddle("DELETE FROM ledger_nodes WHERE (idx + 1) * (1 << level) > 11")
    ledger.append(KeyCreated(scope=new_id(), keyring="local"))
    ledger.verify_tree()
    assert ledger.tree_head().size == 22


@pytest.mark.parametrize("statement", ["UPDATE ledger_nodes SET idx = 99 WHERE idx = 1", "DELETE FROM ledger_nodes"])
def test_the_tree_is_only_added_to(ledger: Ledger, ledger_url: str, statement: str) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), Database(ledger_url).engine.begin() as connection:
        connection.execute(sa.text(statement))
    ledger.verify_tree()


@pytest.mark.parametrize("node", [(0, 20), (0, 22), (1, 11), (2, 4), (6, 0)])
def test_the_tree_takes_the_next_hash_of_a_level_only(ledger: Ledger, ledger_url: str, node: tuple[int, int]) -> None:
    level, index = node
    row = {"level": level, "idx": index, "hash": bytes(32)}
    if node == (6, 0):
        row["hash"] = bytes(31)
    with pytest.raises(sa.exc.DBAPIError), Database(ledger_url).engine.begin() as connection:
        connection.execute(sa.insert(NODES).values(row))
    ledger.verify_tree()


def literal(ledger_url: str, value: bytes) -> str:
    return f"x'{value.hex()}'" if ledger_url.startswith("sqlite") else f"'\\x{value.hex()}'::bytea"


@pytest.mark.parametrize("node", [(0, 0), (0, 7), (1, 3), (2, 1), (4, 0), (0, 20)])
def test_a_hash_that_was_changed_is_found_and_no_false_proof_leaves_the_house(
    ledger: Ledger, ledger_url: str, meddle: Callable[[str], None], node: tuple[int, int]
) -> None:
    level, index = node
    head = ledger.tree_head()
    meddle(f"UPDATE ledger_nodes SET hash = {literal(ledger_url, bytes(32))} WHERE level = {level} AND idx = {index}")
    found = 0
    for reader in (ledger, Ledger(ledger_url, make.SetClock())):
        assert reader.tree_head() == head, "the head comes from the entries, not from the hashes"
        for seq in range(1, 22):
            try:
                verify_inclusion(leaf_hash(reader.leaf(seq)), seq - 1, 21, reader.inclusion(seq, 21), head.root)
            except LedgerCorrupt:
                found += 1
        with pytest.raises(LedgerCorrupt, match="stored tree"):
            reader.verify_tree()
    assert found


def test_hashes_beyond_the_entries_stop_the_writer(
    ledger: Ledger, ledger_url: str, meddle: Callable[[str], None]
) -> None:
    meddle(f"INSERT INTO ledger_nodes VALUES (0, 21, {literal(ledger_url, bytes(32))})")
    with pytest.raises(LedgerCorrupt, match="22 leaves, the ledger 21 entries"):
        ledger.append(KeyCreated(scope=new_id(), keyring="local"))
    assert ledger.state().seq == 21


def test_a_missing_hash_is_found(ledger: Ledger, meddle: Callable[[str], None]) -> None:
    meddle("DELETE FROM ledger_nodes WHERE level = 2 AND idx = 1")
    with pytest.raises(LedgerCorrupt, match="stored tree"):
        ledger.inclusion(1, 21)
    with pytest.raises(LedgerCorrupt, match="stored tree"):
        ledger.verify_tree()


def test_an_entry_that_was_changed_behind_a_reader_is_found(
    ledger: Ledger, ledger_url: str, meddle: Callable[[str], None]
) -> None:
    head = ledger.tree_head()
    other = '{"keyring":"local","kind":"key_created","scope":"00112233445566aa","v":1}'
    meddle(f"UPDATE ledger SET body = '{other}' WHERE seq = 4")
    with pytest.raises(LedgerCorrupt):
        ledger.inclusion(4, 21)
    with pytest.raises(LedgerCorrupt):
        ledger.verify_tree()
    fresh = Ledger(ledger_url, make.SetClock())
    assert fresh.tree_head() != head, "another history has another root"
    with pytest.raises(LedgerCorrupt):
        fresh.verify_tree()


def test_a_transaction_that_is_undone_leaves_no_hashes(ledger: Ledger) -> None:
    head = ledger.tree_head()

    def too_late(_state: object) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        ledger.append(KeyCreated(scope=new_id(), keyring="local"), when=too_late)
    assert ledger.tree_head() == head
    ledger.verify_tree()
    ledger.append(KeyCreated(scope=new_id(), keyring="local"))
    ledger.verify_tree()


def test_the_file_of_a_large_ledger_stays_small(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'l.db'}", make.SetClock())
    ledger.append(*(KeyCreated(scope=new_id(), keyring="local") for _ in range(1000)))
    with Database(f"sqlite:///{tmp_path / 'l.db'}").reading() as connection:
        nodes = connection.scalar(sa.select(sa.func.count()).select_from(NODES))
    assert nodes == 1000 * 2 - (1000).bit_count()
