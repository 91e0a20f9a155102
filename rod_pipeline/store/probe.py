"""What a store can really do: asked of the store itself, before anything rests on it.

Belongs here: one probe of the guarantees that the vault relies on. Does not belong here: where the store is
(``territory``).

Servers that speak S3 differ, and some take a condition or a checksum and ignore it without a word (Ceph RGW does both).
So a handful of random bytes that mean nothing is written under a fresh prefix, every promise is put to the test, and
everything is erased again (the last part of an upload may be as small as one likes, so the only one may be too). A
promise that does not hold stops the run, by name.
"""

import base64
import secrets
from collections.abc import Callable

from botocore.exceptions import ClientError

from rod_pipeline.errors import PermanentError, RodError
from rod_pipeline.store.faults import ObjectExists, translated
from rod_pipeline.store.layout import probe_prefix
from rod_pipeline.store.objects import ObjectStore

_proved: set[tuple[str, str]] = set()


class CapabilityMissing(PermanentError):
    """The store does not keep a promise that everything here rests on."""

    code = "ROD-STORE-08"


def prove(store: ObjectStore) -> None:
    """Put the store to the test; raises ``CapabilityMissing``. Once it passed, not again in this process."""
    this = (store.settings.endpoint, store.settings.bucket)
    if this in _proved:
        return
    prefix = probe_prefix()
    promises: dict[str, Callable[[ObjectStore, str], bool]] = {
        "an object can be written only once": _once,
        "an upload in parts can be completed only once": _once_in_parts,
        "bytes that disagree with their checksum are refused": _checksum,
        "an aborted upload is gone": _abort,
        "an erased object is gone from the listing of versions": _erase,
    }
    try:
        for number, (promise, kept) in enumerate(promises.items()):
            if not kept(store, f"{prefix}{number}"):
                raise CapabilityMissing(
                    f"Store {store.name} does not keep a promise that is relied on: {promise}.",
                    "Use another provider, or a newer version of this one; nothing was stored.",
                )
    finally:
        store.erase(prefix)
    _proved.add(this)


def _once(store: ObjectStore, key: str) -> bool:
    _write(store, key, 32)
    return _refuses_again(store, key, 32)


def _once_in_parts(store: ObjectStore, key: str) -> bool:
    bucket = store.settings.bucket
    taken = []
    for _ in range(2):
        with translated(store.name, "probing an upload in parts"):
            upload = store.client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
            part = store.client.upload_part(
                Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=secrets.token_bytes(32)
            )
        try:
            with translated(store.name, "probing an upload in parts"):
                store.client.complete_multipart_upload(
                    Bucket=bucket,
                    Key=key,
                    UploadId=upload,
                    IfNoneMatch="*",
                    MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
                )
        except ObjectExists:
            taken.append(False)
        else:
            taken.append(True)
    return taken == [True, False]


def _checksum(store: ObjectStore, key: str) -> bool:
    # Of other bytes, and of the kind that goes along with every body.
    wrong = store.checksum(secrets.token_bytes(8)) or {
        "ChecksumCRC32": base64.b64encode(secrets.token_bytes(4)).decode()
    }
    try:
        store.client.put_object(Bucket=store.settings.bucket, Key=key, Body=secrets.token_bytes(32), **wrong)
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"]) == 400
    return False


def _abort(store: ObjectStore, key: str) -> bool:
    bucket = store.settings.bucket
    with translated(store.name, "probing an aborted upload"):
        upload = store.client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        store.client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=secrets.token_bytes(32))
        seen = (key, upload) in store.inventory(key).uploads
        store.client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    return seen and not store.inventory(key)


def _erase(store: ObjectStore, key: str) -> bool:
    _write(store, key, 32)
    seen = len(store.inventory(key).versions) == 1
    store.erase(key)
    return seen and not store.inventory(key) and store.size(key) is None


def _write(store: ObjectStore, key: str, size: int) -> None:
    writer = store.create(key)
    try:
        writer.write(secrets.token_bytes(size))
        writer.complete()
    except RodError:
        writer.abort()
        raise


def _refuses_again(store: ObjectStore, key: str, size: int) -> bool:
    try:
        _write(store, key, size)
    except ObjectExists:
        return True
    return False
