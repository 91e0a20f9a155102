"""How much memory a process took at most.

``getrusage`` can't say it of a process that another one started: its peak begins at what the starter had resident at
that moment (Linux carries ``maxrss`` over ``execve``), so that a test in a big process would measure itself.
"""

from pathlib import Path


def peak_mib() -> int:
    """The most that this process itself had resident, MiB (proc(5), VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    raise OSError("/proc/self/status has no VmHWM")
