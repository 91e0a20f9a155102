"""Sealed secrets: what is on disk, who can open it, and what removing leaves."""

import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rod_pipeline.errors import RodError
from rod_pipeline.store.secrets import BadSecret, SecretExposed, SecretMissing, SecretStore, SecretUnreadable

KEK = bytes(range(32))
SCOPE = "0123456789abcdef"
VALUE = b"een synthetische code"
NOW = datetime(2025, 12, 2, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "codes"


@pytest.fixture
def store(folder: Path) -> SecretStore:
    return SecretStore(folder, KEK)


def the_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_what_was_put_is_got_also_by_another_process(store: SecretStore, folder: Path) -> None:
    store.put(SCOPE, "code", VALUE)
    assert store.exists(SCOPE, "code")
    assert SecretStore(folder, KEK).get(SCOPE, "code") == VALUE


@given(value=st.binary(max_size=500), kek=st.binary(min_size=32, max_size=40))
@settings(max_examples=20)
def test_any_bytes_come_back(value: bytes, kek: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = SecretStore(tmp_path_factory.mktemp("codes") / "x", kek)
    store.put(SCOPE, "code", value)
    assert store.get(SCOPE, "code") == value


def test_on_disk_it_is_sealed_and_for_the_owner_alone(store: SecretStore, folder: Path) -> None:
    previous = os.umask(0)
    try:
        store.put(SCOPE, "code", VALUE)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(the_file(folder).stat().st_mode) == 0o600
    assert VALUE not in the_file(folder).read_bytes()


def test_two_seals_of_the_same_differ(store: SecretStore, folder: Path) -> None:
    store.put(SCOPE, "code", VALUE)
    first = the_file(folder).read_bytes()
    store.put(SCOPE, "code", VALUE)
    assert the_file(folder).read_bytes() != first


def test_putting_again_replaces(store: SecretStore, folder: Path) -> None:
    store.put(SCOPE, "code", b"oud")
    store.put(SCOPE, "code", VALUE)
    assert store.get(SCOPE, "code") == VALUE
    assert len(list(folder.iterdir())) == 1


def test_another_key_does_not_open_it(store: SecretStore, folder: Path) -> None:
    store.put(SCOPE, "code", VALUE)
    with pytest.raises(SecretUnreadable) as caught:
        SecretStore(folder, bytes(32)).get(SCOPE, "code")
    assert (caught.value.code, caught.value.kind) == ("ROD-SECRET-02", "permanent")
    assert caught.value.__context__ is None


@pytest.mark.parametrize("place", range(120))
def test_one_changed_bit_is_found(place: int, store: SecretStore, folder: Path) -> None:
    store.put(SCOPE, "code", VALUE, NOW)
    sealed = bytearray(the_file(folder).read_bytes())
    sealed[place % len(sealed)] ^= 1
    the_file(folder).write_bytes(sealed)
    with pytest.raises(SecretUnreadable):
        store.get(SCOPE, "code")


@pytest.mark.parametrize("length", [0, 5, 48, 60])
def test_a_file_that_was_cut_off_is_found(length: int, store: SecretStore, folder: Path) -> None:
    store.put(SCOPE, "code", VALUE)
    os.truncate(the_file(folder), length)
    with pytest.raises(SecretUnreadable):
        store.get(SCOPE, "code")
    assert store.expire(NOW) == ()


@pytest.mark.parametrize(("scope", "name"), [(SCOPE, "links"), ("f" * 16, "code")])
def test_a_file_under_another_name_does_not_open(scope: str, name: str, store: SecretStore, folder: Path) -> None:
    store.put(SCOPE, "code", VALUE)
    the_file(folder).rename(folder / f"{scope}.{name}.sealed")
    with pytest.raises(SecretUnreadable):
        store.get(scope, name)


def test_missing(store: SecretStore) -> None:
    for _ in ("no folder yet", "an empty folder"):
        with pytest.raises(SecretMissing) as caught:
            store.get(SCOPE, "code")
        assert caught.value.code == "ROD-SECRET-01"
        assert not store.exists(SCOPE, "code")
        assert store.delete(SCOPE, "code") is False
        store.forget(SCOPE)
        assert store.scopes() == frozenset()
        store.put(SCOPE, "andere", VALUE)
        store.delete(SCOPE, "andere")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_can_reach_is_refused_but_can_be_removed(
    mode: int, store: SecretStore, folder: Path
) -> None:
    store.put(SCOPE, "code", VALUE)
    the_file(folder).chmod(mode)
    with pytest.raises(SecretExposed) as caught:
        store.get(SCOPE, "code")
    assert caught.value.code == "ROD-SECRET-03"
    assert store.delete(SCOPE, "code") is True


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o770])
def test_a_folder_that_others_can_reach_is_refused_but_can_be_emptied(
    mode: int, store: SecretStore, folder: Path
) -> None:
    store.put(SCOPE, "code", VALUE)
    folder.chmod(mode)
    for attempt in (lambda: store.get(SCOPE, "code"), lambda: store.put(SCOPE, "code", VALUE)):
        with pytest.raises(SecretExposed):
            attempt()
    store.forget(SCOPE)
    assert list(folder.iterdir()) == []


