"""Who the embedded store knows.

Belongs here: its identities, in the form that SeaweedFS reads. Does not belong here: what a role may do (``rights``),
making secrets, starting the server (``seaweed``).

All their secrets lie in one file, so here the roles guard against the pipeline's mistakes, not against whoever owns the
machine. The rights are IAM policy documents, because SeaweedFS' own coarse ones (``Write``) would let the holder delete
and loosen as well.
"""

import json
from collections.abc import Mapping
from typing import Any

from rod_pipeline.store.rights import ROLES, Role, policy

PREFIXES: Mapping[Role, str] = {role: "" if role == "pipeline" else f"{role}_" for role in ROLES}
"""What the names of a role's keys begin with, in the launcher's file."""
# Elsewhere a person makes buckets; this store sets itself up.
_SETTING_UP: Mapping[str, tuple[str, ...]] = {
    "pipeline": ("s3:CreateBucket", "s3:PutBucketVersioning"),
    "notary": ("s3:CreateBucket",),
}


def identities(credentials: Mapping[str, Any], evidence_bucket: str) -> dict[str, Any]:
    """The content of ``s3.json``. ``credentials`` as the launcher keeps them: one pair of keys for each role.

    Evidence buckets are those whose name begins with ``evidence_bucket``, all others are for data.
    """
    return {
        "identities": [
            {
                "name": role,
                "credentials": [
                    {"accessKey": credentials[f"{prefix}access_key"], "secretKey": credentials[f"{prefix}secret_key"]}
                ],
                "policyNames": [role],
            }
            for role, prefix in PREFIXES.items()
        ],
        "policies": [{"name": role, "content": json.dumps(_policy(role, evidence_bucket))} for role in ROLES],
    }


def _policy(role: Role, evidence_bucket: str) -> dict[str, Any]:
    document = policy(role, "*", f"{evidence_bucket}*")
    if more := _SETTING_UP.get(role):
        document["Statement"].insert(0, {**document["Statement"][0], "Action": list(more)})
    return document
