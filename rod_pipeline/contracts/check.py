"""Received files held against the contracts: what differs, exactly, in names and counts.

Belongs here: turning an observation into differences, for one file and for the files of a delivery. Does not belong
here: looking at a file (``observe``), refusing it (``intake``), the command line (``cli.contract``).

No value of a file stands in a difference, but for codes of closed lists that may be told (``codes``); headers that no
contract declares do only where they look like headers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from rod_pipeline.contracts.book import ContractBook
from rod_pipeline.contracts.model import Column, FileKind
from rod_pipeline.contracts.observe import Miss, Observation, observe
from rod_pipeline.errors import RodError
from rod_pipeline.intake.archive import members
from rod_pipeline.intake.identifiers import refuse_identifiers
from rod_pipeline.intake.matching import kinds_of
from rod_pipeline.intake.refusals import shown_name

_ALIKE = 0.6
_MISSES: dict[Miss, str] = {
    "empty": "values are empty where none may be",
    "type": "values are no {type}",
    "pattern": "values have another shape than the pattern",
    "values": "values stand outside the list {values}",
    "range": "values lie outside the range",
}
_SETTINGS = {
    "separator": "separator",
    "quote": "quote",
    "encoding": "encoding",
    "bom": "byte order mark",
    "decimal": "decimal mark",
    "dates": "notation of dates",
    "booleans": "yes and no",
    "header": "header",
    "header_prefix": "prefix of the header",
    "control_record": "closing control record",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it came: under which name, and how to open it, as often as is wanted."""

    name: str
    open: Callable[[], BinaryIO]


def on_disk(paths: Iterable[Path]) -> tuple[Source, ...]:
    """Files on disk as sources."""
    return tuple(Source(path.name, partial(_opened, path)) for path in paths)


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


@dataclass(frozen=True, slots=True)
class Checked:
    """One file: its name as it may be shown, its kind when a contract knows it, whether a zip held it,
    and what differs.

    The reader refuses ``differences`` or the checks may; what is ``accepted`` differs too, but does no harm.
    """

    name: str
    kind: FileKind | None
    packed: bool
    observation: Observation | None
    differences: tuple[str, ...]
    accepted: tuple[str, ...] = ()


def check(
    files: Iterable[Source], book: ContractBook, kind: FileKind | None = None, password: bytes | None = None
) -> tuple[Checked, ...]:
    """Each csv in ``files``, or in a zip among them, held against the newest contract of its kind.

    Its name tells the kind, unless ``kind`` is given for all. What can't be opened or read is a difference, no error.
    """
    return tuple(one for file in files for one in _check_file(file, book, kind, password))


def absent_kinds(checked: Sequence[Checked], book: ContractBook) -> tuple[FileKind, ...]:
    """The kinds of file that a whole delivery would have too."""
    present = {one.kind for one in checked}
    return tuple(kind for kind in book.files() if kind not in present)


def differences(seen: Observation) -> tuple[str, ...]:
    """What differs between a file and its contract, one sentence each: identifiers, dialect, columns, values."""
    return (*_identifiers(seen), *_dialect(seen), *_columns(seen), *_values(seen), *_stopped(seen))


def accepted(seen: Observation) -> tuple[str, ...]:
    """What differs from the contract and is read all the same."""
    notes = []
    if seen.dialect.newline != seen.contract.dialect.newline or seen.both_line_ends:
        notes.append("line ends of both kinds" if seen.both_line_ends else "another line end than declared")
    if seen.match.reordered:
        notes.append("the columns stand in another order than declared")
    return tuple(notes)


def likely_renames(seen: Observation) -> Mapping[int, Column]:
    """For positions of undeclared columns, the missing column that it may be under a new name; a guess for a person.

    Either their headers are alike, or the one stands where the other stood.
    """
    missing = {header: column for column in seen.contract.columns if (header := column.header) in seen.match.missing}
    pairs = sorted(
        (
            (SequenceMatcher(None, seen.headers[at - 1].casefold(), header.casefold()).ratio(), at, header)
            for at in seen.match.unknown
            if seen.headers
            for header in missing
        ),
        key=lambda pair: (-pair[0], pair[1]),
    )
    renames: dict[int, Column] = {}
    for ratio, at, header in pairs:
        if ratio >= _ALIKE and at not in renames and missing[header] not in renames.values():
            renames[at] = missing[header]
    declared = seen.contract.columns
    after: dict[Column | None, Column] = {None: declared[0], **dict(pairwise(declared))}
    for at in seen.match.unknown:
        left = seen.column_at(at - 1) if at > 1 else None
        column = after.get(left) if left is not None or at == 1 else None
        if column is not None and column in missing.values() and column not in renames.values() and at not in renames:
            renames[at] = column
    return renames


