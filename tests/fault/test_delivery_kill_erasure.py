"""An erasure is killed half-way: of a delivery that is refused, of one that is replaced. The next run finishes it."""

import os
import signal
from collections.abc import Mapping
from itertools import count

import polars as pl
import pytest

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.synthetic.population import Population
from tests.support.killing import advance, kill_in
from tests.support.pipeline import CODE, Bench, delivery, discrepancies, stored_tables
from tests.support.soak import in_soak

SMALL = Population(seed=7, scale=0.0005)
_numbers = count(2)


@pytest.fixture(scope="module")
def good() -> bytes:
    return delivery("2025-12", population=SMALL)


@pytest.fixture
def key() -> str:
    return f"2025-12-r{next(_numbers)}"


# Of each kind of instant one is in every run, all of them in a soak.
ERASURE = [
    ("destroy", "after"),
    ("append:copy_erased", "after"),
    *in_soak(
        [
            ("destroy", "before"),
            ("append:key_destroyed", "after"),
            ("DeleteObjects", "before"),
            ("append:copy_erased", "before"),
        ]
    ),
]


@pytest.mark.parametrize(
    ("call", "moment"),
    [("append:notice_drafted", "after"), *in_soak([("append:notice_drafted", "before")]), *ERASURE],
)
def test_a_refusal_that_is_killed_is_carried_out_by_the_next_run(
    workshop: Bench, undisturbed: Mapping[str, pl.DataFrame], key: str, call: str, moment: str
) -> None:
    workshop.announce(key, delivery("2025-12", "extra_column", SMALL))
    with workshop.system() as system:
        advance(system, DeliveryKey.parse(key), "parse inschrijvingen")
    environment = {**os.environ, **workshop.environment()}
    ended = kill_in(environment, key=key, stage="parse inschrijvingen", call=call, nth=1, moment=moment)
    assert ended == -signal.SIGKILL
    assert workshop.walk(key) != []
    assert workshop.intake(key).stage == "refused"
    assert list((workshop.home / "notices").glob(f"{key}-*.txt"))
    assert discrepancies(workshop) == []


@pytest.mark.parametrize(("call", "moment"), ERASURE)
def test_a_replacement_that_is_killed_is_carried_out_by_the_next_run(
    workshop: Bench, undisturbed: Mapping[str, pl.DataFrame], good: bytes, key: str, call: str, moment: str
) -> None:
    """Announced anew after two files were read; killed while what came first is being erased."""
    workshop.announce(key, good)
    with workshop.system() as system:
        advance(system, DeliveryKey.parse(key), "parse doorstroom")
    link = workshop.pleio.publish(good, CODE)
    environment = {**os.environ, **workshop.environment()}
    ended = kill_in(environment, key=key, stage="announce", call=call, nth=1, moment=moment, link=link, code=CODE)
    assert ended == -signal.SIGKILL
    assert workshop.walk(key) == []
    tables = stored_tables(workshop, key)
    assert {name: table.equals(undisturbed[name]) for name, table in tables.items()} == dict.fromkeys(undisturbed, True)
    assert discrepancies(workshop) == []
