"""Scratch: where libraries may put what doesn't fit, in memory only.

Belongs here: one folder on tmpfs per process, for everything that is spilled or staged, and removing what dead
processes left. Does not belong here: what is staged (``marts.database``), when a purge may count it as gone
(``retention``).

Polars spills in clear when memory runs short, whatever its source was sealed with, and a killed process leaves its
spill behind (by default below /var/tmp, until another process happens to spill). DuckDB is told not to spill at all. So
before anything personal is read or written, the vault has this process ``claim`` a folder of its own, named after its
pid and the moment it started; Polars and Python's ``tempfile`` are pointed there. Polars reads its variable at its
first spill, so claiming after its import is early enough. ``TMPDIR`` stays as it is: a child that touches data opens a
vault and claims a folder of its own, and other programs (a database, a browser) may run under another account.
A process with such a folder also leaves no core file when it crashes.

A worker that lives on between steps clears its folder after each (``at_work``), and says in a folder that the hosts of
an installation share that it may have something in its memory: that of another host can't be looked into from here
(``unseen``).

The folder goes when its process ends. A killed one leaves it, in memory, until another process claims its own or builds
a database, or a purge looks for it. Which installations the process worked for stands in the folder (``of``), so that
two on one machine don't take each other's leftovers for their own; a folder that doesn't say belongs to each.
"""

import os
import resource
import shutil
import socket
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from multiprocessing.util import Finalize
from pathlib import Path
from threading import Lock
from time import monotonic, sleep

from rod_pipeline.errors import PermanentError

ROOT = Path("/dev/shm")  # noqa: S108 - asked for by name: it has to be memory, and is checked to be
_PREFIX = "rod-"
_DEFAULT_SPILL = ("/var/tmp", "/tmp")  # noqa: S108 - where Polars puts its spill when nobody says where
_LOOK_AGAIN_SECONDS = 0.2
_lock = Lock()


@dataclass(frozen=True, slots=True)
class _Claim:
    pid: int
    folder: Path


_claimed: _Claim | None = None
_served: set[str] = set()


class NoMemoryFolder(PermanentError):
    """This machine has no file system in memory."""

    code = "ROD-MART-03"


def tag(home: Path) -> str:
    """What stands for the installation in ``home``: 16 hexadecimal digits."""
    return blake2b(str(home.absolute()).encode(), digest_size=8).hexdigest()


def serve(owner: str) -> None:
    """From here on this process works for the installation ``owner`` (a ``tag``) as well."""
    _served.add(owner)
    if _claimed is not None and _claimed.pid == os.getpid() and _claimed.folder.exists():
        (_claimed.folder / "of" / owner).mkdir(parents=True, exist_ok=True)


def claim() -> Path:
    """The folder of this process, made at the first call; from then on libraries spill and stage there.

    Raises ``NoMemoryFolder`` where there is no tmpfs at /dev/shm.
    """
    global _claimed
    with _lock:
        # A fork starts with its parent's claim, which is not its own.
        if _claimed is None or _claimed.pid != os.getpid() or not _claimed.folder.exists():
            if not _is_memory(ROOT):
                raise NoMemoryFolder(
                    "There is no file system in memory at /dev/shm, so nothing can be processed without touching disk.",
                    "Mount a tmpfs at /dev/shm (in a container: give it a shm size).",
                )
            # What the system writes of a process that crashes holds its memory, and no purge would find that file.
            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
            sweep()
            folder = ROOT / f"{_PREFIX}{os.getpid()}-{_started(os.getpid())}-{os.urandom(4).hex()}"
            folder.mkdir(mode=0o700)
            for owner in _served:
                (folder / "of" / owner).mkdir(parents=True)
            _claimed = _Claim(os.getpid(), folder)
            # After multiprocessing has removed its own temporary folder (-100), which may lie in here; not in a fork.
            Finalize(None, shutil.rmtree, (folder, True), exitpriority=-200)
            for name in ("polars", "temp"):
                (folder / name).mkdir(mode=0o700)
            os.environ["POLARS_OOC_SPILL_DIR"] = str(folder / "polars")
            os.environ["POLARS_TEMP_DIR"] = str(folder / "temp")
        # Each time: what runs in the same process may have pointed it elsewhere since.
        tempfile.tempdir = str(_claimed.folder / "temp")
        return _claimed.folder


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder within that of this process, gone when the block ends; raises ``NoMemoryFolder``."""
    folder = claim() / os.urandom(4).hex()
    sweep()
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def leftovers(owner: str) -> tuple[Path, ...]:
    """The files that dead processes of this user left, here or where Polars spills by default, but for those of others.

    A folder without a file is no copy: each process makes one, and one that was killed before it spilled leaves that.
    """
    return tuple(path for folder in _abandoned({owner}) for path in _content(folder))


def in_use() -> tuple[Path, ...]:
    """The files that stand in the folder of this very process, but for what Python's ``tempfile`` made."""
    if _claimed is None or _claimed.pid != os.getpid():
        return ()
    temp = _claimed.folder / "temp"
    return tuple(path for path in _claimed.folder.rglob("*") if path.is_file() and temp not in path.parents)


