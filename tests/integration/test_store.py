"""Objects on a real S3 server, and on answers that it does not give by itself."""

import contextlib
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.awsrequest import AWSResponse
from pydantic import SecretStr

from rod_pipeline.deliveries import new_id
from rod_pipeline.errors import RodError
from rod_pipeline.store import probe, seaweed_identities
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.faults import (
    AccessRefused,
    BucketMissing,
    ObjectExists,
    ObjectMissing,
    StoreUnreachable,
    UnexpectedAnswer,
)
from rod_pipeline.store.objects import PART_BYTES, EraseIncomplete, ObjectStore, Tally, pieces
from rod_pipeline.store.probe import CapabilityMissing
from rod_pipeline.store.seaweed import LocalStore
from tests.support.canned import answer, error, intercept
from tests.support.seaweed import content_of


@pytest.fixture
def folder() -> str:
    return f"landing/{new_id()}/"


@pytest.fixture
def versioned(objects: ObjectStore, seaweed: StoreSettings) -> ObjectStore:
    """A bucket of its own that keeps versions."""
    store = ObjectStore(seaweed.model_copy(update={"bucket": f"versions-{new_id()}"}))
    store.ensure_bucket()
    store.client.put_bucket_versioning(Bucket=store.settings.bucket, VersioningConfiguration={"Status": "Enabled"})
    return store