def test_links_in_the_place_of_files_and_folders_are_refused(store: SecretStore, folder: Path, tmp_path: Path) -> None:
    store.put(SCOPE, "code", VALUE)
    moved = tmp_path / "elders"
    the_file(folder).rename(moved)
    (folder / f"{SCOPE}.code.sealed").symlink_to(moved)
    with pytest.raises(SecretExposed):
        store.get(SCOPE, "code")
    (tmp_path / "gelinkt").symlink_to(folder)
    with pytest.raises(SecretExposed):
        SecretStore(tmp_path / "gelinkt", KEK).put(SCOPE, "links", VALUE)


def test_a_pipe_in_the_place_of_a_file_makes_nobody_wait(store: SecretStore, folder: Path) -> None:
    store.put(SCOPE, "links", VALUE)
    os.mkfifo(folder / f"{SCOPE}.code.sealed", 0o600)
    with pytest.raises(SecretExposed):
        store.get(SCOPE, "code")
    assert store.expire(NOW) == ()


def test_removing_takes_drafts_of_a_killed_writer_along(store: SecretStore, folder: Path) -> None:
    store.put(SCOPE, "code", VALUE)
    store.put("f" * 16, "code", VALUE)
    draft = folder / f".{SCOPE}.code.sealed.00ff.draft"
    draft.write_bytes(b"half")
    assert store.delete(SCOPE, "code") is True
    assert [file.name for file in folder.iterdir()] == [f"{'f' * 16}.code.sealed"]
    draft.write_bytes(b"half")
    assert store.scopes() == {SCOPE, "f" * 16}
    store.forget(SCOPE)
    assert store.scopes() == {"f" * 16}


def test_forgetting_a_scope_leaves_its_neighbours(store: SecretStore) -> None:
    for scope in ("ab", "abc", "a"):
        store.put(scope, "code", VALUE)
        store.put(scope, "links", VALUE)
    store.forget("ab")
    assert store.scopes() == {"a", "abc"}


def test_a_writer_that_fails_leaves_the_old_value_and_no_draft(
    store: SecretStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(SCOPE, "code", b"oud")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            store.put(SCOPE, "code", VALUE)
    assert store.get(SCOPE, "code") == b"oud"
    assert len(list(folder.iterdir())) == 1


def test_expiry(store: SecretStore, folder: Path) -> None:
    store.put(SCOPE, "code", VALUE, NOW + timedelta(hours=1))
    store.put(SCOPE, "links", VALUE)
    assert store.expire(NOW) == ()
    assert store.get(SCOPE, "code") == VALUE
    # The key may be lost by then.
    assert SecretStore(folder, bytes(32)).expire(NOW + timedelta(hours=1)) == ((SCOPE, "code"),)
    assert not store.exists(SCOPE, "code")
    assert store.get(SCOPE, "links") == VALUE


def test_readers_beside_a_writer_see_a_whole_value(store: SecretStore) -> None:
    values = {bytes([n]) * 5000 for n in range(40)}
    store.put(SCOPE, "code", bytes([0]) * 5000)
    seen: list[bytes | RodError] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                seen.append(store.get(SCOPE, "code"))
            except RodError as error:
                seen.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for value in values:
        store.put(SCOPE, "code", value)
    stop.set()
    reader.join()
    assert set(map(type, seen)) <= {bytes}
    assert set(seen) <= values


@pytest.mark.parametrize("name", ["", "../code", "a/b", "Code", "a.b", "é", "a" * 65, ".x"])
def test_names_that_could_lead_elsewhere_are_refused(name: str, store: SecretStore, folder: Path) -> None:
    for scope, key in ((SCOPE, name), (name, "code")):
        with pytest.raises(BadSecret):
            store.put(scope, key, VALUE)
    assert not folder.exists()


def test_too_large_and_too_weak(store: SecretStore, folder: Path) -> None:
    store.put(SCOPE, "code", bytes(2**16))
    assert len(store.get(SCOPE, "code")) == 2**16
    with pytest.raises(BadSecret):
        store.put(SCOPE, "code", bytes(2**16 + 1))
    with pytest.raises(BadSecret):
        SecretStore(folder, b"kort")


def test_its_representation_shows_nothing(store: SecretStore, folder: Path) -> None:
    store.put(SCOPE, "code", VALUE)
    assert repr(store) == str(store) == "SecretStore()"
