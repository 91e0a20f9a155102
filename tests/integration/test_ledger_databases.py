"""The ledger on SQLite and on a real PostgreSQL server: many processes and threads at once, append-only, errors."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.connection import Connection

import psycopg2
import pytest

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import DeliveryKey, new_id
from rod_pipeline.ledger.database import LedgerDatabase, LedgerUnavailable
from rod_pipeline.ledger.events import KeyCreated
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.state import LedgerState, fold
from tests.support import ledger as make
from tests.support.ledger import SetClock
from tests.support.ledger_worker import appends, holds, races, received, working
from tests.support.live import wait_until
from tests.support.postgres import PostgresServer
from tests.support.soak import in_soak

PROCESSES = 8


def run_together(work: Callable[[str, str, Connection], None], url: str, arguments: list[str]) -> list[list[str]]:
    """Start a worker per argument, let them go at the same moment, and give what each said."""
    with ExitStack() as stack:
        workers = [stack.enter_context(working(work, url, argument)) for argument in arguments]
        for worker in workers:
            worker.go()
        said = [worker.rest() for worker in workers]
        assert [worker.ended() for worker in workers] == [0] * len(workers)
        return said


def test_nothing_is_lost_when_many_processes_make_and_fill_a_ledger(ledger_url: str) -> None:
    said = run_together(appends, ledger_url, ["15"] * PROCESSES)
    numbers = [int(number) for worker in said for number in worker]
    assert sorted(numbers) == list(range(1, PROCESSES * 15 + 1))
    assert all(worker == sorted(worker, key=int) for worker in said)
    ledger = Ledger(ledger_url, SystemClock())
    entries = list(ledger.entries())
    assert [entry.seq for entry in entries] == sorted(numbers)
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert ledger.state() == fold(LedgerState(), *entries)


@pytest.mark.parametrize("rounds", [1, *in_soak([10])])
def test_of_all_that_wait_for_one_condition_one_wins(ledger_url: str, rounds: int) -> None:
    for revision in range(1, rounds + 1):
        said = run_together(races, ledger_url, [str(DeliveryKey("2025-12", revision))] * 4)
        assert sorted(said) == [["lost"], ["lost"], ["lost"], ["won"]]


def test_of_all_that_take_one_step_one_wins(ledger_url: str) -> None:
    delivery, events = make.opened()
    Ledger(ledger_url, SetClock()).append(*events)
    said = run_together(received, ledger_url, [delivery] * 4)
    assert sorted(said) == [["lost"], ["lost"], ["lost"], ["won"]]


def test_threads_share_one_ledger(ledger_url: str) -> None:
    ledger = Ledger(ledger_url, SystemClock())

    def work(_: int) -> int:
        (entry,) = ledger.append(KeyCreated(scope=new_id(), keyring="local"))
        assert ledger.state().seq >= entry.seq
        return entry.seq

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(work, range(64)))
    assert sorted(numbers) == list(range(1, 65))
    assert ledger.state() == fold(LedgerState(), *ledger.entries())


def test_a_condition_may_look_at_the_ledger_itself(ledger_url: str) -> None:
    ledger = Ledger(ledger_url, SetClock())
    seen: list[int] = []
    ledger.append(make.approved(), when=lambda _state: seen.append(ledger.state().seq))
    assert seen == [0]


def test_readers_do_not_wait_for_a_writer(ledger_url: str) -> None:
    reader = Ledger(ledger_url, SetClock())
    with working(holds, ledger_url) as holder:
        holder.go()
        assert holder.says() == "holding"
        assert reader.state().seq == 0


def test_a_long_ledger_is_read_page_by_page(ledger_url: str) -> None:
    ledger = Ledger(ledger_url, SetClock())
    for _ in range(3):
        ledger.append(*(KeyCreated(scope=new_id(), keyring="local") for _ in range(800)))
    assert [entry.seq for entry in ledger.entries()] == list(range(1, 2401))
    assert Ledger(ledger_url, SetClock()).state() == ledger.state()


# PostgreSQL alone


def dsn(url: str) -> str:
    return url.replace("postgresql+psycopg2://", "postgresql://")


def test_postgresql_is_append_only(postgres_url: str) -> None:
    ledger = Ledger(postgres_url, SetClock())
    ledger.append(make.approved(), make.announced())
    before = list(ledger.entries())
    connection = psycopg2.connect(dsn(postgres_url))
    connection.autocommit = True
    cursor = connection.cursor()
    for statement, complaint in (
        ("UPDATE ledger SET at = at", "append-only"),
        ("DELETE FROM ledger WHERE seq = 2", "append-only"),
        ("DELETE FROM ledger WHERE seq = 99", "append-only"),
        ("TRUNCATE ledger", "append-only"),
        ("INSERT INTO ledger VALUES (2, 'x', 'x', 'x')", "not the next number"),
        ("INSERT INTO ledger VALUES (4, 'x', 'x', 'x')", "not the next number"),
        ("INSERT INTO ledger VALUES (NULL, 'x', 'x', 'x')", "not the next number"),
        ("INSERT INTO ledger VALUES (3, 'x', 'x', 'x'), (5, 'x', 'x', 'x')", "not the next number"),
        ("INSERT INTO ledger VALUES (2, 'x', 'x', 'x') ON CONFLICT (seq) DO UPDATE SET at = 'x'", "append-only"),
    ):
        with pytest.raises(psycopg2.errors.RaiseException, match=complaint):
            cursor.execute(statement)
    connection.close()
    assert list(Ledger(postgres_url, SetClock()).entries()) == before


def test_a_role_that_may_only_read_and_add_is_enough(postgres_server: PostgresServer, postgres_url: str) -> None:
    Ledger(postgres_url, SetClock()).append(make.approved())
    connection = psycopg2.connect(dsn(postgres_url))
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE ROLE appender LOGIN PASSWORD 'appender'")
    cursor.execute("GRANT SELECT, INSERT ON ledger, ledger_nodes TO appender")
    try:
        url = f"postgresql+psycopg2://appender:appender@127.0.0.1:{postgres_server.port}/{connection.info.dbname}"
        ledger = Ledger(url, SetClock())
        ledger.append(make.announced())
        assert ledger.state().seq == 2
        cursor.execute("REVOKE INSERT ON ledger FROM appender")
        with pytest.raises(LedgerDatabase, match="42501"):
            ledger.append(make.announced())
    finally:
        cursor.execute("DROP OWNED BY appender; DROP ROLE appender")
        connection.close()


def test_a_server_that_is_away_is_a_passing_failure_that_tells_no_secret(postgres_url: str) -> None:
    ledger = Ledger(postgres_url, SetClock())
    password = postgres_url.split(":")[2].split("@")[0]
    assert password not in repr(ledger) and "postgresql" in repr(ledger)
    host, name = postgres_url.rsplit("/", 1)
    for bad in (f"{host.rsplit(':', 1)[0]}:1/{name}", f"{host}/nosuch", postgres_url.replace(password, f"x{password}")):
        with pytest.raises(LedgerUnavailable) as caught:
            Ledger(bad, SetClock())
        assert password not in str(caught.value) and caught.value.__suppress_context__


def test_the_ledger_goes_on_when_its_connections_were_cut(postgres_url: str) -> None:
    ledger = Ledger(postgres_url, SetClock())
    ledger.append(make.approved())

    def cut(_state: object) -> None:
        with psycopg2.connect(dsn(postgres_url)) as connection:
            connection.cursor().execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connection.close()

    with pytest.raises(LedgerUnavailable):
        ledger.append(make.announced(), when=cut)
    assert ledger.append(make.announced())[0].seq == 2


def test_one_connection_serves_one_transaction_after_another_and_no_forked_child(postgres_url: str) -> None:
    ledger = Ledger(postgres_url, SystemClock())

    def sessions() -> set[int]:
        """The server's processes for this ledger, but for those that look."""
        address = postgres_url.replace("+psycopg2", "")
        with psycopg2.connect(address, application_name="watcher") as watcher, watcher.cursor() as cursor:
            cursor.execute(
                "select pid from pg_stat_activity where datname = current_database() and application_name <> 'watcher'"
            )
            return {pid for (pid,) in cursor.fetchall()}

    def settled(processes: int) -> set[int]:
        """The same when so many are left: one whose client left goes a moment later."""
        wait_until(lambda: len(sessions()) == processes, f"{processes} connections")
        return sessions()

    with ledger.exclusive("somebody"):
        ledger.append(KeyCreated(scope=new_id(), keyring="local"))
        assert len(sessions()) == 2
    (kept,) = settled(1)
    ledger.append(KeyCreated(scope=new_id(), keyring="local"))
    assert settled(1) == {kept}
    child = os.fork()
    if not child:
        ledger.append(KeyCreated(scope=new_id(), keyring="local"))
        ledger.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert ledger.append(KeyCreated(scope=new_id(), keyring="local"))[0].seq == 4
    assert settled(1) == {kept}
    ledger.close()
    assert settled(0) == set()
    assert ledger.state().seq == 4
