"""The evidence bucket: written once, locked, and out of reach of whoever may erase the data."""

import base64
import json
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.store import evidence
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.evidence import EvidenceConflict, EvidenceStore, EvidenceUnlocked
from rod_pipeline.store.faults import AccessRefused, BucketMissing, ObjectMissing
from rod_pipeline.store.layout import BadObjectKey
from rod_pipeline.store.objects import ObjectStore
from rod_pipeline.store.seaweed import LocalStore
from rod_pipeline.store.territory import TerritoryGuard, UnknownPlace
from tests.support.ledger import NOON, SetClock
from tests.support.notary import fresh_bucket
from tests.support.seaweed import guard_of

KEY = evidence.checkpoint_key(7)
PURGE = "0123456789abcdef"


@pytest.fixture
def store(seaweed_notary: StoreSettings, set_clock: SetClock) -> EvidenceStore:
    """A fresh evidence bucket, which is made when it is first needed."""
    return EvidenceStore(fresh_bucket(seaweed_notary), set_clock, years=10, lock="GOVERNANCE", embedded=True)


def refusal(call: Callable[..., object], **arguments: object) -> str:
    """The code with which the server refuses a call; empty when it doesn't."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    errors = answer.get("Errors", ()) if isinstance(answer, dict) else ()
    return str(errors[0]["Code"]) if errors else ""


def test_an_object_is_written_once_and_locked_for_years(store: EvidenceStore) -> None:
    store.put(KEY, b"first")
    store.put(KEY, b"first")
    with pytest.raises(EvidenceConflict):
        store.put(KEY, b"other")
    assert not store.create(KEY, b"other")
    assert store.get(KEY) == store.find(KEY) == b"first"
    head = store.client.head_object(Bucket=store.settings.bucket, Key=KEY)
    assert head["ObjectLockMode"] == "GOVERNANCE"
    assert head["ObjectLockRetainUntilDate"] == NOON.replace(year=2035)
    assert store.written_at(KEY) == NOON
    with pytest.raises(ObjectMissing):
        store.get(evidence.checkpoint_key(8))
    assert store.find(evidence.checkpoint_key(8)) is None


def test_a_lock_from_a_leap_day_ends_on_the_first_of_march(store: EvidenceStore, set_clock: SetClock) -> None:
    set_clock.time = NOON.replace(year=2028, month=2, day=29)
    store.put(KEY, b"leap")
    head = store.client.head_object(Bucket=store.settings.bucket, Key=KEY)
    assert head["ObjectLockRetainUntilDate"] == NOON.replace(year=2038, month=3, day=1)


def test_what_is_put_over_an_object_does_not_count_and_is_found(store: EvidenceStore) -> None:
    store.put(KEY, b"first")
    store.put(evidence.checkpoint_key(8), b"neighbour")
    assert store.altered() == []
    store.client.put_object(Bucket=store.settings.bucket, Key=KEY, Body=b"forged")
    assert store.get(KEY) == b"first"
    assert store.numbers(evidence.CHECKPOINTS) == [7, 8]
    assert store.altered() == [KEY]


def test_listings_are_whole_and_in_order_over_many_pages(store: EvidenceStore) -> None:
    store.ensure()
    numbers = [*range(1, 12), *range(995, 1005), 9999, *range(100_000, 101_020)]
    for number in reversed(numbers):
        store.client.put_object(Bucket=store.settings.bucket, Key=evidence.timestamp_key(number), Body=b"x")
    store.put(KEY, b"neighbour")
    assert store.numbers(evidence.TIMESTAMPS) == numbers
    assert store.numbers(evidence.TIMESTAMPS, after=10) == numbers[10:]
    assert store.numbers(evidence.TIMESTAMPS, after=500, limit=1) == [995]
    assert store.numbers(evidence.TIMESTAMPS, after=101_019) == []
    assert store.keys(evidence.CHECKPOINTS) == [KEY]


@pytest.mark.parametrize("who", ["client", "eraser"])
def test_who_writes_or_erases_the_data_can_do_nothing_to_the_evidence(
    store: EvidenceStore, objects: ObjectStore, who: str
) -> None:
    store.put(KEY, b"proof")
    rod, bucket = getattr(objects, who), store.settings.bucket
    (version,) = [v["VersionId"] for v in store.client.list_object_versions(Bucket=bucket)["Versions"]]
    one = {"Key": KEY, "VersionId": version}
    everyone = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
            ],
        }
    )
    for call, arguments in (
        (rod.get_object, {"Key": KEY}),
        (rod.put_object, {"Key": KEY, "Body": b"forged"}),
        (rod.put_object, {"Key": evidence.checkpoint_key(9), "Body": b"forged"}),
        (rod.copy_object, {"Key": KEY, "CopySource": f"{objects.settings.bucket}/any"}),
        (rod.create_multipart_upload, {"Key": KEY}),
        (rod.delete_object, {"Key": KEY}),
        (rod.delete_object, {**one, "BypassGovernanceRetention": True}),
        (rod.delete_objects, {"Delete": {"Objects": [one]}, "BypassGovernanceRetention": True}),
        (rod.list_object_versions, {}),
        (rod.put_bucket_policy, {"Policy": everyone}),
        (rod.put_bucket_versioning, {"VersioningConfiguration": {"Status": "Suspended"}}),
        (rod.delete_bucket, {}),
    ):
        assert refusal(call, Bucket=bucket, **arguments) == "AccessDenied", call
    with pytest.raises(AccessRefused):
        ObjectStore(objects.settings.model_copy(update={"bucket": bucket})).ensure_bucket()
    assert store.get(KEY) == b"proof"
    assert store.altered() == []


def test_the_notary_can_not_take_back_what_it_wrote(store: EvidenceStore) -> None:
    store.put(KEY, b"proof")
    notary, bucket = store.client, store.settings.bucket
    (version,) = [v["VersionId"] for v in notary.list_object_versions(Bucket=bucket)["Versions"]]
    one = {"Key": KEY, "VersionId": version}
    sooner = {"Mode": "GOVERNANCE", "RetainUntilDate": NOON.replace(year=2026, month=12)}
    everything = {"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
    for call, arguments in (
        (notary.delete_object, {"Key": KEY}),
        (notary.delete_object, one),
        (notary.delete_object, {**one, "BypassGovernanceRetention": True}),
        (notary.delete_objects, {"Delete": {"Objects": [one]}}),
        (notary.put_object_retention, {**one, "Retention": sooner}),
        (notary.put_object_retention, {**one, "Retention": sooner, "BypassGovernanceRetention": True}),
        (notary.put_bucket_lifecycle_configuration, {"LifecycleConfiguration": everything}),
        (notary.put_bucket_versioning, {"VersioningConfiguration": {"Status": "Suspended"}}),
        (notary.delete_bucket, {}),
    ):
        assert refusal(call, Bucket=bucket, **arguments) == "AccessDenied", call
    assert store.get(KEY) == b"proof"
    assert store.altered() == []


def test_the_notary_can_not_touch_the_data(store: EvidenceStore, objects: ObjectStore) -> None:
    key, bucket = f"landing/{PURGE}/raw_{PURGE}", objects.settings.bucket
    objects.client.put_object(Bucket=bucket, Key=key, Body=b"data")
    notary = store.client
    for call, arguments in (
        (notary.get_object, {"Key": key}),
        (notary.put_object, {"Key": key, "Body": b"x"}),
        (notary.delete_object, {"Key": key}),
        (notary.delete_objects, {"Delete": {"Objects": [{"Key": key}]}}),
        (notary.list_object_versions, {}),
        (notary.delete_bucket, {}),
    ):
        assert refusal(call, Bucket=bucket, **arguments) == "AccessDenied", call
    assert refusal(notary.create_bucket, Bucket="rod-other") == "AccessDenied"
    objects.erase(key)


def test_a_bucket_without_lock_is_refused(seaweed_notary: StoreSettings, set_clock: SetClock) -> None:
    settings = fresh_bucket(seaweed_notary)
    store = EvidenceStore(settings, set_clock, years=10, lock="GOVERNANCE")
    with pytest.raises(BucketMissing):
        store.put(KEY, b"proof")
    store.client.create_bucket(Bucket=settings.bucket)
    with pytest.raises(EvidenceUnlocked, match="Object Lock"):
        store.put(KEY, b"proof")
    assert store.client.list_object_versions(Bucket=settings.bucket).get("Versions", []) == []


def test_an_existing_installation_gets_its_notary(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    before = {"access_key": "old-access", "secret_key": "old-secret", "jwt": ["a", "b", "c", "d"]}
    (folder / "credentials.json").write_text(json.dumps(before))
    with LocalStore(folder) as server:
        data, notary = server.start(), server.evidence()
        assert data.access_key.get_secret_value() == "old-access"
        assert notary.access_key.get_secret_value() != "old-access"
        assert ObjectStore(data).inventory("landing/").versions == ()
        store = EvidenceStore(notary, SetClock(), years=10, lock="GOVERNANCE", embedded=True)
        store.put(KEY, b"proof")
    assert (folder / "credentials.json").stat().st_mode & 0o777 == 0o600
    with LocalStore(folder) as server:
        assert server.evidence().access_key == notary.access_key


def test_its_place_is_approved_and_on_record(store: EvidenceStore, tmp_path: Path, set_clock: SetClock) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", set_clock)
    blind = TerritoryGuard(set_clock)
    with pytest.raises(UnknownPlace):
        store.approve(blind, ledger, record=True)
    with pytest.raises(UnknownPlace):
        store.approve(blind, ledger, record=False)
    guard = guard_of(tmp_path, set_clock)
    store.approve(guard, ledger, record=True)
    store.approve(guard, ledger, record=True)
    assert ledger.state().seq == 1
    assert ledger.state().territory[evidence.STORE].approval.country == "NL"
    # Who can't check the declaration of place relies on the record, for a month.
    store.approve(blind, ledger, record=False)
    set_clock.move(days=32)
    with pytest.raises(UnknownPlace):
        store.approve(blind, ledger, record=False)
    assert ledger.state().seq == 1


def test_a_recorded_approval_is_of_one_host(store: EvidenceStore, tmp_path: Path, set_clock: SetClock) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", set_clock)
    store.approve(guard_of(tmp_path, set_clock), ledger, record=True)
    elsewhere = store.settings.model_copy(
        update={"endpoint": store.settings.endpoint.replace("127.0.0.1", "localhost")}
    )
    moved = EvidenceStore(elsewhere, set_clock, years=10, lock="GOVERNANCE")
    with pytest.raises(UnknownPlace):
        moved.approve(TerritoryGuard(set_clock), ledger, record=False)


@pytest.mark.parametrize(
    ("purge_id", "serial", "name"),
    [("2025-12", 1, "a"), (PURGE, 10_000, "a"), (PURGE, -1, "a"), (PURGE, 1, "a/b"), (PURGE, 1, ".."), (PURGE, 1, "")],
)
def test_a_key_outside_the_grammar_is_refused(purge_id: str, serial: int, name: str) -> None:
    with pytest.raises(BadObjectKey):
        evidence.evidence_key(purge_id, serial, name)
    with pytest.raises(PermanentError):
        evidence.checkpoint_key(0)


def test_a_damaged_upload_is_not_taken(store: EvidenceStore) -> None:
    store.ensure()
    wrong = base64.b64encode(md5(b"other", usedforsecurity=False).digest()).decode()
    assert refusal(store.client.put_object, Bucket=store.settings.bucket, Key=KEY, Body=b"x", ContentMD5=wrong)
    assert store.find(KEY) is None
