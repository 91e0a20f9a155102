"""The evidence bucket: what is in it was written once and can't be taken away before its time.

Belongs here: the bucket with Object Lock, the grammar of its keys, the approval of its place. Does not belong here:
what is proved and who signs it (``ledger.notary``, ``retention.evidence``), personal data: that never comes here, and
could not be erased if it did.

The concept is that of two hands: who may erase the data has no rights in this bucket, and who writes here, the notary,
has none in the bucket of the data and may delete nothing. Every object is locked until ``years`` after it was written
(S3 Object Lock; in mode ``COMPLIANCE`` nobody can shorten that, in ``GOVERNANCE`` only somebody with a special right).
A lock holds against everybody who comes through the S3 door; on one's own machine it doesn't hold against the owner.
What is read is always the version of an object that was written first, so that nothing can be put over it.

Keys have a fixed depth, for the reasons given in ``layout``:

    log/entries/<first>_<last>       the entries of the ledger, one canonical line each
    log/checkpoints/<size>           the signed checkpoint over the first <size> entries
    log/timestamps/<size>            the RFC 3161 token over that checkpoint
    log/cosigned/<size>              the same checkpoint, with the signature of a witness added
    evidence/<purge id>/<serial>/<name>

Sizes and entry numbers have twelve digits, so that the order of keys is the order of numbers.
"""

import base64
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from rod_pipeline.clock import Clock
from rod_pipeline.deliveries import is_id
from rod_pipeline.errors import BlockedError
from rod_pipeline.ledger.events import TerritoryApproved
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.store.client import StoreSettings, connect
from rod_pipeline.store.declaration import plain_host
from rod_pipeline.store.faults import (
    BucketMissing,
    ObjectExists,
    ObjectMissing,
    StoreUnreachable,
    answer_code,
    translated,
)
from rod_pipeline.store.layout import BadObjectKey
from rod_pipeline.store.territory import TerritoryGuard, UnknownPlace

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STORE = "evidence"
"""What the ledger calls this store."""
CHECKPOINTS = "log/checkpoints/"
TIMESTAMPS = "log/timestamps/"
COSIGNED = "log/cosigned/"
ENTRIES = "log/entries/"

_DIGITS = 12
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_NO_LOCK = {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "InvalidRequest"}
# How old the pipeline's approval of the place may be for a notary that can't check the declaration of place itself.
_APPROVAL_DAYS = 31


class EvidenceUnlocked(BlockedError):
    """The evidence bucket would not keep what is written to it."""

    code = "ROD-STORE-16"


class EvidenceConflict(BlockedError):
    """Another text stands where this one should be written: there are two histories."""

    code = "ROD-STORE-17"


def entries_key(first: int, last: int) -> str:
    """Where entries ``first`` to ``last`` lie."""
    return f"{ENTRIES}{_digits(first)}_{_digits(last)}"


def checkpoint_key(size: int) -> str:
    """Where the checkpoint over the first ``size`` entries lies."""
    return CHECKPOINTS + _digits(size)


def timestamp_key(size: int) -> str:
    """Where the timestamp over that checkpoint lies."""
    return TIMESTAMPS + _digits(size)


def cosigned_key(size: int) -> str:
    """Where that checkpoint lies with the signature of a witness."""
    return COSIGNED + _digits(size)


def evidence_key(purge_id: str, serial: int, name: str) -> str:
    """Where a document of a purge lies; raises ``BadObjectKey``."""
    if not is_id(purge_id) or not 0 <= serial <= 9999 or _NAME.fullmatch(name) is None:
        raise BadObjectKey(
            "A piece of evidence can't have the key that was asked for.",
            "Use the id of a purge, a serial of at most 9999, and a plain file name of at most 80 characters.",
        )
    return f"evidence/{purge_id}/{serial:04}/{name}"


def _digits(number: int) -> str:
    if not 0 < number < 10**_DIGITS:
        raise BadObjectKey("A number in the key of an object is out of range.", "Count entries from 1.")
    return f"{number:0{_DIGITS}}"


