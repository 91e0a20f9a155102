"""The key-encryption key is replaced; killed at any instant, running it again finishes it."""

import os
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rod_pipeline.actors import FILE
from rod_pipeline.deliveries import new_id
from rod_pipeline.errors import RodError
from rod_pipeline.installation import KekElsewhere, make_installation, replace_kek
from rod_pipeline.settings import MissingSecret, Settings
from rod_pipeline.store.declaration import read_declaration
from rod_pipeline.store.keyring import KeyGone, LocalKeyring, WrongKek
from rod_pipeline.store.secrets import SecretStore, SecretUnreadable
from rod_pipeline.system import System
from tests.support.ledger import NOON, SetClock

EXPIRES = datetime(2026, 1, 1, tzinfo=UTC)


class House:
    """An installation with living keys, a destroyed one, and a secret."""

    def __init__(self, home: Path) -> None:
        self.home = home
        make_installation(home, SetClock(), country="NL", site="test bench", declared_by="tester")
        self.old = self.kek()
        self.actor = System.open(self.settings).actor()
        keyring = LocalKeyring(home / "keys", self.old)
        self.scopes = [new_id() for _ in range(3)]
        self.material = {scope: keyring.create(scope).to_bytes() for scope in self.scopes}
        self.gone = new_id()
        keyring.create(self.gone)
        keyring.destroy(self.gone)
        SecretStore(home / "secrets" / "codes", self.old).put(self.scopes[0], "code", b"not a real one", EXPIRES)

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home)

    def kek(self) -> bytes:
        return Settings(home=self.home).key_encryption_key().get_secret_value()

    def is_whole_under(self, kek: bytes) -> None:
        keyring = LocalKeyring(self.home / "keys", kek)
        assert {scope: keyring.get(scope).to_bytes() for scope in self.scopes} == self.material
        with pytest.raises(KeyGone):
            keyring.get(self.gone)
        assert set(keyring.traces()) == set(self.scopes)
        codes = SecretStore(self.home / "secrets" / "codes", kek)
        assert codes.get(self.scopes[0], "code") == b"not a real one"
        read_declaration(self.home / "declaration.toml", kek, NOON.date())
        assert System.open(self.settings).actor() == self.actor, "an auditor can still follow who did what"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "home")


def test_everything_opens_under_the_new_key_and_nothing_under_the_old(house: House, tmp_path: Path) -> None:
    shutil.copytree(house.home / "keys", tmp_path / "backup")
    done = replace_kek(house.settings)
    assert (done.keys, done.secrets, done.declaration) == (3, 1, True)
    new = house.kek()
    assert new != house.old and (house.home / "secrets" / "kek").stat().st_mode & 0o077 == 0
    house.is_whole_under(new)
    with pytest.raises(WrongKek):
        LocalKeyring(house.home / "keys", house.old)
    with pytest.raises(SecretUnreadable):
        SecretStore(house.home / "secrets" / "codes", house.old).get(house.scopes[0], "code")
    with pytest.raises(WrongKek):
        LocalKeyring(tmp_path / "backup", new)


def test_a_secret_keeps_its_expiry(house: House) -> None:
    replace_kek(house.settings)
    codes = SecretStore(house.home / "secrets" / "codes", house.kek())
    assert codes.expire(EXPIRES) == ((house.scopes[0], "code"),)


def test_a_process_that_was_running_makes_no_key_that_nobody_can_open(house: House) -> None:
    running = LocalKeyring(house.home / "keys", house.old)
    replace_kek(house.settings)
    scope = new_id()
    with pytest.raises(WrongKek):
        running.create(scope)
    with pytest.raises(WrongKek):
        running.get(house.scopes[0])
    assert not LocalKeyring(house.home / "keys", house.kek()).exists(scope)


@pytest.mark.parametrize("nth", range(1, 12))
def test_killed_at_any_rename_it_is_finished_by_the_next_run(house: House, nth: int) -> None:
    """Every change is a rename of a whole file, or the making of the next key by a link."""
    died = in_a_process_that_dies_at(nth, house.settings)
    if died and (house.home / "secrets" / "kek.next").exists():
        with pytest.raises(MissingSecret, match="broken off"):
            house.kek()
    if died:
        replace_kek(house.settings)
    new = house.kek()
    assert new != house.old
    house.is_whole_under(new)
    assert not (house.home / "secrets" / "kek.next").exists()
    assert died == (nth <= 10), (
        "the mark and the name (when looking first), three keys, the mark, a secret, the name, declaration, key itself"
    )


def test_a_name_outlives_every_key_and_tells_nothing(house: House) -> None:
    for _ in range(2):
        replace_kek(house.settings)
    assert System.open(house.settings).actor() == house.actor
    sealed = (house.home / FILE).read_bytes()
    assert house.actor.encode() not in sealed and (house.home / FILE).stat().st_mode & 0o077 == 0
    elsewhere = Settings(home=house.home.parent / "elsewhere", kek=house.kek().hex())  # type: ignore[arg-type]
    assert System.open(elsewhere).actor() != house.actor, "by the key alone nobody finds it"


def test_keys_that_are_elsewhere_stay_there_and_no_folder_is_made_for_them(house: House) -> None:
    shutil.rmtree(house.home / "keys")
    done = replace_kek(house.settings)
    assert (done.keys, done.secrets) == (0, 1) and not (house.home / "keys").exists()


def test_a_key_that_neither_opens_stops_it_and_the_old_key_stays(house: House) -> None:
    damaged = house.home / "keys" / f"{house.scopes[1]}.key"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\0")
    with pytest.raises(RodError):
        replace_kek(house.settings)
    assert house.kek() == house.old, "and everything else still runs"


def test_a_key_from_the_environment_is_not_replaced_here(house: House) -> None:
    settings = Settings(home=house.home, kek=house.old.hex())  # type: ignore[arg-type]
    with pytest.raises(KekElsewhere):
        replace_kek(settings)


def in_a_process_that_dies_at(nth: int, settings: Settings) -> bool:
    """Replace the key in a process that kills itself just before the ``nth`` rename; tells whether it died."""
    child = os.fork()
    if child == 0:
        count = 0

        def step(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            count += event == "os.rename"
            if event == "os.rename" and count == nth:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(step)
        try:
            replace_kek(settings)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)
