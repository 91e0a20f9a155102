"""A dossier, from an installation with a notary to an auditor who has the zip, an extract and a key."""

import csv
import io
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import cast
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from rod_pipeline.audit import controleer
from rod_pipeline.audit.account import Account
from rod_pipeline.audit.dossier import Head, Made, NothingToTell, Request, build, differing, make, versions
from rod_pipeline.audit.extract import entries_of, export
from rod_pipeline.cli import application
from rod_pipeline.decree import load_decree
from rod_pipeline.incidents import keeping
from rod_pipeline.ledger.events import Checked, Finding
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.note import SigningKey
from rod_pipeline.orchestration.auditing import make_dossier
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.retention.evidence import attest
from rod_pipeline.retention.evidence.bundle import BUNDLE, bundle_of
from rod_pipeline.retention.evidence.verifieer import zipped
from rod_pipeline.store.client import StoreSettings
from tests.support.auditor import machine_in
from tests.support.evidence import MOMENT, Installation, delivered, erased
from tests.support.ledger import SetClock, parsed, received
from tests.support.notary import Office


@dataclass(frozen=True)
class HandedOver:
    """What the auditor was given, and the office that it came from."""

    office: Office
    made: Made
    dossier: bytes
    extract: bytes
    vkey: str


@pytest.fixture(scope="module")
def handed_over(
    tmp_path_factory: pytest.TempPathFactory, seaweed: StoreSettings, seaweed_notary: StoreSettings
) -> HandedOver:
    office = Office(tmp_path_factory.mktemp("audit") / "office", seaweed, seaweed_notary, SetClock(MOMENT))
    system = office.open()
    installation = cast(Installation, system)
    delivered(installation.ledger, "2025-12", 0x100, MOMENT)
    delivered(installation.ledger, "2026-08", 0x300, MOMENT, rows=3)
    failing(installation.ledger)
    keeping.open_incident(system, "breach", "ourselves")
    office.clock.time = datetime(2026, 10, 1, 8, tzinfo=UTC)
    plan = erased(installation, ["2025-12"], ground="order", order="OCW-2026-7")
    attested = attest(system, plan.purge_id)
    notary = system.notary()
    notary.publish()
    notary.store_evidence(plan.purge_id, attested.serial, BUNDLE, bundle_of(system, plan.purge_id))
    made = make(system, Request("auditor", "audit", "AUD-2026-3", date(2026, 9, 1)))
    notary.publish()
    vkey = (office.home / "notary.vkey").read_text().strip()
    return HandedOver(office, made, made.file.read_bytes(), export(system).content, vkey)


def failing(ledger: Ledger) -> None:
    """A third delivery, of three rows, in which two break a rule."""
    intake = received(ledger, "2026-12")
    copy = parsed(ledger, intake)
    broken = Finding(rule="r", file="diplomas", severity="blocking", failed=2, rows=3)
    ledger.append(
        Checked(
            delivery_id=intake, file="diplomas", copy_id=copy, outcome="failed", rules=1, findings=(broken,), rows=3
        )
    )