def sweep() -> int:
    """Remove what dead processes left of the installations that this one works for; returns how many folders."""
    gone = 0
    for folder in _abandoned(_served):
        shutil.rmtree(folder, ignore_errors=True)
        gone += not folder.exists()
    return gone


def clear() -> None:
    """Remove what ``in_use`` finds. Call it only while this process works on nothing else."""
    for path in in_use():
        path.unlink(missing_ok=True)


@contextmanager
def at_work(shared: Path) -> Iterator[None]:
    """Say in ``shared``, a folder of all hosts, that this process may have something in its memory during the block.

    Afterwards its own folder is cleared and nothing is said any more; a process that is killed leaves what it said,
    until ``look_back`` on its host. Only while this process works on nothing else.
    """
    shared.mkdir(mode=0o700, exist_ok=True)
    # Each time another name: who waits for this work to end doesn't wait for the next.
    mark = shared / f"{socket.gethostname()}@{os.getpid()}-{_started(os.getpid())}-{os.urandom(4).hex()}"
    mark.touch(0o600)
    try:
        yield
    finally:
        clear()
        mark.unlink()


def look_back(shared: Path) -> None:
    """Remove what dead processes of this host left in its memory, and then what they said in ``shared``."""
    for mark in shared.glob(f"{socket.gethostname()}@*"):
        pid, started = mark.name.rpartition("@")[2].split("-")[:2]
        if _started(int(pid)) != started:
            sweep()
            if not any(leftovers(owner) for owner in _served):
                mark.unlink(missing_ok=True)


def unseen(shared: Path, patience: float) -> tuple[str, ...]:
    """The other hosts on which a process that is at work now still is after so many seconds, or was killed; by name.

    Work that begins meanwhile doesn't count: what is under a tombstone by now can't be read any more.
    """
    until, marks = monotonic() + patience, _elsewhere(shared)
    while marks and monotonic() < until:
        sleep(_LOOK_AGAIN_SECONDS)
        marks &= _elsewhere(shared)
    return tuple(sorted({mark.rpartition("@")[0] for mark in marks}))


def _elsewhere(shared: Path) -> set[str]:
    marks = {mark.name for mark in shared.glob("*@*")}
    return {mark for mark in marks if mark.rpartition("@")[0] != socket.gethostname()}


def _abandoned(owners: Collection[str]) -> Iterator[Path]:
    for folder in ROOT.glob(f"{_PREFIX}[0-9]*-[0-9]*-*"):
        pid, started = folder.name.removeprefix(_PREFIX).split("-")[:2]
        if _ours(folder) and _started(int(pid)) != started:
            named = {entry.name for entry in folder.glob("of/*")}
            if not named or named & set(owners):
                yield folder
    for base in _DEFAULT_SPILL:
        for folder in Path(base).glob("polars-*/spill/[0-9]*"):
            if _ours(folder) and folder.name.isdecimal() and not _started(int(folder.name)):
                yield folder


def _content(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


def _ours(folder: Path) -> bool:
    try:
        return folder.lstat().st_uid == os.geteuid()
    except FileNotFoundError:
        return False


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
