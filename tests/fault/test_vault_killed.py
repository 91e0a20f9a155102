"""Killed with SIGKILL at any instant, the vault leaves nothing readable, and everything can be run again."""

import signal
from pathlib import Path

import polars as pl
import pytest

from rod_pipeline.errors import RodError
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.layout import scope_prefixes
from rod_pipeline.store.objects import ObjectStore, pieces
from rod_pipeline.store.vault import CopyUnavailable, Vault
from tests.support.seaweed import marker_in, with_secrets
from tests.support.soak import in_soak
from tests.support.vault_worker import MARKER, ended_by


def run_and_die(settings: StoreSettings, folder: Path, scope: str, do: str, instant: tuple[str, int, str]) -> None:
    call, nth, moment = instant
    order = {
        "settings": with_secrets(settings),
        "folder": str(folder),
        "ledger": f"sqlite:///{folder / 'ledger.db'}",
        "scope": scope,
        "do": do,
        "call": call,
        "nth": nth,
        "moment": moment,
    }
    assert ended_by(order) == -signal.SIGKILL


def nothing_in(objects: ObjectStore, scope: str) -> bool:
    return not any(objects.inventory(prefix) for prefix in scope_prefixes(scope))


@pytest.mark.parametrize(
    "instant",
    [
        ("append:copy_registered", 1, "after"),
        ("CompleteMultipartUpload", 1, "after"),
        ("append:copy_verified", 1, "before"),
        *in_soak(
            [
                (("append:copy_registered", 1, "before"),),
                (("CreateMultipartUpload", 1, "after"),),
                (("UploadPart", 1, "before"),),
                (("UploadPart", 2, "after"),),
                (("CompleteMultipartUpload", 1, "before"),),
                (("GetObject", 1, "after"),),
            ]
        ),
    ],
    ids=str,
)
def test_a_killed_writer_of_raw_bytes(
    vault: Vault,
    scope: str,
    ledger: Ledger,
    objects: ObjectStore,
    seaweed: StoreSettings,
    seaweed_folder: Path,
    tmp_path: Path,
    instant: tuple[str, int, str],
) -> None:
    run_and_die(seaweed, tmp_path, scope, "write_raw", instant)
    left = ledger.state().live_copies(scope)
    assert all(copy.status == "registered" for copy in left)
    for copy in left:
        with pytest.raises(CopyUnavailable):
            vault.open_raw(copy.copy_id)
    assert marker_in(tmp_path, MARKER) == []
    assert marker_in(seaweed_folder, MARKER) == []
    assert vault.sweep(scope) == len(left)
    assert vault.sweep(scope) == 0
    assert nothing_in(objects, scope)
    assert ledger.state().live_copies(scope) == ()
    with vault.write_raw(scope, "landing", "raw") as writer:
        writer.write(MARKER)
    with vault.open_raw(writer.copy.copy_id) as stream:
        assert b"".join(pieces(stream)) == MARKER


@pytest.mark.parametrize(
    "instant",
    [("PutObject", 1, "before"), ("PutObject", 1, "after"), ("append:copy_verified", 1, "after")],
    ids=str,
)
def test_a_killed_writer_of_a_table(
    vault: Vault,
    scope: str,
    ledger: Ledger,
    objects: ObjectStore,
    seaweed: StoreSettings,
    tmp_path: Path,
    instant: tuple[str, int, str],
) -> None:
    run_and_die(seaweed, tmp_path, scope, "write_table", instant)
    (copy,) = ledger.state().live_copies(scope)
    if instant[2] == "after" and instant[0].startswith("append"):
        # Verified is whole: killed a moment later, the table is there.
        assert vault.sweep(scope) == 0
        with vault.scan_table(copy.copy_id) as frame:
            assert frame.select(pl.len()).collect().item() == 1000
    else:
        assert vault.sweep(scope) == 1
        assert nothing_in(objects, scope)


@pytest.mark.parametrize(
    "instant",
    [
        ("destroy", 1, "after"),
        ("AbortMultipartUpload", 1, "after"),
        ("append:copy_erased", 1, "before"),
        *in_soak(
            [
                (("destroy", 1, "before"),),
                (("append:key_destroyed", 1, "after"),),
                (("DeleteObjects", 1, "before"),),
                (("DeleteObjects", 1, "after"),),
                (("append:copy_erased", 1, "after"),),
                (("DeleteObjects", 2, "after"),),
            ]
        ),
    ],
    ids=str,
)
def test_a_killed_erasure(
    vault: Vault,
    scope: str,
    ledger: Ledger,
    objects: ObjectStore,
    seaweed: StoreSettings,
    tmp_path: Path,
    instant: tuple[str, int, str],
) -> None:
    copies = []
    for _ in range(2):
        with vault.write_raw(scope, "landing", "raw") as writer:
            writer.write(MARKER)
        copies.append(writer.copy)
        objects.client.create_multipart_upload(Bucket=objects.settings.bucket, Key=writer.copy.object_key)
    objects.client.put_object(Bucket=objects.settings.bucket, Key=f"marts/{scope}/stray_{scope}", Body=b"stray")
    run_and_die(seaweed, tmp_path, scope, "erase_scope", instant)
    if instant != ("destroy", 1, "before"):
        for copy in copies:
            with pytest.raises(RodError):
                vault.open_raw(copy.copy_id)
        with pytest.raises(RodError), vault.write_raw(scope, "landing", "raw"):
            pass
    vault.erase_scope(scope, "purged")
    assert nothing_in(objects, scope)
    state = ledger.state()
    assert state.keys[scope] == "destroyed"
    assert state.live_copies(scope) == ()
    kinds = [entry.event.kind for entry in ledger.entries()]
    assert kinds.count("key_destroyed") == 1
    assert kinds.count("copy_erased") == 2


def test_an_erasure_wins_from_a_writer_that_is_still_at_work(
    vault: Vault, scope: str, ledger: Ledger, objects: ObjectStore
) -> None:
    """The key is destroyed while bytes are on their way: the copy is never verified, and nothing stays."""
    with pytest.raises(RodError), vault.write_raw(scope, "landing", "raw") as writer:
        writer.write(MARKER * 1_000_000)
        vault.erase_scope(scope, "purged")
        writer.write(MARKER * 1_000_000)
    assert nothing_in(objects, scope)
    assert "copy_verified" not in [entry.event.kind for entry in ledger.entries()]
