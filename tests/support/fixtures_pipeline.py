"""Fixtures around a whole installation."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from rod_pipeline.store.client import StoreSettings
from rod_pipeline.synthetic.pleio_server import StandIn
from tests.support.pipeline import Bench, remember


@pytest.fixture
def pleio_stand_in() -> Iterator[StandIn]:
    """A PLEIO of this test's own."""
    with StandIn() as pleio:
        yield pleio


@pytest.fixture
def bench(
    tmp_path: Path, seaweed: StoreSettings, pleio_stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    """A fresh installation, ready to be announced to."""
    (tmp_path / "dagster").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "dagster")) as instance:
        made = Bench(tmp_path / "home", seaweed, pleio_stand_in, instance)
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, seaweed: StoreSettings) -> Iterator[Bench]:
    """An installation without Dagster that the tests of a module share, kept open for them.

    Each test has a delivery of its own in it. What one leaves behind, all see.
    """
    with StandIn() as pleio, pytest.MonkeyPatch.context() as patch:
        made = Bench(tmp_path_factory.mktemp("workshop") / "home", seaweed, pleio)
        for name, value in made.environment().items():
            patch.setenv(name, value)
        remember(patch)
        with made.kept_open():
            yield made
