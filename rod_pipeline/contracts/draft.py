"""The next version of a contract, proposed from a file that came.

Belongs here: writing the proposal as TOML for a person to review. Does not belong here: looking at the file
(``observe``), deciding.

A column that the present contract declares keeps everything, its rubriek too. A column that it does not declare is
written as a comment: which rubriek of the annex or which letter of the minister allows it is for a person to say, and
nothing here ever assigns one. Nor does a value of the file get in: patterns and value lists stay as they were.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rod_pipeline.contracts.check import likely_renames
from rod_pipeline.contracts.identifiers import names_identifier
from rod_pipeline.contracts.model import Column, Dialect
from rod_pipeline.contracts.observe import Observation

_NEEDS_GROUND = "needs a rubriek of the decree's annex, or a letter of the minister; until then the file is refused"
_NEVER = "names a direct identifier, which may never be declared: refuse the file and tell DUO at once"


def draft(seen: Observation) -> str:
    """The text of ``<file>/<version>.toml``, one version higher than the contract that the file was held against.

    As a contract it is whole, and the reader takes the file by it when no undeclared column is left in it.
    """
    return "\n".join(_lines(seen)) + "\n"


def undeclared(seen: Observation) -> int:
    """How many columns of the file the draft can't declare."""
    return len(seen.match.unknown)


def _lines(seen: Observation) -> Iterator[str]:
    old, positions = seen.contract, range(1, seen.width + 1)
    kept = [column for at in positions if at not in seen.match.double and (column := seen.column_at(at)) is not None]
    names = {column.name for column in kept}
    yield f"# Draft from a received file of {seen.rows} rows, held against version {old.version}. Review every line."
    if seen.stopped is not None:
        yield f"# The file could not be read to its end ({seen.stopped.code}): mend that first."
    for header in seen.match.missing:
        yield f"# The file lacks the column {json.dumps(header, ensure_ascii=False)}."
    yield f"file = {_toml(old.file)}"
    yield f"version = {old.version + 1}"
    yield from _settings({"title": old.title, "grain": old.grain, "members": old.members})
    if lost := [name for name in old.key if name not in names]:
        yield f"# The key lacks {', '.join(lost)}, which the file does not have: is it still a key?"
    yield from _settings({"key": [name for name in old.key if name in names]})
    yield from ("", "[breakdowns]")
    yield from _settings({what: name for what, name in old.breakdowns.items() if name in names})
    yield from ("", "[dialect]")
    yield from _settings({field: getattr(seen.dialect, field) for field in Dialect.model_fields})
    renames = likely_renames(seen)
    for at in positions:
        yield ""
        column = seen.column_at(at)
        if column is None:
            yield from _undeclared(seen, at, renames.get(at))
        elif at not in seen.match.double:
            yield "[[column]]"
            yield from _settings(column.model_dump(mode="json", exclude_defaults=True))
        else:
            yield f"# Column {at} of the file is a second {seen.shown(at)}."


def _undeclared(seen: Observation, at: int, like: Column | None) -> Iterator[str]:
    shown = seen.shown(at)
    readable = not shown.endswith("(not shown)")
    forbidden = bool(seen.headers) and names_identifier(seen.headers[at - 1])
    yield f"# Column {at} of the file {_NEVER if forbidden else _NEEDS_GROUND}."
    if like is not None:
        yield f"# Perhaps it is {json.dumps(like.header, ensure_ascii=False)} under a new name."
    yield "# [[column]]"
    yield f"# header = {_toml(seen.headers[at - 1].strip()) if readable else shown}"


def _settings(values: Mapping[str, Any]) -> Iterator[str]:
    return (f"{name} = {_toml(value)}" for name, value in values.items())


def _toml(value: Any) -> str:
    """A value in TOML; its basic strings are JSON's, but for DEL."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
