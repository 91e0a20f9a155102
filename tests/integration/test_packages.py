"""A package as its receiver opens it, with public tools: its own rows, nothing of another institution, and an end."""

import hmac
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner

import rod_pipeline
from rod_pipeline.cli import application
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.ledger.lease import Busy
from rod_pipeline.ledger.rules import IllegalEvent
from rod_pipeline.marts.database import build_database
from rod_pipeline.orchestration.packaging import make_packages
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.packages.allowed import allowed
from rod_pipeline.packages.making import Made, NotPermitted, make
from rod_pipeline.packages.permitting import NoChamber, allow, forbid
from rod_pipeline.packages.pseudonyms import key_of, replaced
from rod_pipeline.packages.recipients import NoSuchRecipient, RecipientOutside
from rod_pipeline.packages.rows import NothingLiving
from rod_pipeline.publishing.register import earlier as register_of
from rod_pipeline.publishing.release import get, publish
from rod_pipeline.retention import decisions
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.retention.places import places
from rod_pipeline.system import System
from tests.support.browser import browsing
from tests.support.leaks import MARKER
from tests.support.pdf import streams_of, text_of
from tests.support.pipeline import PLACED, UNDISTURBED, Bench, Workshops, delivery
from tests.support.places import emptied, subject_of, tombstone
from tests.support.planted import INSTITUTIONS, marks_of, planted
from tests.support.publishing import disclosing
from tests.support.seaweed import marker_in

FIRST, SECOND = INSTITUTIONS


@dataclass(frozen=True)
class Office:
    """An installation with a release, two institutions and a sector chamber, and the keys that these keep at home."""

    bench: Bench
    system: System
    keys: Path

    def made(self, name: str, **more: bool) -> Made:
        return make(self.system, name, "verantwoording", **more)

    def opened(self, name: str, made: Made, folder: Path) -> Path:
        """What the receiver does: age -d, unzip."""
        plain = folder / "pakket.zip"
        subprocess.run(["age", "-d", "-i", self.keys / name, "-o", plain, made.file], check=True, timeout=60)
        subprocess.run(["unzip", "-q", "-o", plain, "-d", folder], check=True, timeout=60)
        plain.unlink()
        return folder


@pytest.fixture(scope="module")
def good() -> bytes:
    return planted(delivery(UNDISTURBED))


