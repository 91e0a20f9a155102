"""Fixtures around purges: new installations, as many as a test wants."""

from collections.abc import Iterator
from itertools import count

import pytest

from rod_pipeline.store.client import StoreSettings
from rod_pipeline.synthetic.pleio_server import StandIn
from tests.support.pipeline import Bench, remember, store_environment


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory, seaweed: StoreSettings) -> Iterator[Iterator[Bench]]:
    """New installations, as many as are wanted, without Dagster; equal deliveries are made and judged once."""
    with StandIn() as pleio, pytest.MonkeyPatch.context() as patch:
        for name, value in store_environment(seaweed).items():
            patch.setenv(name, value)
        remember(patch)
        yield (Bench(tmp_path_factory.mktemp("house") / "home", seaweed, pleio) for _ in count())
