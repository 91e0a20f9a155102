"""Opaque names of the persons who work here: the same person has the same name, which tells nothing.

Belongs here: making such a name, and keeping it when the key that it was made with is replaced. Does not belong here:
who a name stands for, which no file of ours says in so many words (DESIGN 14.4: that can be erased, a ledger can't).

A name is a keyed digest (BLAKE2b, RFC 7693) of the account's number under the key-encryption key. When that key is
replaced an auditor still has to see who did what, so the names that were in use are kept, sealed under the new key:
who has neither key nor file can't tell whose they are.
"""

import json
import os
from hashlib import blake2b
from pathlib import Path

from rod_pipeline.store.secrets import SecretMissing, SecretStore

_SCOPE, _NAME = "actors", "kept"
FILE = f"secrets/{_SCOPE}/{_SCOPE}.{_NAME}.sealed"
"""Where in the folder of an installation the names are that an earlier key made; a backup has to hold it."""


def name_here(home: Path, kek: bytes) -> str:
    """The name of whoever runs this process. Raises ``SecretUnreadable`` or ``SecretExposed``."""
    who = str(os.getuid())
    return _kept(_store(home, kek)).get(who) or "a" + blake2b(who.encode(), key=kek, digest_size=8).hexdigest()


def keep_name(home: Path, kek: bytes) -> None:
    """Before ``kek`` is replaced: keep the name of whoever runs this process. Only its account can read the key."""
    store = _store(home, kek)
    kept, name = _kept(store), name_here(home, kek)
    if kept.get(str(os.getuid())) != name:
        store.put(_SCOPE, _NAME, json.dumps({**kept, str(os.getuid()): name}, sort_keys=True).encode())


def reseal(home: Path, old: bytes, new: bytes) -> None:
    """Seal the names that are kept under another key. Can be killed and run again, with the same two."""
    _store(home, old).rewrap(new)


def _store(home: Path, kek: bytes) -> SecretStore:
    return SecretStore(home / "secrets" / _SCOPE, kek)


def _kept(store: SecretStore) -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads(store.get(_SCOPE, _NAME))
    except SecretMissing:
        return {}
    return kept
