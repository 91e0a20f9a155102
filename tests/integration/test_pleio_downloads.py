"""Downloads from PLEIO that succeed, at once or after passing trouble, against a real server."""

import hashlib
import logging.config
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from rod_pipeline.intake.pleio import PleioClient
from rod_pipeline.synthetic.pleio_server import StandIn, place
from tests.support.pleio import NOW, FixedClock, Sink, Sinks, Trial, a_zip, everything_logged, settings
from tests.support.pleio_tls import Authority


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as server:
        yield server


def test_a_delivery_arrives_whole_and_leaves_no_trace(stand_in: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    trial = Trial(stand_in, name="ROD levering december.zip")
    with everything_logged(caplog):
        download = trial.fetch()
    assert trial.sinks.completed == [trial.source]
    assert bytes(download.sink.data) == trial.source
    assert (download.size, download.media) == (len(trial.source), "zip")
    assert download.sha256 == hashlib.sha256(trial.source).hexdigest()
    assert (download.name, download.first_byte_at) == ("ROD levering december.zip", NOW)
    assert not [secret for secret in trial.secrets() if secret in caplog.text + repr(download)]
    assert trial.counts == {"link": 1, "form": 1, "code": 1, "handover": 1, "storage": 1}


def test_loggers_below_stay_silent_whatever_configures_logging_later(
    stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    trial = Trial(stand_in)
    trial.fetch()
    loggers = {name: {"level": "DEBUG"} for name in ("httpx", "httpcore")}
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "loggers": loggers})
    with everything_logged(caplog):
        logging.getLogger("elsewhere").debug("heard")
        trial.fetch()
    assert "heard" in caplog.text
    assert not [record for record in caplog.records if record.name.startswith(("httpx", "httpcore"))]


@pytest.mark.parametrize(
    "table",
    [
        b"brin;crebo\r\n01AA;25000\r\n",
        b"\xef\xbb\xbf#brin|crebo\n01AA|25000\n",
        "naam,plaats\nÉÉN,Ede\n".encode("cp1252"),
    ],
    ids=["semicolon", "bar with mark", "comma in cp1252"],
)
def test_a_bare_table_is_a_delivery_too(table: bytes, stand_in: StandIn) -> None:
    trial = Trial(stand_in, source=table, name="doorstroom.csv")
    assert trial.fetch().media == "csv"
    assert trial.sinks.completed == [table]


# Scenario, waits as the server asked or as we choose, times the code was sent, sinks opened.
RECOVERIES = {
    "reset_once": ([1.0], 1, 2),
    "truncated_once": ([1.0], 1, 2),
    "reset_storage_once": ([1.0], 1, 1),
    "storage_expired_once": ([1.0], 1, 1),
    "fault_once": ([1.0], 1, 1),
    "maintenance_once": ([7.0], 1, 1),
    "maintenance_date": ([40.0], 1, 1),
    "maintenance_page": ([1.0], 1, 1),
    "busy_once": ([5.0], 1, 1),
    "code_busy": ([3.0], 2, 1),
    "reset_code_once": ([1.0], 2, 1),
    "reset_session_lost": ([1.0], 2, 2),
    "page_of_one_once": ([], 1, 1),
}


