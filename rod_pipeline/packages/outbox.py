"""The outbox: encrypted packages that wait on this machine until somebody sends them.

Belongs here: the folder and its files. Does not belong here: what is in them (``making``), removing them at a purge
(``retention.places.outside``). Nobody here can open such a file: it is encrypted to its recipient.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rod_pipeline.system import System

SUFFIX = ".zip.age"


def outbox(system: System) -> Path:
    """The folder, whether it is there or not."""
    return system.settings.home.absolute() / "outbox"


def waiting(folder: Path, package_id: str) -> tuple[Path, ...]:
    """The file of a package, with drafts of it that a killed process left."""
    return tuple(sorted(folder.glob(f"*{package_id}{SUFFIX}*"))) if folder.exists() else ()


def put(folder: Path, package_id: str, sealed: bytes) -> Path:
    """Write the file of a package, whole or not at all; for its owner only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{package_id}{SUFFIX}"
    draft = folder / f".{file.name}.{os.urandom(4).hex()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        target.write(sealed)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(file)
    return file
