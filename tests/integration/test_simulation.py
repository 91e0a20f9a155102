"""The time machine: both lives to their ends, and that it would tell if something in them went wrong."""

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from rod_pipeline.errors import RodError
from rod_pipeline.settings import Settings, StoreSection
from rod_pipeline.simulation.aftermath import look_around, look_back
from rod_pipeline.simulation.clock import SimulatedClock
from rod_pipeline.simulation.life import Life, TimeIsUp, living
from rod_pipeline.simulation.run import simulate
from rod_pipeline.simulation.scenario import BEGIN, STORIES, Ending, Story
from rod_pipeline.simulation.system import MARK, NotASimulation, SimulatedSystem, alone, make_simulation
from rod_pipeline.system import System

END = datetime(2036, 1, 1, tzinfo=UTC)
MOMENT = datetime(2025, 12, 16, 10, tzinfo=UTC)


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    """A life that has just begun."""
    home = tmp_path / "home"
    with alone(home), living("test", home, BEGIN, END, quiet()) as begun:
        yield begun


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_both_lives_go_as_the_story_says(tmp_path: Path) -> None:
    assert "TE LAAT" in lived(tmp_path, END, only=None)


def test_the_life_in_which_the_decree_is_withdrawn_goes_as_the_story_says(tmp_path: Path) -> None:
    """The shorter of the two, up to its last erasure; both to their ends in a soak."""
    lived(tmp_path, datetime(2027, 6, 1, tzinfo=UTC), only="withdrawn")


def lived(folder: Path, end: datetime, only: str | None) -> str:
    """Live through the stories, and look at what that left; returns what was told."""
    told = io.StringIO()
    home = folder / "simulation"
    before = set(Path(tempfile.gettempdir()).glob("rod-simulation-*"))
    result = simulate(end, Console(file=told, width=200), home=home, only=only)
    assert result.as_expected, told.getvalue()
    for story in STORIES:
        if only in (None, story.name):
            certificates = {file.suffix for file in (home / story.name / "certificates").iterdir()}
            assert {".pdf", ".zip"} <= certificates
    assert (home / "timeline.png").read_bytes().startswith(b"\x89PNG")
    assert (home / "timeline.svg").read_bytes().startswith(b"<?xml")
    assert servers_over(home) == []
    assert set(Path(tempfile.gettempdir()).glob("rod-simulation-*")) == before
    return told.getvalue()