class EvidenceStore:
    """One bucket with Object Lock. All methods raise the errors of ``faults``."""

    def __init__(
        self,
        settings: StoreSettings,
        clock: Clock,
        *,
        years: int,
        lock: Literal["GOVERNANCE", "COMPLIANCE"],
        embedded: bool = False,
    ) -> None:
        """``embedded``: the bucket is this installation's own to make. Connects on first use."""
        self.settings = settings
        self.name = settings.name
        self.client: S3Client = connect(settings)
        self._bucket = settings.bucket
        self._clock = clock
        self._years = years
        self._lock: Literal["GOVERNANCE", "COMPLIANCE"] = lock
        self._embedded = embedded
        self._ensured = self._proved = False

    def ensure(self) -> None:
        """See that the bucket locks and keeps versions; make it, in the embedded store.

        Raises ``EvidenceUnlocked``, or ``BucketMissing`` where a person has to make it.
        """
        if self._ensured:
            return
        try:
            locked = self._locked()
        except BucketMissing:
            if not self._embedded:
                raise
            self._make()
            locked = self._locked()
        with translated(self.name, "asking whether its bucket keeps versions"):
            versioned = self.client.get_bucket_versioning(Bucket=self._bucket).get("Status") == "Enabled"
        if not (locked and versioned):
            missing = " and ".join(name for name, on in (("Object Lock", locked), ("versioning", versioned)) if not on)
            raise EvidenceUnlocked(
                f"Bucket {self._bucket} of store {self.name} is without {missing}: evidence would not be safe in it.",
                "Make a bucket with Object Lock and versioning and name it in the settings of the evidence. Nothing "
                "is lost: what could not be published is caught up.",
            )
        self._ensured = True

    def put(self, key: str, content: bytes) -> None:
        """Write an object once, locked from now on. The same bytes may be written again: nothing happens.

        Raises ``EvidenceConflict`` when other bytes lie there, ``EvidenceUnlocked`` as ``ensure`` does.
        """
        if not self.create(key, content):
            self._compare(key, content)

    def create(self, key: str, content: bytes) -> bool:
        """Write an object unless there is one, locked from now on. Says whether it did; raises as ``ensure``."""
        self.ensure()
        try:
            self._write(key, content)
        except ObjectExists:
            return False
        if not self._proved:
            self._prove(key, content)
            self._proved = True
        return True

    def get(self, key: str) -> bytes:
        """The whole object, as it was first written. Raises ``ObjectMissing``."""
        version = self._first(key)
        with translated(self.name, "reading evidence"):
            return self.client.get_object(Bucket=self._bucket, Key=key, VersionId=version)["Body"].read()

    def find(self, key: str) -> bytes | None:
        """The whole object, or None when there is none, or no bucket yet."""
        try:
            return self.get(key)
        except (ObjectMissing, BucketMissing):
            return None

    def written_at(self, key: str) -> datetime:
        """When an object was written, by the clock of whoever wrote it. Raises ``ObjectMissing``."""
        version = self._first(key)
        with translated(self.name, "looking for evidence"):
            answer = self.client.head_object(Bucket=self._bucket, Key=key, VersionId=version)
        try:
            return datetime.fromisoformat(answer["Metadata"]["at"]).astimezone(UTC)
        except (KeyError, ValueError):
            return answer["LastModified"].astimezone(UTC)

    def keys(self, prefix: str, after: str = "", limit: int | None = None) -> list[str]:
        """The keys under ``prefix``, in order: those that come after the key ``after``, at most ``limit`` of them.

        Nothing, when there is no bucket yet.
        """
        found: set[str] = set()
        for key, _ in self._versions(prefix, after):
            found.add(key)
            if limit is not None and len(found) == limit:
                break
        return sorted(found)

    def numbers(self, prefix: str, after: int = 0, limit: int | None = None) -> list[int]:
        """The sizes under ``CHECKPOINTS``, ``TIMESTAMPS`` or ``COSIGNED``, in order, above ``after``."""
        keys = self.keys(prefix, prefix + _digits(after) if after else "", limit)
        return [int(name) for key in keys if (name := key.removeprefix(prefix)).isdecimal()]

    def altered(self) -> list[str]:
        """The keys that were written more than once or have a mark of deletion: nothing here does that."""
        counts = Counter(key for key, _ in self._versions(""))
        with translated(self.name, "listing versions of evidence"):
            for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self._bucket):
                counts.update({marker["Key"]: 2 for marker in page.get("DeleteMarkers", ())})
        return sorted(key for key, count in counts.items() if count > 1)

    def approve(self, guard: TerritoryGuard, ledger: Ledger, *, record: bool) -> None:
        """See that evidence may rest in this place today; raises what ``TerritoryGuard.approve`` raises.

        With ``record`` the approval goes into the ledger. Without it, for a notary that may only read the ledger and
        lacks the secret under which a declaration of place is signed, the approval that the pipeline recorded in the
        last month stands in.
        """
        self.ensure()
        known = ledger.state().territory.get(STORE)
        try:
            place = guard.approve(self.settings, self.client, evidence=True)
        except UnknownPlace:
            host = plain_host(urlsplit(self.settings.endpoint).hostname or "")
            oldest = self._clock.now() - timedelta(days=_APPROVAL_DAYS)
            if record or known is None or known.approval.host != host or known.approved_at < oldest:
                raise
            return
        if record and (known is None or known.approval.proof != place.proof):
            ledger.append(
                TerritoryApproved(
                    store=STORE,
                    host=place.host,
                    region=place.region,
                    country=place.country,
                    basis=place.basis,
                    policy=place.policy,
                    proof=place.proof,
                )
            )

    def _versions(self, prefix: str, after: str = "") -> Iterator[tuple[str, str]]:
        """Every version of every object, as (key, version id): keys in order, the newest version of a key first.

        Versions are what the lock keeps. A version that was put over another, or a mark of deletion, takes nothing away
        from whoever looks here.
        """
        more, from_version = True, ""
        while more:
            with translated(self.name, "listing evidence"):
                try:
                    page = self.client.list_object_versions(
                        Bucket=self._bucket, Prefix=prefix, KeyMarker=after, VersionIdMarker=from_version
                    )
                except ClientError as error:
                    if answer_code(error) != "NoSuchBucket":
                        raise
                    return
            for version in page.get("Versions", ()):
                yield version["Key"], version["VersionId"]
            more, after, from_version = (
                page["IsTruncated"],
                page.get("NextKeyMarker", ""),
                page.get("NextVersionIdMarker", ""),
            )

    def _first(self, key: str) -> str:
        versions = [version for found, version in self._versions(key) if found == key]
        if not versions:
            raise ObjectMissing(f"Store {self.name} has no such piece of evidence.", "See `rod ledger status`.")
        return versions[-1]

    def _locked(self) -> bool:
        with translated(self.name, "asking whether its bucket locks objects"):
            try:
                answer = self.client.get_object_lock_configuration(Bucket=self._bucket)
            except ClientError as error:
                if answer_code(error) not in _NO_LOCK:
                    raise
                return False
        return answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"

    def _make(self) -> None:
        with translated(self.name, "making the bucket for evidence"):
            try:
                self.client.create_bucket(Bucket=self._bucket, ObjectLockEnabledForBucket=True)
            except ClientError as error:
                if answer_code(error) != "BucketAlreadyOwnedByYou":
                    raise

    def _write(self, key: str, content: bytes) -> None:
        now = self._clock.now().astimezone(UTC)
        with translated(self.name, "writing evidence"):
            self.client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=content,
                IfNoneMatch="*",
                ContentMD5=base64.b64encode(md5(content, usedforsecurity=False).digest()).decode(),
                ObjectLockMode=self._lock,
                ObjectLockRetainUntilDate=_years_later(now, self._years),
                Metadata={"at": now.isoformat()},
            )

    def _compare(self, key: str, content: bytes) -> None:
        try:
            there = self.get(key)
        except ObjectMissing:
            # Somebody else is writing it at this very moment.
            raise StoreUnreachable(f"Store {self.name} is busy with the same object.", "It is tried again.") from None
        if there != content:
            raise EvidenceConflict(
                f"In store {self.name} another text lies at {key} than the one that should be written there.",
                "Stop: either the ledger was changed after it was published, or another installation writes to this "
                "bucket. Compare with a backup (`rod ledger verify`) and have it looked at; nothing was overwritten.",
            )

    def _prove(self, key: str, content: bytes) -> None:
        """That the lock and the condition were taken, not only accepted: asked once, of the first object written."""
        with translated(self.name, "looking for evidence"):
            head = self.client.head_object(Bucket=self._bucket, Key=key)
        try:
            self._write(key, content)
        except ObjectExists:
            if head.get("ObjectLockMode") == self._lock:
                return
        raise EvidenceUnlocked(
            f"Store {self.name} takes the lock or the condition of a new object and does not keep it.",
            "Use another provider for the evidence, or a newer version of this one.",
        )


def _years_later(now: datetime, years: int) -> datetime:
    try:
        return now.replace(year=now.year + years)
    except ValueError:
        return now.replace(year=now.year + years, month=3, day=1)
