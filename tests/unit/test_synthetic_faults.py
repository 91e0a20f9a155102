"""Every named fault changes what it says and nothing else, and is refused by what it names."""

import io
import zipfile
from functools import cache, lru_cache

import pytest
from typer.testing import CliRunner

from rod_pipeline.cli.synthetic import app
from rod_pipeline.contracts import ContractBook
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.synthetic.delivery import NeedsArchive, delivery_parts, write_delivery
from rod_pipeline.synthetic.faults import FAULTS
from tests.support.synthetic import PASSWORD, SMALL, refused_by, zipped

pytestmark = pytest.mark.usefixtures("one_country")

KEY = "2025-12"
IN_FILES = [name for name, fault in FAULTS.items() if fault.file is not None]
BY_ERROR = [name for name, fault in FAULTS.items() if fault.expect and fault.expect[0].startswith("ROD-")]
BY_RULE = [name for name, fault in FAULTS.items() if fault.expect and name not in BY_ERROR]


@lru_cache(maxsize=1)
def book() -> ContractBook:
    return ContractBook.load()


@cache
def files(fault: str | None) -> dict[str, bytes]:
    parts = delivery_parts(DeliveryKey.parse(KEY), population=SMALL, book=book(), fault=fault)
    return {part.name: b"".join(part.chunks) for part in parts}


def clean() -> dict[str, bytes]:
    return files(None)


def delivered(fault: str) -> bytes:
    """The broken delivery as a zip; made of the files that the other tests look at, where the fault lies in them."""
    if FAULTS[fault].needs_archive:
        return zipped(KEY, SMALL, book(), fault)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in files(fault).items():
            archive.writestr(name, data)
    return sink.getvalue()


def test_the_catalogue_is_large_enough_and_each_fault_says_what_it_is() -> None:
    assert len(FAULTS) >= 40
    assert all(fault.what and fault.name == name for name, fault in FAULTS.items())
    assert all(fault.expect for fault in FAULTS.values())


@pytest.mark.parametrize("fault", IN_FILES)
def test_a_fault_touches_its_own_file_and_at_most_the_totals_of_it(fault: str) -> None:
    broken, own = files(fault), FAULTS[fault].file
    assert set(broken) == set(clean())
    changed = {name for name in broken if broken[name] != clean()[name]}
    assert any(f"_{own}_" in name for name in changed)
    assert not [name for name in changed if f"_{own}_" not in name and "_technisch_" not in name]


def test_faults_of_the_delivery_change_which_files_there_are() -> None:
    assert len(files("missing_file")) == 4
    assert len(files("double_file")) == 6
    assert set(files("unknown_file")) - set(clean()) == {"ROD_BO_verzuim.csv"}
    assert not set(files("other_delivery")) & set(clean())


@pytest.mark.parametrize("fault", BY_ERROR)
def test_an_error_refuses_it(fault: str) -> None:
    assert refused_by(delivered(fault), KEY, book()) <= set(FAULTS[fault].expect)


@pytest.mark.parametrize("fault", BY_RULE)
def test_a_rule_refuses_it(fault: str) -> None:
    only = FAULTS[fault].expect[0].split(".")[0]
    broken = refused_by(delivered(fault), KEY, book(), only=only)
    assert broken & set(FAULTS[fault].expect)


@pytest.mark.parametrize("key", ["2025-12", "2026-08"])
def test_a_delivery_without_fault_breaks_no_rule_at_all(key: str) -> None:
    assert refused_by(zipped(key, SMALL, book()), key, book(), severities=("blocking", "warning")) == set()


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.needs_archive])
def test_what_shows_in_an_archive_alone_needs_one(name: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NeedsArchive):
        write_delivery(tmp_path, DeliveryKey.parse(KEY), population=SMALL, book=book(), fault=name)


def test_the_command_writes_a_broken_encrypted_delivery(tmp_path) -> None:  # type: ignore[no-untyped-def]
    secret = tmp_path / "wachtwoord"
    secret.write_bytes(PASSWORD + b"\n")
    with secret.open("rb") as stream:
        arguments = [KEY, "--out", str(tmp_path), "--scale", "0.001", "--archive", "aes", "--fault", "bsn_column"]
        result = CliRunner().invoke(app, ["deliver", *arguments, "--password-fd", str(stream.fileno())])
    assert result.exit_code == 0, result.output
    assert refused_by((tmp_path / "ROD_BO_20251201_V.zip").read_bytes(), KEY, book()) == {"ROD-PRIVACY-01"}


def test_the_table_names_every_fault_and_what_refuses_it() -> None:
    result = CliRunner().invoke(app, ["faults"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for name, fault in FAULTS.items():
        assert name in result.output
        assert all(code in result.output for code in fault.expect[:1])
