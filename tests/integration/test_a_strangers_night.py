"""A stranger's night: what breaks in production is found and mended by whoever never saw the source.

Each case injects one failure into a real installation, then goes the way of on-call and no other: the failed run has a
code and its runbook; the runbook's own words name the commands; those commands, and what the outside world gives back
(a store that is up again, a new code from DUO), turn it green. What can't be typed here (``rod rerun`` asks a Dagster
that runs, and is tested at one in ``tests/ui``) is run by the same job in this process.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._daemon.monitoring.concurrency import execute_concurrency_slots_iteration

from rod_pipeline import doctor
from rod_pipeline.clock import SystemClock
from rod_pipeline.ledger.database import LedgerDatabase
from rod_pipeline.orchestration.red import DIED, red
from rod_pipeline.runbooks import address, section
from rod_pipeline.store.objects import ObjectStore
from tests.support import drift
from tests.support import ledger as make
from tests.support.night import LANDING, Seen, attempt, rod
from tests.support.openbao import openbao_server
from tests.support.pipeline import CODE, PLACED, Bench, delivery
from tests.support.seaweed import replace_object

KEY = "2025-12"
MANIFEST, ENROLMENTS = dg.AssetKey(["validation", "manifest"]), dg.AssetKey(["validation", "inschrijvingen"])
Injected = Iterator[None]


class Night:
    """The installation, what is seen of it, and what is typed."""

    def __init__(self, bench: Bench, patch: pytest.MonkeyPatch, good: bytes) -> None:
        self.bench, self.patch, self.good = bench, patch, good
        self.wanted: tuple[dg.AssetKey, ...] = (LANDING,)
        self.seen: Seen | None = None
        self.runbook = ""

    def run(self) -> list[Seen]:
        """What the daemon does when a run is requested or rerun."""
        return attempt(self.bench, KEY, self.wanted)

    def wakes(self, code: str) -> None:
        """The run is red, and leads to the runbook of ``code``, which is at hand in the UI and at the terminal."""
        (self.seen,) = self.run()
        assert (self.seen.code, self.seen.runbook) == (code, address(code))
        assert self.seen.to_do == section(code)
        self.reads(code)

    def reads(self, code: str) -> None:
        exits, shown = rod("runbook", code)
        assert exits == 0 and code in shown
        self.runbook = section(code) or ""

    def looks(self, subject: str, code: str) -> None:
        """The runbook sends to ``rod doctor``, which names what is wrong."""
        page = self.runbook + self.introduction(code)
        assert "`rod doctor`" in page and f"*{subject}*" in page
        exits, said = rod("doctor")
        assert exits == 1
        (line,) = [line for line in said.splitlines() if line.split(":")[0].strip().endswith(f" {subject}")]
        assert line.strip().startswith("BAD"), said

    def introduction(self, code: str) -> str:
        """What stands above all sections of the page."""
        page = doctor.ROOT / address(code).partition("#")[0]
        return page.read_text("utf-8").partition("\n## ")[0]

    def types(self, words: str, *, typed: str | None = None, **instead: str) -> str:
        """A command that stands in the runbook, its placeholders filled in; ``rerun`` runs the job in this process."""
        assert f"`{words}`" in self.runbook + self.introduction(self.code), f"the runbook doesn't say `{words}`"
        given = [instead.get(word, word) for word in words.split()[1:]]
        if given[0] == "rerun":
            assert self.run() == []
            return ""
        if given[0] == "rerun-failed":
            with self.bench.system() as system:
                assert self.bench.instance is not None
                assert [(one.key, one.waits) for one in red(self.bench.instance, system)] == [(KEY, None)]
            assert self.run() == []
            return ""
        exits, said = rod(*given, typed=typed)
        assert exits == 0, said
        return said

    @property
    def code(self) -> str:
        return self.runbook.split()[1]

    def is_over(self) -> None:
        """Nothing is red any more."""
        with self.bench.system() as system:
            assert self.bench.instance is not None
            assert red(self.bench.instance, system) == ()


@pytest.fixture(scope="module")
def good() -> bytes:
    return delivery(KEY, population=drift.SMALL)


@pytest.fixture
def night(bench: Bench, monkeypatch: pytest.MonkeyPatch, good: bytes) -> Night:
    return Night(bench, monkeypatch, good)


@contextmanager
def environment(patch: pytest.MonkeyPatch, **values: str) -> Injected:
    """Another environment of the services for the length of a block."""
    with patch.context() as changed:
        for name, value in values.items():
            changed.setenv(name, value)
        yield


def test_the_store_is_down(night: Night) -> None:
    night.bench.announce(KEY, night.good)
    with environment(night.patch, ROD_STORE__ENDPOINT="http://127.0.0.1:9"):
        night.wakes("ROD-STORE-01")
        night.looks("store", "ROD-STORE-01")
    night.types("rod rerun-failed")
    night.is_over()


def test_the_access_code_is_wrong(night: Night) -> None:
    link = night.bench.pleio.publish(night.good, CODE)
    announce(night, link, "not-the-code")
    night.wakes("ROD-PLEIO-05")
    assert "waiting_for_code" in rod("status")[1] and f"{KEY} waits for DUO: a new access code" in rod("status")[1]
    # DUO sends another code.
    assert "`rod announce 2025-12 --link LINK`" in night.runbook
    announce(night, link, CODE)
    assert night.run() == []
    night.is_over()


def test_the_disk_is_full(night: Night) -> None:
    night.bench.announce(KEY, night.good)
    usage = shutil.disk_usage(night.bench.home)
    with no_room_for_the_ledger(), night.patch.context() as patch:
        patch.setattr(doctor.shutil, "disk_usage", lambda path: usage._replace(free=0))
        fill_up(night.bench)
        night.wakes("ROD-LEDGER-07")
        night.looks("room", "ROD-LEDGER-07")
    night.types("rod rerun 2025-12")
    night.is_over()


def test_the_database_is_gone(night: Night, postgres_url: str) -> None:
    night.patch.setenv("ROD_LEDGER_URL", postgres_url)
    night.bench.announce(KEY, night.good)
    with environment(night.patch, ROD_LEDGER_URL="postgresql+psycopg2://rod@127.0.0.1:9/rod"):
        night.wakes("ROD-LEDGER-02")
        exits, said = rod("status")
        assert exits == 1 and "ROD-LEDGER-02" in said
    assert KEY in night.types("rod status")
    night.types("rod rerun-failed")
    night.is_over()


def test_the_worker_is_killed(night: Night) -> None:
    """The daemon lets it go on by itself, twice (``tests/fault/test_worker_killed.py``); here that was not enough."""
    night.bench.announce(KEY, night.good)
    instance = night.bench.instance
    assert instance is not None
    died = dg.DagsterRun("deliver", tags={"dagster/partition": KEY}, status=DagsterRunStatus.FAILURE)
    instance.add_run(died)
    with night.bench.system() as system:
        assert [one.codes for one in red(instance, system)] == [DIED]
    night.runbook = "## ROD-LEDGER-90\n" + (section("ROD-LEDGER-90") or "")
    night.types("rod rerun-failed")
    night.is_over()


def test_the_access_key_of_the_store_has_expired(night: Night) -> None:
    night.bench.announce(KEY, night.good)
    with environment(night.patch, ROD_STORE__SECRET_KEY="replaced since"):
        night.wakes("ROD-STORE-02")
        night.looks("store", "ROD-STORE-02")
    night.types("rod rerun 2025-12")
    night.is_over()


def test_the_token_of_the_key_server_has_ended(night: Night) -> None:
    with openbao_server() as bao:
        mount, file = bao.new_mount(), night.bench.home / "secrets" / "bao-token"
        token = bao.token(mount, "pipeline", "eraser")
        file.touch(0o600)
        file.write_text(token)
        settings = night.bench.home / "rod.toml"
        section = f'address = "{bao.address}"\nmount = "{mount}"\ntoken_file = "{file}"\n'
        settings.write_text(f'{settings.read_text("utf-8")}[keyring]\nkind = "openbao"\n{section}')
        night.bench.announce(KEY, night.good)
        bao.root.auth.token.revoke(token)
        night.wakes("ROD-KEY-08")
        night.looks("keys", "ROD-KEY-08")
        # The administrator of the server makes another.
        file.write_text(bao.token(mount, "pipeline", "eraser"))
        night.types("rod rerun 2025-12")
        night.is_over()


def test_the_key_encryption_key_is_another_ones(night: Night) -> None:
    night.bench.announce(KEY, night.good)
    assert night.run() == []
    night.wanted = (MANIFEST,)
    with environment(night.patch, ROD_KEK=os.urandom(32).hex()):
        night.wakes("ROD-KEY-05")
        night.looks("keys", "ROD-KEY-05")
    assert "`rod rerun-failed`" in night.runbook
    assert night.run() == []
    night.is_over()


def test_duo_renamed_a_column(night: Night) -> None:
    folder = drift.folder_of_contracts(night.bench)
    night.bench.announce(KEY, drift.renamed())
    night.wanted = (LANDING, MANIFEST, ENROLMENTS)
    night.wakes("ROD-FILE-14")
    with night.bench.system() as system:
        (one,) = red(night.bench.instance, system)  # type: ignore[arg-type]
    assert one.waits is not None, "not something to rerun at night"
    night.types("rod contract draft 2025-12")
    # By day somebody who knows the data cites the rubriek that allows the column.
    drift.fill(folder / "inschrijvingen" / "2.draft.toml", ('rubriek = ""[^\n]*', 'rubriek = "06.05.40"'))
    night.types("rod contract accept inschrijvingen", typed="y\n")
    night.types("rod rerun 2025-12")
    night.is_over()


def test_the_clock_is_slow(night: Night) -> None:
    night.bench.announce(KEY, night.good)
    real = SystemClock.now
    with night.patch.context() as patch:
        patch.setattr(SystemClock, "now", lambda clock: real(clock) - timedelta(hours=1))
        night.wakes("ROD-LEDGER-05")
        night.looks("clock", "ROD-LEDGER-05")
    night.types("rod rerun 2025-12")
    night.is_over()


def test_a_clock_was_fast_when_it_wrote(night: Night) -> None:
    """It is right again, and the ledger's newest entry still is of an hour that hasn't come."""
    real = SystemClock.now
    with night.patch.context() as patch:
        patch.setattr(SystemClock, "now", lambda clock: real(clock) + timedelta(hours=1))
        night.bench.announce(KEY, night.good)
    night.wakes("ROD-LEDGER-05")
    night.looks("clock", "ROD-LEDGER-05")
    now = f"{SystemClock().now():%Y-%m-%dT%H:%M}"
    said = night.types("rod ledger set-clock --now 2026-11-30T14:05", **{"2026-11-30T14:05": now})
    assert said.startswith("On record.")
    night.types("rod rerun 2025-12")
    night.is_over()


def test_a_dead_run_holds_the_place_in_a_pool(night: Night) -> None:
    """No run is red: steps wait. ``rod doctor`` is where to look, and the daemon what mends it."""
    night.bench.announce(KEY, night.good)
    instance = night.bench.instance
    assert instance is not None
    dead = instance.add_run(dg.DagsterRun("deliver", status=DagsterRunStatus.STARTED))
    storage = instance.event_log_storage
    storage.set_concurrency_slots("pleio", 1)
    assert storage.claim_concurrency_slot("pleio", dead.run_id, "landing__raw_delivery").is_claimed
    instance.report_run_failed(dead)
    assert not storage.claim_concurrency_slot("pleio", "another", "landing__raw_delivery").is_claimed
    storage.free_concurrency_slots_for_run("another")
    night.reads("ROD-DOCTOR-08")
    night.looks("pools", "ROD-DOCTOR-08")
    # The daemon lives again; the settings with which deployments run make it look each few seconds.
    monitoring = {"free_slots_after_run_end_seconds": 1}
    night.patch.setattr(type(instance), "run_monitoring_settings", monitoring)
    later(night.patch, seconds=120)
    errors = list(execute_concurrency_slots_iteration(SimpleNamespace(instance=instance), logging.getLogger(__name__)))  # type: ignore[arg-type]
    assert errors in ([], [None])
    assert night.run() == []
    night.is_over()


def test_an_object_was_damaged(night: Night) -> None:
    night.bench.announce(KEY, night.good)
    assert night.run() == []
    objects = ObjectStore(night.bench.store)
    raw = [key for key in night.bench.objects() if "/landing/" in f"/{key}" or key.startswith("landing/")]
    assert raw
    for key in raw:
        replace_object(objects, key, os.urandom(5000))
    night.wanted = (MANIFEST,)
    night.wakes("ROD-KEY-06")
    assert "Not stored yet: announce or drop the delivery anew." in night.runbook
    night.bench.announce(KEY, night.good)
    night.wanted = (LANDING, MANIFEST)
    assert night.run() == []
    night.is_over()


def announce(night: Night, link: str, code: str) -> None:
    """``rod announce``, the code handed over through a file descriptor as a terminal would take it."""
    reading, writing = os.pipe()
    os.write(writing, code.encode())
    os.close(writing)
    moment = f"{PLACED[KEY]:%Y-%m-%dT%H:%M:%S}"
    exits, said = rod("announce", KEY, "--link", link, "--code-fd", str(reading), "--moment", moment)
    assert exits == 0, said


@contextmanager
def no_room_for_the_ledger() -> Injected:
    """SQLite's own answer when a file can't grow: SQLITE_FULL."""

    def full(connection: Any, _record: object) -> None:
        (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
        if file.endswith("ledger.db"):
            connection.execute("PRAGMA max_page_count = 1")

    sa.event.listen(sa.Engine, "connect", full)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "connect", full)


def fill_up(bench: Bench) -> None:
    """Write to the ledger until nothing goes in any more; other deliveries, that nobody asks for."""
    with bench.system() as system, pytest.raises(LedgerDatabase):
        for _ in range(200):
            system.ledger.append(make.announced("2026-08"))


def later(patch: pytest.MonkeyPatch, *, seconds: float) -> None:
    """Dagster's monitoring looks at a clock that stands later."""
    from dagster._daemon.monitoring import concurrency

    real: Callable[[], Any] = concurrency.get_current_datetime
    patch.setattr(concurrency, "get_current_datetime", lambda: real() + timedelta(seconds=seconds))