def servers_over(home: Path) -> list[str]:
    """The processes that still work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(home).encode() in command:
            found.append(command.decode(errors="replace"))
    return found


def test_what_is_left_somewhere_is_found_and_told(life: Life) -> None:
    """An object of which a piece stays in a forgotten file, and a pseudonym that a log quotes."""
    life.until(MOMENT)
    assert life.deliver("2025-12") == []
    system = life.system
    found, living_objects, wrong = look_around(life)
    assert (found, wrong) == (living_objects, [])
    key = next(key for key in sorted(living_objects) if key.startswith("landing/"))
    with system.objects.open(key) as stream:
        piece = stream.read()
    forgotten = system.settings.home / "dagster" / "forgotten.tmp"
    forgotten.write_bytes(os.urandom(1000) + piece[: len(piece) // 2 + 100])
    system.vault.erase_scope(system.ledger.state().deliveries["2025-12"].delivery_id, "refused")
    _, _, wrong = look_around(life)
    assert wrong == [f"something of {key}, which was erased, is in dagster/forgotten.tmp"]
    value = next(value for value in system.canary.plain if value.isdecimal())
    forgotten.write_text(f"row with {value.encode().hex()}")
    assert look_around(life)[2] == ["a value in the clear is in dagster/forgotten.tmp"]


def test_what_ends_otherwise_than_the_story_says_is_wrong(life: Life) -> None:
    """Nothing was delivered, and the story wants a certificate."""
    story = Story("other", "Another story", lambda _: None, {"2025-12": (Ending("term", "VOLLEDIG"),)})
    wrong = look_back(life, story, finished=True).wrong
    assert wrong == ("2025-12 ended as [] where the story says [('term', 'VOLLEDIG')]",)
    assert look_back(life, story, finished=False).wrong == ()


def test_time_goes_on_to_what_is_due_and_stops_at_the_end(life: Life) -> None:
    life.until(MOMENT)
    assert life.clock.now() == MOMENT
    life.until(MOMENT - timedelta(days=3))
    assert life.clock.now() == MOMENT, "it never goes back"
    with pytest.raises(TimeIsUp):
        life.until(END + timedelta(days=1))
    assert life.clock.now() == END
    assert life.ticks
    assert life.wrong == []


def test_an_act_that_should_have_been_refused_is_noted(life: Life) -> None:
    life.expect_refusal("ROD-DELIVERY-04", lambda: life.announce_nothing("2025-11"))
    assert life.wrong == []
    life.expect_refusal("ROD-DELIVERY-07", lambda: life.announce_nothing("2025-11"))
    life.expect_refusal("ROD-DELIVERY-07", lambda: None)
    assert len(life.wrong) == 2


def test_no_environment_reaches_a_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store and the Dagster of a real installation are named; neither is opened."""
    elsewhere = tmp_path / "real"
    (elsewhere / "dagster").mkdir(parents=True)
    monkeypatch.setenv("ROD_HOME", str(elsewhere))
    monkeypatch.setenv("ROD_STORE__ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("DAGSTER_HOME", str(elsewhere / "dagster"))
    home = tmp_path / "home"
    with alone(home), living("test", home, BEGIN, END, quiet()) as life:
        life.until(MOMENT)
        assert life.system.store_time() == MOMENT
        assert Settings.load().store.endpoint is None
        assert life.system.objects.settings.endpoint.startswith("http://127.0.0.1:")
    assert os.environ["ROD_STORE__ENDPOINT"] == "http://127.0.0.1:1"
    assert [str(path.relative_to(elsewhere)) for path in elsewhere.rglob("*")] == ["dagster"]


def test_a_simulated_system_opens_nothing_real(tmp_path: Path) -> None:
    clock = SimulatedClock(BEGIN)
    settings = make_simulation(tmp_path / "home", clock)
    SimulatedSystem.open(settings, clock)
    real = tmp_path / "real"
    real.mkdir()
    wrong_settings = [
        settings.model_copy(update={"home": real}),
        settings.model_copy(update={"store": StoreSection(endpoint="https://s3.nl-ams.scw.cloud")}),
        settings.model_copy(update={"evidence": Settings().evidence}),
    ]
    for wrong in wrong_settings:
        with pytest.raises(NotASimulation):
            SimulatedSystem.open(wrong, clock)
    with pytest.raises(NotASimulation):
        SimulatedSystem.open(settings)
    with pytest.raises(NotASimulation):
        make_simulation(tmp_path / "home", clock)
    (real / "ledger.db").touch()
    with pytest.raises(NotASimulation):
        simulate(END, quiet(), home=real)
    assert (real / "ledger.db").exists()
    assert MARK not in os.listdir(real)


def test_the_command_refuses_what_is_no_month() -> None:
    command = [sys.executable, "-W", "ignore", "-c", "from rod_pipeline.cli import main; main()", "simulate"]
    done = subprocess.run([*command, "--until", "2036"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "month" in done.stderr


def test_a_real_installation_is_behind_what_a_simulation_lived_through(tmp_path: Path) -> None:
    """Opened by mistake as a real one, its ledger takes nothing more: this machine's clock stands years before it."""
    home = tmp_path / "home"
    with alone(home), living("test", home, BEGIN, END, quiet()) as life:
        life.until(datetime(2035, 1, 1, tzinfo=UTC))
        life.announce_nothing("2025-12")
    with System.open(Settings(home=home)) as system, pytest.raises(RodError) as refused:
        system.ledger.append(*_announced())
    assert refused.value.code == "ROD-LEDGER-05"


def _announced() -> tuple[object, ...]:
    from tests.support.ledger import announced

    return (announced("2026-08"),)
