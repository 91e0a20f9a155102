"""Fixtures for all kinds of tests, what a run of them shares, and the order of its files.

What fixtures are made of lies in ``tests/support``.
"""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support.longest import FILE
from tests.support.remembering import FOLDER

# Until all tests are collected nothing made is garbage, and looking for some takes a third of the time.
gc.disable()

# Each part brings its own fixtures: fixtures_<part>.py.
PARTS = [f"tests.support.{file.stem}" for file in sorted((Path(__file__).parent / "support").glob("fixtures_*.py"))]

# No deadlines: a slow machine is no failure. How many examples: tests.support.soak.py.
settings.register_profile("rod", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", settings.get_profile("rod"), max_examples=2000, print_blob=True)
settings.load_profile("rod")

ONE_INSTALLATION = ("test_ui.py", "test_ui_on_call.py", "test_ui_picture.py", "test_ui_publishing.py")
"""Files that look at one running installation (the fixture of that name), which takes half a minute to start."""

MEMORY, ROOM = Path("/dev/shm"), 8 * 2**30


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """One folder for all that a run of the tests writes and remembers, removed at its end; its workers share it.

    In memory where there is room: what is written to a ledger or by Dagster waits for the disk at each commit, which
    was half of many a test. ``--basetemp`` says another place, and what the tests left stays there.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # So a shell starts tests in the background. Dagster gives SIGTERM the same handler, and what is ignored all
        # processes ignore that are started: ending one would wait until it is killed.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # The process that hands tests out runs none, so it needn't import what they work with.
    if hasattr(config, "workerinput") or config.option.dist == "no":
        for part in PARTS:
            config.pluginmanager.import_plugin(part)
        from tests.support.engines import keep_engines

        keep_engines()
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
    """Long files first (``tests.support.longest`` says which)."""
    place = {name: at for at, name in enumerate(FILE.read_text("ascii").split())}

    def order(item: pytest.Item) -> int:
        name = item.path.name
        return place.get(ONE_INSTALLATION[0] if name in ONE_INSTALLATION else name, len(place))

    items.sort(key=order)


class WholeFiles(LoadFileScheduling):
    """A file is done by one process: what a module sets up, it sets up once. So are files that share much."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "one installation" if Path(file).name in ONE_INSTALLATION else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """How xdist hands out what it is asked to hand out by file."""
    return WholeFiles(config, log) if config.option.dist == "loadfile" else None


def pytest_collection_finish() -> None:
    """What is there now stays until the end: nobody needs to look through it for garbage again."""
    gc.freeze()
    # Of what tests make little is garbage that only a look finds.
    gc.set_threshold(50_000, 20, 100)
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def temporary_files_as_before() -> Iterator[None]:
    """A vault points ``tempfile`` at memory for the rest of its process (``rod_pipeline.store.scratch``); here, for the
    rest of the module: what a later one starts may run under an account that can't enter there."""
    before = tempfile.tempdir
    yield
    tempfile.tempdir = before
