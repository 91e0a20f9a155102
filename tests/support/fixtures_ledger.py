"""Fixtures around the ledger: a clock, a ledger in a file, a PostgreSQL server and fresh databases on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rod_pipeline.ledger.log import Ledger
from tests.support.ledger import SetClock
from tests.support.postgres import PostgresServer
from tests.support.postgres import postgres_server as running_server


@pytest.fixture
def set_clock() -> SetClock:
    """A clock that stands at 15 December 2025, noon UTC, until the test moves it."""
    return SetClock()


@pytest.fixture
def ledger(tmp_path: Path, set_clock: SetClock) -> Ledger:
    """An empty ledger in a file, on ``set_clock``."""
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", set_clock)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test session."""
    with running_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """The address of a fresh, empty PostgreSQL database."""
    return postgres_server.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty ledger: the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_url"))
