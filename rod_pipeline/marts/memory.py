"""Where a DuckDB file may stand open: in memory only.

Belongs here: folders on tmpfs that belong to one process, and read-only opening of a file that never touches a disk.
Does not belong here: what the file holds. The rule is DESIGN 14.1; an encrypted volume that has been proved to be one
would do as well, and comes when somebody needs it.

A killed process can leave its folder behind (in memory, not on disk). Every use begins by removing the folders of
processes that are gone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rod_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ROOT = Path("/dev/shm")  # noqa: S108 - asked for by name: it has to be memory, and is checked to be
_PREFIX = "rod-"


class NoMemoryFolder(PermanentError):
    """This machine has no file system in memory."""

    code = "ROD-MART-03"


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A private folder on tmpfs, gone when the block ends; raises ``NoMemoryFolder`` where there is no tmpfs."""
    if not _is_memory(_ROOT):
        raise NoMemoryFolder(
            "There is no file system in memory at /dev/shm, so the mart database can't be built without touching disk.",
            "Mount a tmpfs at /dev/shm (in a container: give it a shm size).",
        )
    sweep()
    folder = _ROOT / f"{_PREFIX}{os.getpid()}-{_started(os.getpid())}-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> int:
    """Remove the folders of processes that no longer run; returns how many."""
    gone = 0
    for folder in _ROOT.glob(f"{_PREFIX}[0-9]*-[0-9]*-*"):
        pid, started = folder.name.removeprefix(_PREFIX).split("-")[:2]
        if folder.stat().st_uid == os.geteuid() and _started(int(pid)) != started:
            shutil.rmtree(folder, ignore_errors=True)
            gone += 1
    return gone


@contextmanager
def open_in_memory(stream: BinaryIO) -> Iterator[DuckDBPyConnection]:
    """Open the DuckDB file that ``stream`` gives, read-only, from anonymous memory."""
    import duckdb

    handle = os.memfd_create("rod-database", os.MFD_CLOEXEC)
    try:
        while block := stream.read(1 << 20):
            os.write(handle, block)
        with duckdb.connect(f"/proc/self/fd/{handle}", read_only=True) as connection:
            # Nothing is to be spilled to disk, and no query may write a file or reach the network.
            connection.execute("set temp_directory = ''")
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
            yield connection
    finally:
        os.close(handle)


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot; '' when it doesn't run. With the pid it names a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _is_memory(folder: Path) -> bool:
    try:
        mounts = Path("/proc/mounts").read_text("utf-8")
    except OSError:
        return False
    return any(line.split()[1:3] == [str(folder), "tmpfs"] for line in mounts.splitlines())
