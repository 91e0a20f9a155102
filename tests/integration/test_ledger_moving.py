"""A ledger that moves from the installation's folder to a PostgreSQL server, and is continued only there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.database import Database, LedgerMoved
from rod_pipeline.ledger.events import KeyCreated
from rod_pipeline.ledger.log import Ledger, LedgerForked
from tests.support import ledger as make
from tests.support.ledger import SetClock
from tests.support.postgres import PostgresServer


def test_it_is_the_same_ledger_and_only_the_new_one_goes_on(
    ledger: Ledger, set_clock: SetClock, postgres_url: str, tmp_path: Path
) -> None:
    delivery = make.stored(ledger)
    before, entries = ledger.tree_head(), list(ledger.entries())
    to = Ledger(postgres_url, set_clock)
    assert ledger.hand_over(to) == before

    again = Ledger(postgres_url, set_clock)
    assert list(again.entries()) == entries
    assert again.tree_head() == before
    assert again.state().intakes[delivery].stage == "stored"
    again.append(KeyCreated(scope=new_id(), keyring="local"))
    again.verify_tree()
    assert again.consistency(before.size, before.size + 1)

    with pytest.raises(LedgerMoved):
        ledger.append(KeyCreated(scope=new_id(), keyring="local"))
    with pytest.raises(LedgerMoved):
        Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", set_clock)


def test_broken_off_it_is_done_again_with_what_came_meanwhile(
    ledger: Ledger, set_clock: SetClock, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.stored(ledger)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Database, "close_for_good", _broken_off)
        ledger.hand_over(Ledger(postgres_url, set_clock))
    ledger.append(KeyCreated(scope=new_id(), keyring="local"))
    head = ledger.tree_head()
    assert ledger.hand_over(Ledger(postgres_url, set_clock)) == head
    assert Ledger(postgres_url, set_clock).tree_head() == head


def test_a_database_with_another_history_is_left_alone_and_so_is_the_ledger(
    ledger: Ledger, set_clock: SetClock, postgres_url: str
) -> None:
    make.stored(ledger)
    other = Ledger(postgres_url, set_clock)
    make.stored(other)
    was = other.tree_head()
    with pytest.raises(LedgerForked):
        ledger.hand_over(other)
    assert Ledger(postgres_url, set_clock).tree_head() == was
    ledger.append(KeyCreated(scope=new_id(), keyring="local"))


def test_as_a_command_without_its_password_in_the_arguments(postgres_server: PostgresServer, tmp_path: Path) -> None:
    url = postgres_server.new_database()
    old = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", SystemClock())
    make.stored(old)
    head = old.tree_head()

    def rod(**environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", "from rod_pipeline.cli import main; main()", "ledger", "move"],
            env={**os.environ, "ROD_HOME": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    assert "ROD-LEDGER-11" in rod().stderr
    moved = rod(ROD_LEDGER_URL=url)
    assert moved.returncode == 0, moved.stderr
    assert f"{head.size} entries" in moved.stdout
    assert Ledger(url, SystemClock()).tree_head() == head
    assert "ROD-LEDGER-10" in rod(ROD_LEDGER_URL=url).stderr


def _broken_off(*_: object) -> None:
    raise KeyboardInterrupt