@pytest.fixture
def checked(
    handed_over: HandedOver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Checks a dossier in this process; gives the exit code and all that was said."""

    def run(dossier: bytes, extract: bytes | None = None, key: str | None = None) -> tuple[int, str]:
        (tmp_path / "d.zip").write_bytes(dossier)
        (tmp_path / "g.zip").write_bytes(extract or handed_over.extract)
        given = [str(tmp_path / "d.zip"), "--grootboek", str(tmp_path / "g.zip"), "--sleutel", key or handed_over.vkey]
        code = controleer.main(given, recompute)
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def recompute(members: dict[str, bytes], leaves: list[bytes], day: str) -> list[str]:
    return differing(members, entries_of(leaves), load_decree(), date.fromisoformat(day))


def test_an_auditor_checks_it_with_the_zip_the_export_and_the_key_alone(
    handed_over: HandedOver, tmp_path: Path
) -> None:
    machine = machine_in(tmp_path)
    assert machine.run("-c", "import rod_pipeline").returncode != 0
    (machine.folder / "dossier.zip").write_bytes(handed_over.dossier)
    (machine.folder / "grootboek.zip").write_bytes(handed_over.extract)
    (machine.folder / "sleutel.txt").write_text(handed_over.vkey + "\n")
    with ZipFile(machine.folder / "dossier.zip") as archive:
        archive.extract("controleer.py", machine.folder)
        archive.extract("verifieer.py", machine.folder)
    code, said = machine.verify("dossier.zip", program="controleer.py")
    assert code == 2 and "NIET ALLES IS GECONTROLEERD" in said
    given = ("--grootboek", "grootboek.zip", "--sleutel", "sleutel.txt")
    code, said = machine.verify("dossier.zip", *given, program="controleer.py")
    assert code == 0, said
    digest = sha256(handed_over.vkey.encode()).hexdigest()
    assert " ".join(digest[at : at + 4] for at in range(0, 64, 4)) in said, "what an auditor compares"
    assert "HET DOSSIER KLOPT:" in said and "1 bundels" in said and "✗" not in said


def test_its_tables_are_drawn_up_again_from_the_extract(
    handed_over: HandedOver, checked: Callable[..., tuple[int, str]]
) -> None:
    code, said = checked(handed_over.dossier)
    assert code == 0 and "byte voor byte gelijk" in said


def test_one_changed_byte_anywhere_is_refused_and_its_file_named(
    handed_over: HandedOver, checked: Callable[..., tuple[int, str]]
) -> None:
    """A byte in the middle of each member is its own; others (headers, directory) are the zip's."""
    data = handed_over.dossier
    with ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
    for info in infos:
        name_length, extra = struct.unpack_from("<HH", data, info.header_offset + 26)
        begin = info.header_offset + 30 + name_length + extra
        for at, named in ((begin + info.file_size // 2, info.filename), (info.header_offset + 10, None)):
            code, said = checked(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            assert code == 1, info.filename
            assert named is None or f"veranderd: {named}" in said, said
    for at in range(len(data) - 60, len(data)):
        assert checked(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])[0] == 1


def test_who_packs_it_again_with_new_digests_is_found_out_and_so_is_the_table(
    handed_over: HandedOver, checked: Callable[..., tuple[int, str]]
) -> None:
    members = controleer.members_of(handed_over.dossier, "")
    name = "tabellen/inzages.csv"
    members[name] += b"2026-01-01T00:00:00Z,a2,onderzoek,0000000000000001,database,2025-12\r\n"
    contents = json.loads(members["inhoud.json"])
    for file in contents["files"]:
        file["bytes"], file["sha256"] = len(members[file["name"]]), sha256(members[file["name"]]).hexdigest()
    members["inhoud.json"] = json.dumps(contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    code, said = checked(zipped(list(members.items())))
    assert code == 1
    assert "geen boeking noemt dit dossier" in said and f"volgt niet uit de boekingen: {name}" in said


def test_another_ledger_or_key_proves_nothing(handed_over: HandedOver, checked: Callable[..., tuple[int, str]]) -> None:
    extract = controleer.members_of(handed_over.extract, "")
    lines = extract[controleer.ENTRIES].replace(b'"auditor"', b'"own_use"')
    forged = zipped([(controleer.ENTRIES, lines), (controleer.CHECKPOINT, extract[controleer.CHECKPOINT])])
    code, said = checked(handed_over.dossier, forged)
    assert code == 1 and "een andere wortel" in said
    older = zipped([(controleer.ENTRIES, b""), (controleer.CHECKPOINT, extract[controleer.CHECKPOINT])])
    assert checked(handed_over.dossier, older)[0] == 1
    name, _, _ = handed_over.vkey.partition("+")
    stranger = str(SigningKey.generate(name).verifier)
    code, said = checked(handed_over.dossier, key=stranger)
    assert code == 1 and "een andere sleutel" in said


def test_the_same_entries_give_the_same_bytes(handed_over: HandedOver) -> None:
    system = handed_over.office.open()
    members = controleer.members_of(handed_over.dossier, "")
    contents = json.loads(members["inhoud.json"])
    entries = tuple(entry for entry in system.ledger.entries() if entry.seq <= contents["size"])
    head = Head(
        origin=contents["origin"],
        size=contents["size"],
        root=contents["root"],
        at=entries[-1].at,
        day=date.fromisoformat(contents["day"]),
        reader="auditor",
        why="audit",
        reference="AUD-2026-3",
        software=contents["software"],
        lock=contents["lock"],
    )
    bundles = tuple((name, data) for name, data in members.items() if name.startswith("bewijs/"))
    again, _ = build(head, Account.of(entries), system.decree, versions()[0], bundles)
    assert again == handed_over.dossier
    assert sha256(again).hexdigest() == handed_over.made.sha256


def test_it_tells_what_was_held_what_is_gone_and_no_count_under_five(handed_over: HandedOver) -> None:
    members = controleer.members_of(handed_over.dossier, "")
    tables = json.loads(members["tabellen.json"])
    assert {row["leveringen"] for row in tables["bezit_op_dag"]} == {"2025-12", "2026-08", "2026-12"}
    assert [row["uitkomst"] for row in tables["vernietigingen"]] == ["VOLLEDIG"]
    (incident,) = tables["incidenten"]
    assert incident["nog_in_te_lichten"] == "minister supervisor"
    assert [row["rijen"] for row in tables["validaties"] if row["uitkomst"] == "failed"] == ["<5"]
    assert [(row["voldoet_niet"], row["getoetst"]) for row in tables["bevindingen"]] == [("<5", "<5")]
    package = json.loads(members["datapackage.json"])
    for resource in package["resources"]:
        rows = list(csv.reader(io.StringIO(members[resource["path"]].decode(), newline="")))
        fields = resource["schema"]["fields"]
        assert rows[0] == [field["name"] for field in fields]
        assert all(field["description"] for field in fields)
        for row in rows[1:]:
            for field, value in zip(fields, row, strict=True):
                if field.get("constraints"):
                    assert value == "<5" or not value or int(value) == 0 or int(value) >= 5
    assert b"SIMULATIE" not in members["dossier.html"] and members["dossier.pdf"].startswith(b"%PDF")


def test_a_day_after_the_newest_entry_is_not_told_of(handed_over: HandedOver) -> None:
    system = handed_over.office.open()
    with pytest.raises(NothingToTell):
        make(system, Request("auditor", "audit", None, date(2026, 11, 1)))


def test_the_commands_make_export_and_verify(
    handed_over: HandedOver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, settings = handed_over.office, handed_over.office.settings
    for section, names in ((settings.evidence, ("endpoint", "bucket")), (settings.store, ("endpoint",))):
        prefix = "EVIDENCE" if section is settings.evidence else "STORE"
        for name in names:
            monkeypatch.setenv(f"ROD_{prefix}__{name.upper()}", str(getattr(section, name)))
        for name in ("access_key", "secret_key"):
            monkeypatch.setenv(f"ROD_{prefix}__{name.upper()}", getattr(section, name).get_secret_value())
    monkeypatch.setenv("ROD_HOME", str(office.home))
    config = {"reader": "privacy_officer", "why": "yearly_review"}
    known = set(office.open().ledger.state().oversight.dossiers)
    done = make_dossier.execute_in_process(
        run_config={"ops": {"draw_up_dossier": {"config": config}}}, resources={"rod": Rod(home=str(office.home))}
    )
    (new,) = set(office.open().ledger.state().oversight.dossiers) - known
    assert done.success and [*(office.home / "dossiers").glob(f"*{new}.zip")]
    run = CliRunner()
    out = tmp_path / "g.zip"
    assert run.invoke(application(), ["ledger", "export", str(out)]).exit_code == 0
    verified = run.invoke(application(), ["dossier", "verify", str(handed_over.made.file), "--ledger", str(out)])
    assert verified.exit_code == 0 and "byte voor byte gelijk" in verified.output
    held = run.invoke(application(), ["dossier", "held", "--at", "2026-09-01"])
    assert held.exit_code == 0 and "2025-12" in held.output
    nothing = run.invoke(application(), ["dossier", "held", "--at", "2025-01-01"])
    assert "no copy with personal data existed" in nothing.output
