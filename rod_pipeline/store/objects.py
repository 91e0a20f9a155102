"""Objects in a bucket: written once, read, listed down to the last version, erased until nothing is left.

Belongs here: what S3 can be relied on for, over any provider, in streams of bounded memory. Does not belong here: names
(``layout``), what the bytes are and who may see them (``vault``), the place (``territory``).

The concept is S3's, with the care that real servers taught. An object is written once (``If-None-Match: *``). A plain
delete leaves versions behind, deleting versions leaves open uploads behind, success is no proof of absence, and
``DeleteObjects`` says 200 while it lists what it did not delete. So an erasure lists the first page, deletes it, lists
again until nothing is left, and only that last listing counts.
"""

import base64
import io
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from hashlib import md5, sha256
from typing import TYPE_CHECKING, BinaryIO, cast

from botocore.exceptions import ClientError

from rod_pipeline.errors import PermanentError
from rod_pipeline.store.client import StoreSettings, connect
from rod_pipeline.store.faults import ObjectMissing, answer_code, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, ObjectIdentifierTypeDef

PART_BYTES = 16 * 2**20
_BATCH = 1000


class EraseIncomplete(PermanentError):
    """Something is still there after it was deleted, time and again."""

    code = "ROD-STORE-07"


@dataclass(frozen=True, slots=True)
class Inventory:
    """What lies under a prefix. Versions and markers as (key, version id), uploads as (key, upload id)."""

    versions: tuple[tuple[str, str], ...]
    markers: tuple[tuple[str, str], ...]
    uploads: tuple[tuple[str, str], ...]

    def __bool__(self) -> bool:
        return bool(self.versions or self.markers or self.uploads)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many versions, delete markers and open uploads."""

    versions: int = 0
    markers: int = 0
    uploads: int = 0

    def __bool__(self) -> bool:
        return bool(self.versions or self.markers or self.uploads)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.versions + other.versions, self.markers + other.markers, self.uploads + other.uploads)


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was removed: in all, and of each key that was to be counted apart and had something."""

    total: Tally
    by_key: Mapping[str, Tally]


@dataclass(slots=True)
class _Removed:
    """What an erasure came across: each kind in total, and by key for the keys that are counted apart."""

    apart: Collection[str]
    kinds: Counter[str] = field(default_factory=Counter)
    by_key: dict[str, Counter[str]] = field(default_factory=dict)

    def count(self, kind: str, key: str) -> None:
        self.kinds[kind] += 1
        if key in self.apart:
            self.by_key.setdefault(key, Counter())[kind] += 1


_Found = list[tuple[str, str, str]]
"""Entries of a listing: kind (of ``Tally``), key, and version or upload id."""


