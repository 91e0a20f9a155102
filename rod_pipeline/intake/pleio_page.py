"""What a page of PLEIO says: forms, files on offer, refusals.

Belongs here: reading HTML, finding the form that takes a code, telling refusals apart by their words, and telling a
file from a page by its first bytes. Does not belong here: fetching (``pleio_http``) or deciding what follows
(``pleio``).

How PLEIO's link and code work over HTTP is documented nowhere, so nothing here rests on names of fields or exact
texts: a form takes a code when it is sent by POST and has one field to fill in; refusals are known by words in Dutch
and English. After the code was sent only words that were *not* on the page before count, so that a help text about
expired codes is no refusal. Addresses of files follow PLEIO's published server code (``/file/download/…``,
``/file/embed/…``, ``/attachment/…``, ``/bulk_download``).
"""

import csv
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Literal

from rod_pipeline.intake import pleio_errors as errors

Media = Literal["zip", "csv"]

_FILLED_IN = frozenset({"", "text", "password", "number", "tel", "email"})
_CODE_FIELD = re.compile(r"code|pin|toegang|inlog|access|pass|wachtwoord", re.IGNORECASE)
_FILE_LINK = re.compile(r"/(?:file/(?:download|embed)|attachment|bulk_download)\b")
_SILENT = frozenset({"script", "style", "template", "noscript"})

_ABOUT_CODE: tuple[tuple[str, type[errors.PleioError]], ...] = (
    (
        r"te veel (\w+ )?pogingen|too many (\w+ )?attempts|locked|vergrendeld|(tijdelijk|code).{0,40}geblokkeerd",
        errors.LockedOut,
    ),
    (r"(al|reeds) (\w+ ){0,3}gebruikt|already (been )?used", errors.CodeUsed),
    (r"code\b.{0,60}(verlopen|niet meer geldig|expired|no longer valid)", errors.CodeExpired),
    (r"csrf|sessie is verlopen|session (has )?expired", errors.FormChanged),
)
_ABOUT_LINK: tuple[tuple[str, type[errors.PleioError]], ...] = (
    (r"nog niet (beschikbaar|open|geopend)|not (available|open) yet|not yet (available|open)", errors.LinkNotOpenYet),
    (r"niet (meer|langer) beschikbaar|no longer available|verlopen|ingetrokken|withdrawn|expired", errors.LinkExpired),
    (r"onderhoud|maintenance", errors.Maintenance),
)
_SECOND_FACTOR = re.compile(r"tweede factor|tweestaps|two[- ]factor|second factor|two[- ]step|authenticator")
_WRONG = re.compile(r"onjuist|ongeldig|verkeerd|niet correct|klopt niet|incorrect|invalid|wrong|not valid")


@dataclass(slots=True)
class Form:
    """A form: where it goes (``action`` may be empty or relative), what it carries along, what is to be filled in."""

    action: str
    method: str
    carried: dict[str, str] = field(default_factory=dict, repr=False)
    blanks: list[str] = field(default_factory=list)

    @property
    def takes_one_answer(self) -> bool:
        return self.method == "post" and len(self.blanks) == 1

    @property
    def takes_an_account(self) -> bool:
        return self.method == "post" and len(self.blanks) > 1


@dataclass(frozen=True, slots=True)
class Page:
    """A page as far as it matters here. ``files`` are the distinct addresses of files on offer, in order."""

    forms: tuple[Form, ...] = field(repr=False)
    files: tuple[str, ...] = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)

    def code_form(self) -> Form | None:
        """The one form that takes a code. None when there is none, or when it can't be told which it is."""
        candidates = [form for form in self.forms if form.takes_one_answer]
        if len(candidates) > 1:
            candidates = [form for form in candidates if _CODE_FIELD.search(form.blanks[0])]
        return candidates[0] if len(candidates) == 1 else None

    def asks_account(self) -> bool:
        return any(form.takes_an_account for form in self.forms)

    def asks_second_factor(self) -> bool:
        return _SECOND_FACTOR.search(self._words()) is not None

    def refusal_of_link(self) -> type[errors.PleioError] | None:
        """Which refusal of the link the words of this page are, if any."""
        return _first(_ABOUT_LINK, self._words())

    def refusal_of_code(self, before: "Page") -> type[errors.PleioError] | None:
        """Which refusal of the code stands on this page and did not stand on the page ``before`` it, if any."""
        known = set(before.texts)
        words = " ".join(text for text in self.texts if text not in known).casefold()
        found = _first(_ABOUT_CODE, words)
        if found is None and _WRONG.search(words):
            found = errors.WrongCode
        return found or _first(_ABOUT_LINK, words)

    def _words(self) -> str:
        return " ".join(self.texts).casefold()


def _first(table: tuple[tuple[str, type[errors.PleioError]], ...], words: str) -> type[errors.PleioError] | None:
    return next((error for pattern, error in table if re.search(pattern, words)), None)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.files: dict[str, None] = {}
        self.texts: list[str] = []
        self._form: Form | None = None
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _SILENT:
            self._silent += 1
        elif tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").casefold())
            self.forms.append(self._form)
        elif tag in ("input", "button") and self._form is not None:
            self._field(tag, given, self._form)
        elif tag == "a" and ("download" in given or _FILE_LINK.search(given.get("href", ""))):
            self.files.setdefault(given.get("href", ""))

    def _field(self, tag: str, given: dict[str, str], form: Form) -> None:
        name = given.get("name", "")
        kind = given.get("type", "submit" if tag == "button" else "").casefold()
        if not name or "disabled" in given:
            return
        if kind in _FILLED_IN:
            form.blanks.append(name)
        elif kind in ("hidden", "submit"):
            form.carried.setdefault(name, given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag == "form":
            self._form = None

    def handle_data(self, data: str) -> None:
        if not self._silent and (text := " ".join(data.split())):
            self.texts.append(text)


def read_page(body: bytes) -> Page:
    """Read HTML, or any text, as a page. Never fails: what can't be read says nothing."""
    reader = _Reader()
    reader.feed(body.decode("utf-8", "replace"))
    reader.close()
    return Page(tuple(reader.forms), tuple(reader.files), tuple(reader.texts))


_SEPARATORS = (";", "|", "\t", ",")


def media_of(head: bytes) -> Media | None:
    """What the first bytes of a body say that it is: a zip file, plausibly a table, or neither (None).

    A table here is text without control characters that begins with no markup and whose first lines all hold a
    separator. The contract judges the rest; this only keeps pages and messages out.
    """
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    text = head.removeprefix(b"\xef\xbb\xbf").decode("cp1252", "replace")
    if any(ord(char) < 32 and char not in "\t\r\n" for char in text) or text.lstrip()[:1] in ("", "<", "{", "["):
        return None
    lines = text.splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n") and line.strip()][:2]
    for separator in _SEPARATORS:
        if whole and all(len(row) > 1 for row in csv.reader(whole, delimiter=separator)):
            return "csv"
    return None
