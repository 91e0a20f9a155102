"""A machine of an auditor: an empty folder, and a Python that knows of ``cryptography`` and of nothing of ours."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cryptography


@dataclass(frozen=True)
class Machine:
    """A folder of an auditor, and a Python that knows of ``cryptography`` and nothing else."""

    folder: Path
    libraries: Path

    def run(self, *arguments: str, libraries: bool = True) -> subprocess.CompletedProcess[str]:
        # -S: no site-packages; an environment of its own, without any of ours.
        return subprocess.run(
            [sys.executable, "-S", "-s", *arguments],
            cwd=self.folder,
            env={"PYTHONPATH": str(self.libraries)} if libraries else {},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    def verify(self, bundle: str, *more: str, program: str = "verifieer.py") -> tuple[int, str]:
        done = self.run(program, bundle, *more)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr


def machine_in(folder: Path) -> Machine:
    """A machine whose files lie in ``folder``."""
    work, libraries = folder / "auditor", folder / "libraries"
    work.mkdir()
    libraries.mkdir()
    installed = Path(cryptography.__file__).parents[1]
    for name in (installed / "cryptography", *installed.glob("_cffi_backend*")):
        (libraries / name.name).symlink_to(name)
    return Machine(work, libraries)
