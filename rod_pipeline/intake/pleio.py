"""Fetching a delivery from PLEIO: a link and, separately, a code.

Belongs here: the order of steps from the link to a verified stream into a sink, and when to try again. Does not belong
here: where the bytes go (the sink is the caller's, sealed by ``store.vault``), where link and code are kept
(``store.secrets``), files that a person fetched (manual drop).

The decree: DUO puts a file in PLEIO, sends the link, and sends an access code separately. The steps: ask for the link,
find the form that takes a code, send the code with whatever the form carries along (CSRF token) and the session's
cookies, follow to the file, which may lie on a storage host, and pass it on as it comes. PLEIO's published code knows
no ranges and answers 200 with a page for what it does not have, so there is no resuming and a status proves nothing:
the first bytes decide whether it is a file. The sink is opened only after they did.

A download that fails for a passing reason is tried again from the start, with a fresh sink. The code is sent again
only when the site asks for it anew after it had *not* been refused; a refusal ends the visit.

Limit: when a server declares *fewer* bytes than it sends, HTTP ends the file there and no client can notice. Digests
in the header (checked here), the directory at the end of a zip file and control totals do.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from rod_pipeline.clock import Clock
from rod_pipeline.intake import pleio_errors as errors
from rod_pipeline.intake.pleio_body import HEAD, Body, digests_agree, served_name, wait_asked
from rod_pipeline.intake.pleio_http import Answer, PleioSettings, Session, check_link
from rod_pipeline.intake.pleio_page import Media, Page, media_of

__all__ = ["Download", "PleioClient", "PleioSettings", "Writer", "check_link"]

_LONGEST_WAIT = 120.0
_RANDOM = secrets.SystemRandom()
_MOST_PAGES = 5


class Writer(Protocol):
    """Takes the bytes of a file in order."""

    def write(self, data: bytes, /) -> object: ...


W = TypeVar("W", bound=Writer)

_MEANINGS: dict[int, type[errors.PleioError]] = {
    300: errors.FileBlocked,
    401: errors.SiteClosed,
    408: errors.TimedOut,
    410: errors.LinkExpired,
    423: errors.LockedOut,
    429: errors.RateLimited,
    503: errors.Maintenance,
}


@dataclass(frozen=True)
class Download(Generic[W]):
    """A file that was received whole. ``sink`` is the writer that holds it, after its block was left.

    ``size`` and ``sha256`` are of the plaintext and must not leave the process unsealed; ``name`` is the last part
    of the name under which it was served (``naamloos.zip`` if it had none): for matching, never for paths or logs.
    ``first_byte_at`` is when its first byte came, in the first attempt that got that far.
    """

    sink: W = field(repr=False)
    size: int
    sha256: str = field(repr=False)
    media: Media
    name: str = field(repr=False)
    first_byte_at: datetime


class PleioClient:
    """Fetches files from PLEIO. Holds no link, code or session between calls."""

    def __init__(
        self,
        settings: PleioSettings,
        clock: Clock,
        *,
        sleep: Callable[[float], object] = time.sleep,
        jitter: Callable[[], float] = _RANDOM.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``jitter`` gives numbers in [0, 1); it, ``sleep`` and ``monotonic`` are there so that tests need not wait."""
        self.settings = settings
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._monotonic = monotonic

    def fetch(self, link: str, code: str, open_sink: Callable[[], AbstractContextManager[W]]) -> Download[W]:
        """Fetch the file behind ``link`` into a sink.

        ``open_sink`` is called once per attempt that reached a file; its block is left normally only when the file is
        whole, and by an exception otherwise, upon which it must discard what it holds. Raises ``PleioError``, whose
        ``ends_code`` tells whether the code is of no more use, and whatever the sink raises.
        """
        check_link(link, self.settings)
        visit = _Visit(self.settings, self._clock, link, code, self._monotonic)
        del link, code
        with closing(visit):
            try:
                return self._persist(visit, open_sink)
            except errors.PleioError as error:
                failure = error
        # The frames below hold addresses; a report that prints local variables must not find them.
        if isinstance(failure, errors.CodeUsed) and visit.served:
            failure = errors.CodeUsed("The access code served once, but the download broke; it is not taken again.")
        failure.code_served = visit.served
        raise failure.with_traceback(None)

    def _persist(self, visit: "_Visit", open_sink: Callable[[], AbstractContextManager[W]]) -> Download[W]:
        lengths: list[int] = []
        for attempt in range(1, self.settings.attempts + 1):
            try:
                return visit.attempt(open_sink)
            except errors.PleioError as error:
                failure = error
            if isinstance(failure, errors.Truncated) and failure.closed:
                lengths.append(failure.received)
            wait = self._wait(attempt, failure.retry_after)
            if failure.kind != "transient" or attempt == self.settings.attempts or wait > _LONGEST_WAIT:
                break
            self._sleep(wait)
        if len(lengths) == attempt > 1 and len(set(lengths)) == 1:
            # Ended at the same byte each time: no accident of the line.
            failure = errors.WrongLength()
        raise failure

    def _wait(self, attempt: int, asked: float | None) -> float:
        """Seconds until the next attempt: what the server asked for, or doubling; with jitter, so that no two meet."""
        if asked is not None:
            return asked + self._jitter()
        return float(2**attempt) * (0.5 + self._jitter() / 2)


