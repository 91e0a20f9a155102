"""Which unknown codes of a closed list may be told, and under which floor.

Belongs here: the likeness that lets a code out, and the floor of five for breakdowns of counts (DESIGN 14.10). Does not
belong here: finding unknown values (``observe``, ``quality``).

A code of a closed list describes no person, and a person has to see it to know whether DUO has a new one. But what
stands where a code belongs may be anything: so only what looks like a code of that very list is told, where it stands
in five rows or more, and never so that what is left over comes to one to four rows.
"""

from collections.abc import Collection, Mapping

FLOOR = 5


def under_the_floor(counts: Mapping[str, int], total: int) -> tuple[tuple[tuple[str, int], ...], int]:
    """Those counts of a breakdown of ``total`` that may be told, largest first, and what is left over.

    What is left over is 0 or at least five, unless nothing is told: then it is the total.
    """
    told = sorted(((name, n) for name, n in counts.items() if n >= FLOOR), key=lambda one: (-one[1], one[0]))
    rest = total - sum(n for _, n in told)
    while told and 0 < rest < FLOOR:
        rest += told.pop()[1]
    return tuple(told), rest


def looks_like(code: str, values: Collection[str]) -> bool:
    """Whether a code is no longer than the longest of a list and made of the kinds of characters that occur in it."""
    kinds = {_kind(character) for value in values for character in value}
    return len(code) <= max(map(len, values)) and all(_kind(character) in kinds for character in code)


def _kind(character: str) -> str:
    if "0" <= character <= "9":
        return "digit"
    if "A" <= character <= "Z":
        return "capital"
    return "letter" if "a" <= character <= "z" else character
