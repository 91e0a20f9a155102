"""What a delivery is called.

Belongs here: the grammar of delivery keys and opaque delivery ids. Does not belong here: what happened to a delivery
(``ledger``), when it ends (``retention``), which moments are planned (``decree``).

A *moment* is a planned provision (``2025-12``). A *delivery* is what came at a moment; its key is the moment's, and a
corrected re-delivery of the same moment is ``2025-12-r2``. Every intake of a delivery has an opaque *id*: object keys
and key names carry the id alone, so that they tell nothing and no name is a prefix of another.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Self

from rod_pipeline.errors import PermanentError

_KEY = re.compile(r"(?P<moment>[0-9]{4}-(?:0[1-9]|1[0-2]))(?:-r(?P<revision>[2-9]|[1-9][0-9]+))?")
_ID = re.compile(r"[0-9a-f]{16}")


class BadDeliveryKey(PermanentError):
    """What was given is not the key of a delivery."""

    code = "ROD-DELIVERY-01"


@dataclass(frozen=True, order=True, slots=True)
class DeliveryKey:
    """The name of a delivery: ``moment`` is ``YYYY-MM``; ``revision`` is 1 for the first, 2 and up for corrections."""

    moment: str
    revision: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key such as ``2025-12`` or ``2025-12-r2``; raises ``BadDeliveryKey``."""
        match = _KEY.fullmatch(text)
        if match is None:
            raise BadDeliveryKey(
                f"{text[:40]!r} is not the key of a delivery.",
                "Use the year and month of the moment, as in 2025-12; a correction adds -r2, -r3 and so on.",
            )
        return cls(match["moment"], int(match["revision"] or 1))

    def __str__(self) -> str:
        return self.moment if self.revision == 1 else f"{self.moment}-r{self.revision}"


def new_id() -> str:
    """A fresh opaque id: 16 hexadecimal digits."""
    return secrets.token_hex(8)


def is_id(text: str) -> bool:
    """Whether ``text`` has the shape of an opaque id."""
    return _ID.fullmatch(text) is not None
