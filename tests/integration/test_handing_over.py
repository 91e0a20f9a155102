"""Who may get what, on what ground, and on record; and what a purge asks of those who got it."""

import re
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner

import rod_pipeline
from rod_pipeline.cli import application
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.ledger.lease import Busy
from rod_pipeline.ledger.rules import IllegalEvent
from rod_pipeline.orchestration.packaging import make_packages
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.packages.allowed import allowed
from rod_pipeline.packages.making import NotPermitted, make
from rod_pipeline.packages.permitting import NoChamber, allow, forbid
from rod_pipeline.packages.recipients import NoSuchRecipient, RecipientOutside
from rod_pipeline.packages.rows import NothingLiving
from rod_pipeline.publishing.register import earlier as register_of
from rod_pipeline.publishing.release import get
from rod_pipeline.retention import decisions
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.retention.places import places
from tests.support.pipeline import PLACED, UNDISTURBED, delivery
from tests.support.places import emptied, subject_of, tombstone
from tests.support.planted import planted
from tests.support.post_room import FIRST, PostRoom, stored


@pytest.fixture(scope="module")
def good() -> bytes:
    return planted(delivery(UNDISTURBED))


def test_the_hand_over_is_on_record_and_names_nobody(post_room: PostRoom) -> None:
    made = post_room.made("school-a")
    state = post_room.system.ledger.state()
    handed = state.handovers[made.package_id].event
    assert (handed.keys, handed.recipient, handed.description) == ((UNDISTURBED,), "school-a", "own_rows")
    assert handed.until == made.until == deadline(PLACED[UNDISTURBED])
    assert handed.release == list(state.releases)[-1]
    assert (handed.sha256, handed.size) == (sha256(made.file.read_bytes()).hexdigest(), made.file.stat().st_size)
    entries = list(post_room.system.ledger.entries())
    assert not any(f'"{FIRST}"' in entry.event.model_dump_json() for entry in entries)
    opened = [entry.event for entry in entries[-5:-1]]
    assert {event.kind for event in opened} == {"accessed"}
    assert {event.purpose for event in opened} == {"verantwoording"}  # type: ignore[union-attr]


def test_who_may_not_get_anything_gets_nothing(post_room: PostRoom) -> None:
    before = post_room.system.ledger.state()
    for name, refusal in (("nobody", NoSuchRecipient), ("school-far", RecipientOutside)):
        with pytest.raises(refusal):
            post_room.made(name)
    with pytest.raises(NothingLiving):
        make(post_room.system, "school-a", "onderzoek", [DeliveryKey.parse("2028-08")])
    after = post_room.system.ledger.state()
    assert (after.handovers, after.shared) == (before.handovers, before.shared)


def test_counts_under_five_leave_on_a_recorded_ground_alone_and_with_an_end(
    post_room: PostRoom, tmp_path: Path
) -> None:
    system = post_room.system
    with pytest.raises(NotPermitted):
        post_room.made("kamer-3", small=True)
    with pytest.raises(NoChamber):
        allow(system, "school-a", "consideration_6c", "OCW-1", system.clock.now() + timedelta(days=9))
    with pytest.raises(NoChamber):
        post_room.made("school-a", small=True)
    until = system.clock.now() + timedelta(days=30)
    permission = allow(system, "kamer-3", "consideration_6c", "OCW-2026-17", until)
    made = post_room.made("kamer-3", small=True)
    handed = system.ledger.state().handovers[made.package_id].event
    assert (handed.description, handed.permission, handed.until) == ("small_counts", permission, until)
    folder = post_room.opened("kamer-3", made, tmp_path)
    counts = pl.read_csv(folder / "restricted" / "studentaantallen.csv", separator=";")
    assert counts.filter(pl.col("aantal").is_between(1, 4)).height > 0
    assert counts.columns == ["levering", *allowed().small_counts.columns, "aantal"]
    assert "BEVAT PERSOONSGEGEVENS. WISSEN VÓÓR" in (folder / "LEESMIJ.txt").read_text("utf-8")
    forbid(system, permission)
    with pytest.raises(NotPermitted):
        post_room.made("kamer-3", small=True)
    with pytest.raises(IllegalEvent, match="no permission"):
        system.ledger.append(handed.model_copy(update={"package_id": "a" * 16}))


