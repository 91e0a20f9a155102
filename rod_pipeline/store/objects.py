"""Objects in a bucket: written once, read, listed down to the last version, erased until nothing is left.

Belongs here: what S3 can be relied on for, over any provider, in streams of bounded memory. Does not belong here: names
(``layout``), what the bytes are and who may see them (``vault``), the place (``territory``).

The concept is S3's, with the care that real servers taught. An object is written once (``If-None-Match: *``). A plain
delete leaves versions behind, deleting versions leaves open uploads behind, success is no proof of absence, and
``DeleteObjects`` says 200 while it lists what it did not delete. So an erasure deletes what is listed, lists again
until nothing is left, and only that last listing counts.
"""

import base64
import contextlib
import io
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import md5, sha256
from typing import TYPE_CHECKING, Any, BinaryIO, cast

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
    """What an erasure removed: each kind in total, and by key for the keys that are counted apart.

    ``complaints`` are the codes of what the store refused to delete, the last time through.
    """

    apart: Collection[str]
    kinds: Counter[str] = field(default_factory=Counter)
    by_key: dict[str, Counter[str]] = field(default_factory=dict)
    complaints: set[str] = field(default_factory=set)

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

    @cached_property
    def eraser(self) -> "S3Client":
        """The client that deletes: of an account of its own, where the settings name one."""
        account = self.settings.eraser
        if account is None:
            return self.client
        keys = {"access_key": account.access_key, "secret_key": account.secret_key}
        return connect(self.settings.model_copy(update=keys))

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

    def checksum(self, body: bytes | bytearray) -> Any:
        """What goes along with a body, so that the store refuses bytes that changed on their way.

        botocore adds a CRC32 where the settings let it; else it is Content-MD5, which costs five times as much, and
        which every S3 server was seen to check.
        """
        if self.settings.checksums == "when_supported":
            return {}
        return {"ContentMD5": base64.b64encode(md5(body, usedforsecurity=False).digest()).decode()}

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
        for page in self._pages(prefix):
            for kind, key, number in page:
                found[kind].append((key, number))
        return Inventory(tuple(found["versions"]), tuple(found["markers"]), tuple(found["uploads"]))

    def tally(self, *prefixes: str) -> Tally:
        """How much lies under ``prefixes``, all pages of it, in little memory."""
        return Tally(**Counter(kind for page in self._pages(*prefixes) for kind, _, _ in page))

    def occupied(self, parents: Sequence[str], names: Collection[str]) -> frozenset[str]:
        """Those of ``names`` that are a folder below one of ``parents`` (which end in ``/``) in which anything lies.

        Goes through every page below ``parents``, of which there is mostly one each: by folder a server also lists
        those that have become empty.
        """
        wanted = {f"{parent}{name}/": name for parent in parents for name in names}
        found: set[str] = set()
        for page in self._pages(*parents) if wanted else ():
            for _, key, _ in page:
                for parent in filter(key.startswith, parents):
                    folder, closed, _ = key.removeprefix(parent).partition("/")
                    found.add(wanted.get(f"{parent}{folder}{closed}", ""))
        return frozenset(found - {""})

    def erase(self, *keys: str, apart: Collection[str] = ()) -> Erased:
        """Remove every version, delete marker and open upload of ``keys`` until none is found.

        A key that ends in ``/`` is a prefix: everything under it goes; ``apart`` are keys to count one by one. Can be
        run twice. Raises ``EraseIncomplete`` when something stays.
        """
        removed = _Removed(apart)
        before, in_vain = None, 0
        # Until nothing is listed: a part may have been in flight during the abort, a writer may have completed, and
        # servers lose keys in pages after the first.
        while found := self._go_through(keys, removed):
            in_vain += before is not None and found >= before
            before = found
            if in_vain == 3:
                codes = ", ".join(sorted(removed.complaints)) or "no reason given"
                raise EraseIncomplete(
                    f"Store {self.name} keeps {found} versions or uploads that were deleted ({codes}).",
                    "Look for a lock, a retention rule or a missing right on the bucket; then erase again.",
                )
        return Erased(Tally(**removed.kinds), {name: Tally(**kinds) for name, kinds in removed.by_key.items()})

    def _go_through(self, keys: Collection[str], removed: _Removed) -> int:
        """Once through all pages of the listing, removing each; returns how much was listed.

        Going on where the page before ended, not at the start: SeaweedFS walks through all that was deleted before it.
        """
        removed.complaints.clear()
        listed = 0
        for page in self._pages(*keys):
            found = [entry for entry in page if any(_meant(key, entry[1]) for key in keys)]
            listed += len(found)
            for start in range(0, len(found), _BATCH):
                self._remove(found[start : start + _BATCH], removed)
        return listed

    def _pages(self, *prefixes: str) -> Iterator[_Found]:
        """What is listed under ``prefixes``, page by page: open uploads, then versions and delete markers."""
        yield self._uploads(*prefixes)
        for prefix in prefixes:
            yield from self._versions(prefix)

    def _versions(self, prefix: str) -> Iterator[_Found]:
        with translated(self.name, "listing its objects"):
            for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix):
                found = [("versions", v["Key"], v["VersionId"]) for v in page.get("Versions", ())]
                yield found + [("markers", m["Key"], m["VersionId"]) for m in page.get("DeleteMarkers", ())]

    def _uploads(self, *prefixes: str) -> _Found:
        """The open uploads under ``prefixes``, asked for once: there are as many in a bucket as are being written."""
        with translated(self.name, "listing its uploads"):
            pages = self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=prefixes[0] if len(prefixes) == 1 else ""
            )
            listed = [upload for page in pages for upload in page.get("Uploads", ())]
        return [("uploads", one["Key"], one["UploadId"]) for one in listed if one["Key"].startswith(prefixes)]

    def _remove(self, found: _Found, removed: _Removed) -> None:
        """Remove at most 1000 entries of one page; what the store says that it kept isn't counted."""
        kept: set[tuple[str | None, str | None]] = set()
        versions = [(key, number) for kind, key, number in found if kind != "uploads"]
        if versions:
            batch: list[ObjectIdentifierTypeDef] = [{"Key": key, "VersionId": version} for key, version in versions]
            with translated(self.name, "erasing objects"):
                answer = self.eraser.delete_objects(Bucket=self._bucket, Delete={"Objects": batch})
            kept = {(error.get("Key"), error.get("VersionId")) for error in answer.get("Errors", ())}
            removed.complaints |= {str(error.get("Code", "unknown")) for error in answer.get("Errors", ())}
        for kind, key, number in found:
            if kind == "uploads":
                self._abort(key, number)
            # Some servers don't say which version of a key it was.
            if not {(key, number), (key, None)} & kept:
                removed.count(kind, key)

    def _abort(self, key: str, upload: str) -> None:
        with contextlib.suppress(ObjectMissing), translated(self.name, "aborting an upload"):
            self.eraser.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)


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
                    **self._store.checksum(self._buffer),
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
                **self._store.checksum(part),
            )
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def _close(self) -> None:
        self._open = False
        self._buffer.clear()
        self._travelling = None
        self._lane.shutdown(wait=False)


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
