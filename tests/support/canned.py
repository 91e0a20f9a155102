"""A real boto3 client whose requests are answered here instead of on the network.

Everything but the wire is real: the client factory, botocore's endpoint logic, signing and parsing. For providers that
no test can reach, and for answers that a local server never gives.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_STATUS = {"none": 404, "no_feature": 501, "forbidden": 403}
_CODE = {"none": "", "no_feature": "NotImplemented", "forbidden": "AccessDenied"}


class _Raw:
    """The least that botocore asks of a body."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> list[bytes]:
        return [self._content]


def answer(status: int, body: str = "", **headers: str) -> AWSResponse:
    """An HTTP answer; header names are written with ``_`` for ``-``."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return AWSResponse("http://canned", status, names, _Raw(body.encode()))


def error(status: int, code: str) -> AWSResponse:
    """An S3 error answer."""
    return answer(status, f"<Error><Code>{code}</Code><Message>m</Message></Error>")


def intercept(client: "S3Client", handler: Callable[[str, str, set[str]], AWSResponse | None]) -> list[str]:
    """Let ``handler(method, path, query names)`` answer; None lets a request through. Returns the list of requests."""
    seen: list[str] = []

    def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        url = urlsplit(request.url)
        query = {name for name, _ in parse_qsl(url.query, keep_blank_values=True)}
        seen.append(f"{request.method} {url.hostname}{url.path}?{'&'.join(sorted(query))}")
        return handler(str(request.method), url.path, query)

    client.meta.events.register("before-send.s3", before_send)
    return seen


def bucket(
    region: str | None = None, replication: str = "none", lock: str = "none", location: str = ""
) -> Callable[[str, str, set[str]], AWSResponse | None]:
    """A bucket that answers the guard's questions.

    ``replication`` and ``lock`` are ``none``, ``no_feature``, ``forbidden`` or ``there``.
    """

    def handler(method: str, path: str, query: set[str]) -> AWSResponse | None:
        if method == "HEAD":
            return answer(200, **({"x_amz_bucket_region": region} if region else {}))
        if "location" in query:
            return answer(200, f"<LocationConstraint>{location}</LocationConstraint>")
        if "replication" in query:
            if replication == "there":
                rule = "<Rule><Status>Enabled</Status><Destination><Bucket>b</Bucket></Destination></Rule>"
                return answer(200, f"<ReplicationConfiguration><Role>r</Role>{rule}</ReplicationConfiguration>")
            return error(_STATUS[replication], _CODE[replication] or "ReplicationConfigurationNotFoundError")
        if "object-lock" in query:
            if lock == "there":
                enabled = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
                return answer(200, f"<ObjectLockConfiguration>{enabled}</ObjectLockConfiguration>")
            return error(_STATUS[lock], _CODE[lock] or "ObjectLockConfigurationNotFoundError")
        raise AssertionError(f"an unexpected question: {method} {path} {query}")

    return handler