@pytest.fixture(scope="module")
def office(workshops: Workshops, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    bench = workshops.current()
    keys = tmp_path_factory.mktemp("keys")
    lines = []
    for name, what in (
        ("school-a", f'institution = "{FIRST}"\ncountry = "NL"'),
        ("school-b", f'institution = "{SECOND}"\ncountry = "NL"'),
        ("school-far", f'institution = "{SECOND}"\ncountry = "BQ"'),
        ("kamer-3", 'chamber = "03"\ncountry = "NL"'),
        ("groep-zorg", 'group = "zorg"\ncountry = "NL"'),
    ):
        subprocess.run(["age-keygen", "-o", keys / name], check=True, timeout=60, capture_output=True)
        (key,) = re.findall(r"age1[a-z0-9]+", (keys / name).read_text())
        lines.append(f'[[packages.recipients]]\nname = "{name}"\nkey = "{key}"\n{what}\n')
    file = bench.home / "rod.toml"
    file.write_text(file.read_text() + "\n".join(lines))
    with System.open(bench.settings) as system:
        publish(system, disclosing(UNDISTURBED))
        yield Office(bench, system, keys)


def own(folder: Path, file: str) -> pl.DataFrame:
    return pl.read_csv(folder / "eigen" / f"{file}.csv", separator=";", infer_schema=False)


def content_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def stored(office: Office, file: str) -> pl.DataFrame:
    intake = office.system.ledger.state().deliveries[UNDISTURBED]
    with office.system.vault.scan_table(intake.tables[file]) as frame:
        return frame.with_columns(pl.col("instellingscode").cast(pl.String)).collect()


@pytest.fixture
def package(office: Office, tmp_path: Path) -> Path:
    """The package of the first school, opened by that school."""
    return office.opened("school-a", office.made("school-a"), tmp_path)


@pytest.mark.parametrize("file", allowed().own_rows)
def test_a_package_has_each_row_of_its_own_institution_and_no_other(office: Office, package: Path, file: str) -> None:
    rows, all_rows = own(package, file), stored(office, file)
    assert rows["instellingscode"].unique().to_list() == [FIRST]
    assert rows.height == all_rows.filter(pl.col("instellingscode") == FIRST).height > 0
    assert rows.columns == ["levering", "pseudoniem", *allowed().own_rows[file].columns]  # type: ignore[index]


def test_nothing_of_another_institution_is_in_it(office: Office, package: Path) -> None:
    marks = marks_of(stored(office, "inschrijvingen"))
    found = set(re.findall(rb"9[0-9]{2}X9[0-9]{2}", content_of(package)))
    assert len(marks) > 30
    assert found == {f"{marks[FIRST]}X{marks[FIRST]}".encode()}


def test_no_pseudonym_of_duo_is_in_it(package: Path) -> None:
    content = content_of(package) + streams_of((package / "rapport.pdf").read_bytes())
    assert MARKER.encode() not in content


def test_report_and_comparison_name_no_other_institution(package: Path) -> None:
    brin = re.compile(r"\b[0-9]{2}[A-Z]{2}\b")
    page = re.sub(r"<style>.*?</style>", "", (package / "rapport.html").read_text("utf-8"))
    for text in (
        page,
        (package / "vergelijking" / "vergelijking.csv").read_text(),
        (package / "LEESMIJ.txt").read_text(),
    ):
        assert set(brin.findall(text)) <= {FIRST}
    assert FIRST in page


def test_two_schools_have_no_pseudonym_in_common_and_each_keeps_its_own(office: Office, tmp_path: Path) -> None:
    folders = []
    for number, name in enumerate(("school-a", "school-b", "school-a")):
        folder = tmp_path / str(number)
        folder.mkdir()
        folders.append(office.opened(name, office.made(name), folder))
    first, other, again = (set(own(folder, "doorstroom")["pseudoniem"]) for folder in folders)
    assert first and other and not first & other
    assert first == again
    assert {len(one) for one in first | other} == {32}


def test_the_same_student_is_somebody_else_for_each_school(office: Office) -> None:
    students = pl.DataFrame({"sectornummer": ["aa11bb", "cc22dd", "aa11bb"], "n": [1, 2, 3]})
    keys = [key_of(office.system, name) for name in ("school-a", "school-b")]
    one, two = (replaced(students, "sectornummer", key)["pseudoniem"].to_list() for key in keys)
    assert one[0] == one[2] != one[1]
    assert not set(one) & set(two)
    assert key_of(office.system, "school-a") == keys[0]
    made = hmac.digest(keys[0], b"aa11bb", "sha256").hex()
    assert made.startswith(one[0])


def test_the_key_of_pseudonyms_outlives_a_new_mart_database(office: Office) -> None:
    before = key_of(office.system, "school-a")
    with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
        build_database(office.system, connection)
    assert key_of(office.system, "school-a") == before


def test_the_report_reads_in_a_browser_and_calls_nobody(package: Path, tmp_path: Path) -> None:
    with browsing() as browser:
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: asked.append(message.text))
        page.goto((package / "rapport.html").as_uri())
        assert page.get_by_role("heading", name=f"Studenten en studiesucces: instelling {FIRST}").is_visible()
        assert page.get_by_role("img").first.is_visible()
        assert "Wis het pakket vóór 16 december 2032" in page.inner_text("main")
        page.screenshot(path=tmp_path / "rapport.png", full_page=True)
    assert asked == [(package / "rapport.html").as_uri()]


def test_the_pdf_says_what_the_page_says(package: Path) -> None:
    text = re.sub(r"\s", "", text_of((package / "rapport.pdf").read_bytes()))
    for said in (f"instelling {FIRST}", "vóór 16 december 2032", "Waar deze cijfers vandaan komen"):
        assert said.replace(" ", "") in text


def test_the_hand_over_is_on_record_and_names_nobody(office: Office) -> None:
    made = office.made("school-a")
    state = office.system.ledger.state()
    handed = state.handovers[made.package_id].event
    assert (handed.keys, handed.recipient, handed.description) == ((UNDISTURBED,), "school-a", "own_rows")
    assert handed.until == made.until == deadline(PLACED[UNDISTURBED])
    assert handed.release == list(state.releases)[-1]
    assert (handed.sha256, handed.size) == (sha256(made.file.read_bytes()).hexdigest(), made.file.stat().st_size)
    entries = list(office.system.ledger.entries())
    assert not any(f'"{FIRST}"' in entry.event.model_dump_json() for entry in entries)
    opened = [entry.event for entry in entries[-5:-1]]
    assert {event.kind for event in opened} == {"accessed"}
    assert {event.purpose for event in opened} == {"verantwoording"}  # type: ignore[union-attr]