@pytest.mark.parametrize("scenario", RECOVERIES)
def test_passing_trouble_is_overcome_with_a_fresh_sink(
    scenario: str, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    trial = Trial(stand_in, scenario)
    with everything_logged(caplog):
        download = trial.fetch()
    waits, posts, opened = RECOVERIES[scenario]
    assert trial.sinks.completed == [trial.source] == [bytes(download.sink.data)]
    assert trial.waits == waits
    assert (trial.counts["code"], trial.sinks.opened) == (posts, opened)
    assert len(trial.sinks.aborted) == opened - 1
    assert not [secret for secret in trial.secrets() if secret in caplog.text]


def test_a_code_that_serves_once_outlives_a_broken_download_in_the_same_session(stand_in: StandIn) -> None:
    trial = Trial(stand_in, "reset_once", uses=1)
    trial.fetch()
    assert trial.counts["code"] == 1


def test_the_first_byte_is_that_of_the_first_attempt(stand_in: StandIn) -> None:
    class Ticking:
        moments = (NOW + timedelta(minutes=n) for n in count())

        def now(self) -> datetime:
            return next(self.moments)

    trial = Trial(stand_in, "truncated_once")
    begun: list[datetime] = []
    clock = Ticking()

    @contextmanager
    def watching() -> Iterator[Sink]:
        begun.append(clock.now())
        yield Sink()

    download = PleioClient(settings(), clock, sleep=lambda _: None).fetch(trial.link, trial.code, watching)
    assert download.first_byte_at < begun[0] < begun[1]


def test_waits_grow_and_never_exceed_the_cap(stand_in: StandIn) -> None:
    trial = Trial(stand_in, "fault")
    trial.fails(attempts=6)
    assert trial.waits == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_compression_is_undone(stand_in: StandIn) -> None:
    trial = Trial(stand_in, "gzip")
    assert trial.fetch().sha256 == hashlib.sha256(trial.source).hexdigest()
    assert trial.sinks.completed == [trial.source]


@pytest.mark.parametrize(("scenario", "name"), [("name_hostile", "ROD 1.zip"), ("name_utf8", "ROD é.zip")])
def test_a_served_name_is_cut_to_its_last_part(scenario: str, name: str, stand_in: StandIn) -> None:
    assert Trial(stand_in, scenario).fetch().name == name


def test_the_file_is_passed_on_while_it_comes(stand_in: StandIn) -> None:
    """The server sends the rest only after the sink has seen the beginning."""
    begun = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield a_zip(2**19)
        if begun.wait(20):
            yield b"the rest"

    class Watching(Sink):
        def write(self, data: bytes) -> None:
            super().write(data)
            begun.set()

    @contextmanager
    def watching() -> Iterator[Sink]:
        yield Watching()

    trial = Trial(stand_in, source=pieces)
    client = PleioClient(settings(), FixedClock())
    download = client.fetch(trial.link, trial.code, watching)
    assert bytes(download.sink.data).endswith(b"the rest")


class StoreIsFull(Exception):
    pass


@contextmanager
def refusing_to_write() -> Iterator[Sink]:
    class Full(Sink):
        def write(self, data: bytes) -> None:
            raise StoreIsFull

    yield Full()


@contextmanager
def refusing_to_complete() -> Iterator[Sink]:
    yield Sink()
    raise StoreIsFull


@pytest.mark.parametrize("sink", [refusing_to_write, refusing_to_complete])
def test_trouble_of_the_sink_is_the_callers_and_is_not_tried_again(
    sink: object, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    trial = Trial(stand_in)
    trial.sinks.open = sink  # type: ignore[method-assign,assignment]
    with everything_logged(caplog), pytest.raises(StoreIsFull):
        trial.fetch()
    assert trial.counts["storage"] == 1
    assert trial.waits == []


def test_proxies_of_the_environment_are_not_heeded(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    trial = Trial(stand_in)
    trial.fetch()
    assert trial.sinks.completed == [trial.source]


def test_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    authority = Authority(tmp_path)
    with StandIn(tls=authority.server("127.0.0.1")) as stand_in:
        trial = Trial(stand_in, "reset_once")
        trial.fetch(ca_file=authority.ca_file)
    assert trial.sinks.completed == [trial.source]
    assert not keys.exists()


@pytest.mark.parametrize("case", ["another host", "unknown authority", "no TLS at all"])
def test_a_server_that_cannot_prove_who_it_is_gets_no_code(
    case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    host = "pleio.example" if case == "another host" else "127.0.0.1"
    with StandIn(tls=None if case == "no TLS at all" else authority.server(host)) as stand_in:
        trial = Trial(stand_in)
        trial.link = trial.link.replace("http:", "https:")
        with everything_logged(caplog):
            error = trial.fails(ca_file=None if case == "unknown authority" else authority.ca_file)
    assert (error.code, error.kind, error.ends_code) == ("ROD-PLEIO-30", "permanent", None)
    assert trial.counts.get("code", 0) == trial.sinks.opened == 0
    assert trial.waits == []
    assert trial.leaks(error, caplog.text) == set()


def test_a_stand_in_of_its_own_serves_a_folder(tmp_path: Path) -> None:
    source = a_zip()
    (tmp_path / "levering.zip").write_bytes(source)
    command = [sys.executable, "-m", "rod_pipeline.synthetic.pleio_server", "--folder", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."})
    try:
        assert server.stdout is not None
        word, origin = server.stdout.readline().split()
        assert word == "ready"
        # Placed while it runs.
        path = place(tmp_path, "levering.zip", "synthetische code", uses=1)
        assert (tmp_path / "index.json").stat().st_mode & 0o077 == 0
        sinks = Sinks()
        client = PleioClient(settings(), FixedClock())
        client.fetch(origin + path, "synthetische code", sinks.open)
        assert sinks.completed == [source]
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert server.returncode == 0
