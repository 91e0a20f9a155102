"""What is different between two deliveries, in counts.

Belongs here: the forms in which a difference is told. Does not belong here: measuring it (``deliveries``), judging it
(rules), showing it (``docs``, ``picture``). No value and no pseudonym is in it, and no count of 1 to 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

_K = TypeVar("_K")
FLOOR = 5
"""A count below this, but for nothing at all, is not told (DESIGN 14.10)."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of the rows of one file and school year since an earlier delivery (``before``, a key).

    A row is the same row when the columns of the contract's key agree, but for status. ``added``, ``removed`` and
    ``changed`` count rows; ``columns`` says of each column that differs anywhere in how many rows it does. None stands
    for 1 to 4. ``added`` and ``removed`` are hidden together: the row counts beside them give one away by the other.
    """

    file: str
    schooljaar: str
    before: str
    status_before: str
    status: str
    rows_before: int
    rows: int
    added: int | None
    removed: int | None
    changed: int | None
    columns: tuple[tuple[str, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the values of a column moved between two school years that were over when they were delivered.

    ``distance``: total variation, 0 (the same shares) to 1 (nothing in common); ``allowed``: how much of it may be
    natural change and chance. ``before`` is the key of the earlier delivery.
    """

    file: str
    column: str
    before: str
    schooljaar_before: str
    schooljaar: str
    distance: float
    allowed: float

    @property
    def far(self) -> bool:
        """Whether it moved further than is allowed."""
        return self.distance > self.allowed


def tellable(count: int) -> int | None:
    """The count, or None where it is 1 to 4."""
    return None if 0 < count < FLOOR else count


def floored(counts: Mapping[_K, int]) -> dict[_K, int | None]:
    """The parts of a whole that is known, None where one may not be told: 1 to 4, and with those the smallest of the
    others, or what is hidden would follow from the whole."""
    hidden = {key for key, count in counts.items() if tellable(count) is None}
    others = [key for key, count in counts.items() if count and key not in hidden]
    if hidden and others:
        hidden.add(min(others, key=lambda key: counts[key]))
    return {key: None if key in hidden else count for key, count in counts.items()}
