"""From a finding to a notice that was sent, answered and closed; from a waiver to the mart that names it."""

import re
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from typer.testing import CliRunner, Result

from expectations.loader import suite_for
from rod_pipeline.cli import application
from rod_pipeline.clock import SystemClock
from rod_pipeline.definitions import build_defs
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import RodError
from rod_pipeline.marts.build import build_marts
from rod_pipeline.marts.database import build_database, open_database
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.orchestration.telling import unsent_notices
from rod_pipeline.quality.verdict import check_file
from rod_pipeline.quality.waivers import WaiverEnded
from rod_pipeline.quality.watching import watch_findings
from rod_pipeline.settings import Settings
from rod_pipeline.system import DeliveryIsGone, System
from tests.support.pdf import text_of
from tests.support.pipeline import Bench

KEY, M1 = "2025-12", "2025-12-m1"
ORDER = "inschrijvingen.datum_uitschrijving_werkelijk.order"


class Later(SystemClock):
    """This machine's clock, some hours on."""

    def __init__(self, hours: float) -> None:
        self._ahead = timedelta(hours=hours)

    def now(self) -> datetime:
        return super().now() + self._ahead


class Afterwards(Rod):
    """The door to an installation, some hours on."""

    hours: int

    def open(self) -> System:
        return System.open(Settings.load(Path(self.home)), Later(self.hours))


def rod(*arguments: str) -> Result:
    return CliRunner().invoke(application(), arguments, env={"COLUMNS": "200"})


