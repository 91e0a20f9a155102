"""Why a file is refused: the ROD-FILE errors.

Belongs here: the errors of reading, matching and typing files, one class per cause, so that each has its own runbook.
Does not belong here: archives (ROD-ARCHIVE, ``archive``), direct identifiers (ROD-PRIVACY, ``identifiers``).

Texts hold names from contracts, record numbers and counts. What comes from the file itself (a member's name, an unknown
header) passes through ``shown_name`` or ``shown_headers`` first.
"""

import re
from collections.abc import Sequence

from rod_pipeline.errors import BlockedError, PermanentError, RefusedData

ASK_DUO = "Hold the file against its contract with `rod contract check`, then ask DUO for a corrected file."

_HEADER_LIKE = re.compile(r"#?[^\W\d_](?:[\w ._/()&+:'-]|, )*")
_LONG_NUMBER = re.compile(r"\d{5}")


def shown_name(name: str) -> str:
    """A file name from outside, escaped and shortened to 60 characters."""
    escaped = name.encode("unicode_escape").decode("ascii")
    return repr(escaped if len(escaped) <= 60 else f"{escaped[:57]}...").replace("\\\\", "\\")


def shown_headers(headers: Sequence[str], positions: Sequence[int]) -> list[str]:
    """The headers at these 1-based positions, or the positions alone when one of them does not look like a header.

    No contract knows them, so they might be values: of a file without header, or one whose line end is lost.
    """
    texts = {position: headers[position - 1].strip() for position in positions}
    if all(_looks_like_header(text) for text in texts.values()):
        return [repr(text) for text in texts.values()]
    return [f"#{position} (not shown)" for position in positions]


def some(names: Sequence[str], most: int = 100) -> list[str]:
    """The names for a message: the first of them, and how many more when they are absurdly many."""
    return [*names[:most], f"and {len(names) - most} more"] if len(names) > most else list(names)


def _looks_like_header(text: str) -> bool:
    letters = sum(char.isalpha() for char in text)
    return letters >= 3 and len(text) <= 80 and bool(_HEADER_LIKE.fullmatch(text)) and not _LONG_NUMBER.search(text)


class FileIsEmpty(PermanentError):
    """0 bytes; a file that is absent is ``MissingFile``."""

    code = "ROD-FILE-01"


class NoRows(PermanentError):
    """A header, and no record below it."""

    code = "ROD-FILE-02"


class WrongEncoding(PermanentError):
    """Bytes that the declared encoding does not have, or clearly another encoding."""

    code = "ROD-FILE-03"


class WrongByteOrderMark(PermanentError):
    """A byte order mark where the contract says none, or the reverse."""

    code = "ROD-FILE-04"


class HasNulBytes(PermanentError):
    """A NUL byte: no text file."""

    code = "ROD-FILE-05"


class WrongColumnCount(PermanentError):
    """A record with more or fewer values than columns; also a truncated last record."""

    code = "ROD-FILE-06"


class BadQuoting(PermanentError):
    """A quote that is never closed, or stands inside a value undoubled."""

    code = "ROD-FILE-07"


class TooLong(PermanentError):
    """A value or a record beyond the size that a delivery can hold."""

    code = "ROD-FILE-08"


class BlankRecord(PermanentError):
    """A blank line between or after the records."""

    code = "ROD-FILE-09"


class LoneCarriageReturn(PermanentError):
    """A carriage return that ends no line and stands in no quotes."""

    code = "ROD-FILE-10"


class ControlRecordWrong(PermanentError):
    """The closing control record is missing, malformed, or counts other records than there are."""

    code = "ROD-FILE-11"


class RowsLost(PermanentError):
    """Our count of the records and the parser's differ."""

    code = "ROD-FILE-12"


class MissingHeader(PermanentError):
    """The first record is not the header that the contract declares."""

    code = "ROD-FILE-13"


class WrongColumns(BlockedError):
    """Columns missing or double, all of them named; undeclared ones beside missing ones too: perhaps a rename."""

    code = "ROD-FILE-14"


class UndeclaredColumns(RefusedData):
    """Columns beyond those that the contract declares, all of them named where their names can be shown."""

    code = "ROD-FILE-17"


class ReadTwice(PermanentError):
    """The stream of a file can be read once."""

    code = "ROD-FILE-15"


class NotConverted(PermanentError):
    """A value has not the type that its column declares."""

    code = "ROD-FILE-16"


class UnknownFile(RefusedData):
    """A file that no contract names."""

    code = "ROD-FILE-20"


class RenamedFile(BlockedError):
    """A file that no contract names, while a kind of file is missing: it waits for a person, nothing is read of it."""

    code = "ROD-FILE-24"


class MissingFile(PermanentError):
    """A kind of file that the delivery lacks."""

    code = "ROD-FILE-21"


class DoubleFile(PermanentError):
    """Two files of the same kind."""

    code = "ROD-FILE-22"


class AmbiguousFile(PermanentError):
    """A file that the contracts of more than one kind name."""

    code = "ROD-FILE-23"
