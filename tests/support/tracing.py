"""Which files a program writes: itself, its threads and its children, as the kernel saw it (strace).

``written`` runs a command and gives the absolute path of everything that was opened for writing, or got its name by a
rename or a link. Anonymous memory, pipes and devices have no such path.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_CALLS = "openat,open,creat,openat2,rename,renameat,renameat2,link,linkat"
_OPENED = re.compile(r"^(?:open|openat|openat2|creat)\(.*\) = \d+<(?P<path>.*)>$")
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|^creat\(")
_NAMED = re.compile(
    r'^(?:rename|link)\w*\(.*?, (?:(?:AT_FDCWD|\d+)<(?P<base>[^>]*)>, )?"(?P<path>[^"]*)"(?:, \w+)?\) = 0$'
)


class TraceFailed(Exception):
    """The program failed, or strace did."""


def written(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> frozenset[str]:
    """The paths that ``command`` wrote to. ``folder`` is for strace's own notes. Raises ``TraceFailed``."""
    folder.mkdir()
    done = subprocess.run(
        ["strace", "-ff", "-y", "-qq", "--seccomp-bpf", "-s", "4096", "-e", f"trace={_CALLS}", "-e", "signal=none",
         "-o", str(folder / "trace"), *command],
        env=dict(environment), cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise TraceFailed(done.stdout[-2000:] + done.stderr[-4000:])
    return frozenset(
        path for trace in folder.iterdir() for line in trace.read_text("utf-8", "replace").splitlines()
        if (path := _path(line)) is not None and path.startswith("/")
    )  # fmt: skip


def _path(line: str) -> str | None:
    if match := _OPENED.match(line):
        path = match["path"]
        if not _WRITES.search(line) or path.startswith(("/memfd:", "/dev/null", "/dev/tty", "/proc/", "/dev/pts/")):
            return None
        return path.removesuffix("(deleted)")
    if match := _NAMED.match(line):
        return str(Path(match["base"] or "/", match["path"]))
    return None
