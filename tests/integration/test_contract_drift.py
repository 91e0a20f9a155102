"""From a rejected delivery to a reviewed contract and a green rerun, without a new download."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rod_pipeline.cli import application
from rod_pipeline.contracts.model import FileKind
from rod_pipeline.ledger.events import Accessed
from rod_pipeline.marts.declared import marts_on
from tests.support import drift
from tests.support.drift import fill, folder_of_contracts, rod_contract
from tests.support.pipeline import Bench, discrepancies, stored_tables

KEY = "2025-12"
GROUND = 'rubriek = ""[^\n]*'


def named(file: FileKind) -> tuple[str, str]:
    """Say in a draft that every mart that is built from the file still counts what it should."""
    return r"marts = \[\][^\n]*", f"marts = {[mart.name for mart in marts_on(file)]}"


@pytest.mark.parametrize(
    ("came", "file", "rejected", "review", "told"),
    [
        pytest.param(
            drift.renamed,
            "inschrijvingen",
            "ROD-FILE-14",
            ((GROUND, 'rubriek = "06.05.40"'), named("inschrijvingen")),
            "'MBO Opleiding Leerweg' is now 'Leerroute (nieuw)', leerweg (rubriek 06.05.40)",
            id="renamed",
        ),
        pytest.param(
            drift.added,
            "diplomas",
            "ROD-FILE-14",
            ((GROUND, 'rubriek = "06.05.40"'), named("diplomas")),
            "'MBO Opleiding Leerweg' as mbo_opleiding_leerweg, code; rubriek 06.05.40",
            id="added",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            drift.split,
            "diplomas",
            "ROD-FILE-14",
            ((GROUND, 'rubriek = "29.74.04"'), (GROUND, 'rubriek = "29.74.04"'), named("diplomas")),
            "'Soort diploma MBO studiejaar - grond' as soort_diploma_mbo_studiejaar_grond, code; rubriek 29.74.04",
            id="split",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            drift.other_dates,
            "diplomas",
            "diplomas.datum_examen_behaald.type",
            (named("diplomas"),),
            "notation of dates: 'DD-MM-JJJJ' is",
            id="dates",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            drift.new_code,
            "inschrijvingen",
            "inschrijvingen.leerweg.values",
            (named("inschrijvingen"),),
            "leerweg: added CBL",
            id="code",
        ),
    ],
)
def test_drift_that_is_lawful_goes_through_in_minutes(
    bench: Bench,
    came: Callable[[], bytes],
    file: str,
    rejected: str,
    review: tuple[tuple[str, str], ...],
    told: str,
) -> None:
    folder = folder_of_contracts(bench)
    bench.announce(KEY, came())
    assert any(rejected in one for one in bench.walk(KEY))
    before = bench.intake(KEY)
    assert before.refused is None

    made = rod_contract("draft", KEY)
    assert made.exit_code == 0, made.output
    draft = folder / file / "2.draft.toml"
    assert [path.parent.name for path in folder.glob("*/2.draft.toml")] == [file]
    if any(GROUND in pattern for pattern, _ in review):
        refused = rod_contract("accept", file, "--yes")
        assert refused.exception is not None and "ROD-CONTRACT-09" in str(refused.exception)
        assert any(rejected in one for one in bench.walk(KEY)), "a draft is in force"
    fill(draft, *review)
    if (listed := folder / "value_lists" / "leerweg.draft.toml").exists():
        assert re.search('# [0-9]+ of them are "CBL".', listed.read_text("utf-8"))
        fill(listed, (r'"ODT"\]', '"ODT", "CBL"]'), (r"labels = .*\n", ""))
    shown = rod_contract("diff", file)
    assert told in shown.output, shown.output
    accepted = rod_contract("accept", file, "--yes")
    assert accepted.exit_code == 0, accepted.output
    assert told in accepted.output
    assert not list(folder.glob("*/*.draft.toml"))

    assert bench.walk(KEY) == []
    after = bench.intake(KEY)
    assert (after.delivery_id, after.raw, after.stage) == (before.delivery_id, before.raw, "stored")
    assert after.parsed[file].contract == 2
    assert discrepancies(bench) == []


def test_looking_is_on_the_record_and_leaves_nothing_on_disk(bench: Bench) -> None:
    """For each sealed file, before it is read; what is written is the draft alone."""
    folder = folder_of_contracts(bench)
    bench.announce(KEY, drift.renamed())
    assert len(bench.walk(KEY)) == 1
    files = set(bench.home.parent.rglob("*"))
    with bench.system() as system:
        seen = system.ledger.state().seq
    assert rod_contract("draft", KEY).exit_code == 0
    checked = rod_contract("check", KEY)
    assert checked.exit_code == 1
    assert "undeclared column 58: 'Leerroute (nieuw)'" in checked.output
    with bench.system() as system:
        events = [entry.event for entry in system.ledger.entries(after=seen)]
        raw = system.intake(drift.DeliveryKey.parse(KEY)).raw
    assert {event.copy_id for event in events if isinstance(event, Accessed)} == set(raw)
    assert all(isinstance(event, Accessed) and event.purpose == "beheer" for event in events)
    new = {path for path in set(bench.home.parent.rglob("*")) - files if path.is_file()}
    assert new <= {folder / "inschrijvingen" / "2.draft.toml"} | set(bench.home.glob("ledger.db*"))
    assert_no_pseudonym((folder / "inschrijvingen" / "2.draft.toml").read_text("utf-8") + checked.output)


def assert_no_pseudonym(text: str) -> None:
    with drift.zipfile.ZipFile(drift.io.BytesIO(drift.renamed())) as archive:
        (name,) = [name for name in archive.namelist() if "inschrijvingen" in name]
        pseudonyms = {line.split(";")[0] for line in archive.read(name).decode().splitlines()[1:]}
    assert len(pseudonyms) > 50
    assert not [value for value in pseudonyms if value in text]


def test_a_mart_is_not_built_from_a_version_that_nobody_looked_at(bench: Bench) -> None:
    """It stops before anything is built, says what to do, and goes on when a person has said so in the contract."""
    folder = folder_of_contracts(bench)
    bench.announce(KEY, drift.renamed())
    bench.walk(KEY)
    rod_contract("draft", KEY)
    draft = folder / "inschrijvingen" / "2.draft.toml"
    fill(draft, (GROUND, 'rubriek = "06.05.40"'))
    accepted = rod_contract("accept", "inschrijvingen", "--yes")
    assert "Mart studentaantallen: is not known to understand version 2" in accepted.output
    (told,) = bench.walk(KEY)
    assert told.startswith("[ROD-MART-05]")
    intake = bench.intake(KEY)
    assert (intake.stage, dict(intake.marts)) == ("stored", {})
    with bench.system() as system:
        assert [copy for copy in system.ledger.state().copies.values() if copy.zone in ("marts", "database")] == []
    listed = rod_contract("list", "--all")
    assert "NOT studentaantallen" in listed.output
    fill(folder / "inschrijvingen" / "2.toml", named("inschrijvingen"))
    assert bench.walk(KEY) == []
    assert bench.intake(KEY).marts["studentaantallen"].read == stored_tables(bench, KEY)["inschrijvingen"].height
    rows = CliRunner().invoke(application(), ["rows", KEY])
    assert rows.exit_code == 0
    assert "left out: other peildatum" in rows.output
    assert "not counted" not in rows.output


def test_what_is_neither_missing_nor_in_the_annex_is_still_erased_at_once(bench: Bench, tmp_path: Path) -> None:
    """A column that the annex has may be lawful; one beside it that nothing names is data beyond the decree."""
    header = lambda names: [*names, "MBO Opleiding Leerweg", "Verzuimdagen"]  # noqa: E731
    bench.announce(KEY, drift.edited(drift.plain(), "diplomas", header, lambda row: [*row, "BOL", "3"]))
    assert any(told.startswith("[ROD-FILE-17]") for told in bench.walk(KEY))
    assert bench.intake(KEY).refused == "ROD-FILE-17"
