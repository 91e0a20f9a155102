"""Keys in a real OpenBao: made once, shared by processes, destroyed for ever, and only by whoever may."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from rod_pipeline.deliveries import new_id
from rod_pipeline.doctor_servers import TokenUnfit, key_server
from rod_pipeline.settings import KeyringSection, MissingSecret, Settings, UnsafeSecretFile
from rod_pipeline.store.keyring import KeyGone, KeyMissing, KeyStillThere, KeyUnreadable
from rod_pipeline.store.openbao import KeyServerDown, KeyServerRefuses, KeyServerUnfit, OpenBaoKeyring, TokenLife
from rod_pipeline.system import System
from tests.support.openbao import BaoServer, openbao_server


@pytest.fixture(scope="module")
def bao() -> Iterator[BaoServer]:
    with openbao_server() as server:
        yield server


@pytest.fixture
def mount(bao: BaoServer) -> str:
    return bao.new_mount()


@pytest.fixture
def keyring(bao: BaoServer, mount: str) -> OpenBaoKeyring:
    return bao.keyring(mount, "pipeline")


@pytest.fixture
def eraser(bao: BaoServer, mount: str) -> OpenBaoKeyring:
    return bao.keyring(mount, "eraser")


def test_a_key_is_the_same_for_every_process(bao: BaoServer, mount: str, keyring: OpenBaoKeyring) -> None:
    one, two = new_id(), new_id()
    key = keyring.create(one)
    assert keyring.create(one).to_bytes() == key.to_bytes() == bao.keyring(mount, "pipeline").get(one).to_bytes()
    assert keyring.create(two).to_bytes() != key.to_bytes()
    assert keyring.traces() == {one: 1, two: 1}
    assert keyring.exists(one) and not keyring.exists(new_id())
    assert repr(keyring) == "<OpenBaoKeyring>"


def test_two_that_make_it_at_the_same_time_have_one_key(bao: BaoServer, mount: str) -> None:
    made: list[bytes] = []
    scope, rings = new_id(), [bao.keyring(mount, "pipeline") for _ in range(6)]
    begin = threading.Barrier(len(rings))

    def make(ring: OpenBaoKeyring) -> None:
        begin.wait()
        made.append(ring.create(scope).to_bytes())

    threads = [threading.Thread(target=make, args=(ring,)) for ring in rings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(rings) and len(set(made)) == 1


def test_what_is_destroyed_never_comes_back(
    bao: BaoServer, mount: str, keyring: OpenBaoKeyring, eraser: OpenBaoKeyring
) -> None:
    scope, other, never = new_id(), new_id(), new_id()
    keyring.create(scope)
    keyring.create(other)
    for _ in range(2):
        eraser.destroy(scope)
        eraser.destroy(never)
    assert keyring.traces() == {other: 1}
    bao.kill()
    bao.start()
    for ring in (keyring, bao.keyring(mount, "pipeline")):
        for gone in (scope, never):
            for act in (ring.get, ring.create):
                with pytest.raises(KeyGone):
                    act(gone)
            assert not ring.exists(gone)
        assert ring.exists(other)
    assert keyring.traces() == {other: 1}


def test_a_key_put_back_stays_dead_and_goes_at_the_next_erasure(
    bao: BaoServer, mount: str, keyring: OpenBaoKeyring, eraser: OpenBaoKeyring
) -> None:
    scope = new_id()
    keyring.create(scope)
    eraser.destroy(scope)
    bao.root.secrets.transit.create_key(name=scope, mount_point=f"{mount}-transit")
    assert eraser.traces() == {scope: 1}
    with pytest.raises(KeyGone):
        keyring.get(scope)
    eraser.destroy(scope)
    assert eraser.traces() == {}


def test_the_pipeline_can_destroy_nothing_and_the_eraser_can_open_nothing(
    keyring: OpenBaoKeyring, eraser: OpenBaoKeyring
) -> None:
    scope = new_id()
    key = keyring.create(scope)
    with pytest.raises((KeyServerRefuses, KeyStillThere)):
        keyring.destroy(scope)
    assert keyring.get(scope).to_bytes() == key.to_bytes()
    for act in (eraser.get, eraser.create):
        with pytest.raises(KeyServerRefuses):
            act(scope)


def test_another_keyring_is_out_of_reach(bao: BaoServer, mount: str, keyring: OpenBaoKeyring) -> None:
    stranger = OpenBaoKeyring(bao.address, SecretStr(bao.token(bao.new_mount(), "pipeline", "eraser")), mount=mount)
    scope = new_id()
    keyring.create(scope)
    for act in (stranger.get, stranger.create, stranger.destroy):
        with pytest.raises(KeyServerRefuses):
            act(scope)


def test_material_that_was_changed_or_exchanged_is_refused(bao: BaoServer, mount: str, keyring: OpenBaoKeyring) -> None:
    one, two = new_id(), new_id()
    keyring.create(one)
    keyring.create(two)
    values = bao.root.secrets.kv.v2
    other = values.read_secret_version(path=f"live/{two}", mount_point=f"{mount}-keys", raise_on_deleted_version=True)
    for wrapped in (other["data"]["data"]["wrapped"], "vault:v1:AAAA", "", "nonsense"):
        values.create_or_update_secret(path=f"live/{one}", secret={"wrapped": wrapped}, mount_point=f"{mount}-keys")
        with pytest.raises(KeyUnreadable):
            keyring.get(one)


def test_a_missing_key_is_not_made_anew_and_a_missing_engine_is_no_empty_keyring(
    bao: BaoServer, mount: str, keyring: OpenBaoKeyring
) -> None:
    with pytest.raises(KeyMissing):
        keyring.get(new_id())
    nowhere = OpenBaoKeyring(bao.address, SecretStr(bao.root.token), mount="nowhere")
    for act in (lambda: nowhere.get(new_id()), nowhere.traces):
        with pytest.raises(KeyServerUnfit):
            act()


def test_a_token_that_is_no_good_is_told_and_one_that_ends_soon_is_renewed(bao: BaoServer, mount: str) -> None:
    with pytest.raises(KeyServerRefuses) as told:
        OpenBaoKeyring(bao.address, SecretStr("s.nothing"), mount=mount)
    assert "s.nothing" not in str(told.value)
    token = bao.token(mount, "pipeline", ttl="60s")
    before = bao.root.auth.token.lookup(token)["data"]["expire_time"]
    OpenBaoKeyring(bao.address, SecretStr(token), mount=mount)
    assert bao.root.auth.token.lookup(token)["data"]["expire_time"] > before


def test_what_a_token_lives_and_may_is_told(bao: BaoServer, mount: str, tmp_path: Path) -> None:
    def life(token: str) -> TokenLife:
        return OpenBaoKeyring(bao.address, SecretStr(token), mount=mount).token_life()

    ends, goes_on = life(bao.token(mount, "pipeline")), life(bao.token(mount, "pipeline", period="768h"))
    assert 0 < ends.seconds <= 3600 and not ends.renewed
    assert goes_on.seconds > 31 * 86400 and goes_on.renewed
    assert not ends.almighty and not goes_on.almighty and life(bao.root.token).almighty


def test_a_token_is_replaced_while_everything_runs_and_a_leaked_one_opens_nothing(
    bao: BaoServer, mount: str, tmp_path: Path
) -> None:
    """The procedure of docs/how-to/openbao.md, step by step."""
    file = tmp_path / "token"

    def handed_over(period: str | None) -> str:
        made = bao.token(mount, "pipeline", "eraser", period=period)
        # In place: what is mounted into a container is this very file.
        file.touch(0o600)
        file.write_text(made)
        accessor: str = bao.root.auth.token.lookup(made)["data"]["accessor"]
        return accessor

    def opened() -> System:
        keyring = KeyringSection(kind="openbao", address=bao.address, mount=mount, token_file=file)
        return System.open(Settings(home=tmp_path / "home", keyring=keyring))

    old = handed_over(None)
    running = opened()
    scope = new_id()
    key = running.keyring.create(scope)
    with pytest.raises(TokenUnfit, match="no renewal"):
        key_server(running)
    handed_over("768h")
    assert key_server(opened()).startswith("It answers")
    assert running.keyring.get(scope).to_bytes() == key.to_bytes(), "the old one still works"
    bao.root.auth.token.revoke_accessor(old)
    with pytest.raises(KeyServerRefuses):
        running.keyring.get(scope)
    assert opened().keyring.get(scope).to_bytes() == key.to_bytes(), "whoever opens it anew has the new one"
    file.write_text(bao.root.token)
    with pytest.raises(TokenUnfit, match="root"):
        key_server(opened())


def test_a_server_that_is_down_is_waited_for(bao: BaoServer, mount: str, keyring: OpenBaoKeyring) -> None:
    scope = new_id()
    keyring.create(scope)
    bao.kill()
    for act in (keyring.get, keyring.create, keyring.exists, keyring.destroy):
        with pytest.raises(KeyServerDown):
            act(scope)
    bao.start()
    assert keyring.exists(scope)


@pytest.mark.parametrize("scope", ["", "../../sys", "2025-12", "0" * 16 + "/x", "*"])
def test_a_scope_is_an_opaque_id(keyring: OpenBaoKeyring, scope: str) -> None:
    for act in (keyring.create, keyring.get, keyring.exists, keyring.destroy):
        with pytest.raises(KeyMissing):
            act(scope)


def test_keys_travel_over_tls_only() -> None:
    with pytest.raises(KeyServerUnfit):
        OpenBaoKeyring("http://bao.example:8200", SecretStr("x"))


def test_an_installation_keeps_its_keys_there(
    bao: BaoServer, mount: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rod.toml").write_text(
        f'[keyring]\nkind = "openbao"\naddress = "{bao.address}"\nmount = "{mount}"\ntoken_file = "{tmp_path}/token"\n'
    )
    with pytest.raises(MissingSecret):
        System.open(Settings.load(tmp_path)).keyring.traces()
    (tmp_path / "token").write_text(bao.token(mount, "pipeline", "eraser"))
    os.chmod(tmp_path / "token", 0o644)
    with pytest.raises(UnsafeSecretFile):
        System.open(Settings.load(tmp_path)).keyring.traces()
    os.chmod(tmp_path / "token", 0o600)
    keyring = System.open(Settings.load(tmp_path)).keyring
    scope = new_id()
    keyring.create(scope)
    keyring.destroy(scope)
    assert not (tmp_path / "keys").exists()
    monkeypatch.setenv("ROD_KEYRING__TOKEN", "s.nothing")
    with pytest.raises(KeyServerRefuses):
        System.open(Settings.load(tmp_path)).keyring.traces()
