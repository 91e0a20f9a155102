"""The vault on a real S3 server: what goes in comes out, and nothing else does."""

import base64
from pathlib import Path

import duckdb
import polars as pl
import pytest

from rod_pipeline.deliveries import new_id
from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.events import CopyRegistered, CopyVerified, Refused, TerritoryApproved
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.rules import IllegalEvent
from rod_pipeline.ledger.state import CopyState
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.keyring import KeyGone, LocalKeyring, WrongKek
from rod_pipeline.store.layout import scope_prefixes
from rod_pipeline.store.objects import ObjectStore, pieces
from rod_pipeline.store.sealing import SealBroken
from rod_pipeline.store.territory import TerritoryGuard, UnknownPlace
from rod_pipeline.store.vault import CopyDamaged, CopyUnavailable, TableUnwritable, Vault
from tests.support.ledger import SetClock
from tests.support.seaweed import (
    KEK,
    content_of,
    flipped,
    guard_of,
    marker_in,
    new_scope,
    replace_object,
    vault_of,
)

MARKER = b"SYNTHETIC-MARKER-7f3a"
RAW = MARKER * 150_000  # 3 MB: three segments
TABLE = pl.LazyFrame({"a": ["x", "y", None] * 1000, "b": list(range(3000))})


def write(vault: Vault, scope: str, content: bytes = RAW) -> str:
    with vault.write_raw(scope, "landing", "raw") as writer:
        writer.write(content)
    return writer.copy.copy_id


def written(vault: Vault, scope: str, ledger: Ledger, content: bytes = RAW) -> CopyState:
    copy_id = write(vault, scope, content)
    return ledger.state().copies[copy_id]


def kinds(ledger: Ledger) -> list[str]:
    return [entry.event.kind for entry in ledger.entries()]


