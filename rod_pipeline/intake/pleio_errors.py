"""What can go wrong between a PLEIO link and a sealed file: one class per failure.

Belongs here: the errors, their codes and what each means for the access code. Does not belong here: recognising them
(``pleio_page`` for pages, ``pleio_http`` for the transport, ``pleio`` for the flow).

The kinds: *transient* when the same link and code may work in a while, *blocked* when somebody of ours must act (ask
for a code, fetch by hand, allow a host), *permanent* when trying again can't help.

No text holds a link, a host that came from outside, a code, a cookie or a line of a page.
"""

from typing import ClassVar, Literal

from rod_pipeline.errors import BlockedError, PermanentError, RodError, TransientError

CodeEnd = Literal["wrong", "used", "expired", "refused"]

_ASK_CODE = "Ask DUO for a new code and announce the delivery again, or hand the file over by manual drop."
_BY_HAND = "Open the link in a browser; if the file can be fetched there, hand it over by manual drop, else ask DUO."
_LATER = (
    "Nothing now: it is tried again by itself. If it lasts for a day, ask DUO or hand the file over by manual drop."
)


class PleioError(RodError):
    """Base of all failures of the download.

    ``ends_code``: why the access code is of no use any more (to be recorded as ``CodeEnded``), or None while it may
    still serve. ``code_served``: the code was accepted in this session before the failure. ``retry_after``: the wait
    in seconds that the server asked for.
    """

    ends_code: ClassVar[CodeEnd | None] = None
    says: ClassVar[str] = "The download from PLEIO failed."
    do: ClassVar[str] = _BY_HAND
    code_served: bool = False
    retry_after: float | None = None

    def __init__(self, happened: str | None = None, remedy: str | None = None) -> None:
        super().__init__(happened or self.says, remedy or self.do)


class BadLink(PleioError, PermanentError):
    """The link itself: its form, host, port, or a literal address where a name belongs."""

    code = "ROD-PLEIO-01"
    says = "The link is not an https address on a host that is allowed for PLEIO."
    do = "Compare the link with DUO's message; a new host of PLEIO must first be added to the settings by a person."


class ForeignHost(PleioError, BlockedError):
    """A redirect, or a file on offer, leads to a host outside both lists."""

    code = "ROD-PLEIO-02"
    says = "PLEIO sent the download on to a host that is not on the list of allowed hosts; it was not followed."
    do = "Open the link in a browser, see which host it leads to, and allow it in the settings only if it is PLEIO's."


class Downgrade(PleioError, PermanentError):
    """A redirect, or a file on offer, leads from https to http."""

    code = "ROD-PLEIO-03"
    says = "PLEIO sent the download on to an address without encryption (http); it was not followed."
    do = "Do not fetch this file over http by hand either; tell DUO."


class TooManyRedirects(PleioError, PermanentError):
    """More than ten in a row; a loop too."""

    code = "ROD-PLEIO-04"
    says = "PLEIO kept sending the download on to another address."


class WrongCode(PleioError, BlockedError):
    """Told by words, by status 400, 401, 403 or 422 after the code, or by the same form coming back."""

    code = "ROD-PLEIO-05"
    ends_code = "wrong"
    says = "PLEIO did not accept the access code. It was sent once and not tried again."
    do = _ASK_CODE


class CodeUsed(PleioError, BlockedError):
    """Told by words; also when the code is asked for again after a broken download and no longer serves."""

    code = "ROD-PLEIO-06"
    ends_code = "used"
    says = "The access code has been used before and serves only once."
    do = _ASK_CODE


class CodeExpired(PleioError, BlockedError):
    """Told by words."""

    code = "ROD-PLEIO-07"
    ends_code = "expired"
    says = "The access code has expired."
    do = _ASK_CODE


class LockedOut(PleioError, BlockedError):
    """Told by words, or by status 423."""

    code = "ROD-PLEIO-08"
    ends_code = "refused"
    says = "PLEIO has locked this link after too many wrong codes."
    do = "Ask DUO to unlock the link and for a new code; find out who tried codes, it may be an incident."


class LinkNotFound(PleioError, PermanentError):
    """Status 404 or 403 on the way to the form. The code is kept: the same link may be mended."""

    code = "ROD-PLEIO-09"
    says = "PLEIO has no file for us under this link (404 or 403)."
    do = "Compare the link with DUO's message and announce again; if it is right, ask DUO whether the file is there."


class LinkExpired(PleioError, PermanentError):
    """Status 410, or told by words with any status."""

    code = "ROD-PLEIO-10"
    ends_code = "expired"
    says = "The link has expired or was withdrawn."
    do = "Ask DUO to provide the file again and announce the new link with its code."


class LinkNotOpenYet(PleioError, BlockedError):
    """Told by words."""

    code = "ROD-PLEIO-11"
    says = "The link is not open yet."
    do = "Run again after the moment that DUO's message names."


class SiteClosed(PleioError, BlockedError):
    """Status 401 before any code, or a form that asks for a name as well."""

    code = "ROD-PLEIO-12"
    says = "PLEIO asks for an account, not for a code: the site is closed to us."
    do = "Log in with a browser and hand the file over by manual drop, or ask DUO to open the link."