class ObjectStore:
    """One bucket. All methods raise the errors of ``faults``."""

    def __init__(self, settings: StoreSettings) -> None:
        self.settings = settings
        self.name = settings.name
        self.client: S3Client = connect(settings)
        self._bucket = settings.bucket

    def ensure_bucket(self) -> None:
        """Create the bucket if it is not there. For the embedded store: elsewhere a bucket is made by a person."""
        with translated(self.name, "looking for its bucket"):
            try:
                self.client.head_bucket(Bucket=self._bucket)
                return
            except ClientError as error:
                if answer_code(error) not in {"404", "HTTP404", "NoSuchBucket", "NotFound"}:
                    raise
        with translated(self.name, "creating its bucket"):
            try:
                self.client.create_bucket(Bucket=self._bucket)
            except ClientError as error:
                if answer_code(error) != "BucketAlreadyOwnedByYou":
                    raise

    def create(self, key: str) -> "ObjectWriter":
        """A writer of a new object. Nothing is visible under ``key`` before its ``complete``."""
        return ObjectWriter(self, key)

    def open(self, key: str) -> BinaryIO:
        """The object as a stream of bytes, read from the store while it is consumed. Raises ``ObjectMissing``."""
        with translated(self.name, "opening an object"):
            answer = self.client.get_object(Bucket=self._bucket, Key=key)
        return cast(BinaryIO, io.BufferedReader(_Body(self.name, answer["Body"].read, answer["Body"].close), 2**20))

    def size(self, key: str) -> int | None:
        """The size of an object in bytes, or None when there is none."""
        try:
            with translated(self.name, "looking for an object"):
                return self.client.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        except ObjectMissing:
            return None

    def inventory(self, prefix: str) -> Inventory:
        """Everything under ``prefix``: versions, delete markers and open uploads, all pages of them."""
        found: dict[str, list[tuple[str, str]]] = {"versions": [], "markers": [], "uploads": []}
        for kind, key, number in self._everything(prefix):
            found[kind].append((key, number))
        return Inventory(tuple(found["versions"]), tuple(found["markers"]), tuple(found["uploads"]))

    def tally(self, prefix: str) -> Tally:
        """How much lies under ``prefix``, all pages of it, in little memory."""
        return Tally(**Counter(kind for kind, _, _ in self._everything(prefix)))

    def folders(self, prefix: str) -> frozenset[str]:
        """The next segments of the keys below ``prefix``, which ends in ``/``; open uploads count too.

        A server may go on listing a folder that has become empty.
        """
        found: set[str] = set()
        with translated(self.name, "listing its folders"):
            for page in self.client.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/"
            ):
                found |= {common["Prefix"] for common in page.get("CommonPrefixes", ())}
            # Not grouped: SeaweedFS pays no attention to the delimiter here.
            for uploads in self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=prefix
            ):
                found |= {upload["Key"] for upload in uploads.get("Uploads", ())}
        return frozenset(name.removeprefix(prefix).split("/", 1)[0] for name in found)

    def erase(self, key: str, apart: Collection[str] = ()) -> Erased:
        """Remove every version, delete marker and open upload of ``key`` until none is found.

        A ``key`` that ends in ``/`` is a prefix: everything under it goes; ``apart`` are keys to count one by one. Can
        be run twice. Raises ``EraseIncomplete`` when something stays.
        """
        removed = _Removed(apart)
        for _ in range(2):
            # The second time for a part that was in flight during the abort, or a writer that completed meanwhile.
            self._until_empty(key, self._first_uploads, self._abort_batch, removed)
            self._until_empty(key, self._first_versions, self._delete_batch, removed)
        return Erased(Tally(**removed.kinds), {name: Tally(**kinds) for name, kinds in removed.by_key.items()})

    def _everything(self, prefix: str) -> Iterator[tuple[str, str, str]]:
        with translated(self.name, "listing its objects"):
            for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix):
                yield from (("versions", v["Key"], v["VersionId"]) for v in page.get("Versions", ()))
                yield from (("markers", m["Key"], m["VersionId"]) for m in page.get("DeleteMarkers", ()))
            for found in self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=prefix
            ):
                yield from (("uploads", u["Key"], u["UploadId"]) for u in found.get("Uploads", ()))

    def _until_empty(
        self,
        key: str,
        first_page: Callable[[str], _Found],
        remove: Callable[[_Found], set[str]],
        removed: _Removed,
    ) -> None:
        """First page, remove, again. Never a second page: servers lose keys in those."""
        before: set[tuple[str, str, str]] = set()
        complaints: set[str] = set()
        in_vain = 0
        while found := first_page(key):
            fresh = [entry for entry in found if entry not in before]
            in_vain += not fresh
            if in_vain == 3:
                codes = ", ".join(sorted(complaints)) or "no reason given"
                raise EraseIncomplete(
                    f"Store {self.name} keeps {len(found)} versions or uploads that were deleted ({codes}).",
                    "Look for a lock, a retention rule or a missing right on the bucket; then erase again.",
                )
            for kind, name, _ in fresh:
                removed.count(kind, name)
            complaints = remove(found)
            before = set(found)

    def _first_versions(self, key: str) -> _Found:
        with translated(self.name, "listing what to erase"):
            page = self.client.list_object_versions(Bucket=self._bucket, Prefix=key, MaxKeys=_BATCH)
        found = [("versions", v["Key"], v["VersionId"]) for v in page.get("Versions", ())]
        found += [("markers", m["Key"], m["VersionId"]) for m in page.get("DeleteMarkers", ())]
        return [entry for entry in found if _meant(key, entry[1])]

    def _first_uploads(self, key: str) -> _Found:
        with translated(self.name, "listing uploads to abort"):
            page = self.client.list_multipart_uploads(Bucket=self._bucket, Prefix=key)
        return [("uploads", u["Key"], u["UploadId"]) for u in page.get("Uploads", ()) if _meant(key, u["Key"])]

    def _delete_batch(self, found: _Found) -> set[str]:
        batch: list[ObjectIdentifierTypeDef] = [
            {"Key": key, "VersionId": version} for _, key, version in found[:_BATCH]
        ]
        with translated(self.name, "erasing objects"):
            answer = self.client.delete_objects(Bucket=self._bucket, Delete={"Objects": batch})
        return {str(error.get("Code", "unknown")) for error in answer.get("Errors", ())}

    def _abort_batch(self, found: _Found) -> set[str]:
        for _, key, upload in found:
            try:
                with translated(self.name, "aborting an upload"):
                    self.client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
            except ObjectMissing:
                continue
        return set()


