"""Leases: one holder at a time, over processes, and none after the holder's death. On SQLite and on PostgreSQL."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from rod_pipeline.ledger import lease
from rod_pipeline.ledger.database import Database
from rod_pipeline.ledger.lease import Busy
from rod_pipeline.ledger.log import Ledger
from tests.support.ledger import SetClock

_HOLDER = """
import sys
from rod_pipeline.clock import SystemClock
from rod_pipeline.ledger.log import Ledger
with Ledger(sys.stdin.readline().strip(), SystemClock()).exclusive("a" * 16):
    print("held", flush=True)
    sys.stdin.readline()
"""


def _held_elsewhere(url: str) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER], stdin=-1, stdout=-1, text=True)
    assert holder.stdin is not None and holder.stdout is not None
    holder.stdin.write(url + "\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_lease_has_one_holder_and_falls_when_he_is_killed(ledger_url: str, set_clock: SetClock) -> None:
    ledger = Ledger(ledger_url, set_clock)
    holder = _held_elsewhere(ledger_url)
    try:
        with pytest.raises(Busy), ledger.exclusive("a" * 16):
            pass
        with ledger.exclusive("b" * 16):
            pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    # PostgreSQL notices a lost session when it next looks at the socket; that is at once, but not synchronous.
    for _ in range(200):
        try:
            with ledger.exclusive("a" * 16):
                return
        except Busy:
            ledger.state()
    pytest.fail("the lease of a killed process was not given up")


def test_a_lease_is_given_back_by_an_exception_too(ledger_url: str, set_clock: SetClock) -> None:
    ledger = Ledger(ledger_url, set_clock)
    with pytest.raises(KeyError), ledger.exclusive("a" * 16):
        raise KeyError
    with ledger.exclusive("a" * 16), pytest.raises(Busy), ledger.exclusive("a" * 16):
        pass


def test_readers_share_a_lease_and_keep_out_whoever_wants_it_alone(ledger_url: str, set_clock: SetClock) -> None:
    ledger = Ledger(ledger_url, set_clock)
    with ledger.shared("a" * 16):
        with ledger.shared("a" * 16), ledger.shared("b" * 16), pytest.raises(Busy), ledger.exclusive("a" * 16):
            pass
        with pytest.raises(Busy), ledger.exclusive("a" * 16):
            pass
    with ledger.exclusive("a" * 16), pytest.raises(Busy), ledger.shared("a" * 16):
        pass


def test_who_is_patient_gets_it_when_the_holder_lets_go(
    ledger_url: str, set_clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(ledger_url, set_clock)
    with ExitStack() as holder:
        holder.enter_context(ledger.exclusive("a" * 16))
        # It was refused once, and waits.
        monkeypatch.setattr(lease, "sleep", lambda _: holder.close())
        with ledger.exclusive("a" * 16, patience=60), pytest.raises(Busy), ledger.exclusive("a" * 16):
            pass


def test_the_server_probes_whether_a_silent_holder_is_still_there(postgres_url: str, set_clock: SetClock) -> None:
    """A machine without power or network ends no session: only the server can find out, if it is asked to."""
    for url in (postgres_url, f"{postgres_url}?options=-c%20work_mem%3D5MB"):
        with Database(url).reading() as connection:
            told = {name: connection.scalar(sa.text(f"SHOW tcp_keepalives_{name}")) for name in ("idle", "interval")}
            assert told == {"idle": "20", "interval": "5"}
            assert connection.scalar(sa.text("SHOW work_mem")) == ("5MB" if "options" in url else "4MB")
