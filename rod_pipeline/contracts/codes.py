"""Which unknown codes of a closed list may be told.

Belongs here: the floor and the likeness that let a code out. Does not belong here: finding unknown values (``observe``,
``quality``).

A code of a closed list describes no person, and a person has to see it to know whether DUO has a new one. But what
stands where a code belongs may be anything: so only what looks like a code of that very list is told, where it stands
in five rows or more, and never so that what is left over comes to one to four rows (DESIGN 14.10).
"""

import re
from collections.abc import Collection, Mapping

FLOOR = 5


def looks_like(value: str, known: Collection[str]) -> bool:
    """Whether ``value`` is no longer than the ``known`` codes and built as one of them, kind of character by kind."""
    return len(value) <= max(map(len, known), default=0) and _shape(value) in {_shape(code) for code in known}


def tellable(unknown: Mapping[str, int], rows: int) -> tuple[tuple[str, int], ...]:
    """The codes that may be told, each with its rows, by code; ``rows`` is how many rows have any unknown value."""
    told = sorted((count, code) for code, count in unknown.items() if count >= FLOOR)
    while told and 0 < rows - sum(count for count, _ in told) < FLOOR:
        told.pop(0)
    return tuple(sorted((code, count) for count, code in told))


def _shape(value: str) -> str:
    plain = re.sub("[^A-Za-z0-9_.+ /-]", "?", value)
    return re.sub("[0-9]+", "0", re.sub("[a-z]+", "a", re.sub("[A-Z]+", "A", plain)))