def _check_file(file: Source, book: ContractBook, kind: FileKind | None, password: bytes | None) -> Iterator[Checked]:
    try:
        with file.open() as stream:
            found = list(members(stream, password, name=file.name))
    except RodError as error:
        yield Checked(shown_name(file.name), None, False, None, (f"{error.code}: {error.happened}",))
        return
    for member in found:
        packed = member.size is not None
        # A bare csv can be opened once as a member, and is read twice here.
        yield _check_one(member.name, packed, member.open if packed else file.open, book, kind)


def _check_one(
    member: str, packed: bool, open_file: Callable[[], BinaryIO], book: ContractBook, kind: FileKind | None
) -> Checked:
    name = shown_name(member)
    kinds = (kind,) if kind else kinds_of(member, book)
    if len(kinds) != 1:
        what = f"the contracts of {' and '.join(kinds)} know" if kinds else "no contract knows"
        return Checked(name, None, packed, None, (f"{what} a file of this name",))
    try:
        seen = observe(open_file, book.get(kinds[0]), book)
    except RodError as error:
        return Checked(name, kinds[0], packed, None, (f"{error.code}: {error.happened}",))
    return Checked(name, kinds[0], packed, seen, differences(seen), accepted(seen))


def _identifiers(seen: Observation) -> tuple[str, ...]:
    texts = []
    for named in (True, False):
        try:
            refuse_identifiers([found for found in seen.identifiers if (found.kind == "header") is named])
        except RodError as error:
            texts.append(f"{error.code}: {error.happened}")
    return tuple(texts)


def _dialect(seen: Observation) -> tuple[str, ...]:
    says, has = seen.contract.dialect, seen.dialect
    return tuple(
        f"{words}: the file has {_told(getattr(has, field))}, the contract says {_told(getattr(says, field))}"
        for field, words in _SETTINGS.items()
        if getattr(has, field) != getattr(says, field)
    )


def _told(setting: object) -> str:
    if isinstance(setting, bool):
        return "one" if setting else "none"
    if isinstance(setting, tuple):
        return "/".join(setting)
    return repr(str(setting)) if setting else "none"


def _columns(seen: Observation) -> tuple[str, ...]:
    match, renames = seen.match, likely_renames(seen)
    if not seen.headers and seen.width != len(seen.contract.columns):
        return (f"the file has {seen.width} columns and no header; {len(seen.contract.columns)} are declared",)
    if seen.headers and not match.looks_like_header:
        known = len(seen.contract.columns) - len(match.missing)
        return (f"the header holds {known} of the {len(seen.contract.columns)} declared headers: of another file?",)
    return (
        *(f"missing column: {header!r}" for header in match.missing),
        *(f"undeclared column {at}: {seen.shown(at)}{_renamed(renames.get(at))}" for at in match.unknown),
        *(f"double column {at}: {seen.shown(at)}" for at in match.double),
    )


def _renamed(column: Column | None) -> str:
    return "" if column is None else f" (perhaps {column.header!r} under a new name)"


def missed(seen: Observation, column: Column) -> tuple[str, ...]:
    """In what the values of a column don't fit what is declared of it: how many, of how many, in which way."""
    texts = []
    for (name, miss), count in seen.misses.items():
        if name != column.name:
            continue
        text = _MISSES[miss].format(type=column.type.value, values=column.values)
        codes = seen.codes.get(name, ()) if miss == "values" else ()
        told = f" ({', '.join(f'{code}: {rows}' for code, rows in codes)})" if codes else ""
        texts.append(f"{count} of {seen.rows} {text}{told}")
    return tuple(texts)


def _values(seen: Observation) -> tuple[str, ...]:
    columns = [seen.contract.column(name) for name in dict.fromkeys(name for name, _ in seen.misses)]
    return tuple(f"column {column.header!r}: {text}" for column in columns for text in missed(seen, column))


def _stopped(seen: Observation) -> tuple[str, ...]:
    error = seen.stopped
    return () if error is None else (f"{error.code}: {error.happened} Rows read until then: {seen.rows}.",)
