"""A store that fails once or always: over real connections, some requests get another answer."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from rod_pipeline.store import client as client_module
from rod_pipeline.store import objects as objects_module
from rod_pipeline.store.client import StoreSettings
from tests.support.canned import answer, error

Fault = Callable[[Any, AWSPreparedRequest], AWSResponse | None]


def listens(operation: str, fault: Fault, patch: pytest.MonkeyPatch, times: int = 1, after: int = 0) -> list[str]:
    """Every connection that is made from now on lets ``fault`` answer some requests; returns those it answered.

    ``fault`` gets the client and the request. Nothing is tried a second time by botocore.
    """
    hits: list[str] = []
    passed = [after]
    real = objects_module.connect

    def connect(settings: StoreSettings) -> Any:
        client = real(settings)

        def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
            if _operation(request) != operation or len(hits) >= times:
                return None
            if passed[0]:
                passed[0] -= 1
                return None
            hits.append(request.url)
            return fault(client, request)

        client.meta.events.register("before-send.s3", before_send)
        return client

    patch.setattr(client_module, "Config", lambda **more: Config(**{**more, "retries": {"total_max_attempts": 1}}))
    patch.setattr(objects_module, "connect", connect)
    return hits


def _operation(request: AWSPreparedRequest) -> str:
    query = {name for name, _ in parse_qsl(urlsplit(request.url).query, keep_blank_values=True)}
    if request.method == "POST" and "delete" in query:
        return "DeleteObjects"
    if request.method == "DELETE" and "uploadId" in query:
        return "AbortMultipartUpload"
    if request.method == "GET" and "versions" in query:
        return "ListObjectVersions"
    if request.method == "GET" and "uploads" in query:
        return "ListMultipartUploads"
    return str(request.method)


def refused(client: Any, request: AWSPreparedRequest) -> AWSResponse:
    return error(503, "SlowDown")


def lost(client: Any, request: AWSPreparedRequest) -> AWSResponse:
    """It is done, and nobody hears of it."""
    client._endpoint.http_session.send(request)
    return error(500, "InternalError")


def in_part(client: Any, request: AWSPreparedRequest) -> AWSResponse:
    """200, and an error for each key in the body: nothing was deleted."""
    return answer(
        200, "<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code><Message>m</Message></Error></DeleteResult>"
    )