def test_nothing_of_it_rests_in_the_clear(office: Office, seaweed_folder: Path) -> None:
    marks = marks_of(stored(office, "inschrijvingen"))
    made = office.made("school-a")
    mark = f"{marks[FIRST]}X{marks[FIRST]}".encode()
    for folder in (office.bench.home, seaweed_folder):
        assert marker_in(folder, mark) == []
        assert marker_in(folder, MARKER.encode()) == []
    assert made.file.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert made.file.stat().st_mode & 0o077 == 0


def test_another_school_cannot_open_it(office: Office) -> None:
    made = office.made("school-a")
    tried = subprocess.run(["age", "-d", "-i", office.keys / "school-b", made.file], capture_output=True, timeout=60)
    assert tried.returncode != 0 and tried.stdout == b""


def test_who_may_not_get_anything_gets_nothing(office: Office) -> None:
    before = office.system.ledger.state()
    for name, refusal in (("nobody", NoSuchRecipient), ("school-far", RecipientOutside)):
        with pytest.raises(refusal):
            office.made(name)
    with pytest.raises(NothingLiving):
        make(office.system, "school-a", "onderzoek", [DeliveryKey.parse("2028-08")])
    after = office.system.ledger.state()
    assert (after.handovers, after.shared) == (before.handovers, before.shared)


def test_a_sector_chamber_gets_what_is_published_and_no_person(office: Office, tmp_path: Path) -> None:
    made = office.made("kamer-3")
    folder = office.opened("kamer-3", made, tmp_path)
    assert made.until is None
    assert made.package_id in office.system.ledger.state().shared
    assert made.package_id not in office.system.ledger.state().handovers
    tables = sorted((folder / "gepubliceerd").iterdir())
    assert [table.stem for table in tables] == [
        "jaarresultaat_sectorkamer",
        "jaarresultaat_sectorkamer_percentage",
        "studentaantallen_sectorkamer",
    ]
    for table in tables:
        rows = pl.read_csv(table, separator=";", infer_schema=False)
        assert rows["sectorkamer"].unique().to_list() == ["03"]
        counts = [name for name in ("aantal", "aantal_ja") if name in rows.columns]
        assert not any(value in {"1", "2", "3", "4"} for name in counts for value in rows[name])
    assert not (folder / "eigen").exists() and not (folder / "restricted").exists()
    assert "geen persoonsgegevens" in (folder / "LEESMIJ.txt").read_text("utf-8")


def test_a_group_of_industries_gets_its_own_rows_of_what_is_published(office: Office, tmp_path: Path) -> None:
    folder = office.opened("groep-zorg", office.made("groep-zorg"), tmp_path)
    (table,) = (folder / "gepubliceerd").iterdir()
    assert table.stem == "studentaantallen_bedrijfstakgroep"
    rows = pl.read_csv(table, separator=";", infer_schema=False)
    assert rows["bedrijfstakgroep"].unique().to_list() == ["zorg"]
    with pytest.raises(NoChamber):
        office.made("groep-zorg", small=True)


def test_counts_under_five_leave_on_a_recorded_ground_alone_and_with_an_end(office: Office, tmp_path: Path) -> None:
    system = office.system
    with pytest.raises(NotPermitted):
        office.made("kamer-3", small=True)
    with pytest.raises(NoChamber):
        allow(system, "school-a", "consideration_6c", "OCW-1", system.clock.now() + timedelta(days=9))
    with pytest.raises(NoChamber):
        office.made("school-a", small=True)
    until = system.clock.now() + timedelta(days=30)
    permission = allow(system, "kamer-3", "consideration_6c", "OCW-2026-17", until)
    made = office.made("kamer-3", small=True)
    handed = system.ledger.state().handovers[made.package_id].event
    assert (handed.description, handed.permission, handed.until) == ("small_counts", permission, until)
    folder = office.opened("kamer-3", made, tmp_path)
    counts = pl.read_csv(folder / "restricted" / "studentaantallen.csv", separator=";")
    assert counts.filter(pl.col("aantal").is_between(1, 4)).height > 0
    assert counts.columns == ["levering", *allowed().small_counts.columns, "aantal"]
    assert "BEVAT PERSOONSGEGEVENS. WISSEN VÓÓR" in (folder / "LEESMIJ.txt").read_text("utf-8")
    forbid(system, permission)
    with pytest.raises(NotPermitted):
        office.made("kamer-3", small=True)
    with pytest.raises(IllegalEvent, match="no permission"):
        system.ledger.append(handed.model_copy(update={"package_id": "a" * 16}))


