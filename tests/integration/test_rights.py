"""What each role may do in a store, tried on a real server: what isn't a role's part is refused."""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr
from typer.testing import CliRunner

from rod_pipeline.cli import application
from rod_pipeline.store.client import StoreSettings, connect
from rod_pipeline.store.rights import ROLES, Role, policy
from rod_pipeline.store.seaweed_identities import PREFIXES

ZONES = ("landing", "parsed", "validated", "marts", "database", "published")


@pytest.fixture(scope="module")
def clients(seaweed: StoreSettings, seaweed_folder: Path) -> dict[Role, Any]:
    """A client for each role of the test run's server."""
    kept = json.loads((seaweed_folder / "credentials.json").read_text())
    return {
        role: connect(
            seaweed.model_copy(
                update={name: SecretStr(kept[f"{PREFIXES[role]}{name}"]) for name in ("access_key", "secret_key")}
            )
        )
        for role in ROLES
    }


@pytest.fixture
def objects(clients: dict[Role, Any], seaweed: StoreSettings) -> Iterator[dict[str, str]]:
    """An object in each zone: its key, and its version."""
    scope, found = secrets.token_hex(8), {}
    for zone in ZONES:
        key = f"{zone}/{scope}/table_{secrets.token_hex(8)}"
        clients["pipeline"].put_object(Bucket=seaweed.bucket, Key=key, Body=b"sealed")
        found[key] = clients["eraser"].list_object_versions(Bucket=seaweed.bucket, Prefix=key)["Versions"][0][
            "VersionId"
        ]
    yield found
    for key, version in found.items():
        clients["eraser"].delete_object(Bucket=seaweed.bucket, Key=key, VersionId=version)


def refused(call: Callable[..., object], **arguments: object) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] in {"AccessDenied", "403"}, error
        return True
    return False


def test_each_does_its_part(clients: dict[Role, Any], seaweed: StoreSettings, objects: dict[str, str]) -> None:
    for key in objects:
        where = {"Bucket": seaweed.bucket, "Key": key}
        assert clients["pipeline"].get_object(**where)["Body"].read() == b"sealed"
        may_read = key.split("/")[0] in ("database", "published")
        assert refused(clients["reader"].get_object, **where) is not may_read


@pytest.mark.parametrize("role", ["pipeline", "reader", "notary"])
def test_nobody_but_the_eraser_deletes(
    clients: dict[Role, Any], seaweed: StoreSettings, objects: dict[str, str], role: Role
) -> None:
    client = clients[role]
    for key, version in objects.items():
        where = {"Bucket": seaweed.bucket, "Key": key}
        assert refused(client.delete_object, **where)
        assert refused(client.delete_object, **where, VersionId=version)
        batch = {"Objects": [{"Key": key, "VersionId": version}]}
        try:
            assert client.delete_objects(Bucket=seaweed.bucket, Delete=batch).get("Errors")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied"
        assert clients["pipeline"].get_object(**where)["Body"].read() == b"sealed"
    assert refused(client.delete_bucket, Bucket=seaweed.bucket)


@pytest.mark.parametrize("role", ["eraser", "reader", "notary"])
def test_nobody_but_the_pipeline_writes(
    clients: dict[Role, Any], seaweed: StoreSettings, objects: dict[str, str], role: Role
) -> None:
    for key in [*objects, f"landing/{secrets.token_hex(8)}/new"]:
        where = {"Bucket": seaweed.bucket, "Key": key}
        assert refused(clients[role].put_object, **where, Body=b"forged")
        assert refused(clients[role].create_multipart_upload, **where)
        assert refused(
            clients[role].copy_object, **where, CopySource={"Bucket": seaweed.bucket, "Key": next(iter(objects))}
        )


@pytest.mark.parametrize("role", ["eraser", "notary"])
def test_the_eraser_and_the_notary_read_nothing(
    clients: dict[Role, Any], seaweed: StoreSettings, objects: dict[str, str], role: Role
) -> None:
    for key, version in objects.items():
        where = {"Bucket": seaweed.bucket, "Key": key}
        assert refused(clients[role].get_object, **where)
        assert refused(clients[role].get_object, **where, VersionId=version)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_loosens_anything(clients: dict[Role, Any], seaweed: StoreSettings, role: Role) -> None:
    everyone = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{seaweed.bucket}/*"}
        ],
    }
    rules = {"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
    client, where = clients[role], {"Bucket": seaweed.bucket}
    assert refused(client.put_bucket_policy, **where, Policy=json.dumps(everyone))
    assert refused(client.put_bucket_lifecycle_configuration, **where, LifecycleConfiguration=rules)
    assert refused(client.put_bucket_acl, **where, ACL="public-read")


def test_the_rights_are_printed_for_the_buckets_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROD_HOME", str(tmp_path))
    monkeypatch.setenv("ROD_STORE__BUCKET", "ours")
    for role in ROLES:
        done = CliRunner().invoke(application(), ["rights", role])
        assert json.loads(done.stdout) == policy(role, "ours", "rod-evidence")
