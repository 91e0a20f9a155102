"""Who may do what in the stores, as IAM policy documents.

Belongs here: the roles and their rights, from the layout of the stores. Does not belong here: accounts and their
secrets (a person makes those; for the embedded store ``seaweed``).

Nobody gets in who doesn't belong, and nobody can do more than his part (decree, voorschrift 3d; GDPR article 32):

- ``pipeline`` writes and reads every zone, and can delete nothing but its own probes.
- ``eraser`` finds and deletes in every zone, and can read or write nothing.
- ``reader`` reads the mart database and the releases.
- ``notary`` writes and reads evidence, deletes nothing, and gets at nothing else. Whoever may erase can't sign.

Where erasing runs in a process of its own, only that one is given the eraser's account. In one process they guard
against mistakes, not against whoever owns the machine.
"""

from typing import Any, Literal, get_args

Role = Literal["pipeline", "eraser", "reader", "notary"]
ROLES: tuple[Role, ...] = get_args(Role)

_LOOK = (
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:ListBucketMultipartUploads",
    "s3:GetBucketLocation",
    "s3:GetBucketVersioning",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:GetLifecycleConfiguration",
)
_READ = ("s3:GetObject", "s3:GetObjectVersion")
# An upload that isn't complete is no object: whoever opened it takes it back.
_WRITE = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
_DELETE = ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload")
_SEEN_BY_READERS = ("database", "published")


def policy(role: Role, bucket: str, evidence_bucket: str) -> dict[str, Any]:
    """The rights of ``role`` as an IAM policy document. Buckets by name, or a pattern with ``*``."""
    data, evidence = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{evidence_bucket}"
    rules = {
        "pipeline": [
            _allow(_LOOK, data),
            _allow((*_READ, *_WRITE), f"{data}/*"),
            _allow(_DELETE, f"{data}/probe/*"),
        ],
        "eraser": [_allow(_LOOK, data), _allow(_DELETE, f"{data}/*")],
        "reader": [
            _allow(_LOOK, data),
            _allow(_READ, *(f"{data}/{z}/*" for z in _SEEN_BY_READERS)),
        ],
        "notary": [
            _allow(_LOOK, evidence),
            _allow((*_READ, "s3:GetObjectRetention", "s3:PutObject", "s3:PutObjectRetention"), f"{evidence}/*"),
        ],
    }[role]
    if role != "notary":
        rules.append({"Effect": "Deny", "Action": ["s3:*"], "Resource": [evidence, f"{evidence}/*"]})
    return {"Version": "2012-10-17", "Statement": rules}


def _allow(actions: tuple[str, ...], *resources: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
