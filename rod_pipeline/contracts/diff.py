"""What changed between two versions of a contract, in words.

Belongs here: comparing contracts and the value lists that they name, and which rules speak of what changed. Does not
belong here: comparing a file with a contract (``check``), the marts (``marts.declared``), the command line.

A column is the same column as long as it keeps its technical name; everything else about it may change.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from rod_pipeline.contracts.errors import UnknownValueList
from rod_pipeline.contracts.model import Column, ColumnType, Contract, ValueList

Group = Literal[
    "file", "dialect", "columns added", "columns removed", "columns renamed", "columns changed", "value lists"
]
GROUPS: tuple[Group, ...] = get_args(Group)
_WHOLE_FILE = (
    ("title", "title"),
    ("grain", "one row"),
    ("members", "names of the file"),
    ("key", "key"),
    ("marts", "marts"),
)
_DIALECT: Mapping[str, tuple[str, ColumnType | None]] = {
    "separator": ("separator", None),
    "quote": ("quote", None),
    "encoding": ("encoding", None),
    "bom": ("byte order mark", None),
    "newline": ("line end", None),
    "decimal": ("decimal mark", ColumnType.DECIMAL),
    "dates": ("notation of dates", ColumnType.DATE),
    "booleans": ("yes and no", ColumnType.BOOLEAN),
    "header": ("header", None),
    "header_prefix": ("prefix of the header", None),
    "control_record": ("closing control record", None),
}
_OF_A_COLUMN = ("type", "nullable", "pattern", "values", "minimum", "maximum", "source", "description", "assumed")
_MOST = 20
Lists = Callable[[str], ValueList]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed. ``columns``: the technical names of the columns that it is about; none for the file."""

    group: Group
    said: str
    columns: tuple[str, ...] = ()


def changes(old: Contract, new: Contract, old_lists: Lists, new_lists: Lists) -> tuple[Change, ...]:
    """Everything in which ``new`` differs from ``old``, grouped; ``old_lists`` and ``new_lists`` give lists by name."""
    found = [
        *_file(old, new),
        *_dialect(old, new),
        *_columns(old, new),
        *_lists(new, old_lists, new_lists),
    ]
    return tuple(change for group in GROUPS for change in found if change.group == group)


def rules_on(
    columns: Sequence[str], before: Mapping[str, frozenset[str]], after: Mapping[str, frozenset[str]]
) -> tuple[str, ...]:
    """The rules that speak of one of ``columns``; each map gives for a rule's id the columns that it speaks of.

    A rule that only one of the two versions has is marked as new or gone.
    """
    about = frozenset(columns)
    ids = [
        rule for rule in {**before, **after} if about & (before.get(rule, frozenset()) | after.get(rule, frozenset()))
    ]
    return tuple(
        rule if rule in before and rule in after else f"{rule} ({'new' if rule in after else 'gone'})" for rule in ids
    )


def _file(old: Contract, new: Contract) -> Iterator[Change]:
    for field, words in _WHOLE_FILE:
        was, now = getattr(old, field), getattr(new, field)
        if was != now:
            about = tuple(dict.fromkeys((*was, *now))) if field == "key" else ()
            yield Change("file", f"{words}: {_told(was)} is now {_told(now)}", about)
    for what in dict.fromkeys((*old.breakdowns, *new.breakdowns)):
        by = old.breakdowns.get(what), new.breakdowns.get(what)
        if by[0] != by[1]:
            said = f"control totals by {what}: counted by {_told(by[0])}, now by {_told(by[1])}"
            yield Change("file", said, tuple(name for name in by if name is not None))
    both = {column.name for column in old.columns} & {column.name for column in new.columns}
    was, now = ([column.name for column in one.columns if column.name in both] for one in (old, new))
    if was != now:
        moved = sum(one != other for one, other in zip(was, now, strict=True))
        yield Change("file", f"the columns stand in another order: {moved} of {len(now)} have another place")


def _dialect(old: Contract, new: Contract) -> Iterator[Change]:
    for field, (words, kind) in _DIALECT.items():
        was, now = getattr(old.dialect, field), getattr(new.dialect, field)
        if was != now:
            about = tuple(column.name for column in new.columns if kind is not None and column.type is kind)
            yield Change("dialect", f"{words}: {_told(was)} is now {_told(now)}", about)


def _columns(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = ({column.name: column for column in one.columns} for one in (old, new))
    for name in after.keys() - before.keys():
        column = after[name]
        yield Change("columns added", f"{column.header!r} as {name}, {column.type.value}; {column.ground}", (name,))
    for name in before.keys() - after.keys():
        column = before[name]
        yield Change("columns removed", f"{column.header!r}, {name}; {column.ground}", (name,))
    for name, column in after.items():
        if name in before:
            yield from _column(before[name], column)


def _column(old: Column, new: Column) -> Iterator[Change]:
    where = f"{new.header!r}, {new.name} ({new.ground})"
    if old.header != new.header:
        yield Change("columns renamed", f"{old.header!r} is now {where}", (new.name,))
    parts = [
        f"{field}: {_told(getattr(old, field))} is now {_told(getattr(new, field))}"
        for field in _OF_A_COLUMN
        if getattr(old, field) != getattr(new, field)
    ]
    if old.ground != new.ground:
        parts.append(f"allowed by {old.ground}, now by {new.ground}")
    if old.duo_field != new.duo_field:
        parts.append(f"DUO's name in the annex: {_told(old.duo_field)} is now {_told(new.duo_field)}")
    if parts:
        yield Change("columns changed", f"{where}: {'; '.join(parts)}", (new.name,))


def _lists(new: Contract, old_lists: Lists, new_lists: Lists) -> Iterator[Change]:
    users: dict[str, list[str]] = {}
    for column in new.columns:
        if column.values is not None:
            users.setdefault(column.values, []).append(column.name)
    for name, columns in users.items():
        listed = new_lists(name)
        try:
            said = "; ".join(_of_a_list(old_lists(name), listed))
        except UnknownValueList:
            said = f"a new list of {len(listed.values)} values"
        if said:
            yield Change("value lists", f"{name}: {said}", tuple(columns))


def _of_a_list(old: ValueList, new: ValueList) -> Iterator[str]:
    for words, values in (
        ("added", [value for value in new.values if value not in old.values]),
        ("removed", [value for value in old.values if value not in new.values]),
    ):
        if values:
            more = f" and {len(values) - _MOST} more" if len(values) > _MOST else ""
            yield f"{words} {', '.join(values[:_MOST])}{more}"
    if old.open != new.open:
        yield f"was {_kind(old)}, is {_kind(new)}"
    if old.valid != new.valid:
        yield f"{sum(old.valid.get(value) != new.valid.get(value) for value in new.values)} values hold at other times"
    if old.source != new.source:
        yield "another source"


def _kind(values: ValueList) -> str:
    return "open" if values.open else "closed"


def _told(value: Any) -> str:
    if value is None or value == "" or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return repr(str(value)) if isinstance(value, str) else f"{value:g}"
