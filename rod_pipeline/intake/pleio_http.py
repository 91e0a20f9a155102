"""Carrying requests to PLEIO and to nobody else.

Belongs here: which addresses may be visited, TLS, cookies, redirects, time-outs, translating what the transport throws.
Does not belong here: what pages mean (``pleio_page``) or the order of steps (``pleio``).

Rules, each for a way in which a link or a code could leak or a server lead us astray:

- https only, exact hosts only, no literal addresses, ports or user names in a link; 127.0.0.1 only when the settings
  say so (stand-in, tests). This holds for the link and for every redirect.
- Each origin has its own cookie jar, so the session never travels to the storage that holds the file; and no request
  carries a Referer.
- Proxies, certificate files and key logs named in environment variables are not heeded.
- The libraries below log addresses and headers: their loggers are silenced for good.
- No exception of theirs goes out, not even as a context: it would hold the request.
"""

import ipaddress
import logging
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import certifi
import httpx

from rod_pipeline.intake import pleio_errors as errors

T = TypeVar("T")

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 10
_LOOPBACK = "127.0.0.1"
_LOGGERS = (
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


@dataclass(frozen=True)
class PleioSettings:
    """Where PLEIO is and how patient to be.

    ``hosts`` may serve links and receive codes, ``storage_hosts`` may serve the file itself; exact host names.
    ``ca_file`` replaces the usual certificate authorities. ``max_bytes`` bounds a file after decompression; times are
    in seconds, ``download_timeout`` bounds one attempt at a whole file; ``attempts`` counts the first one too.
    """

    hosts: tuple[str, ...]
    storage_hosts: tuple[str, ...] = ()
    ca_file: Path | None = None
    allow_loopback_http: bool = False
    max_bytes: int = 16 * 2**30
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    download_timeout: float = 4 * 3600.0
    attempts: int = 4


def check_link(link: str, settings: PleioSettings) -> None:
    """Raise ``BadLink`` unless ``link`` is one that may be visited. Asks nobody."""
    _address(settings, link)


def _address(settings: PleioSettings, link: str) -> httpx.URL:
    url = None
    if len(link) <= 2048 and re.fullmatch(r"[!-\[\]-~]+", link):
        url = _parsed(link)
    if url is None or url.scheme not in ("https", "http") or not _is_allowed(settings, url, settings.hosts):
        raise errors.BadLink
    if url.scheme == "http" and not _is_loopback(settings, url):
        raise errors.BadLink
    return url


def _parsed(link: str) -> httpx.URL | None:
    try:
        return httpx.URL(link)
    except (httpx.InvalidURL, ValueError):
        return None


def _is_loopback(settings: PleioSettings, url: httpx.URL) -> bool:
    return settings.allow_loopback_http and _host(url) == _LOOPBACK


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii", "replace").casefold()


def _is_allowed(settings: PleioSettings, url: httpx.URL, hosts: tuple[str, ...]) -> bool:
    if url.userinfo or _host(url) not in {host.casefold() for host in hosts}:
        return False
    if _is_loopback(settings, url):
        return True
    return url.port in (None, 443) and not _is_literal(_host(url))


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return bool(re.fullmatch(r"[0-9x.]+", host))
    return True


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, _host(url), url.port


class _Silence(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return False


_SILENCE = _Silence()


def _silence_loggers() -> None:
    """Filters, not levels: they survive whatever configures logging later."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_SILENCE)


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    """Verifying TLS 1.2 and up. Not ``create_default_context``, which would write keys to ``SSLKEYLOGFILE``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=str(ca_file or certifi.where()))
    return context


class Session:
    """One visit to PLEIO: cookies per origin, allowed addresses only. Its link stays inside."""

    def __init__(self, settings: PleioSettings, link: str) -> None:
        self._settings = settings
        self._link = _address(settings, link)
        self._context = _tls(settings.ca_file)
        self._clients: dict[tuple[str, str, int | None], httpx.Client] = {}
        _silence_loggers()

    def __repr__(self) -> str:
        return "<Session>"

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def open_link(self) -> "Answer":
        """Ask for the link and follow where it leads."""
        return self._follow("GET", self._link, None)

    def open_file(self, page: "Answer", href: str) -> "Answer":
        """Ask for a file that ``page`` offers."""
        return self._follow("GET", self._next(page.url, href), None)

    def submit(self, page: "Answer", action: str, fields: dict[str, str]) -> "Answer":
        """Send a form back to the origin that served it, and follow where the answer leads. Never elsewhere."""
        target = self._next(page.url, action) if action else page.url
        if page.from_storage or _origin(target) != _origin(page.url):
            raise errors.FormChanged("The form would send the access code to another server; it was not sent.")
        return self._follow("POST", target, fields)

    def _follow(self, method: str, url: httpx.URL, fields: dict[str, str] | None) -> "Answer":
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._send(method, url, fields)
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTS or location is None:
                return Answer(response, url, self._is_storage(url))
            response.close()
            if method == "POST" and response.status_code in (307, 308):
                raise errors.FormChanged("The form asks that the access code be sent once more to another address.")
            url, method, fields = self._next(url, location), "GET", None
        raise errors.TooManyRedirects

    def _next(self, url: httpx.URL, reference: str) -> httpx.URL:
        try:
            target = url.join(reference)
        except (httpx.InvalidURL, ValueError):
            target = None
        if target is None:
            raise errors.UnexpectedAnswer
        settings = self._settings
        if target.scheme == "http" and not _is_loopback(settings, target):
            raise errors.Downgrade
        if target.scheme not in ("https", "http"):
            raise errors.UnexpectedAnswer
        if not _is_allowed(settings, target, settings.hosts + settings.storage_hosts):
            raise errors.ForeignHost
        return target

    def _is_storage(self, url: httpx.URL) -> bool:
        only_there = _host(url) not in {host.casefold() for host in self._settings.hosts}
        return only_there or (_is_loopback(self._settings, url) and _origin(url) != _origin(self._link))

    def _send(self, method: str, url: httpx.URL, fields: dict[str, str] | None) -> httpx.Response:
        client = self._client(url)
        # A site that guards its forms wants to know where a form comes from; the origin tells no address.
        headers = {"Origin": f"{url.scheme}://{url.netloc.decode('ascii')}"} if method == "POST" else {}
        request = client.build_request(method, url, data=fields, headers=headers)
        return translated(lambda: client.send(request, stream=True))

    def _client(self, url: httpx.URL) -> httpx.Client:
        origin = _origin(url)
        if origin not in self._clients:
            settings = self._settings
            self._clients[origin] = httpx.Client(
                verify=self._context,
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout),
                headers={
                    "User-Agent": "rod-pipeline",
                    "Accept": "*/*",
                    "Accept-Language": "nl, en;q=0.5",
                    "Accept-Encoding": "identity",
                },
            )
        return self._clients[origin]


