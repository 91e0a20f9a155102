"""The next version of a contract, proposed from a file that came, or from an earlier version.

Belongs here: writing the proposal as TOML for a person to review, also one that goes back to an earlier version. Does
not belong here: looking at the file (``observe``), deciding (``accept``).

A column that the present contract declares keeps everything, its rubriek too. One that it does not declare is written
with ``rubriek = ""``: which rubriek of the annex or which letter of the minister allows it is for a person to say, and
nothing here ever assigns one (DESIGN 14.15); a comment may say where the annex has the name. Nor does a value of the
file get in: patterns stay as they were, and a value list gets a proposal of its own, which names new codes only where
they may be told (``codes``), as comments.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rod_pipeline.contracts.book import ContractBook, draft_of, list_draft_of
from rod_pipeline.contracts.check import likely_renames, missed
from rod_pipeline.contracts.identifiers import names_identifier
from rod_pipeline.contracts.model import Column, Contract, Dialect, ValueList
from rod_pipeline.contracts.observe import Observation
from rod_pipeline.decree import Decree

_NEVER = "names a direct identifier, which may never be declared: refuse the file and tell DUO at once"
_GROUND = (
    'rubriek = ""  # a rubriek of the annex; or instead: letter = "reference of the minister\'s letter, JJJJ-MM-DD"'
)


def drafts(seen: Observation, book: ContractBook, decree: Decree, folder: Path) -> Mapping[Path, str]:
    """What a person is to review, as files in ``folder``: the next version of the contract, value lists to extend."""
    contract = seen.contract
    found = {draft_of(folder, contract.file, contract.version + 1): draft(seen, decree)}
    missed: Counter[str] = Counter()
    told: dict[str, Counter[str]] = {}
    for (name, miss), rows in seen.misses.items():
        if miss == "values" and (listed := contract.column(name).values) is not None:
            missed[listed] += rows
            told.setdefault(listed, Counter()).update(dict(seen.codes.get(name, ())))
    for listed, rows in missed.items():
        found[list_draft_of(folder, listed)] = list_draft(book.value_list(listed), rows, told[listed])
    return found


def draft(seen: Observation, decree: Decree) -> str:
    """The text of ``<file>/<version>.toml``, one version higher than the contract that the file was held against.

    As a contract it is whole, and the reader takes the file by it, once each column in it has its ground.
    """
    return "\n".join(_lines(seen, decree)) + "\n"


def reverted(old: Contract, version: int, marts: Sequence[str]) -> str:
    """The text of a next ``version`` that says again what ``old`` said, and that ``marts`` understand.

    A version that was in use never changes and is never taken away, or what was read by it could not be explained.
    """
    said = old.model_dump(mode="json", exclude_defaults=True, exclude={"version", "breakdowns", "dialect", "columns"})
    lines = [
        f"# Says again what version {old.version} said. Review it as any draft: why, and does DUO still deliver so?",
        f"version = {version}",
        *_settings(said | {"marts": list(marts)}),
    ]
    for table, values in (("breakdowns", old.breakdowns), ("dialect", _said(old.dialect))):
        lines += ["", f"[{table}]", *_settings(values)]
    for column in old.columns:
        lines += ["", "[[column]]", *_settings(_said(column))]
    return "\n".join(lines) + "\n"


def list_draft(values: ValueList, rows: int, codes: Mapping[str, int]) -> str:
    """The text of ``value_lists/<name>.toml``: the list as it is, and how many ``rows`` have what it doesn't know."""
    lines = [f"# {rows} values of a received file are not in this list. Add what DUO confirms, with its source."]
    lines += [f"# {count} of them are {_toml(code)}." for code, count in sorted(codes.items())]
    if values.labels and codes:
        lines.append("# Each value has a label, in the same order.")
    lines += _settings(values.model_dump(mode="json", exclude_defaults=True))
    return "\n".join(lines) + "\n"


def undeclared(seen: Observation) -> int:
    """How many columns of the file a person has to find the ground of."""
    return len(seen.match.unknown)


