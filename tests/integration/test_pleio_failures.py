"""Every way in which PLEIO can fail, against a real server: which error, what it means for the code, and no trace.

One row is one failure: the error's code, its kind, what it says of the access code, how often the code was sent, how
many sinks were opened, and how often was waited before giving up.
"""

import pickle
from collections.abc import Iterator

import pytest

from rod_pipeline.intake.pleio_errors import PleioError
from rod_pipeline.synthetic.pleio_scenarios import SCENARIOS
from rod_pipeline.synthetic.pleio_server import StandIn
from tests.support.pleio import Trial, everything_logged

ROWS = """
code_used           06 blocked   used    1 0 0
code_expired        07 blocked   expired 1 0 0
code_locked         08 blocked   refused 1 0 0
code_locked_429     08 blocked   refused 1 0 0
code_form_again     05 blocked   wrong   1 0 0
code_csrf           16 permanent -       1 0 0
code_factor         14 blocked   -       1 0 0
code_page           26 permanent -       1 0 0
code_again_307      16 permanent -       1 0 0
not_found           09 permanent -       0 0 0
forbidden           09 permanent -       0 0 0
gone                10 permanent expired 0 0 0
expired_404         10 permanent expired 0 0 0
withdrawn           10 permanent expired 0 0 0
withdrawn_plain     10 permanent expired 0 0 0
not_open            11 blocked   -       0 0 0
closed              12 blocked   -       0 0 0
account             12 blocked   -       0 0 0
blocked             13 permanent -       0 0 0
factor_first        14 blocked   -       0 0 0
catch_all           16 permanent -       0 0 0
form_elsewhere      16 permanent -       0 0 0
several_files       15 blocked   -       1 0 0
same_name           31 blocked   -       1 0 0
teapot              29 permanent -       0 0 0
maintenance         18 transient -       0 0 2
busy                17 transient -       0 0 2
busy_long           17 transient -       0 0 0
fault               19 transient -       0 0 2
storage_expired     20 transient -       1 0 2
elsewhere           02 blocked   -       1 0 0
elsewhere_first     02 blocked   -       0 0 0
metadata_service    02 blocked   -       0 0 0
downgrade           03 permanent -       1 0 0
loop                04 permanent -       0 0 0
odd_scheme          29 permanent -       0 0 0
reset_before        21 transient -       0 0 2
silent              22 transient -       0 0 2
slow                22 transient -       1 3 2
reset               23 transient -       1 3 2
truncated           25 permanent -       1 3 2
truncated_chunked   25 permanent -       1 3 2
wrong_length        25 permanent -       1 1 0
html                26 permanent -       1 0 0
garbage             26 permanent -       1 0 0
empty               27 permanent -       1 0 0
partial             29 permanent -       1 0 0
digest_wrong        24 transient -       1 3 2
digest_wrong_sha    24 transient -       1 3 2
gzip_cut            25 permanent -       1 3 2
brotli              29 permanent -       1 0 0
"""
TABLE = [row.split() for row in ROWS.strip().splitlines()]


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as server:
        yield server


def assert_is(error: PleioError, number: str, kind: str, ends: str) -> None:
    assert (error.code, error.kind, error.ends_code or "-") == (f"ROD-PLEIO-{number}", kind, ends)