def _meant(key: str, found: str) -> bool:
    return found.startswith(key) if key.endswith("/") else found == key


class ObjectWriter:
    """Writes one new object in a stream. Ends in ``complete`` or ``abort``; holds at most three parts in memory.

    ``size`` and ``sha256`` are of what was written so far.
    """

    def __init__(self, store: ObjectStore, key: str) -> None:
        self.key = key
        self._store = store
        self._bucket = store.settings.bucket
        self._buffer = bytearray()
        self._digest = sha256()
        self._upload: str | None = None
        self._parts: list[CompletedPartTypeDef] = []
        # One part travels while the next one fills.
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="rod-upload")
        self._travelling: Future[CompletedPartTypeDef] | None = None
        self._open = True
        self.size = 0

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the bytes so far."""
        return self._digest.hexdigest()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take ``data``; returns its length. What is written after ``abort`` vanishes."""
        view = memoryview(data).cast("B")
        if self._open:
            self._digest.update(view)
            self.size += len(view)
            self._buffer += view
            while len(self._buffer) >= PART_BYTES:
                part = bytes(memoryview(self._buffer)[:PART_BYTES])
                del self._buffer[:PART_BYTES]
                self._send(part)
        return len(view)

    def complete(self) -> None:
        """Make the object exist. Raises ``ObjectExists`` when the key is taken; nothing is overwritten, ever."""
        if self._upload is None:
            with translated(self._store.name, "writing an object"):
                self._store.client.put_object(
                    Bucket=self._bucket,
                    Key=self.key,
                    Body=bytes(self._buffer),
                    IfNoneMatch="*",
                    ContentMD5=_md5(self._buffer),
                )
        else:
            if self._buffer:
                self._send(bytes(self._buffer))
            self._arrive()
            with translated(self._store.name, "completing an object"):
                self._store.client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=self.key,
                    UploadId=self._upload,
                    IfNoneMatch="*",
                    MultipartUpload={"Parts": self._parts},
                )
        self._close()

    def abort(self) -> None:
        """Forget everything: what was sent is asked back, what is buffered is dropped. Can be called twice."""
        if not self._open:
            return
        travelling, upload = self._travelling, self._upload
        self._close()
        if travelling is not None:
            travelling.cancel()
            wait([travelling])
        if upload is not None:
            try:
                with translated(self._store.name, "aborting an upload"):
                    self._store.client.abort_multipart_upload(Bucket=self._bucket, Key=self.key, UploadId=upload)
            except ObjectMissing:
                return

    def _send(self, part: bytes) -> None:
        self._arrive()
        if self._upload is None:
            with translated(self._store.name, "opening an upload"):
                self._upload = self._store.client.create_multipart_upload(Bucket=self._bucket, Key=self.key)["UploadId"]
        self._travelling = self._lane.submit(self._put_part, self._upload, len(self._parts) + 1, part)

    def _arrive(self) -> None:
        if self._travelling is not None:
            travelling, self._travelling = self._travelling, None
            self._parts.append(travelling.result())

    def _put_part(self, upload: str, number: int, part: bytes) -> "CompletedPartTypeDef":
        with translated(self._store.name, "writing a part of an object"):
            answer = self._store.client.upload_part(
                Bucket=self._bucket,
                Key=self.key,
                UploadId=upload,
                PartNumber=number,
                Body=part,
                ContentMD5=_md5(part),
            )
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def _close(self) -> None:
        self._open = False
        self._buffer.clear()
        self._travelling = None
        self._lane.shutdown(wait=False)


def _md5(data: bytes | bytearray) -> str:
    """Content-MD5: the one checksum of a request that every S3 server was seen to check."""
    return base64.b64encode(md5(data, usedforsecurity=False).digest()).decode()


class _Body(io.RawIOBase):
    """The body of an answer as a raw stream, its errors translated."""

    def __init__(self, store: str, read: Callable[[int], bytes], close: Callable[[], None]) -> None:
        super().__init__()
        self._store = store
        self._read = read
        self._close = close

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with translated(self._store, "reading an object"):
            data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()


def pieces(stream: BinaryIO, size: int = 2**20) -> Iterator[bytes]:
    """The rest of a stream in pieces of at most ``size`` bytes."""
    while piece := stream.read(size):
        yield piece
