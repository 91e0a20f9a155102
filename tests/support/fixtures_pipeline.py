"""Fixtures around a whole installation."""

import shutil
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from rod_pipeline.store.client import StoreSettings
from rod_pipeline.synthetic.pleio_server import StandIn
from tests.support.pipeline import UNDISTURBED, Bench, Workshops, delivery, remember, stored_tables
from tests.support.remembering import remember_rows


@pytest.fixture(scope="module")
def one_country() -> Iterator[None]:
    """Synthetic deliveries of one population and moment tell of the same people, simulated once."""
    with pytest.MonkeyPatch.context() as patch:
        remember_rows(patch)
        yield


@pytest.fixture
def pleio_stand_in() -> Iterator[StandIn]:
    """A PLEIO of this test's own."""
    with StandIn() as pleio:
        yield pleio


@pytest.fixture(scope="session")
def empty_dagster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an instance of Dagster in which nothing happened, to copy: making its databases takes longer."""
    folder = tmp_path_factory.mktemp("dagster")
    with dg.instance_for_test(temp_dir=str(folder)) as instance:
        assert instance.get_runs_count() == len(instance.all_instigator_state()) == 0
    return folder


@pytest.fixture
def bench(
    tmp_path: Path,
    seaweed: StoreSettings,
    pleio_stand_in: StandIn,
    empty_dagster: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bench]:
    """A fresh installation, ready to be announced to; equal deliveries are made and judged once."""
    remember(monkeypatch)
    shutil.copytree(empty_dagster, tmp_path / "dagster")
    with dg.instance_for_test(temp_dir=str(tmp_path / "dagster")) as instance:
        made = Bench(tmp_path / "home", seaweed, pleio_stand_in, instance)
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture(scope="module")
def good() -> bytes:
    """What goes through the installations of a module; one that needs another delivery has a ``good`` of its own."""
    return delivery(UNDISTURBED)


@pytest.fixture(scope="module")
def workshops(tmp_path_factory: pytest.TempPathFactory, seaweed: StoreSettings, good: bytes) -> Iterator[Workshops]:
    """The installations of a module, in each of which the delivery ``good`` of the module has gone through."""
    with StandIn() as pleio, pytest.MonkeyPatch.context() as patch, Workshops(seaweed, pleio, good) as made:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        remember(patch)
        made.folders = (tmp_path_factory.mktemp("workshop") for _ in count())
        yield made


@pytest.fixture
def workshop(workshops: Workshops) -> Bench:
    """An installation without Dagster that some tests of a module share, kept open for them.

    Each test has a delivery of its own in it. What one leaves behind, the next ones see.
    """
    return workshops.current()


@pytest.fixture(scope="module")
def undisturbed(workshops: Workshops) -> Mapping[str, pl.DataFrame]:
    """The tables of a delivery that nothing ever happened to."""
    return stored_tables(workshops.current(), UNDISTURBED)
