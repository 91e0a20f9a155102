"""An auditor checks a purge with nothing but the bundle and the public key, on a machine without the project.

The whole chain is real: a notary that publishes to an evidence bucket, a timestamp authority (``openssl ts``), a
witness. The machine without the project is a process of its own, in an empty folder, whose Python finds nothing but
its standard library and ``cryptography``; the verifier is the one that lies in the bundle.
"""

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from rod_pipeline.cli.evidence import app
from rod_pipeline.ledger.note import VerifyingKey
from rod_pipeline.ledger.published import NotPublished
from rod_pipeline.retention.evidence import attest, verifieer
from rod_pipeline.retention.evidence.bundle import bundle_of
from tests.support.auditor import Machine, machine_in
from tests.support.evidence import MOMENT, Installation, delivered, erased
from tests.support.notary import Office
from tests.support.tsa import Authority, running_authority
from tests.support.witness import WitnessServer, running_witness


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return machine_in(tmp_path)


@dataclass(frozen=True)
class HandedOver:
    """What the auditor was given, and where the other keys come from."""

    bundle: bytes
    vkey: str
    witness: VerifyingKey
    authority: Authority


@pytest.fixture
def handed_over(office: Office, tmp_path: Path) -> Iterator[HandedOver]:
    vkey = (office.home / "notary.vkey").read_text().strip()
    witness = WitnessServer([VerifyingKey.parse(vkey)])
    with running_authority(tmp_path / "tsa") as authority, running_witness(witness) as known:
        office.evidence = {
            "timestamp_url": authority.address,
            "timestamp_roots": authority.root_file,
            "witness_url": known.address,
            "witness_key": str(known.key),
        }
        system = office.open()
        installation = cast(Installation, system)
        delivered(installation.ledger, "2025-12", 0x100, MOMENT)
        # On an order, before the term: the table of places is too old to publish anything seven years from now.
        installation.clock.time = datetime(2026, 10, 1, 8, tzinfo=UTC)
        plan = erased(installation, ["2025-12"], ground="order", order="OCW-2026-7")
        attest(system, plan.purge_id)
        with pytest.raises(NotPublished):
            bundle_of(system, plan.purge_id)
        assert system.notary().publish().outstanding == ()
        yield HandedOver(bundle_of(system, plan.purge_id), vkey, witness.key.cosigner, authority)


def received(machine: Machine, handed: HandedOver) -> None:
    """The auditor puts the bundle into a folder and takes the verifier out of it, as the how-to says."""
    (machine.folder / "bundel.zip").write_bytes(handed.bundle)
    (machine.folder / "sleutel.txt").write_text(handed.vkey + "\n")
    with ZipFile(machine.folder / "bundel.zip") as archive:
        archive.extract("verifieer.py", machine.folder)


def test_an_auditor_needs_only_the_bundle_and_the_key(machine: Machine, handed_over: HandedOver) -> None:
    received(machine, handed_over)
    assert machine.run("-c", "import rod_pipeline").returncode != 0
    assert machine.run("-c", "import rfc3161_client, rfc8785, pydantic").returncode != 0
    code, said = machine.verify("bundel.zip", "--sleutel", "sleutel.txt")
    assert code == 0, said
    assert "HET BEWIJS KLOPT:" in said and ": VOLLEDIG" in said
    assert "✓ tijdstempel: het controlepunt bestond op" in said and "is niet gecontroleerd" in said


def test_the_witness_and_the_authority_can_be_checked_too(machine: Machine, handed_over: HandedOver) -> None:
    received(machine, handed_over)
    shutil.copy(handed_over.authority.root_file, machine.folder / "wortel.pem")
    more = ("--getuige", str(handed_over.witness), "--tsa-wortel", "wortel.pem")
    code, said = machine.verify("bundel.zip", "--sleutel", "sleutel.txt", *more)
    assert code == 0, said
    assert "witness.example/w1 zag dit controlepunt" in said and "is niet gecontroleerd" not in said