@pytest.mark.parametrize("size", [0, 1, 2**20, 33 * 2**20 + 7])
def test_raw_bytes_come_back_as_they_went_in(vault: Vault, scope: str, ledger: Ledger, size: int) -> None:
    content = (MARKER * (size // len(MARKER) + 1))[:size]
    with vault.write_raw(scope, "landing", "raw") as writer:
        for start in range(0, size, 700_001):
            writer.write(content[start : start + 700_001])
    with vault.open_raw(writer.copy.copy_id) as stream:
        assert b"".join(pieces(stream)) == content
    known = ledger.state().copies[writer.copy.copy_id]
    assert (known.status, known.size, known.sha256) == ("verified", writer.copy.size, writer.copy.sha256)


def test_what_rests_in_the_store_is_not_readable(
    vault: Vault, scope: str, objects: ObjectStore, ledger: Ledger
) -> None:
    raw = written(vault, scope, ledger)
    table = vault.write_table(scope, "parsed", "diplomas", pl.LazyFrame({"a": [MARKER.decode()] * 1000}))
    assert MARKER not in content_of(objects, raw.object_key)
    # Parquet with an encrypted footer; polars finds nothing in it without the key.
    stored = content_of(objects, table.object_key)
    assert stored[:4] == stored[-4:] == b"PARE"
    with pytest.raises(pl.exceptions.ComputeError):
        pl.read_parquet(stored)


def test_a_table_comes_back_as_it_went_in(vault: Vault, scope: str) -> None:
    copy = vault.write_table(scope, "parsed", "diplomas", TABLE)
    assert copy.rows == 3000
    with vault.scan_table(copy.copy_id) as frame:
        assert frame.collect().equals(TABLE.collect())


def test_duckdb_reads_the_same_table(vault: Vault, scope: str, objects: ObjectStore, tmp_path: Path) -> None:
    copy = vault.write_table(scope, "parsed", "diplomas", TABLE)
    (tmp_path / "t.parquet").write_bytes(content_of(objects, copy.object_key))
    key = LocalKeyring(tmp_path / "keys", KEK).get(scope).footer_key
    with duckdb.connect() as connection:
        connection.execute(f"PRAGMA add_parquet_key('k', '{base64.b64encode(key).decode()}')")
        found = connection.execute(
            f"SELECT count(*), sum(b) FROM read_parquet('{tmp_path}/t.parquet', encryption_config={{footer_key: 'k'}})"
        ).fetchone()
    assert found == (3000, sum(range(3000)))


def test_the_place_is_approved_and_the_copy_registered_before_the_first_byte(
    vault: Vault, scope: str, ledger: Ledger, objects: ObjectStore
) -> None:
    with vault.write_raw(scope, "landing", "raw") as writer:
        assert kinds(ledger) == ["announced", "key_created", "territory_approved", "copy_registered"]
        assert not objects.inventory(f"landing/{scope}/")
        writer.write(RAW)
    assert kinds(ledger)[4:] == ["copy_verified"]


def test_the_place_is_approved_again_on_another_day(
    vault: Vault, scope: str, ledger: Ledger, set_clock: SetClock
) -> None:
    write(vault, scope)
    write(vault, scope)
    assert kinds(ledger).count("territory_approved") == 1
    set_clock.move(days=1)
    write(vault, scope)
    assert kinds(ledger).count("territory_approved") == 2


def test_an_unapproved_place_gets_no_byte_and_no_registration(
    seaweed: StoreSettings, tmp_path: Path, ledger: Ledger, set_clock: SetClock
) -> None:
    objects = ObjectStore(seaweed)
    sent: list[str] = []
    objects.client.meta.events.register("before-send.s3", lambda request, **_: sent.append(request.method))
    vault = Vault(objects, LocalKeyring(tmp_path / "keys", KEK), ledger, TerritoryGuard(set_clock))
    scope = new_scope(vault, ledger)
    with pytest.raises(UnknownPlace):
        write(vault, scope)
    with pytest.raises(UnknownPlace):
        vault.write_table(scope, "parsed", "diplomas", TABLE)
    assert sent == []
    assert kinds(ledger) == ["announced", "key_created"]


def test_a_refused_delivery_gets_no_copy(vault: Vault, scope: str, ledger: Ledger, objects: ObjectStore) -> None:
    ledger.append(Refused(delivery_id=scope, error="ROD-PRIVACY-01"))
    with pytest.raises(IllegalEvent):
        write(vault, scope)
    assert "copy_registered" not in kinds(ledger)
    assert not objects.inventory(f"landing/{scope}/")


def test_an_exception_in_the_block_leaves_nothing(
    vault: Vault, scope: str, ledger: Ledger, objects: ObjectStore
) -> None:
    with pytest.raises(ZeroDivisionError), vault.write_raw(scope, "landing", "raw") as writer:
        writer.write(RAW * 12)  # more than two parts
        _ = 1 // 0
    assert not objects.inventory(f"landing/{scope}/")
    assert kinds(ledger)[-1] == "copy_erased"
    assert ledger.state().live_copies(scope) == ()
    with pytest.raises(CopyUnavailable):
        _ = writer.copy


def test_an_error_of_a_source_comes_out_as_itself(vault: Vault, scope: str, objects: ObjectStore) -> None:
    class Ours(PermanentError):
        code = "ROD-TEST-01"

    def broken(_: pl.DataFrame) -> pl.DataFrame:
        raise Ours("It broke.", "Nothing.")

    with pytest.raises(Ours):
        vault.write_table(scope, "parsed", "diplomas", TABLE.map_batches(broken))
    assert not objects.inventory(f"parsed/{scope}/")


def test_an_error_of_polars_does_not_quote_the_data(vault: Vault, scope: str) -> None:
    bad = pl.LazyFrame({"a": [MARKER.decode()]}).select(pl.col("a").cast(pl.Int64))
    with pytest.raises(TableUnwritable) as caught:
        vault.write_table(scope, "parsed", "diplomas", bad)
    assert MARKER.decode() not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("at", [0, 50, 2**20 + 3, -1])
def test_one_changed_bit_of_a_raw_copy_is_refused(
    vault: Vault, scope: str, ledger: Ledger, objects: ObjectStore, at: int
) -> None:
    copy_id = write(vault, scope)
    key = ledger.state().copies[copy_id].object_key
    replace_object(objects, key, flipped(content_of(objects, key), at))
    with pytest.raises(SealBroken), vault.open_raw(copy_id) as stream:
        b"".join(pieces(stream))


@pytest.mark.parametrize("keep", [0, 10, 2**20, 2 * 2**20, -1])
def test_a_truncated_raw_copy_is_refused(
    vault: Vault, scope: str, ledger: Ledger, objects: ObjectStore, keep: int
) -> None:
    copy_id = write(vault, scope)
    key = ledger.state().copies[copy_id].object_key
    replace_object(objects, key, content_of(objects, key)[:keep])
    with pytest.raises(SealBroken), vault.open_raw(copy_id) as stream:
        b"".join(pieces(stream))


def test_a_copy_in_the_place_of_another_is_refused(
    vault: Vault, scope: str, ledger: Ledger, objects: ObjectStore
) -> None:
    one, two = (written(vault, scope, ledger, content) for content in (RAW, RAW[:-1]))
    replace_object(objects, one.object_key, content_of(objects, two.object_key))
    with pytest.raises(SealBroken), vault.open_raw(one.copy_id) as stream:
        b"".join(pieces(stream))


def test_a_table_in_the_place_of_another_is_refused(vault: Vault, scope: str, objects: ObjectStore) -> None:
    one = vault.write_table(scope, "parsed", "diplomas", TABLE)
    two = vault.write_table(scope, "parsed", "diplomas", TABLE.head(10))
    replace_object(objects, one.object_key, content_of(objects, two.object_key))
    with pytest.raises(CopyDamaged), vault.scan_table(one.copy_id):
        pass


def test_a_server_that_loses_a_bit_does_not_get_a_verified_copy(
    vault: Vault, scope: str, ledger: Ledger, objects: ObjectStore, seaweed: StoreSettings
) -> None:
    """The bytes are changed between the upload and the reading back, by a second client."""
    spoiled = ObjectStore(seaweed)

    def spoil(**_: object) -> None:
        for key, _version in spoiled.inventory(f"landing/{scope}/").versions:
            replace_object(spoiled, key, flipped(content_of(spoiled, key), 100))

    vault._objects.client.meta.events.register("before-call.s3.GetObject", spoil)
    with pytest.raises(SealBroken):
        write(vault, scope)
    assert "copy_verified" not in kinds(ledger)
    assert not objects.inventory(f"landing/{scope}/")


def test_another_key_opens_nothing(
    seaweed: StoreSettings, vault: Vault, scope: str, tmp_path: Path, ledger: Ledger, set_clock: SetClock
) -> None:
    copy_id = write(vault, scope)
    table = vault.write_table(scope, "parsed", "diplomas", TABLE)
    (tmp_path / "elsewhere").mkdir()
    stranger = vault_of(seaweed, tmp_path / "elsewhere", ledger, set_clock)
    LocalKeyring(tmp_path / "elsewhere" / "keys", KEK).create(scope)
    with pytest.raises(SealBroken), stranger.open_raw(copy_id) as stream:
        stream.read()
    with pytest.raises(pl.exceptions.ComputeError), stranger.scan_table(table.copy_id) as frame:
        frame.collect()
    with pytest.raises(WrongKek):
        LocalKeyring(tmp_path / "keys", bytes(32))


def test_erasing_a_scope_leaves_nothing_and_makes_all_unreadable(
    vault: Vault, scope: str, ledger: Ledger, objects: ObjectStore, tmp_path: Path
) -> None:
    copy_id = write(vault, scope)
    table = vault.write_table(scope, "parsed", "diplomas", TABLE)
    replace_object(objects, f"marts/{scope}/stray_{new_id()}", b"unknown to the ledger")
    objects.client.create_multipart_upload(Bucket=objects.settings.bucket, Key=f"landing/{scope}/open_{new_id()}")
    vault.erase_scope(scope, "purged")
    vault.erase_scope(scope, "purged")
    assert not any(objects.inventory(prefix) for prefix in scope_prefixes(scope))
    assert kinds(ledger).count("copy_erased") == 2
    assert kinds(ledger).count("key_destroyed") == 1
    assert kinds(ledger).index("key_destroyed") < kinds(ledger).index("copy_erased")
    with pytest.raises(CopyUnavailable):
        vault.open_raw(copy_id)
    with pytest.raises(CopyUnavailable), vault.scan_table(table.copy_id):
        pass
    with pytest.raises(KeyGone):
        write(vault, scope)
    with pytest.raises(KeyGone):
        vault.create_key(scope)
    assert ledger.state().live_copies(scope) == ()
    assert marker_in(tmp_path, MARKER) == []


def test_erasing_one_copy_leaves_its_neighbours(vault: Vault, scope: str, ledger: Ledger) -> None:
    one, two = write(vault, scope), write(vault, scope)
    vault.erase([one], "replaced")
    vault.erase([one], "replaced")
    assert ledger.state().copies[one].status == "erased"
    assert kinds(ledger).count("copy_erased") == 1
    with pytest.raises(CopyUnavailable):
        vault.open_raw(one)
    with vault.open_raw(two) as stream:
        assert b"".join(pieces(stream)) == RAW


def test_a_key_that_a_backup_brings_back_opens_nothing(vault: Vault, scope: str, tmp_path: Path) -> None:
    copy_id = write(vault, scope)
    file = tmp_path / "keys" / f"{scope}.key"
    kept = file.read_bytes()
    vault.erase_scope(scope, "purged")
    (tmp_path / "keys" / f"{scope}.gone").unlink()
    file.write_bytes(kept)
    with pytest.raises(CopyUnavailable):
        vault.open_raw(copy_id)
    with pytest.raises(KeyGone):
        vault.create_key(scope)
    with pytest.raises(IllegalEvent):
        write(vault, scope)


def test_erasure_asks_for_no_approval(
    seaweed: StoreSettings, vault: Vault, scope: str, tmp_path: Path, ledger: Ledger, set_clock: SetClock
) -> None:
    write(vault, scope)
    unapproved = Vault(ObjectStore(seaweed), LocalKeyring(tmp_path / "keys", KEK), ledger, TerritoryGuard(set_clock))
    unapproved.erase_scope(scope, "purged")
    assert ledger.state().live_copies(scope) == ()


def test_an_unknown_copy_and_one_in_another_store_are_refused(
    seaweed: StoreSettings, vault: Vault, scope: str, tmp_path: Path, ledger: Ledger, set_clock: SetClock
) -> None:
    copy_id = write(vault, scope)
    elsewhere = Vault(
        ObjectStore(seaweed.model_copy(update={"name": "elsewhere"})),
        LocalKeyring(tmp_path / "keys", KEK),
        ledger,
        guard_of(tmp_path, set_clock),
    )
    for attempt in (lambda: elsewhere.open_raw(copy_id), lambda: elsewhere.erase([copy_id], "purged")):
        with pytest.raises(CopyUnavailable):
            attempt()
    with pytest.raises(CopyUnavailable):
        vault.open_raw(new_id())
    assert ledger.state().copies[copy_id].status == "verified"


def test_events_tell_nothing_of_the_content(vault: Vault, scope: str, ledger: Ledger) -> None:
    write(vault, scope)
    for entry in ledger.entries():
        if isinstance(entry.event, CopyRegistered | CopyVerified | TerritoryApproved):
            assert MARKER.decode() not in entry.event.model_dump_json()