def test_without_small_counts_none_are_in_the_package_though_they_are_allowed(office: Office, tmp_path: Path) -> None:
    system = office.system
    permission = allow(system, "kamer-3", "further_decision", "OCW-1", system.clock.now() + timedelta(days=1))
    folder = office.opened("kamer-3", office.made("kamer-3"), tmp_path)
    forbid(system, permission)
    assert not (folder / "restricted").exists()


def test_the_job_makes_one_for_each_and_one_that_cant_be_made_keeps_no_other(office: Office) -> None:
    known = set(office.system.ledger.state().handovers)
    done = make_packages.execute_in_process(
        run_config={
            "ops": {
                "packages_for_recipients": {
                    "config": {"purpose": "verantwoording", "recipients": ["school-far", "school-a", "school-b"]}
                }
            }
        },
        resources={"rod": Rod(home=str(office.bench.home))},
        raise_on_error=False,
    )
    assert not done.success
    new = [one.event for one in office.system.ledger.state().handovers.values() if one.event.package_id not in known]
    assert [event.recipient for event in new] == ["school-a", "school-b"]
    told = done.failure_data_for_node("packages_for_recipients")
    assert told is not None and "ROD-PACKAGE-02" in str(told.user_failure_data)


def test_person_level_tables_open_for_a_purpose_and_on_record(office: Office) -> None:
    before = office.system.ledger.state().seq
    with rod_pipeline.open_tables(UNDISTURBED, purpose="onderzoek", system=office.system) as tables:
        assert tables["inschrijvingen"].select(pl.len()).collect().item() == stored(office, "inschrijvingen").height
        with (
            pytest.raises(Busy),
            office.system.ledger.exclusive(office.system.ledger.state().deliveries[UNDISTURBED].delivery_id),
        ):
            pass
    events = [entry.event for entry in office.system.ledger.entries() if entry.seq > before]
    assert {event.kind for event in events} == {"accessed"}
    assert {event.purpose for event in events} == {"onderzoek"}  # type: ignore[union-attr]
    assert len(events) == len(tables)


def test_the_command_opens_the_tables_of_a_delivery_on_record(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROD_HOME", str(office.bench.home))
    before = office.system.ledger.state().seq
    words = ("open", "select count(*) as n from inschrijvingen", "--delivery", UNDISTURBED, "--purpose", "onderzoek")
    done = CliRunner().invoke(application(), words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert str(stored(office, "inschrijvingen").height) in done.output
    for elsewhere in ("from read_csv('/etc/hostname')", "from \"READ_PARQUET\"('https://example.org/x')"):
        refused = ("open", f"select * {elsewhere}", "--delivery", UNDISTURBED, "--purpose", "onderzoek")
        assert CliRunner().invoke(application(), refused).exit_code == 2
    events = [entry.event for entry in office.system.ledger.entries() if entry.seq > before]
    assert {(event.kind, event.purpose) for event in events} == {("accessed", "onderzoek")}  # type: ignore[union-attr]


def test_restricted_marts_open_in_a_notebook_by_the_same_one_way(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROD_HOME", str(office.bench.home))
    before = office.system.ledger.state().seq
    with rod_pipeline.open_marts(purpose="onderzoek") as marts:
        assert marts.sql("select sum(studenten) from studentaantallen").fetchall()
        with pytest.raises(duckdb.Error):
            marts.execute("create table mine as select 1")
    (event,) = [entry.event for entry in office.system.ledger.entries() if entry.seq > before]
    assert (event.kind, event.purpose) == ("accessed", "onderzoek")  # type: ignore[union-attr]
    with pytest.raises(duckdb.Error):
        marts.sql("select 1").fetchall()


def test_the_commands_make_list_and_get(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROD_HOME", str(office.bench.home))
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
    release = list(office.system.ledger.state().releases)[-1]
    assert release in said("published", "list")
    assert f"Release {release}" in said("published", "get", "--out", str(tmp_path / "out"))
    assert (tmp_path / "out" / "published.duckdb").exists()


def test_a_purge_asks_the_recipients_and_leaves_what_was_published(office: Office, tmp_path: Path) -> None:
    """The last test of the module: after it the delivery is gone."""
    system = office.system
    made = office.made("school-a")
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
        office.made("school-a")
    with pytest.raises(NothingLiving), rod_pipeline.open_tables(UNDISTURBED, purpose="onderzoek", system=system):
        pass