def assert_nothing_kept(trial: Trial, opened: int = 0) -> None:
    assert trial.sinks.completed == []
    assert trial.sinks.opened == len(trial.sinks.aborted) == opened
    # What a sink is given to see has no transport's exception hanging on it either: that would hold the request.
    assert not [error for error in trial.sinks.aborted if error.__context__ or error.__cause__]


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_failure(row: list[str], stand_in: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    scenario, number, kind, ends, posts, opened, waits = row
    trial = Trial(stand_in, scenario)
    with everything_logged(caplog):
        # Patience is short only where the server keeps silent.
        error = trial.fails(read_timeout=0.3 if scenario in ("silent", "slow") else 20)
    assert_is(error, number, kind, ends)
    assert trial.counts.get("code", 0) == int(posts)
    assert_nothing_kept(trial, int(opened))
    assert len(trial.waits) == int(waits)
    assert trial.leaks(error, caplog.text) == set()
    assert trial.counts.get("referer", 0) == trial.counts.get("storage_cookie", 0) == 0
    assert pickle.loads(pickle.dumps(error)).code == error.code


@pytest.mark.parametrize("scenario", ["ok", "code_wrong_401", "code_wrong_403"])
def test_a_wrong_code_is_sent_once(scenario: str, stand_in: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    trial = Trial(stand_in, scenario)
    with everything_logged(caplog):
        error = trial.fails(wrong=True)
    assert_is(error, "05", "blocked", "wrong")
    assert trial.counts["code"] == 1
    assert_nothing_kept(trial)
    assert trial.leaks(error, caplog.text) == set()


def test_after_too_many_wrong_codes_the_right_one_is_locked_out(stand_in: StandIn) -> None:
    trial = Trial(stand_in)
    for _ in range(5):
        assert_is(trial.fails(wrong=True), "05", "blocked", "wrong")
    assert_is(trial.fails(), "08", "blocked", "refused")
    assert trial.counts["code"] == 6


def test_a_code_that_serves_once_is_used_up_by_the_first_download(stand_in: StandIn) -> None:
    trial = Trial(stand_in, uses=1)
    trial.fetch()
    assert_is(trial.fails(), "06", "blocked", "used")
    assert len(trial.sinks.completed) == 1


def test_a_code_that_served_once_and_whose_download_broke_says_so(stand_in: StandIn) -> None:
    trial = Trial(stand_in, "reset_session_lost", uses=1)
    error = trial.fails()
    assert_is(error, "06", "blocked", "used")
    assert error.code_served
    assert "served once, but the download broke" in str(error)
    assert trial.counts["code"] == 2
    assert_nothing_kept(trial, 1)


def test_a_code_past_its_time_has_expired(stand_in: StandIn) -> None:
    trial = Trial(stand_in, expires_at=stand_in.clock.now())
    assert_is(trial.fails(), "07", "blocked", "expired")


def test_a_file_larger_than_allowed_is_given_up_on_the_way(stand_in: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    trial = Trial(stand_in)
    with everything_logged(caplog):
        error = trial.fails(max_bytes=200_000)
    assert_is(error, "28", "permanent", "-")
    assert_nothing_kept(trial, 1)
    assert trial.leaks(error, caplog.text) == set()


def test_a_small_file_that_unpacks_to_a_large_one_is_given_up(stand_in: StandIn) -> None:
    trial = Trial(stand_in, "gzip", source=b"PK\x03\x04" + bytes(50_000_000))
    assert_is(trial.fails(max_bytes=1_000_000), "28", "permanent", "-")
    assert_nothing_kept(trial, 1)


def test_a_download_that_takes_too_long_as_a_whole_is_broken_off(stand_in: StandIn) -> None:
    ticks = iter(range(0, 100_000, 50))
    trial = Trial(stand_in)
    error = trial.fails(monotonic=lambda: float(next(ticks)), download_timeout=10.0)
    assert_is(error, "22", "transient", "-")
    assert_nothing_kept(trial)


def test_nobody_listens(stand_in: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    trial = Trial(stand_in)
    stand_in.stop()
    with everything_logged(caplog):
        error = trial.fails()
    assert_is(error, "21", "transient", "-")
    assert len(trial.waits) == 2
    assert trial.leaks(error, caplog.text) == set()


def test_every_scenario_of_the_catalogue_is_tried_somewhere() -> None:
    succeed = {name for name, turns in SCENARIOS.items() if name.endswith("_once") or not turns}
    succeed |= {"code_wrong_401", "code_wrong_403", "code_busy", "maintenance_date", "maintenance_page", "gzip"}
    succeed |= {"reset_session_lost", "name_hostile", "name_utf8"}
    assert {row[0] for row in TABLE} == set(SCENARIOS) - succeed
