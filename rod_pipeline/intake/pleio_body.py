"""The body of an answer: decoding it, bounding it, and what its headers say about it.

Belongs here: reading a body as a stream, telling its start, lengths and digests, Retry-After and the served name.
Does not belong here: the transport (``pleio_http``) and what a page means (``pleio_page``).
Sources: RFC 9110 (Content-Encoding, Retry-After), RFC 9530 and RFC 3230 (digests), RFC 1864 (Content-MD5), RFC 6266.
"""

import base64
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from rod_pipeline.intake import pleio_errors as errors
from rod_pipeline.intake.pleio_http import Answer
from rod_pipeline.intake.pleio_page import Page, read_page

HEAD = 8192
"""How many bytes decide what a body is."""
_LARGEST_PAGE = 2**20
_INFLATE = 2**18
_DIGEST = re.compile(r"\b(sha-256|md5)=:?([A-Za-z0-9+/]+)", re.IGNORECASE)


class Body:
    """A body, decoded, as a stream. ``head`` is its start: at least ``HEAD`` bytes unless it is shorter.

    ``late`` is asked with every piece whether the time for this attempt has run out. Iterating gives all bytes, once.
    Raises ``TimedOut``, ``Truncated``, ``Corrupted`` or ``UnexpectedAnswer`` (an unknown encoding).
    """

    def __init__(self, answer: Answer, late: Callable[[], bool]) -> None:
        self._answer = answer
        self._late = late
        self._raw_size = 0
        self._rest = self._decoded()
        self.head = b""
        while len(self.head) < HEAD and (piece := next(self._rest, b"")):
            self.head += piece

    def __iter__(self) -> Iterator[bytes]:
        yield self.head
        yield from self._rest

    def as_page(self) -> Page:
        """The body read as a page, no further than a page can be long; raises ``EmptyBody`` for nothing at all."""
        if not self.head and self._answer.status == 200:
            raise errors.EmptyBody
        text = bytearray()
        for piece in self:
            text += piece
            if len(text) > _LARGEST_PAGE:
                break
        return read_page(bytes(text[:_LARGEST_PAGE]))

    def check_length(self) -> None:
        """Raise ``WrongLength`` when the header declares another length than came.

        The transport raises ``Truncated`` itself where the length frames the body; left are bodies framed otherwise.
        """
        declared = self._answer.headers.get("content-length", "")
        if declared.isdigit() and int(declared) != self._raw_size:
            raise errors.WrongLength

    def _raw(self) -> Iterator[bytes]:
        for piece in self._answer.chunks():
            self._raw_size += len(piece)
            if self._late():
                raise errors.TimedOut
            yield piece

    def _decoded(self) -> Iterator[bytes]:
        encoding = self._answer.headers.get("content-encoding", "identity").strip().casefold()
        if encoding in ("", "identity"):
            yield from self._raw()
        elif encoding in ("gzip", "x-gzip"):
            yield from self._inflated()
        else:
            raise errors.UnexpectedAnswer("PLEIO sent the file in a compression that was not asked for.")

    def _inflated(self) -> Iterator[bytes]:
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        for piece in self._raw():
            while piece:
                if inflate.eof:
                    raise errors.Corrupted
                yield from filter(None, [_inflate(inflate, piece)])
                piece = inflate.unconsumed_tail or inflate.unused_data
        if not inflate.eof:
            broken = errors.Truncated()
            broken.received, broken.closed = self._raw_size, True
            raise broken


def _inflate(inflate: "zlib._Decompress", piece: bytes) -> bytes:
    try:
        return inflate.decompress(piece, _INFLATE)
    except zlib.error:
        pass
    raise errors.Corrupted


def digests_agree(answer: Answer, sha256: bytes, md5: bytes) -> bool:
    """Whether the digests in the header, if any, are those of what came. Those of an encoded body are not looked at."""
    if "content-encoding" in answer.headers:
        return True
    known = {"sha-256": sha256, "md5": md5}
    stated = [("md5", value.rstrip("=")) for value in answer.headers.get_list("content-md5")]
    for name in ("digest", "content-digest", "repr-digest"):
        for value in answer.headers.get_list(name):
            stated += [(kind.casefold(), digest) for kind, digest in _DIGEST.findall(value)]
    return all(digest == base64.b64encode(known[kind]).decode().rstrip("=") for kind, digest in stated)


def wait_asked(answer: Answer, now: datetime) -> float | None:
    """Seconds that Retry-After asks to wait: a number or a date. None when there is none, or none that makes sense."""
    value = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def served_name(answer: Answer) -> str | None:
    """The last part of the name of the file: from Content-Disposition, else from the address; None if it has none."""
    header = Message()
    header["Content-Disposition"] = answer.headers.get("content-disposition", "inline")
    name = header.get_filename() or unquote(answer.url.path)
    last = re.split(r"[/\\]", name)[-1]
    clean = "".join(char for char in last if char.isprintable()).strip()[-200:]
    return clean if clean.strip(".") else None
