"""A purge is killed at every step, before and after: run again it ends verified, on record, with nothing left.

The process that is killed is a real one. Before the instant of the attestation there never is a certificate, and from
the tombstone on nothing of the delivery can be read, whatever was done by then.
"""

import os
import signal
from collections.abc import Iterator
from itertools import count

import pytest

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import DeliveryKey, new_id
from rod_pipeline.errors import RodError
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention.rounds import make_round
from tests.support.killing import kill_in, purge
from tests.support.pipeline import PLACED, Bench, discrepancies
from tests.support.purging import cheaply, on_clock, remains
from tests.support.soak import in_soak

KEPT = "2026-08"
_numbers = count(2)
# Call, which of them, before or after it; in the order in which a purge comes to them. Of each kind of instant one is
# in every run, all of them in a soak.
INSTANTS = [
    ("append:purge_planned", 1, "after"),
    ("append:tombstoned", 1, "after"),
    ("destroy", 1, "after"),
    ("append:place_erased", 1, "before"),
    ("AbortMultipartUpload", 1, "after"),
    ("DeleteObjects", 2, "after"),
    ("save", 1, "after"),
    ("append:database_built", 1, "before"),
    ("append:inventoried", 1, "after"),
    ("append:attested", 1, "before"),
    ("append:attested", 1, "after"),
    *in_soak(
        [
            ("append:purge_planned", 1, "before"),
            ("append:tombstoned", 1, "before"),
            ("append:drained", 1, "before"),
            ("append:drained", 1, "after"),
            ("destroy", 1, "before"),
            ("append:key_destroyed", 1, "after"),
            ("append:place_erased", 1, "after"),
            ("AbortMultipartUpload", 1, "before"),
            ("ListObjectVersions", 2, "after"),
            ("DeleteObjects", 1, "before"),
            ("append:copy_erased", 1, "before"),
            ("append:copy_erased", 1, "after"),
            ("append:place_erased", 3, "before"),
            ("destroy", 2, "after"),
            ("append:database_built", 1, "after"),
            ("append:erasure_asked", 1, "before"),
            ("append:erasure_asked", 1, "after"),
            ("append:place_erased", 10, "after"),
            ("append:inventoried", 1, "before"),
            ("append:inventoried", 2, "before"),
            ("append:inventoried", 2, "after"),
        ]
    ),
]


@pytest.fixture(scope="module")
def houses(benches: Iterator[Bench]) -> Iterator[Bench]:
    """An installation for every ten cases, in which one delivery lives on."""

    def made() -> Iterator[Bench]:
        for bench in benches:
            with on_clock(bench, SystemClock()) as system:
                cheaply(system, KEPT, PLACED[KEPT])
            for _ in range(10):
                yield bench

    return made()


@pytest.mark.parametrize(("call", "nth", "moment"), INSTANTS)
def test_killed_and_run_again(
    houses: Iterator[Bench], monkeypatch: pytest.MonkeyPatch, call: str, nth: int, moment: str
) -> None:
    monkeypatch.setenv("ROD_RETENTION__LATE_SWEEP_HOURS", "0")
    bench, key = next(houses), f"2025-12-r{next(_numbers)}"
    with on_clock(bench, SystemClock()) as system:
        intake = cheaply(system, key, PLACED[KEPT])
        system.secrets.put(intake, "archive_password", b"password")
        system.objects.client.create_multipart_upload(
            Bucket=system.objects.settings.bucket, Key=f"parsed/{intake}/open_{new_id()}"
        )
        copies = [copy.copy_id for copy in system.ledger.state().live_copies(intake)]
        environment = {**os.environ, **bench.environment()}
        ended = kill_in(environment, key=key, stage="purge", call=call, nth=nth, moment=moment)
        assert ended == -signal.SIGKILL

        state = system.ledger.state()
        begun = [each for each in state.purges.values() if key in each.keys]
        attested = [each for each in begun if each.attested is not None]
        assert bool(attested) is ((call, moment) == ("append:attested", "after")), "no evidence before verification"
        for copy in copies if key in state.tombstones else ():
            with pytest.raises(RodError, match=state.tombstones[key].purge_id):
                system.vault.copy(copy)
        assert system.ledger.state().deliveries[KEPT].stage == "stored"

        # Run again as it was begun: by hand when nobody heard of it, else by the next round.
        if begun:
            assert make_round(system, copy_register(system)).errors == ()
        else:
            purge(system, DeliveryKey.parse(key))
        (done,) = [each for each in system.ledger.state().purges.values() if key in each.keys]
        assert (done.phase, done.verified_at is not None) == ("attested", True)
        assert done.attested is not None and done.attested.outcome == done.outcome == "ONVOLLEDIG"
        left = {place.place for seen in done.late.values() for place in seen.inventory.places if place.left}
        assert left == {"processor"}
        assert [(asked.party, asked.package_id) for asked in done.asked] == [("processor", None)]
        assert remains(bench, intake) == []
        assert discrepancies(bench) == []
        system.ledger.verify_tree()