class FileBlocked(PleioError, PermanentError):
    """Status 300: so PLEIO answers for what its virus scanner blocked and for what is lost on its disk."""

    code = "ROD-PLEIO-13"
    says = "PLEIO has blocked the file, or has lost it (status 300)."
    do = "Ask DUO to place the file again."


class SecondFactor(PleioError, BlockedError):
    """Told by words, or by another question following the code."""

    code = "ROD-PLEIO-14"
    says = "PLEIO asks for a second factor, which only a person can give."
    do = "Fetch the file with a browser and hand it over by manual drop."


class SeveralFiles(PleioError, BlockedError):
    """A page without a form that links more than one file."""

    code = "ROD-PLEIO-15"
    says = "The page offers several files; which of them is the delivery is not for a program to guess."
    do = "Announce the link of each file, or fetch them with a browser and hand them over together by manual drop."


class FormChanged(PleioError, PermanentError):
    """No form that takes a code, one that can't be sent safely, or one that was refused for its CSRF token."""

    code = "ROD-PLEIO-16"
    says = "The page has no form that takes an access code, or PLEIO refused the form itself. The code was not judged."


class RateLimited(PleioError, TransientError):
    """Status 429."""

    code = "ROD-PLEIO-17"
    says = "PLEIO answers that there were too many requests (429)."
    do = _LATER


class Maintenance(PleioError, TransientError):
    """Status 503, or told by words."""

    code = "ROD-PLEIO-18"
    says = "PLEIO is closed for maintenance."
    do = _LATER


class ServerFault(PleioError, TransientError):
    """Status 5xx, other than 503."""

    code = "ROD-PLEIO-19"
    says = "PLEIO reports a fault of its own (5xx)."
    do = _LATER


class StorageRefused(PleioError, TransientError):
    """Status 401, 403, 404 or 410 from the storage: a fresh address is asked for."""

    code = "ROD-PLEIO-20"
    says = "The address that PLEIO gave for the file was refused by its storage, as when it has run out."
    do = _LATER


class ConnectionBroken(PleioError, TransientError):
    """Refused, reset or nonsense before the headers of an answer."""

    code = "ROD-PLEIO-21"
    says = "There was no connection with PLEIO, or it broke before an answer came."
    do = _LATER


class TimedOut(PleioError, TransientError):
    """No connection or no bytes for too long, or the whole file took too long."""

    code = "ROD-PLEIO-22"
    says = "PLEIO did not answer in time."
    do = _LATER


class Truncated(PleioError, TransientError):
    """``received`` is the number of body bytes; ``closed``: the peer ended the connection properly, only too early."""

    code = "ROD-PLEIO-23"
    says = "The connection broke in the middle of the file. Nothing of it was kept."
    do = _LATER
    received: int = 0
    closed: bool = False


class Corrupted(PleioError, TransientError):
    """A digest in the header, or the gzip encoding, does not agree."""

    code = "ROD-PLEIO-24"
    says = "The file does not agree with the digest or the compression that the server announced. Nothing was kept."
    do = _LATER


class WrongLength(PleioError, PermanentError):
    """Lengths in the header and of the body contradict each other, or each attempt ended at the same byte."""

    code = "ROD-PLEIO-25"
    says = "The file is not as long as the server says that it is. Nothing of it was kept."
    do = "Ask DUO to place the file again."


class NotADelivery(PleioError, PermanentError):
    """A body, status 200, that is no file: decided by its first bytes, never by status or type."""

    code = "ROD-PLEIO-26"
    says = "What came is not a zip file or a table but something else, such as a page to log in. Nothing was kept."


class EmptyBody(PleioError, PermanentError):
    """Status 200 and not one byte."""

    code = "ROD-PLEIO-27"
    says = "The file under the link is empty."
    do = "Ask DUO to place the file again."


class TooLarge(PleioError, PermanentError):
    """More bytes than the settings allow, after decompression."""

    code = "ROD-PLEIO-28"
    says = "The file is larger than the settings allow. Nothing of it was kept."
    do = "Ask DUO whether the size is right; if it is, raise the limit in the settings."


class UnexpectedAnswer(PleioError, PermanentError):
    """A status, an address or an encoding that nothing above covers."""

    code = "ROD-PLEIO-29"
    says = "PLEIO gave an answer that has no place in a download."


class TlsFailure(PleioError, PermanentError):
    """Certificate of an unknown authority or for another host, or no TLS at all where it belongs."""

    code = "ROD-PLEIO-30"
    says = "The server could not prove that it is PLEIO: its certificate was not accepted."
    do = "Do not go around it. Check the clock and the CA file of the settings; else tell DUO."


class SameName(PleioError, BlockedError):
    """A page that links several files of which two bear one name, as when a file was placed again."""

    code = "ROD-PLEIO-31"
    says = "There is a second file under the same name; which of the two is the delivery only DUO can say."
    do = "Ask DUO to remove the one that is not meant, or fetch the right one by hand and hand it over by manual drop."
