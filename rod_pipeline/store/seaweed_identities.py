"""Who the embedded store knows, and what each of them may do.

Belongs here: its identities and their rights, in the form that SeaweedFS reads. Does not belong here: making their
secrets, starting the server (``seaweed``).

There are two. ``rod`` may do everything except in evidence buckets: who may erase can't touch a proof. ``notary`` may
make, read and write evidence buckets, delete nothing there, and nothing elsewhere. That guards against the pipeline's
mistakes, not against whoever owns the machine: here both secrets lie in one file. In a deployment they belong to two
accounts. The rights are IAM policy documents, because SeaweedFS' own coarse ones (``Write``) would let the holder
delete and loosen as well.
"""

import json
from collections.abc import Mapping
from typing import Any

# To the bucket itself, and to what is in it. Deleting and loosening are not among it.
_NOTARY_BUCKET = (
    "s3:CreateBucket",
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:GetBucketLocation",
    "s3:GetBucketVersioning",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetReplicationConfiguration",
)
_NOTARY_OBJECTS = (
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectRetention",
    "s3:PutObject",
    "s3:PutObjectRetention",
)


def identities(credentials: Mapping[str, Any], evidence_bucket: str) -> dict[str, Any]:
    """The content of ``s3.json``. ``credentials`` as the launcher keeps them: one pair of keys for each identity.

    Evidence buckets are those whose name begins with ``evidence_bucket``.
    """
    everything, evidence = "arn:aws:s3:::*", f"arn:aws:s3:::{evidence_bucket}*"
    rod = [_rule("Allow", ("s3:*",), everything), _rule("Deny", ("s3:*",), evidence, f"{evidence}/*")]
    notary = [_rule("Allow", _NOTARY_BUCKET, evidence), _rule("Allow", _NOTARY_OBJECTS, f"{evidence}/*")]
    return {
        "identities": [
            _identity("rod", credentials["access_key"], credentials["secret_key"]),
            _identity("notary", credentials["notary_access_key"], credentials["notary_secret_key"]),
        ],
        "policies": [_policy("rod", rod), _policy("notary", notary)],
    }


def _identity(name: str, access_key: str, secret_key: str) -> dict[str, Any]:
    keys = {"accessKey": access_key, "secretKey": secret_key}
    return {"name": name, "credentials": [keys], "policyNames": [name]}


def _policy(name: str, statements: list[dict[str, Any]]) -> dict[str, str]:
    return {"name": name, "content": json.dumps({"Version": "2012-10-17", "Statement": statements})}


def _rule(effect: str, actions: tuple[str, ...], *resources: str) -> dict[str, Any]:
    return {"Effect": effect, "Action": list(actions), "Resource": list(resources)}