class _Visit:
    """One fetch, with all its attempts: the session, the code, and what became of the code."""

    def __init__(
        self, settings: PleioSettings, clock: Clock, link: str, code: str, monotonic: Callable[[], float]
    ) -> None:
        self.served = False
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._session = Session(settings, link)
        self._code = code
        self._first_byte_at: datetime | None = None

    def __repr__(self) -> str:
        return "<visit>"

    def close(self) -> None:
        self._session.close()

    def attempt(self, open_sink: Callable[[], AbstractContextManager[W]]) -> Download[W]:
        """From the link to the file, once."""
        deadline = self._monotonic() + self._settings.download_timeout
        answer = self._session.open_link()
        asked: Page | None = None
        for _ in range(_MOST_PAGES):
            with closing(answer):
                body = Body(answer, lambda: self._monotonic() > deadline)
                media = media_of(body.head[:HEAD]) if answer.status == 200 else None
                if asked is not None and (media is not None or answer.from_storage):
                    self.served = True
                if media is not None:
                    return self._receive(body, answer, media, open_sink)
                page = body.as_page()
                if asked is not None:
                    _judge_code(answer, page, asked)
                _judge_status(answer, page, self._clock.now())
                form = page.code_form()
                if form is not None and asked is None and not page.asks_second_factor():
                    asked = page
                    following = self._session.submit(answer, form.action, form.carried | {form.blanks[0]: self._code})
                elif form is None and len(page.files) == 1:
                    following = self._session.open_file(answer, page.files[0])
                else:
                    raise _dead_end(page, asked)
            answer = following
        answer.close()
        raise errors.NotADelivery

    def _receive(
        self, body: Body, answer: Answer, media: Media, open_sink: Callable[[], AbstractContextManager[W]]
    ) -> Download[W]:
        self._first_byte_at = self._first_byte_at or self._clock.now()
        sha256 = hashlib.sha256()
        md5 = hashlib.md5(usedforsecurity=False)
        size = 0
        with open_sink() as sink:
            for chunk in body:
                size += len(chunk)
                if size > self._settings.max_bytes:
                    raise errors.TooLarge
                sha256.update(chunk)
                md5.update(chunk)
                sink.write(chunk)
            body.check_length()
            if not digests_agree(answer, sha256.digest(), md5.digest()):
                raise errors.Corrupted
        name = served_name(answer) or f"naamloos.{media}"
        return Download(sink, size, sha256.hexdigest(), media, name, self._first_byte_at)


def _judge_code(answer: Answer, page: Page, asked: Page) -> None:
    """Raise when ``answer``, which followed the code, says that the code was refused or is not enough."""
    if answer.from_storage or answer.status == 300 or answer.status >= 500:
        return
    offers_file = answer.status == 200 and page.files and page.code_form() is None
    refusal = None if offers_file else page.refusal_of_code(asked)
    if answer.status == 423:
        raise errors.LockedOut
    if answer.status == 429:
        if refusal is errors.LockedOut:
            raise refusal
        return
    if refusal is not None:
        raise refusal
    if answer.status in (400, 401, 403, 422):
        raise errors.WrongCode
    before, now = asked.code_form(), page.code_form()
    if page.asks_second_factor() and not asked.asks_second_factor():
        raise errors.SecondFactor
    if before is not None and now is not None:
        raise errors.WrongCode if now.blanks == before.blanks else errors.SecondFactor


def _judge_status(answer: Answer, page: Page, now: datetime) -> None:
    """Raise unless ``answer`` is a page that may lead on."""
    status = answer.status
    failure: errors.PleioError
    if answer.from_storage and status in (200, 401, 403, 404, 410):
        failure = errors.NotADelivery() if status == 200 else errors.StorageRefused()
    elif status == 200:
        return
    elif status in (403, 404):
        failure = (page.refusal_of_link() or errors.LinkNotFound)()
    elif status in _MEANINGS:
        failure = _MEANINGS[status]()
    elif status >= 500:
        failure = errors.ServerFault()
    else:
        failure = errors.UnexpectedAnswer(f"PLEIO gave an answer that has no place in a download (status {status}).")
    failure.retry_after = wait_asked(answer, now)
    raise failure


def _dead_end(page: Page, asked: Page | None) -> errors.PleioError:
    """What to call a page from which no step leads on."""
    if page.asks_second_factor():
        return errors.SecondFactor()
    if len(page.files) > 1:
        names = {address.split("?")[0].rsplit("/", 1)[-1] for address in page.files}
        return errors.SeveralFiles() if len(names) == len(page.files) else errors.SameName()
    if page.asks_account():
        return errors.SiteClosed()
    if (refusal := page.refusal_of_link()) is not None:
        return refusal()
    return errors.FormChanged() if asked is None else errors.NotADelivery()
