"""Fixtures around the store: one SeaweedFS for the whole test run, and a vault with a ledger, keyring and scope."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rod_pipeline.ledger.log import Ledger
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.objects import ObjectStore
from rod_pipeline.store.seaweed import LocalStore
from rod_pipeline.store.vault import Vault
from tests.support.ledger import SetClock
from tests.support.notary import Office
from tests.support.seaweed import new_scope, vault_of


@pytest.fixture(scope="session")
def seaweed_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of the test run's server; workers of one run share it."""
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "seaweed"


@pytest.fixture(scope="session")
def seaweed(seaweed_folder: Path) -> Iterator[StoreSettings]:
    """A running SeaweedFS, its bucket made. Tests share the bucket; every scope is a test's own."""
    server = LocalStore(seaweed_folder)
    settings = server.start()
    yield settings
    server.stop()


@pytest.fixture(scope="session")
def seaweed_notary(seaweed: StoreSettings, seaweed_folder: Path) -> Iterator[StoreSettings]:
    """The notary's settings of that server. The bucket that they name isn't there: every test makes one of its own."""
    server = LocalStore(seaweed_folder)
    yield server.evidence()
    server.stop()


@pytest.fixture
def office(tmp_path: Path, seaweed: StoreSettings, seaweed_notary: StoreSettings, set_clock: SetClock) -> Office:
    """An installation with a notary, an empty ledger and an evidence bucket of its own, on ``set_clock``."""
    return Office(tmp_path / "office", seaweed, seaweed_notary, set_clock)


@pytest.fixture
def objects(seaweed: StoreSettings) -> ObjectStore:
    """The bucket of the test run's server."""
    return ObjectStore(seaweed)


@pytest.fixture
def vault(seaweed: StoreSettings, tmp_path: Path, ledger: Ledger, set_clock: SetClock) -> Vault:
    """A vault in the test run's server, on the record of ``ledger``."""
    return vault_of(seaweed, tmp_path, ledger, set_clock)


@pytest.fixture
def scope(vault: Vault, ledger: Ledger) -> str:
    """An announced delivery with a key in ``vault``."""
    return new_scope(vault, ledger)