def write(store: ObjectStore, key: str, size: int = 100) -> str:
    writer = store.create(key)
    writer.write(bytes(range(250)) * (size // 250 + 1) if size else b"")
    writer.complete()
    return writer.sha256


def overwrite(store: ObjectStore, key: str, times: int = 1) -> None:
    for _ in range(times):
        store.client.put_object(Bucket=store.settings.bucket, Key=key, Body=b"content")


def impatient(store: ObjectStore) -> ObjectStore:
    """Without botocore's own retries, which would only make the test wait."""
    store.client.meta.events.unregister("needs-retry.s3", unique_id="retry-config-s3")
    return store


@contextlib.contextmanager
def one_answer(raw: bytes) -> Iterator[int]:
    """A server on a free port that gives one answer, as it is, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(2**16)
                connection.sendall(raw)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


class TestWriting:
    @pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES])
    def test_what_was_written_is_what_is_read(self, objects: ObjectStore, folder: str, size: int) -> None:
        writer = objects.create(f"{folder}a")
        content = (bytes(range(251)) * (size // 251 + 1))[:size]
        for start in range(0, size, 1_000_003):
            writer.write(content[start : start + 1_000_003])
        writer.complete()
        assert content_of(objects, f"{folder}a") == content
        assert (writer.size, objects.size(f"{folder}a")) == (size, size)

    @pytest.mark.parametrize("first", [10, PART_BYTES * 2])
    @pytest.mark.parametrize("second", [20, PART_BYTES * 2])
    def test_a_key_is_written_once(self, objects: ObjectStore, folder: str, first: int, second: int) -> None:
        write(objects, f"{folder}a", first)
        before = content_of(objects, f"{folder}a")
        again = objects.create(f"{folder}a")
        again.write(b"x" * second)
        with pytest.raises(ObjectExists):
            again.complete()
        again.abort()
        assert content_of(objects, f"{folder}a") == before
        assert not objects.inventory(folder).uploads

    @pytest.mark.parametrize("size", [10, PART_BYTES * 2 + 10])
    def test_nothing_is_seen_before_it_is_complete(self, objects: ObjectStore, folder: str, size: int) -> None:
        writer = objects.create(f"{folder}a")
        writer.write(bytes(size))
        assert objects.size(f"{folder}a") is None
        with pytest.raises(ObjectMissing):
            objects.open(f"{folder}a")
        writer.abort()
        writer.abort()
        assert writer.write(b"late") == 4
        assert not objects.inventory(folder)

    def test_memory_is_bounded(self, objects: ObjectStore, folder: str) -> None:
        piece = bytes(2**20)
        tracemalloc.start()
        try:
            writer = objects.create(f"{folder}a")
            for _ in range(128):
                writer.write(piece)
            writer.complete()
            assert tracemalloc.get_traced_memory()[1] < 5 * PART_BYTES
            tracemalloc.reset_peak()
            with objects.open(f"{folder}a") as stream:
                assert sum(map(len, pieces(stream))) == 128 * 2**20
            assert tracemalloc.get_traced_memory()[1] < PART_BYTES
        finally:
            tracemalloc.stop()

    def test_a_part_that_fails_fails_the_writer(self, seaweed: StoreSettings, folder: str) -> None:
        store = impatient(ObjectStore(seaweed))

        def refuse_parts(method: str, path: str, query: set[str]) -> AWSResponse | None:
            return error(503, "SlowDown") if "partNumber" in query else None

        intercept(store.client, refuse_parts)
        writer = store.create(f"{folder}a")
        with pytest.raises(StoreUnreachable):
            for _ in range(3):
                writer.write(bytes(PART_BYTES))
        writer.abort()
        assert not store.inventory(folder)


class TestErasing:
    def test_every_version_marker_and_upload_goes(self, versioned: ObjectStore, folder: str) -> None:
        bucket = versioned.settings.bucket
        overwrite(versioned, f"{folder}a", 3)
        versioned.eraser.delete_object(Bucket=bucket, Key=f"{folder}a")
        overwrite(versioned, f"{folder}a")
        versioned.client.create_multipart_upload(Bucket=bucket, Key=f"{folder}a")
        before = versioned.inventory(folder)
        assert (len(before.versions), len(before.markers), len(before.uploads)) == (4, 1, 1)
        erased = versioned.erase(f"{folder}a").total
        assert (erased.versions, erased.markers, erased.uploads) == (4, 1, 1)
        assert not versioned.inventory(folder)

    def test_neighbours_stay(self, objects: ObjectStore, folder: str) -> None:
        names = ["a", "a_b", "aa", "b"]
        for name in names:
            write(objects, folder + name)
        objects.erase(f"{folder}a")
        assert {key for key, _ in objects.inventory(folder).versions} == {folder + name for name in names[1:]}
        objects.erase(folder)
        assert not objects.inventory(folder)

    def test_a_prefix_does_not_catch_the_folder_beside_it(self, objects: ObjectStore, folder: str) -> None:
        beside = f"{folder[:-1]}0/"
        write(objects, f"{folder}a")
        write(objects, f"{beside}a")
        objects.erase(folder)
        assert len(objects.inventory(beside).versions) == 1

    def test_several_prefixes_go_at_once_and_nothing_beside_them(self, objects: ObjectStore, folder: str) -> None:
        meant, beside = (f"{folder}a/", f"{folder}b/"), f"{folder}c/"
        for prefix in (*meant, beside):
            write(objects, f"{prefix}x")
            objects.client.create_multipart_upload(Bucket=objects.settings.bucket, Key=f"{prefix}open")
        assert objects.tally(*meant) == Tally(versions=2, uploads=2)
        assert objects.occupied([folder], ["a", "c", "d"]) == {"a", "c"}
        erased = objects.erase(*meant, apart=[f"{meant[1]}x"])
        assert erased.total == Tally(versions=2, uploads=2)
        assert erased.by_key == {f"{meant[1]}x": Tally(versions=1)}
        assert not objects.tally(*meant)
        assert objects.tally(beside) == Tally(versions=1, uploads=1)

    def test_a_folder_is_occupied_by_a_version_a_marker_or_an_open_upload(
        self, versioned: ObjectStore, folder: str
    ) -> None:
        client, bucket = versioned.client, versioned.settings.bucket
        write(versioned, f"{folder}x/version/a")
        write(versioned, f"{folder}x/marker/a")
        versioned.eraser.delete_object(Bucket=bucket, Key=f"{folder}x/marker/a")
        client.create_multipart_upload(Bucket=bucket, Key=f"{folder}y/upload/a")
        write(versioned, f"{folder}y/emptied/a")
        versioned.erase(f"{folder}y/emptied/")
        write(versioned, f"{folder}y/other/a")
        names, parents = ["version", "marker", "upload", "emptied", "never", "vers"], [f"{folder}x/", f"{folder}y/"]
        assert versioned.occupied(parents, names) == {"version", "marker", "upload"}
        assert versioned.occupied(parents[:1], names) == {"version", "marker"}
        assert versioned.occupied(parents, []) == frozenset()

    def test_more_than_a_page(self, objects: ObjectStore, folder: str) -> None:
        for number in range(1010):
            objects.client.put_object(Bucket=objects.settings.bucket, Key=f"{folder}o{number:04}", Body=b"")
        assert len(objects.inventory(folder).versions) == 1010
        assert objects.erase(folder).total.versions == 1010
        assert not objects.inventory(folder)

    def test_nothing_to_erase_is_no_failure(self, objects: ObjectStore, folder: str) -> None:
        erased = objects.erase(f"{folder}a").total
        assert (erased.versions, erased.uploads) == (0, 0)

    def test_errors_in_a_good_answer_are_seen(self, seaweed: StoreSettings, folder: str) -> None:
        """DeleteObjects answers 200 while it lists what it did not delete."""
        store = ObjectStore(seaweed)
        write(store, f"{folder}a")
        refused = f"<Error><Key>{folder}a</Key><Code>AccessDenied</Code></Error>"

        def keep(method: str, path: str, query: set[str]) -> AWSResponse | None:
            return answer(200, f"<DeleteResult>{refused}</DeleteResult>") if "delete" in query else None

        intercept(store.eraser, keep)
        with pytest.raises(EraseIncomplete, match="AccessDenied"):
            store.erase(f"{folder}a")
        assert ObjectStore(seaweed).size(f"{folder}a") is not None

    def test_a_part_that_failed_is_tried_again(self, seaweed: StoreSettings, folder: str) -> None:
        store = ObjectStore(seaweed)
        write(store, f"{folder}a")
        refused = f"<Error><Key>{folder}a</Key><Code>InternalError</Code></Error>"
        answers = [answer(200, f"<DeleteResult>{refused}</DeleteResult>")]
        intercept(store.eraser, lambda m, p, query: answers.pop() if "delete" in query and answers else None)
        store.erase(f"{folder}a")
        assert not ObjectStore(seaweed).inventory(folder)

    def test_a_deletion_that_was_only_said_is_no_deletion(self, seaweed: StoreSettings, folder: str) -> None:
        store = ObjectStore(seaweed)
        write(store, f"{folder}a")
        intercept(store.eraser, lambda m, p, query: answer(200, "<DeleteResult/>") if "delete" in query else None)
        with pytest.raises(EraseIncomplete):
            store.erase(f"{folder}a")

    def test_what_is_locked_is_not_said_to_be_gone(
        self, tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On a server of its own: none of the roles may lock an object."""
        everything = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}
        anything = {"Version": "2012-10-17", "Statement": [everything]}
        monkeypatch.setattr(seaweed_identities, "_policy", lambda role, evidence: anything)
        with LocalStore(tmp_path / "lax") as server:
            store = ObjectStore(server.start().model_copy(update={"bucket": f"locked-{new_id()}"}))
            store.client.create_bucket(Bucket=store.settings.bucket, ObjectLockEnabledForBucket=True)
            store.client.put_object(
                Bucket=store.settings.bucket, Key=f"{folder}a", Body=b"x", ObjectLockLegalHoldStatus="ON"
            )
            with pytest.raises(EraseIncomplete):
                store.erase(f"{folder}a")


class TestFaults:
    """Each failure has a name of ours, and no text of the server's."""

    @pytest.mark.parametrize(
        ("status", "code", "ours"),
        [
            (503, "SlowDown", StoreUnreachable),
            (500, "InternalError", StoreUnreachable),
            (502, "<html>", StoreUnreachable),
            (429, "TooManyRequests", StoreUnreachable),
            (403, "AccessDenied", AccessRefused),
            (403, "SignatureDoesNotMatch", AccessRefused),
            (404, "NoSuchBucket", BucketMissing),
            (404, "NoSuchKey", ObjectMissing),
            (412, "PreconditionFailed", ObjectExists),
            (409, "ConditionalRequestConflict", ObjectExists),
            (400, "InvalidRequest", UnexpectedAnswer),
        ],
    )
    def test_answers(self, seaweed: StoreSettings, status: int, code: str, ours: type[RodError]) -> None:
        store = impatient(ObjectStore(seaweed))
        body = f"<Error><Code>{code}</Code><Message>https://x/?X-Amz-Signature=deadbeef</Message></Error>"
        intercept(store.client, lambda *_: answer(status, body))
        with pytest.raises(ours) as caught:
            store.open("landing/x/y")
        assert "deadbeef" not in str(caught.value)
        assert caught.value.__suppress_context__

    def test_nobody_answers(self, seaweed: StoreSettings) -> None:
        store = impatient(ObjectStore(seaweed.model_copy(update={"endpoint": "http://127.0.0.1:1"})))
        with pytest.raises(StoreUnreachable):
            store.size("landing/x/y")

    @pytest.mark.parametrize("checksum", ["", "x-amz-checksum-crc32: AAAAAA==\r\n"], ids=["cut off", "wrong checksum"])
    def test_a_body_that_breaks(self, seaweed: StoreSettings, checksum: str) -> None:
        length = 10 if checksum else 1000
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{checksum}\r\n"
        with one_answer(head.encode() + b"0123456789") as port:
            store = ObjectStore(seaweed.model_copy(update={"endpoint": f"http://127.0.0.1:{port}"}))
            with store.open("landing/x/y") as stream, pytest.raises(StoreUnreachable):
                b"".join(pieces(stream))

    def test_wrong_credentials(self, seaweed: StoreSettings) -> None:
        store = ObjectStore(seaweed.model_copy(update={"secret_key": SecretStr("wrong")}))
        with pytest.raises(AccessRefused):
            store.open("landing/x/y")

    def test_another_bucket(self, seaweed: StoreSettings) -> None:
        with pytest.raises(BucketMissing):
            write(ObjectStore(seaweed.model_copy(update={"bucket": "no-such-bucket"})), "landing/x/y")


class TestProbe:
    @pytest.fixture(autouse=True)
    def forget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(probe, "_proved", set())

    def test_seaweedfs_keeps_its_promises_and_is_asked_once(self, objects: ObjectStore) -> None:
        asked = intercept(objects.client, lambda *_: None)
        probe.prove(objects)
        assert asked
        assert not objects.inventory("probe/")
        asked.clear()
        probe.prove(objects)
        assert asked == []

    @pytest.mark.parametrize(
        ("header", "promise"),
        [("If-None-Match", "written only once"), ("x-amz-checksum-crc32", "checksum"), ("Content-MD5", "checksum")],
    )
    def test_a_server_that_ignores_a_header_is_found_out(
        self, seaweed: StoreSettings, header: str, promise: str
    ) -> None:
        """As Ceph RGW ignores conditions and checksums: the header never reaches the server."""
        sparing = {"checksums": "when_required"} if header == "Content-MD5" else {}
        store = ObjectStore(seaweed.model_copy(update=sparing))

        def drop(request: object, **_: object) -> None:
            del request.headers[header]  # type: ignore[attr-defined]

        store.client.meta.events.register("before-sign.s3", drop)
        with pytest.raises(CapabilityMissing, match=promise):
            probe.prove(store)
        assert not store.inventory("probe/")

    def test_a_server_that_keeps_aborted_uploads_is_found_out(self, seaweed: StoreSettings) -> None:
        store = ObjectStore(seaweed)
        kept = [0]

        def keep(method: str, path: str, query: set[str]) -> AWSResponse | None:
            kept[0] += "uploadId" in query and method == "DELETE"
            return answer(204) if kept[0] == 1 and method == "DELETE" else None

        intercept(store.client, keep)
        with pytest.raises(CapabilityMissing, match="aborted"):
            probe.prove(store)
