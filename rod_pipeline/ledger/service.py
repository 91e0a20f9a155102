"""One bounded request to a service that vouches for the log: a witness, a timestamp authority.

Belongs here: which addresses may be asked, limits on time and size, what a failure of the line is called. Does not
belong here: what is asked and what the answer means (``witness``, ``timestamp``).

What is sent says nothing about anybody: a root hash, or a hash of one. Still, only https, and plain http to this very
machine.
"""

import ssl
import time
from pathlib import Path
from typing import NamedTuple

import certifi
import httpx

from rod_pipeline.errors import PermanentError, TransientError

SECONDS = 20.0
"""How long one request may take, from its first byte to its last."""

_MOST_BYTES = 1 << 18
_LOOPBACK = {"127.0.0.1", "localhost", "[::1]", "::1"}


class ServiceAddress(PermanentError):
    """The address of a service may not be asked."""

    code = "ROD-SERVICE-01"


class ServiceUnreachable(TransientError):
    """A service doesn't answer, or not in time."""

    code = "ROD-SERVICE-02"


class Answer(NamedTuple):
    """What a service said."""

    status: int
    body: bytes


def post(address: str, body: bytes, content_type: str, ca_file: Path | None = None) -> Answer:
    """Send ``body``. ``ca_file`` holds the certificates to trust instead of the usual ones.

    Raises ``ServiceAddress``; ``ServiceUnreachable`` when the line fails, the answer takes too long or is too large, or
    the service itself says that it can't answer now (429, 5xx).
    """
    url = _checked(address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=str(ca_file or certifi.where()))
    headers = {"Content-Type": content_type, "User-Agent": "rod-pipeline", "Accept-Encoding": "identity"}
    end = time.monotonic() + SECONDS
    why, answer = "the line failed", b""
    try:
        with (
            httpx.Client(verify=context, trust_env=False, follow_redirects=False, timeout=SECONDS) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            status = response.status_code
            for chunk in response.iter_raw():
                answer += chunk
                if len(answer) > _MOST_BYTES or time.monotonic() > end:
                    why = "its answer is too large or too slow"
                    break
            else:
                why = "" if status < 500 and status != 429 else f"it answers with status {status}"
    except (httpx.TransportError, OSError):
        pass
    if why:
        # Outside the handler, so that the error has no context that holds the address.
        raise ServiceUnreachable(
            f"A service that vouches for the log can't be used now: {why}.",
            "Nothing is lost and nothing waits for it: it is asked again. If this lasts, see whether the service runs "
            "and whether this machine may reach it.",
        )
    return Answer(status, answer)


def _checked(address: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    if url.userinfo or not ((url.scheme == "https" and url.host) or (url.scheme == "http" and url.host in _LOOPBACK)):
        raise ServiceAddress(
            "The address of a witness or a timestamp service can't be used.",
            "Set it to an https address without a name or password in it; plain http is for this very machine.",
        )
    return url
