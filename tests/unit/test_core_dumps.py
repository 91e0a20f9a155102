"""A process that crashes while it works on data leaves nothing of its memory on disk."""

import os
import signal
import subprocess
import sys
from pathlib import Path

_CRASH = """
import os, resource, signal
from rod_pipeline.store import scratch

hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
scratch.claim()
print(resource.getrlimit(resource.RLIMIT_CORE)[0], flush=True)
os.kill(os.getpid(), signal.SIGABRT)
"""


def test_who_may_touch_data_leaves_no_core_dump(tmp_path: Path) -> None:
    crashed = subprocess.run(
        [sys.executable, "-c", _CRASH], cwd=tmp_path, env={**os.environ}, capture_output=True, text=True
    )
    assert (crashed.returncode, crashed.stdout) == (-signal.SIGABRT, "0\n"), crashed.stderr
    assert list(tmp_path.iterdir()) == []