def _lines(seen: Observation, decree: Decree) -> Iterator[str]:
    old, positions = seen.contract, range(1, seen.width + 1)
    renames = likely_renames(seen)
    kept = [column for at in positions if at not in seen.match.double and (column := seen.column_at(at)) is not None]
    names = {column.name for column in (*kept, *renames.values())}
    yield f"# Draft from a received file of {seen.rows} rows, held against version {old.version}. Review every line."
    if seen.match.unknown:
        yield f"# {len(seen.match.unknown)} of its columns are not declared: look for each rubriek that is empty."
    if seen.stopped is not None:
        yield f"# The file could not be read to its end ({seen.stopped.code}): mend that first."
    for header in seen.match.missing:
        yield f"# The file lacks the column {_toml(header)}."
    yield f"file = {_toml(old.file)}"
    yield f"version = {old.version + 1}"
    yield from _settings({"title": old.title, "grain": old.grain, "members": old.members})
    if lost := [name for name in old.key if name not in names]:
        yield f"# The key lacks {', '.join(lost)}, which the file does not have: is it still a key?"
    yield from _settings({"key": [name for name in old.key if name in names]})
    yield "marts = []  # name each mart that was found to understand this version; rod contract diff lists them"
    yield from ("", "[breakdowns]")
    yield from _settings({what: name for what, name in old.breakdowns.items() if name in names})
    yield from ("", "[dialect]")
    yield from _settings({field: getattr(seen.dialect, field) for field in Dialect.model_fields})
    for at in positions:
        yield ""
        column = seen.column_at(at)
        if column is None:
            yield from _undeclared(seen, at, renames.get(at), decree, names)
        elif at not in seen.match.double:
            yield from (f"# {text}: still as declared?" for text in missed(seen, column))
            yield "[[column]]"
            yield from _settings(_said(column))
        else:
            yield f"# Column {at} of the file is a second {seen.shown(at)}."


def _undeclared(seen: Observation, at: int, like: Column | None, decree: Decree, names: set[str]) -> Iterator[str]:
    header = seen.headers[at - 1].strip() if seen.headers else ""
    if header and names_identifier(header):
        yield f"# Column {at} of the file {_NEVER}."
        return
    readable = not seen.shown(at).endswith("(not shown)")
    found = decree.named_by(header) if readable else None
    yield f"# Column {at} of the file is not declared."
    settings: dict[str, Any] = {"name": "", "header": header if readable else "", "type": "code"}
    if like is not None:
        ground = f"which {like.ground} allows" if like.rubriek else f"which is {like.ground}"
        yield f"# Perhaps it is {_toml(like.header)} under a new name, {ground}: then its other lines hold."
        settings = _said(like) | {"header": settings["header"]}
        settings |= {} if like.rubriek is None else {"field": like.duo_field}
        for ground in ("rubriek", "technical", "letter"):
            settings.pop(ground, None)
    elif found is not None:
        field, rubriek = found
        whole = field.casefold() == header.casefold()
        part = (
            "has this name"
            if whole
            else f"has the name {_toml(field)}, of which this may be a part that was split off,"
        )
        yield f"# The annex {part} under rubriek {rubriek.code}."
        settings |= {} if field == header else {"field": field}
    if not settings["name"]:
        settings["name"] = _technical_name(settings["header"], names)
    names.add(settings["name"])
    yield "[[column]]"
    yield from _settings({name: settings.pop(name) for name in ("name", "header")})
    yield _GROUND
    yield from _settings(settings)


def _technical_name(header: str, taken: set[str]) -> str:
    """A name of ours for a header that may be shown; empty when there is none."""
    name = "_".join(re.findall(r"[a-z0-9]+", header.casefold()))[:60]
    if not name[:1].isalpha():
        return ""
    return next(one for one in (name, *(f"{name}_{number}" for number in range(2, 100))) if one not in taken)


def _said(part: Column | Dialect) -> dict[str, Any]:
    return part.model_dump(mode="json", exclude_defaults=True)


def _settings(values: Mapping[str, Any]) -> Iterator[str]:
    return (f"{name} = {_toml(value)}" for name, value in values.items())


def _toml(value: Any) -> str:
    """A value in TOML; its basic strings are JSON's, but for DEL."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_toml(str(name))} = {_toml(one)}' for name, one in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
