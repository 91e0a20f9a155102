"""The embedded store: private, persistent, shared by its users, and really rid of what was erased."""

import json
import os
import secrets
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from rod_pipeline.deliveries import new_id
from rod_pipeline.errors import RodError
from rod_pipeline.store.objects import ObjectStore
from rod_pipeline.store.seaweed import LocalStore, LocalStoreFailed, _children
from tests.support.seaweed import content_of, marker_in, noisy

JOIN_AND_DIE = """
import os, pathlib, signal, sys
from rod_pipeline.store.seaweed import LocalStore
print(LocalStore(pathlib.Path(sys.argv[1])).start().endpoint, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a server of the test's own; nothing runs over it afterwards."""
    folder = tmp_path / "store"
    yield folder
    last = LocalStore(folder)
    if last._running() is not None:
        last.start()
        last.stop()
    assert last._running() is None


def write(store: ObjectStore, key: str, content: bytes) -> None:
    writer = store.create(key)
    writer.write(content)
    writer.complete()


def alive(folder: Path) -> bool:
    return LocalStore(folder)._running() is not None


def test_it_outlives_a_restart_also_on_other_ports(folder: Path) -> None:
    key = f"landing/{new_id()}/a"
    with LocalStore(folder) as server:
        first = server.start()
        write(ObjectStore(first), key, b"content" * 1000)
    assert not alive(folder)
    with LocalStore(folder) as server:
        assert server.start().endpoint == first.endpoint
    (folder / "instance.json").unlink()
    with LocalStore(folder) as server:
        moved = server.start()
        assert moved.endpoint != first.endpoint
        assert content_of(ObjectStore(moved), key) == b"content" * 1000
        write(ObjectStore(moved), f"landing/{new_id()}/b", b"more")


def test_users_share_one_server_and_the_last_one_stops_it(folder: Path) -> None:
    one, two = LocalStore(folder), LocalStore(folder)
    assert one.start() == two.start() == one.start()
    one.stop()
    assert alive(folder)
    ObjectStore(two.start()).ensure_bucket()
    two.stop()
    assert not alive(folder)
    two.stop()


def test_a_user_that_is_killed_leaves_a_server_that_the_next_one_takes_over(folder: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", JOIN_AND_DIE, str(folder)], capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert alive(folder)
    server = LocalStore(folder)
    assert server.start().endpoint == killed.stdout.strip()
    server.stop()
    assert not alive(folder)


def test_a_server_that_was_killed_is_started_again(folder: Path) -> None:
    server = LocalStore(folder)
    store = ObjectStore(server.start())
    key = f"landing/{new_id()}/a"
    write(store, key, b"content")
    pid = json.loads((folder / "instance.json").read_text())["pid"]
    other = LocalStore(folder)
    assert not other.died()
    os.kill(pid, signal.SIGKILL)
    _children.pop(pid).wait(10)
    assert other.died(), "while it is in use"
    again = ObjectStore(server.start())
    assert content_of(again, key) == b"content" and not other.died()
    server.stop()
    assert not other.died(), "it was stopped"


def test_a_pid_that_was_given_to_another_process_is_left_alone(folder: Path) -> None:
    with LocalStore(folder):
        pass
    file = folder / "instance.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pid": os.getpid(), "birth": "1"}))
    with LocalStore(folder):
        assert json.loads(file.read_text())["pid"] != os.getpid()


def test_what_was_erased_leaves_the_disk_with_the_vacuum(folder: Path) -> None:
    marker, neighbour = secrets.token_hex(16).encode(), secrets.token_hex(16).encode()
    with LocalStore(folder) as server:
        store = ObjectStore(server.start())
        scope = new_id()
        write(store, f"landing/{scope}/a", noisy(marker, 3_000_000))
        kept = noisy(neighbour, 3_000_000)
        write(store, f"landing/{scope}/b", kept)
        assert marker_in(folder / "data", marker)
        store.erase(f"landing/{scope}/a")
        server.vacuum()
        assert marker_in(folder / "data", marker) == []
        assert content_of(store, f"landing/{scope}/b") == kept


def test_only_the_owner_sees_its_files_and_only_loopback_its_ports(folder: Path) -> None:
    with LocalStore(folder) as server:
        settings = server.start()
        instance = json.loads((folder / "instance.json").read_text())
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in ("credentials.json", "s3.json", "security.toml", "instance.json", "weed.log"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        secret = settings.secret_key.get_secret_value()
        assert secret not in repr(settings)
        assert secret.encode() not in Path(f"/proc/{instance['pid']}/cmdline").read_bytes()
        assert secret.encode() not in Path(f"/proc/{instance['pid']}/environ").read_bytes()
        assert set(marker_in(folder, secret.encode())) <= {"credentials.json", "s3.json"}
        listening = subprocess.run(["ss", "-ltnHp"], capture_output=True, text=True, check=True).stdout
        own = [line.split()[3] for line in listening.splitlines() if f"pid={instance['pid']}," in line]
        assert own
        assert all(address.startswith("127.0.0.1:") for address in own)


@pytest.mark.parametrize(("role", "path"), [("filer", "/"), ("filer", "/buckets/"), ("s3", "/"), ("admin", "/")])
def test_nothing_is_told_without_credentials(seaweed_folder: Path, seaweed: object, role: str, path: str) -> None:
    port = json.loads((seaweed_folder / "instance.json").read_text())[role][0]
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{port}{path}")
    assert caught.value.code in {401, 403, 404}


def test_a_bucket_is_not_made_by_a_typing_error(seaweed: object, objects: ObjectStore) -> None:
    settings = objects.settings.model_copy(update={"bucket": f"typo-{new_id()}"})
    with pytest.raises(RodError):
        write(ObjectStore(settings), "landing/x/y", b"content")


def test_a_server_that_can_not_start_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rod_pipeline.store.seaweed._weed", lambda: "/bin/false")
    with pytest.raises(LocalStoreFailed, match="ended while it was starting"):
        LocalStore(folder).start()


def test_stopping_what_was_never_started_is_no_failure(folder: Path) -> None:
    LocalStore(folder).stop()
