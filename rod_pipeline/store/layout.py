"""Where things lie in the store: the only place that makes object keys.

Belongs here: the grammar of object keys and prefixes. Does not belong here: what is in an object (``vault``).

Every key is ``<zone>/<scope>/<name>_<copy id>``: three segments of ``[a-z0-9_=]``. The grammar is as narrow as it is
because of what real servers do: SeaweedFS' paginated listings lose keys when a key is also a folder, or when a sibling
sorts between ``a`` and ``a/`` (anything with ``-`` or ``.``), and a prefix without its closing ``/`` catches the
neighbours of what was meant. Scopes and copies go by opaque ids, names are our own and never DUO's, because keys
outlive the objects they named.
"""

import re
import secrets
from typing import get_args

from rod_pipeline.deliveries import is_id
from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.vocabulary import Zone

ZONES: tuple[str, ...] = get_args(Zone)
ZONE_PREFIXES = tuple(f"{zone}/" for zone in ZONES)
_NAME = re.compile(r"[a-z0-9_=]{1,80}")


class BadObjectKey(PermanentError):
    """A key was asked for that the grammar does not allow."""

    code = "ROD-STORE-10"


def object_key(zone: Zone, scope: str, name: str, copy_id: str) -> str:
    """The key of one copy, such as ``landing/0f…/raw_1a…``; raises ``BadObjectKey``.

    ``scope`` and ``copy_id`` are opaque ids of 16 hexadecimal digits, ``name`` is 1 to 80 of ``[a-z0-9_=]``.
    """
    if zone not in ZONES or not is_id(scope) or not is_id(copy_id) or _NAME.fullmatch(name) is None:
        raise BadObjectKey(
            "An object can't have the key that was asked for.",
            "Use a known zone, opaque ids, and a name of at most 80 lower-case letters, digits, _ and =.",
        )
    return f"{zone}/{scope}/{name}_{copy_id}"


def scope_prefixes(scope: str) -> tuple[str, ...]:
    """Every prefix under which objects of a scope may lie, each closed by ``/``."""
    if not is_id(scope):
        raise BadObjectKey("A scope is an opaque id of 16 hexadecimal digits.", "Ask the ledger for the id.")
    return tuple(f"{zone}/{scope}/" for zone in ZONES)


def probe_prefix() -> str:
    """A fresh prefix for bytes that mean nothing, outside every zone."""
    return f"probe/{secrets.token_hex(8)}/"