class Answer:
    """A response whose body has not been read yet, with the address that gave it kept inside."""

    def __init__(self, response: httpx.Response, url: httpx.URL, from_storage: bool) -> None:
        self.url = url
        self.status = response.status_code
        self.headers = response.headers
        self.from_storage = from_storage
        self._response = response

    def __repr__(self) -> str:
        return f"<Answer {self.status}>"

    def close(self) -> None:
        self._response.close()

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes over the line, still encoded. Raises ``TimedOut`` or ``Truncated``."""
        body = self._response.iter_raw()
        received = 0
        while True:
            chunk = translated(lambda: next(body, b""), received)
            if not chunk:
                return
            received += len(chunk)
            yield chunk


def translated(call: Callable[[], T], received: int | None = None) -> T:
    """What ``call`` returns, or our error for what the transport throws; ``received``: body bytes so far, if any."""
    try:
        return call()
    except httpx.TimeoutException:
        failure: errors.PleioError = errors.TimedOut()
    except httpx.TransportError as error:
        failure = _meaning(error, received)
    # Outside the handlers, so that the new error has no context that holds the request.
    raise failure


def _meaning(error: httpx.TransportError, received: int | None) -> errors.PleioError:
    if received is not None:
        broken = errors.Truncated()
        broken.received = received
        broken.closed = isinstance(error, httpx.RemoteProtocolError)
        return broken
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return errors.TlsFailure()
        cause = cause.__cause__ or cause.__context__
    return errors.ConnectionBroken()
