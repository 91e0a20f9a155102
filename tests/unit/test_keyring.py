"""Keys that are made once, read by their owner only, and never come back."""

import io
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rod_pipeline.deliveries import new_id
from rod_pipeline.store.keyring import KeyGone, KeyMissing, KeyUnreadable, LocalKeyring, WrongKek
from rod_pipeline.store.sealing import ScopeKey, SealBroken

KEK = bytes(range(32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def keyring(folder: Path) -> LocalKeyring:
    return LocalKeyring(folder, KEK)


def sealed(key: ScopeKey, content: bytes, aad: bytes = b"place") -> bytes:
    class Kept(io.BytesIO):
        def close(self) -> None:
            pass

    target = Kept()
    with key.seal(target, aad) as stream:
        stream.write(content)
    return target.getvalue()


def test_a_key_survives_the_process(keyring: LocalKeyring, folder: Path) -> None:
    scope = new_id()
    key = keyring.create(scope)
    again = LocalKeyring(folder, KEK).get(scope)
    assert again.footer_key == key.footer_key
    assert again.open(io.BytesIO(sealed(key, b"content")), b"place").read() == b"content"


def test_making_a_key_twice_gives_the_same(keyring: LocalKeyring) -> None:
    scope = new_id()
    assert keyring.create(scope).footer_key == keyring.create(scope).footer_key


def test_scopes_share_nothing(keyring: LocalKeyring) -> None:
    one, two = keyring.create(new_id()), keyring.create(new_id())
    assert one.footer_key != two.footer_key
    with pytest.raises(SealBroken):
        two.open(io.BytesIO(sealed(one, b"content")), b"place").read()


def test_only_the_owner_can_read(keyring: LocalKeyring, folder: Path) -> None:
    keyring.create(new_id())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.glob("*.key"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_folder_holds_no_bare_key(keyring: LocalKeyring, folder: Path) -> None:
    key = keyring.create(new_id())
    for secret in (key.footer_key, key.to_bytes()[32:64], KEK):
        assert all(secret not in file.read_bytes() for file in folder.iterdir() if file.is_file())


def test_a_key_shows_nothing_and_is_not_pickled(keyring: LocalKeyring) -> None:
    key = keyring.create(new_id())
    assert repr(key) == "<ScopeKey>"
    assert repr(keyring) == "<LocalKeyring>"
    with pytest.raises(TypeError):
        pickle.dumps(key)


class TestDestroyed:
    def test_nothing_of_the_key_is_left(self, keyring: LocalKeyring, folder: Path) -> None:
        scope, other = new_id(), new_id()
        keyring.create(scope)
        keyring.create(other)
        keyring.destroy(scope)
        assert not keyring.exists(scope)
        assert keyring.exists(other)
        assert [file.name for file in folder.glob(f"*{scope}*")] == [f"{scope}.gone"]
        assert (folder / f"{scope}.gone").read_bytes() == b""

    def test_whoever_asks_for_it_anew_gets_none_and_leaves_none(self, keyring: LocalKeyring) -> None:
        scope = new_id()
        keyring.create(scope)
        keyring.destroy(scope)
        with pytest.raises(KeyGone):
            keyring.create(scope)
        assert scope not in keyring.traces()

    def test_the_bytes_are_overwritten_before_the_name_goes(self, keyring: LocalKeyring, folder: Path) -> None:
        scope = new_id()
        keyring.create(scope)
        before = (folder / f"{scope}.key").read_bytes()
        with (folder / f"{scope}.key").open("rb") as still_open:
            keyring.destroy(scope)
            assert still_open.read() != before
            still_open.seek(0)
            assert before[20:] not in still_open.read()

    def test_it_can_be_destroyed_again_and_without_ever_having_been(self, keyring: LocalKeyring) -> None:
        scope, never = new_id(), new_id()
        keyring.create(scope)
        for _ in range(2):
            keyring.destroy(scope)
            keyring.destroy(never)
        with pytest.raises(KeyGone):
            keyring.get(never)

    def test_it_never_comes_back(self, keyring: LocalKeyring, folder: Path) -> None:
        scope = new_id()
        keyring.create(scope)
        keyring.destroy(scope)
        for ring in (keyring, LocalKeyring(folder, KEK)):
            with pytest.raises(KeyGone):
                ring.create(scope)
            with pytest.raises(KeyGone):
                ring.get(scope)

    def test_not_even_from_a_backup_of_its_file(self, keyring: LocalKeyring, folder: Path) -> None:
        scope = new_id()
        keyring.create(scope)
        kept = (folder / f"{scope}.key").read_bytes()
        keyring.destroy(scope)
        (folder / f"{scope}.key").write_bytes(kept)
        with pytest.raises(KeyGone):
            keyring.get(scope)
        assert not keyring.exists(scope)
        keyring.destroy(scope)
        assert not (folder / f"{scope}.key").exists()

    def test_another_process_sees_it_at_once(self, keyring: LocalKeyring, folder: Path) -> None:
        scope = new_id()
        keyring.create(scope)
        code = (
            "import sys, pathlib\nfrom rod_pipeline.store.keyring import LocalKeyring\n"
            "LocalKeyring(pathlib.Path(sys.argv[1]), bytes(range(32))).destroy(sys.argv[2])"
        )
        subprocess.run([sys.executable, "-c", code, str(folder), scope], check=True)
        with pytest.raises(KeyGone):
            keyring.get(scope)

    def test_drafts_of_an_interrupted_creation_go_too(self, keyring: LocalKeyring, folder: Path) -> None:
        scope = new_id()
        keyring.create(scope)
        draft = folder / f".{scope}.key.0badf00d"
        draft.write_bytes((folder / f"{scope}.key").read_bytes())
        keyring.destroy(scope)
        assert not draft.exists()


class TestDamaged:
    def test_a_missing_key_is_not_made_anew(self, keyring: LocalKeyring, folder: Path) -> None:
        with pytest.raises(KeyMissing):
            keyring.get(new_id())

    @pytest.mark.parametrize("at", [0, 10, 30, -1])
    def test_one_changed_bit_is_refused(self, keyring: LocalKeyring, folder: Path, at: int) -> None:
        scope = new_id()
        keyring.create(scope)
        content = bytearray((folder / f"{scope}.key").read_bytes())
        content[at] ^= 1
        (folder / f"{scope}.key").write_bytes(content)
        with pytest.raises(KeyUnreadable):
            keyring.get(scope)

    @pytest.mark.parametrize("length", [0, 5, 20, 100])
    def test_a_truncated_file_is_refused(self, keyring: LocalKeyring, folder: Path, length: int) -> None:
        scope = new_id()
        keyring.create(scope)
        (folder / f"{scope}.key").write_bytes((folder / f"{scope}.key").read_bytes()[:length])
        with pytest.raises(KeyUnreadable):
            keyring.get(scope)

    def test_the_key_of_another_scope_is_refused(self, keyring: LocalKeyring, folder: Path) -> None:
        one, two = new_id(), new_id()
        keyring.create(one)
        keyring.create(two)
        (folder / f"{one}.key").write_bytes((folder / f"{two}.key").read_bytes())
        with pytest.raises(KeyUnreadable):
            keyring.get(one)

    @pytest.mark.parametrize("kek", [bytes(32), b"short", b""])
    def test_another_kek_is_refused_at_once(self, keyring: LocalKeyring, folder: Path, kek: bytes) -> None:
        with pytest.raises(WrongKek):
            LocalKeyring(folder, kek)

    def test_a_lost_mark_is_no_way_around(self, keyring: LocalKeyring, folder: Path) -> None:
        keyring.create(new_id())
        (folder / "kek.mark").unlink()
        with pytest.raises(WrongKek):
            LocalKeyring(folder, bytes(32))

    @pytest.mark.parametrize("scope", ["", "../../etc", "2025-12", "0" * 16 + "/x", "*"])
    def test_a_scope_is_an_opaque_id(self, keyring: LocalKeyring, scope: str) -> None:
        for act in (keyring.create, keyring.get, keyring.exists, keyring.destroy):
            with pytest.raises(KeyMissing):
                act(scope)
