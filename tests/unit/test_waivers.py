"""What nobody here may let through, whatever the reason: the bounds of the decree itself."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast, get_args

import pytest

from rod_pipeline.decree import load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.ledger.events import Validated
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.quality import Finding, Reason
from rod_pipeline.quality.delivery_rules import FUNDED, IN_SCOPE
from rod_pipeline.quality.waivers import NotOursToWaive, WaivedTooLong, waive
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.system import System
from tests.support import ledger as make
from tests.support.ledger import NOON, SetClock

KEY = DeliveryKey.parse("2025-12")
UNTIL = NOON + timedelta(days=30)


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A delivery with rows outside the decree, and of an institution that may not be funded."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", SetClock())
    delivery = make.received(ledger)
    copy = make.parsed(ledger, delivery)
    found = tuple(
        Finding(rule=rule.id, file="inschrijvingen", severity="blocking", failed=7, rows=10)
        for rule in (IN_SCOPE, FUNDED)
    )
    ledger.append(
        make.checked(delivery, copy),
        Validated(delivery_id=delivery, outcome="failed", copies=(copy,), findings=found),
    )
    intake = ledger.state().deliveries["2025-12"]
    return cast(
        System, SimpleNamespace(decree=load_decree(), ledger=ledger, intake=lambda _: intake, actor=lambda: "a1")
    )


@pytest.mark.parametrize("reason", get_args(Reason))
def test_rows_outside_the_decree_are_waived_for_no_reason(system: System, reason: Reason) -> None:
    with pytest.raises(NotOursToWaive):
        waive(system, KEY, IN_SCOPE.id, reason, UNTIL)
    assert not system.ledger.state().waivers


@pytest.mark.parametrize("reason", get_args(Reason))
def test_that_an_institution_is_funded_is_duos_word_alone(system: System, reason: Reason) -> None:
    if reason == "duo_confirmed":
        assert waive(system, KEY, FUNDED.id, reason, UNTIL).rule == FUNDED.id
    else:
        with pytest.raises(NotOursToWaive):
            waive(system, KEY, FUNDED.id, reason, UNTIL)


def test_no_waiver_stands_longer_than_the_delivery_may_be_kept(system: System) -> None:
    last = deadline(NOON)
    with pytest.raises(WaivedTooLong):
        waive(system, KEY, FUNDED.id, "duo_confirmed", last + timedelta(seconds=1))
    assert not system.ledger.state().waivers
    assert waive(system, KEY, FUNDED.id, "duo_confirmed", last).until == last
