"""Making a new installation.

Belongs here: the first-time set-up of a folder. Does not belong here: running it (``orchestration.serving``).
"""

import os
import secrets
from datetime import timedelta
from pathlib import Path

from rod_pipeline.clock import Clock
from rod_pipeline.errors import PermanentError
from rod_pipeline.store.declaration import Declaration

LOOPBACK = "127.0.0.1"


class AlreadyThere(PermanentError):
    """The folder holds an installation."""

    code = "ROD-INSTALL-01"


def make_installation(home: Path, clock: Clock, *, country: str, site: str, declared_by: str) -> None:
    """Set up ``home``: a key-encryption key that only the owner can read, and a signed declaration of place.

    The embedded store stands on this machine, and no table can know where that is: ``country``, ``site`` and the role
    ``declared_by`` are the declaration that stands in. Raises ``AlreadyThere``; nothing is overwritten.
    """
    vault = home / "secrets"
    if (vault / "kek").exists():
        raise AlreadyThere(
            f"There is an installation in {home.name} already.",
            "Use it as it is. A new key-encryption key would make everything that it holds unreadable.",
        )
    for folder in (home, vault, home / "dagster"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_bytes(32)
    handle = os.open(vault / "kek", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    today = clock.now().date()
    Declaration(
        host=LOOPBACK,
        country=country,
        site=site,
        declared_by=declared_by,
        declared_on=today,
        valid_until=today + timedelta(days=365),
    ).signed(key).write(home / "declaration.toml")
