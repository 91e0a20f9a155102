"""A purge on a clock that jumps: everything is erased, nothing is certified that isn't so."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rod_pipeline.ledger.log import LedgerClock
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention.engine import NothingToPurge, TooEarly, begin, carry_out, conclude, plan
from rod_pipeline.retention.evidence import attest
from rod_pipeline.retention.rounds import make_round
from rod_pipeline.store.client import StoreSettings
from tests.support.purging import Simulated, cheaply, installation
from tests.support.soak import in_soak


@pytest.fixture
def years(seaweed: StoreSettings, tmp_path: Path, benches: object) -> Simulated:
    """An installation on a clock that may jump, with one delivery whose term ends in a day and a half."""
    made = installation(tmp_path / "home", seaweed)
    cheaply(made, "2025-12", made.clock.now().replace(year=2018, hour=1) + timedelta(days=2), "stored")
    return made


FORWARD, BACK, BACK_A_BIT = timedelta(days=2), timedelta(days=-2), timedelta(hours=-1)


@pytest.mark.parametrize(
    ("step", "jump"),
    [
        ("begin", BACK),
        ("carry_out", BACK),
        ("conclude", FORWARD),
        ("conclude", BACK_A_BIT),
        ("attest", BACK),
        *in_soak(
            [
                ("begin", FORWARD),
                ("begin", BACK_A_BIT),
                ("carry_out", FORWARD),
                ("carry_out", BACK_A_BIT),
                ("conclude", BACK),
                ("attest", FORWARD),
                ("attest", BACK_A_BIT),
            ]
        ),
    ],
    ids=str,
)
def test_a_clock_that_jumps_keeps_nothing_from_being_erased_and_certifies_nothing(
    years: Simulated, jump: timedelta, step: str
) -> None:
    """What is erased stays on record with instants that never run back; a clock that ran back certifies nothing."""
    register, steps = copy_register(years), ["begin", "carry_out", "conclude", "attest"]
    done: dict[str, Any] = {}

    def do(what: str) -> None:
        if what == "begin":
            done["id"] = begin(years, plan(years, ["2025-12"], "term"), "a1")
        elif what == "carry_out":
            carry_out(years, register, done["id"])
        elif what == "conclude":
            conclude(years, register, done["id"])
        else:
            attest(years, done["id"])

    for what in steps[: steps.index(step)]:
        do(what)
        years.clock.move(hours=25 if what == "carry_out" else 0)
    right = years.clock.time
    # The store's clock goes with it: that it disagrees is another test.
    years.clock.time += jump
    # An hour back after a wait of 25 is still after everything on record.
    if jump < timedelta(0) and (step, jump) != ("conclude", timedelta(hours=-1)):
        # Two days back the term hasn't ended, which is said first.
        with pytest.raises((LedgerClock, TooEarly, NothingToPurge)):
            do(step)
        if "id" in done:
            assert years.ledger.state().purges[done["id"]].attested is None
        if step == "carry_out":
            assert not years.keyring.exists(years.ledger.state().deliveries["2025-12"].delivery_id)
            assert "2025-12" in years.ledger.state().tombstones
    else:
        do(step)
    years.clock.time = max(right, right + jump)
    for _ in range(4):
        make_round(years, register)
        years.clock.move(hours=25)
    (purge,) = years.ledger.state().purges.values()
    assert purge.attested is not None and purge.attested.outcome == "ONVOLLEDIG"
    entries = list(years.ledger.entries())
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