def test_without_small_counts_none_are_in_the_package_though_they_are_allowed(
    post_room: PostRoom, tmp_path: Path
) -> None:
    system = post_room.system
    permission = allow(system, "kamer-3", "further_decision", "OCW-1", system.clock.now() + timedelta(days=1))
    folder = post_room.opened("kamer-3", post_room.made("kamer-3"), tmp_path)
    forbid(system, permission)
    assert not (folder / "restricted").exists()


def test_the_job_makes_one_for_each_and_one_that_cant_be_made_keeps_no_other(post_room: PostRoom) -> None:
    known = set(post_room.system.ledger.state().handovers)
    instance = dg.DagsterInstance.ephemeral()
    done = make_packages.execute_in_process(
        instance=instance,
        run_config={
            "ops": {
                "packages_for_recipients": {
                    "config": {"purpose": "verantwoording", "recipients": ["school-far", "school-a", "school-b"]}
                }
            }
        },
        resources={"rod": Rod(home=str(post_room.bench.home))},
        raise_on_error=False,
    )
    assert not done.success
    new = [one.event for one in post_room.system.ledger.state().handovers.values() if one.event.package_id not in known]
    assert [event.recipient for event in new] == ["school-a", "school-b"]
    for event in new:
        shown = instance.get_latest_materialization_event(dg.AssetKey(["packages", event.recipient]))
        assert shown is not None and shown.asset_materialization is not None
        assert shown.asset_materialization.metadata["package"].value == event.package_id
    told = done.failure_data_for_node("packages_for_recipients")
    assert told is not None and "ROD-PACKAGE-02" in str(told.user_failure_data)


def test_person_level_tables_open_for_a_purpose_and_on_record(post_room: PostRoom) -> None:
    before = post_room.system.ledger.state().seq
    with rod_pipeline.open_tables(UNDISTURBED, purpose="onderzoek", system=post_room.system) as tables:
        assert tables["inschrijvingen"].select(pl.len()).collect().item() == stored(post_room, "inschrijvingen").height
        with (
            pytest.raises(Busy),
            post_room.system.ledger.exclusive(post_room.system.ledger.state().deliveries[UNDISTURBED].delivery_id),
        ):
            pass
    events = [entry.event for entry in post_room.system.ledger.entries() if entry.seq > before]
    assert {event.kind for event in events} == {"accessed"}
    assert {event.purpose for event in events} == {"onderzoek"}  # type: ignore[union-attr]
    assert len(events) == len(tables)