def told(*arguments: str) -> str:
    """What a command says that succeeds."""
    done = rod(*arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return " ".join(done.output.split())


def failing(bench: Bench, fault: str) -> None:
    bench.announce(KEY, fault=fault)
    assert bench.walk(KEY) != []


def test_a_finding_is_told_sent_answered_and_closed_by_commands(bench: Bench) -> None:
    failing(bench, "control_totals_mismatch")
    listed = told("notice", "list")
    assert M1 in listed and "drafted" in listed and "so far" in listed
    with bench.system() as system:
        draft = system.ledger.state().notices[M1].draft
    text = (bench.home / "notices" / f"{M1}.txt").read_bytes()
    assert sha256(text).hexdigest() == draft.text
    assert [finding.rule for finding in draft.findings if finding.severity == "blocking"] == ["delivery.totals.totaal"]
    said = told("notice", "show", M1)
    assert "regel delivery.totals.totaal" in said and f"{M1}.pdf" in said
    assert "delivery.totals.totaal" in text_of((bench.home / "notices" / f"{M1}.pdf").read_bytes())

    wrong = rod("notice", "send", M1, "--draft", str(draft.draft + 1), "--channel", "portal")
    assert isinstance(wrong.exception, RodError)
    on_record = told("notice", "send", M1, "--draft", str(draft.draft), "--channel", "registered_letter")
    assert "after the discovery" in on_record and f"{M1}.pdf" in on_record and f"{M1}.txt" in on_record
    told("notice", "answer", M1, "--answer", "correction_promised", "--reference", "DUO-2026-17")
    assert "answered" in told("notice", "list")
    told("notice", "close", M1, "--outcome", "corrected")
    assert told("notice", "list") == "No notice is open."
    assert "closed (corrected)" in told("notice", "list", "--all")

    assert bench.walk(KEY) != []
    with bench.system() as system:
        assert list(system.ledger.state().notices) == [M1], "what was sent is not told twice"


def test_a_notice_that_nobody_sends_makes_the_watch_and_dagster_red_until_it_is_sent(bench: Bench) -> None:
    failing(bench, "control_totals_mismatch")

    def tick(hours: int) -> object:
        context = dg.build_sensor_context(
            bench.instance, resources={"rod": Afterwards(home=str(bench.home), hours=hours)}
        )
        return unsent_notices(context)

    def run(hours: int) -> dg.ExecuteInProcessResult:
        defs = build_defs(bench.settings, rod=Afterwards(home=str(bench.home), hours=hours))
        job = defs.resolve_job_def("overdue_notices")
        return job.execute_in_process(instance=bench.instance, raise_on_error=False)

    with bench.system() as system:
        seq, draft = system.ledger.state().seq, system.ledger.state().notices[M1].draft.draft
    early = tick(23)
    assert isinstance(early, dg.SkipReason) and f"{M1}: found 23 h" in (early.skip_message or "")
    late = tick(25)
    assert isinstance(late, dg.RunRequest) and (late.run_key or "").endswith(M1)
    assert tick(25) == late, "one run a day, however often it ticks"
    assert run(23).success
    red = run(25)
    assert not red.success
    (failure,) = [event for event in red.all_events if event.is_step_failure]
    told_there = failure.step_failure_data.user_failure_data
    assert told_there is not None and "ROD-NOTICE-03" in (told_there.description or "") and M1 in str(told_there)
    with System.open(bench.settings, Later(25)) as system:
        assert [finding.level for finding in watch_findings(system)] == ["alarm"]
        assert system.ledger.state().seq == seq, "looking changes nothing"
    assert "ALARM" not in rod("watch").output
    told("notice", "send", M1, "--draft", str(draft), "--channel", "e-mail")
    assert isinstance(tick(25), dg.SkipReason)
    assert run(25).success


def test_a_check_shows_the_notice_and_its_clock(bench: Bench) -> None:
    bench.announce(KEY, fault="date_order")
    assert bench.run(KEY) != []
    key = dg.AssetCheckKey(dg.AssetKey(["validation", "inschrijvingen"]), "expectations")
    (record,) = bench.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.event is not None
    evaluation = record.event.asset_check_evaluation
    assert evaluation is not None
    assert str(evaluation.metadata["drafted notice to DUO"].value).endswith(f"{M1}.txt")
    shown = str(evaluation.metadata["clock of the notice"].value)
    assert re.fullmatch(rf"{M1}: found \d+ min ago, not sent \(draft \d+\)", shown)


def test_a_waived_finding_lets_the_delivery_through_and_the_mart_says_so_until_it_ends(bench: Bench) -> None:
    failing(bench, "date_order")
    tomorrow = f"{SystemClock().now() + timedelta(days=1):%Y-%m-%d}"
    given = told("waive", KEY, ORDER, "--reason", "duo_confirmed", "--until", tomorrow)
    waiver = given.split()[1].rstrip(":")
    assert bench.walk(KEY) == []

    intake = bench.intake(KEY)
    assert intake.stage == "stored"
    assert intake.marts["studentaantallen"].waivers == (waiver,)
    assert [finding.rule for finding in intake.findings if finding.severity == "blocking"] == [ORDER]
    asked = "select levering, bestand, regel, gebroken, reden, afgelopen from toelichting_waivers"
    with bench.system() as system:
        with open_database(system, "tester", "beheer") as connection:
            (row,) = connection.execute(asked).fetchall()
        outcome = check_file(system, DeliveryKey.parse(KEY), "inschrijvingen", suite_for)
    count = next(finding.failed for finding in intake.findings if finding.rule == ORDER)
    assert row == (KEY, "inschrijvingen", ORDER, count, "DUO heeft bevestigd dat de gegevens kloppen", False)
    assert outcome.report.passed and "(duo_confirmed)" in outcome.report.summary()
    notice = (bench.home / "notices" / f"{M1}.txt").read_text("utf-8")
    assert "Gebreken die wij voor deze levering tijdelijk aanvaarden" in notice and "Aanvaard tot" in notice
    assert "stands" in told("waiver", "list")

    with System.open(bench.settings, Later(72)) as system:
        assert not check_file(system, DeliveryKey.parse(KEY), "inschrijvingen", suite_for).report.passed
        with pytest.raises(WaiverEnded):
            build_marts(system, DeliveryKey.parse(KEY))
        assert any("waiver that has ended" in finding.what for finding in watch_findings(system))
        with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
            generation = build_database(system, connection)
        assert generation.deliveries == (KEY,) and ORDER in generation.waivers[KEY][0]
        with open_database(system, "tester", "beheer") as connection:
            assert connection.execute("select afgelopen from toelichting_waivers").fetchall() == [(True,)]


def test_a_waiver_that_is_withdrawn_lets_nothing_through(bench: Bench) -> None:
    failing(bench, "date_order")
    given = told("waive", KEY, ORDER, "--reason", "no_effect", "--until", "2032-12-01")
    told("waiver", "withdraw", given.split()[1].rstrip(":"))
    (why,) = bench.walk(KEY)
    assert ORDER in why
    assert bench.intake(KEY).stage == "failed"
    assert "withdrawn" in told("waiver", "list")


def test_only_what_was_found_and_may_be_kept_can_be_waived(bench: Bench) -> None:
    failing(bench, "date_order")
    how = ("--reason", "no_effect", "--until", "2032-12-01")
    for arguments in ((KEY, "inschrijvingen.key"), (KEY, ORDER, "--file", "diplomas")):
        nothing = rod("waive", *arguments, *how).exception
        assert isinstance(nothing, RodError) and nothing.code == "ROD-WAIVER-01" and ORDER in nothing.happened
    bench.announce("2026-08", fault="bsn_column")
    assert bench.walk("2026-08") != []
    assert isinstance(rod("waive", "2026-08", "inschrijvingen.key", *how).exception, DeliveryIsGone)
    with bench.system() as system:
        assert system.ledger.state().waivers == {}
        refusal = system.ledger.state().notices["2026-08-m1"]
    assert refusal.draft.refused == "ROD-PRIVACY-01"
