"""A backup is put back after everything on the machine was lost: what was erased since doesn't come back."""

import shutil
from typing import cast

import pytest
from pydantic import SecretStr

from rod_pipeline.audit.controleer import members_of
from rod_pipeline.backup import BackupUndeclared, NoBackup, NotEmpty, back_up, put_back
from rod_pipeline.ledger.published import KeysMissing
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention.evidence.verifieer import zipped
from rod_pipeline.retention.places import revived
from rod_pipeline.retention.restoring import recover
from rod_pipeline.settings import BackupSection, RetentionSection
from rod_pipeline.store.keyring import KeyGone, WrongKek
from rod_pipeline.system import System
from tests.support.evidence import MOMENT, Installation, delivered, erased, number
from tests.support.notary import Office

NAME = "keys-nightly"


def opened(office: Office) -> System:
    declared = RetentionSection(backups=(BackupSection(name=NAME, days=14),))
    return System.open(office.settings.model_copy(update={"retention": declared}), office.clock)


def lost(office: Office) -> None:
    """All but the two keys that people keep is gone from the machine."""
    for path in list(office.home.iterdir()):
        if path.name == "secrets":
            shutil.rmtree(path / "codes", ignore_errors=True)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def test_a_lost_machine_comes_back_without_what_was_erased_since(office: Office) -> None:
    system = opened(office)
    installation = cast(Installation, system)
    office.clock.time = MOMENT
    intakes = [
        delivered(installation.ledger, "2025-12", 0x100, MOMENT),
        delivered(installation.ledger, "2026-08", 0x300, MOMENT),
    ]
    material = {scope: system.keyring.create(scope).to_bytes() for scope in (*intakes, number(0x350))}
    backup = back_up(system, NAME)
    erased(installation, ["2025-12"], ground="order", order="OCW-2026-7")
    system.keyring.destroy(intakes[0])
    system.notary().publish()
    size = system.ledger.tree_head().size
    lost(office)

    back = opened(office)
    done = put_back(back, backup)
    assert done.keys == 3 and done.entries > 0
    assert opened(office).ledger.tree_head().size == size, "nothing that was published is lost"
    back = opened(office)
    assert back.keyring.exists(intakes[0]), "the backup brought the key of what was erased"
    assert "2025-12" in revived(back)
    recover(back, copy_register(back))
    with pytest.raises(KeyGone):
        opened(office).keyring.get(intakes[0])
    assert "2025-12" not in revived(opened(office))
    assert opened(office).keyring.get(intakes[1]).to_bytes() == material[intakes[1]]


def test_a_backup_that_no_erasure_waits_for_is_not_made(office: Office) -> None:
    with pytest.raises(BackupUndeclared):
        back_up(office.open(), NAME)


def test_it_is_put_back_on_nothing_else_than_an_empty_installation_with_its_key(office: Office) -> None:
    system = opened(office)
    delivered(system.ledger, "2025-12", 0x100, MOMENT)
    system.keyring.create(number(0x100))
    backup = back_up(system, NAME)
    assert office.settings.key_encryption_key().get_secret_value().hex().encode() not in backup
    with pytest.raises(NotEmpty):
        put_back(opened(office), backup)
    system.notary().publish()
    lost(office)
    for wrong in (backup[:-40], b"", b"PK\x05\x06" + b"\0" * 18):
        with pytest.raises(NoBackup):
            put_back(opened(office), wrong)
    other = office.settings.model_copy(update={"kek": SecretStr("ab" * 32)})
    with pytest.raises(WrongKek):
        put_back(System.open(other, office.clock), backup)
    without = {name: data for name, data in members_of(backup, "").items() if name != "notary.vkey"}
    with pytest.raises(KeysMissing):
        put_back(opened(office), zipped(list(without.items())))
    left = [path.name for path in office.home.rglob("*") if path.suffix in (".key", ".db")]
    assert left == [], "what can't catch up isn't put back"