def test_an_authority_that_nobody_trusts_is_refused(machine: Machine, handed_over: HandedOver, tmp_path: Path) -> None:
    received(machine, handed_over)
    with running_authority(tmp_path / "other") as other:
        shutil.copy(other.root_file, machine.folder / "wortel.pem")
    code, said = machine.verify("bundel.zip", "--sleutel", "sleutel.txt", "--tsa-wortel", "wortel.pem")
    assert code == 1 and "hoort niet bij de opgegeven wortel" in said


def test_openssl_agrees_about_the_timestamp(machine: Machine, handed_over: HandedOver) -> None:
    received(machine, handed_over)
    with ZipFile(machine.folder / "bundel.zip") as archive:
        archive.extractall(machine.folder)
    question = ["openssl", "ts", "-verify", "-data", "controlepunt.note", "-in", "tijdstempel.tsr", "-CAfile"]
    done = subprocess.run(
        [*question, str(handed_over.authority.root_file)],
        cwd=machine.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Verification: OK" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "spoil",
    [
        lambda bundle: bundle[:-1],
        lambda bundle: bundle.replace(b'"VOLLEDIG"', b'"TE_LAAT" ', 1),
        lambda bundle: (
            bundle[: len(bundle) // 2] + bytes([bundle[len(bundle) // 2] ^ 1]) + bundle[len(bundle) // 2 + 1 :]
        ),
    ],
)
def test_a_spoilt_bundle_is_found_out(
    machine: Machine, handed_over: HandedOver, spoil: Callable[[bytes], bytes]
) -> None:
    received(machine, handed_over)
    (machine.folder / "bundel.zip").write_bytes(spoil(handed_over.bundle))
    code, said = machine.verify("bundel.zip", "--sleutel", "sleutel.txt")
    assert code == 1 and "HET BEWIJS KLOPT NIET" in said


def test_without_the_library_or_the_key_nothing_is_claimed(machine: Machine, handed_over: HandedOver) -> None:
    received(machine, handed_over)
    done = machine.run("verifieer.py", "bundel.zip", "--sleutel", "sleutel.txt", libraries=False)
    assert done.returncode == 2 and "cryptography" in done.stderr and not done.stdout
    assert machine.verify("bundel.zip")[0] == 2
    assert machine.verify("elders.zip", "--sleutel", "sleutel.txt")[0] == 2


def test_the_commands_list_bundle_and_verify(
    office: Office, handed_over: HandedOver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = office.settings.evidence
    for name in ("endpoint", "bucket", "timestamp_url", "timestamp_roots", "witness_url", "witness_key"):
        monkeypatch.setenv(f"ROD_EVIDENCE__{name.upper()}", str(getattr(settings, name)))
    for name in ("access_key", "secret_key"):
        monkeypatch.setenv(f"ROD_EVIDENCE__{name.upper()}", getattr(settings, name).get_secret_value())
    monkeypatch.setenv("ROD_HOME", str(office.home))
    out = tmp_path / "bundel.zip"
    listed = CliRunner().invoke(app, ["list"])
    assert "ffffffffffffffff  serial 1" in listed.output and "VOLLEDIG" in listed.output and "2025-12" in listed.output
    made = CliRunner().invoke(app, ["bundle", "f" * 16, "--out", str(out)], env={})
    assert made.exit_code == 0, made.output
    checked = CliRunner().invoke(app, ["verify", str(out)])
    assert checked.exit_code == 0 and "HET BEWIJS KLOPT:" in checked.output
    out.write_bytes(out.read_bytes()[:-1])
    assert CliRunner().invoke(app, ["verify", str(out)]).exit_code == 1


def test_the_verifier_is_one_file_for_old_pythons_that_imports_nothing_of_ours() -> None:
    source = Path(verifieer.__file__).read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    roots = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            roots.add((node.module or "").split(".")[0])
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}
    assert not roots & {"socket", "urllib", "http", "ssl", "subprocess", "shutil"}
