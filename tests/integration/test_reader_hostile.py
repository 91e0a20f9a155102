"""A file made to break the reader gets a clear refusal in little memory and time, however large it says it is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hostile import FILES
from tests.support.soak import in_soak

MOST_MIB = 1144
"""1.2 GB."""


ALIKE = (
    "fifty members of the same bytes",
    "a header of the same name 340,000 times",
    "a quoted value of a gigabyte",
    "a line that does not end",
    "a header and 2 GiB of line feeds",
    "2 GiB of NULs",
    "2 GiB of separators",
    "2 GiB of quotes",
)
"""Those that another one is like; in a soak alone."""


@pytest.mark.parametrize("name", [*(name for name in FILES if name not in ALIKE), *in_soak(ALIKE)])
def test_a_hostile_file_is_refused_in_bounds(name: str) -> None:
    command, root = [sys.executable, "-m", "tests.support.hostile", name], Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, f"it took a minute of CPU time, or crashed: {done.stderr[-500:]}"
    found = json.loads(done.stdout)
    assert found["code"] == FILES[name][1], found["text"]
    assert found["mib"] < MOST_MIB
    if found["code"]:
        assert "What to do: " in found["text"]
        assert len(found["text"]) < 10_000
    else:
        assert found["rows"]
