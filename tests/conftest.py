"""Fixtures for all kinds of tests, what a run of them shares, and the order of its files.

What fixtures are made of lies in ``tests/support``.
"""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.remembering import FOLDER

# Until all tests are collected nothing made is garbage, and looking for some takes a third of the time.
gc.disable()

# Each part brings its own fixtures: fixtures_<part>.py.
PARTS = [f"tests.support.{file.stem}" for file in sorted((Path(__file__).parent / "support").glob("fixtures_*.py"))]

# No deadlines: a slow machine is no failure. How many examples: tests.support.soak.py.
settings.register_profile("rod", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", settings.get_profile("rod"), max_examples=2000, print_blob=True)
settings.load_profile("rod")

LONGEST = (
    "test_ui_purge.py",
    "test_ui.py",
    "test_canary.py",
    "test_delivery_faults.py",
    "test_docs_commands.py",
    "test_purge_sensor.py",
    "test_delivery_kill.py",
    "test_places_killed.py",
    "test_delivery_leaks.py",
    "test_write_coverage.py",
    "test_simulation.py",
    "test_purge_faults.py",
    "test_delivery_reruns.py",
    "test_dagster_place.py",
    "test_reader_hostile.py",
    "test_purge_machine.py",
    "test_purge_kill.py",
    "test_delivery_kill_erasure.py",
    "test_contract_drift.py",
    "test_notice_way.py",
)
"""The files that take longest, longest first: a worker that begins with one at the end works alone."""


MEMORY, ROOM = Path("/dev/shm"), 8 * 2**30


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """One folder for all that a run of the tests writes and remembers, removed at its end; its workers share it.

    In memory where there is room: what is written to a ledger or by Dagster waits for the disk at each commit, which
    was half of many a test. ``--basetemp`` says another place, and what the tests left stays there.
    """
    # The process that hands tests out runs none, so it needn't import what they work with.
    if hasattr(config, "workerinput") or config.option.dist == "no":
        for part in PARTS:
            config.pluginmanager.import_plugin(part)
    if hasattr(config, "workerinput"):
        return
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    folder = Path(tempfile.mkdtemp(prefix="tests-", dir=MEMORY if roomy else None))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    if config.option.basetemp is None:
        config.option.basetemp = str(folder / "tmp")
    (folder / "known").mkdir()
    os.environ[FOLDER] = str(folder / "known")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first. Files stay whole: what a module sets up, it sets up once."""
    place = {name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


def pytest_collection_finish() -> None:
    """What is there now stays until the end: nobody needs to look through it for garbage again."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def temporary_files_as_before() -> Iterator[None]:
    """A vault points ``tempfile`` at memory for the rest of its process (``rod_pipeline.store.scratch``); here, for the
    rest of the module: what a later one starts may run under an account that can't enter there."""
    before = tempfile.tempdir
    yield
    tempfile.tempdir = before
