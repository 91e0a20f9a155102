"""Pools are there before a step asks for one, also when two runs start at the same moment."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import dagster as dg
import pytest
from sqlalchemy import Connection, create_engine, text

from rod_pipeline.definitions import defs
from rod_pipeline.orchestration.pools import MART_DATABASE, POOLS, declare
from tests.support.cluster import dagster_yaml


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster on a PostgreSQL that nothing ever ran on."""
    dagster_yaml(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


def limits(instance: dg.DagsterInstance) -> dict[str, int]:
    return {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}


def test_every_pool_that_anything_asks_for_is_declared() -> None:
    asked = {
        node.definition.pool
        for job in defs.resolve_all_job_defs()
        for node in job.nodes
        if isinstance(node.definition, dg.OpDefinition)
    }
    assert asked - {None} == set(POOLS)


def test_a_run_that_meets_a_pool_while_another_makes_it_goes_on(instance: dg.DagsterInstance) -> None:
    """The other one has inserted its row and hasn't ended its transaction: the server makes us wait, then refuses."""
    engine = create_engine(instance.event_log_storage.postgres_url)  # type: ignore[attr-defined]
    insert = text('INSERT INTO concurrency_limits (concurrency_key, "limit", using_default_limit) VALUES (:k, 1, true)')
    with ThreadPoolExecutor(1) as other, engine.connect() as first:
        first.execute(insert, {"k": MART_DATABASE})
        late = other.submit(declare, instance)
        with engine.connect() as looking:
            _until_somebody_waits(looking)
        first.commit()
        late.result()
    assert limits(instance) == dict.fromkeys(POOLS, 1)
    declare(instance)
    assert limits(instance) == dict.fromkeys(POOLS, 1)


def _until_somebody_waits(connection: Connection) -> None:
    until = monotonic() + 60
    while not connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one():
        assert monotonic() < until
        sleep(0.02)