def test_the_command_opens_the_tables_of_a_delivery_on_record(
    post_room: PostRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROD_HOME", str(post_room.bench.home))
    before = post_room.system.ledger.state().seq
    words = ("open", "select count(*) as n from inschrijvingen", "--delivery", UNDISTURBED, "--purpose", "onderzoek")
    done = CliRunner().invoke(application(), words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert str(stored(post_room, "inschrijvingen").height) in done.output
    for elsewhere in ("from read_csv('/etc/hostname')", "from \"READ_PARQUET\"('https://example.org/x')"):
        refused = ("open", f"select * {elsewhere}", "--delivery", UNDISTURBED, "--purpose", "onderzoek")
        assert CliRunner().invoke(application(), refused).exit_code == 2
    wrong = ("open", "select nivo from doorstroom", "--delivery", UNDISTURBED, "--purpose", "onderzoek")
    said = CliRunner().invoke(application(), wrong)
    assert said.exit_code == 2 and "nivo" in said.output and "Traceback" not in said.output
    assert "Resolved plan" not in said.output
    events = [entry.event for entry in post_room.system.ledger.entries() if entry.seq > before]
    assert {(event.kind, event.purpose) for event in events} == {("accessed", "onderzoek")}  # type: ignore[union-attr]


def test_restricted_marts_open_in_a_notebook_by_the_same_one_way(
    post_room: PostRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROD_HOME", str(post_room.bench.home))
    before = post_room.system.ledger.state().seq
    with rod_pipeline.open_marts(purpose="onderzoek") as marts:
        assert marts.sql("select sum(studenten) from studentaantallen").fetchall()
        with pytest.raises(duckdb.Error):
            marts.execute("create table mine as select 1")
    (event,) = [entry.event for entry in post_room.system.ledger.entries() if entry.seq > before]
    assert (event.kind, event.purpose) == ("accessed", "onderzoek")  # type: ignore[union-attr]
    with pytest.raises(duckdb.Error):
        marts.sql("select 1").fetchall()


def test_the_commands_make_list_and_get(post_room: PostRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROD_HOME", str(post_room.bench.home))
    monkeypatch.setenv("COLUMNS", "250")

    def said(*words: str) -> str:
        done = CliRunner().invoke(application(), words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    made = said("package", "make", "school-a", "--purpose", "onderzoek", "--delivery", UNDISTURBED)
    assert "(own_rows) lies encrypted in" in made and "before 2032-12-1" in made
    (package_id,) = re.findall(r"^Package ([0-9a-f]{16})", made)
    allowed_ = said(
        "package",
        "allow-small",
        "kamer-3",
        "--ground",
        "consideration_6c",
        "--reference",
        "B-1",
        "--until",
        "2099-01-01",
    )
    (permission,) = re.findall(r"^Permission ([0-9a-f]{16})", allowed_)
    assert "small_counts" in said("package", "make", "kamer-3", "--purpose", "onderzoek", "--small-counts")
    assert "has ended" in said("package", "forbid-small", permission)
    assert "no personal data" in said("package", "make", "kamer-3", "--purpose", "onderzoek")
    listed = said("package", "list")
    for found in (package_id, "own_rows", "small_counts", "aggregates", UNDISTURBED):
        assert found in listed
    release = list(post_room.system.ledger.state().releases)[-1]
    assert release in said("published", "list")
    assert f"Release {release}" in said("published", "get", "--out", str(tmp_path / "out"))
    assert (tmp_path / "out" / "published.duckdb").exists()


def test_a_purge_asks_the_recipients_and_leaves_what_was_published(post_room: PostRoom, tmp_path: Path) -> None:
    """The last test of the module: after it the delivery is gone."""
    system = post_room.system
    made = post_room.made("school-a")
    (scope,) = (scope for scope, name in system.ledger.state().pseudonyms.items() if name == "school-a")
    register, subject = places(system), subject_of(system, UNDISTURBED)
    (packages,) = (place for place in register if place.place == "packages")
    waiting = {what.what: what.n for what in packages.inventory(subject).counts}
    assert waiting["files"] == waiting["hand_overs"] == len(system.ledger.state().handovers)

    purge_id = tombstone(system, UNDISTURBED)
    for _ in range(2):
        emptied(register, subject, purge_id)

    state = system.ledger.state()
    asked = state.purges[purge_id].asked
    assert {one.package_id for one in asked if one.party == "recipient"} == set(state.handovers)
    assert {what.what: what.n for what in packages.inventory(subject).counts} == {**waiting, "files": 0}
    assert not made.file.exists()
    assert state.keys[scope] == "destroyed"
    for package_id in state.handovers:
        decisions.declare_erased(
            system,
            purge_id,
            package_id=package_id,
            reference="brief-7",
            erased_at=system.clock.now(),
            actor="a1",
        )
    assert not any(what.n for what in packages.inventory(subject).counts)

    (release,) = state.releases.values()
    assert release.kept_by == (purge_id,)
    get(system, tmp_path)
    connection = duckdb.connect(tmp_path / "published.duckdb", read_only=True)
    assert connection.table("studentaantallen_totaal").fetchall()
    assert register_of(system) is not None
    with pytest.raises(NothingLiving):
        post_room.made("school-a")
    with pytest.raises(NothingLiving), rod_pipeline.open_tables(UNDISTURBED, purpose="onderzoek", system=system):
        pass
