"""A file made to break the reader gets a clear refusal in little memory and time, however large it says it is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hostile import FILES

MOST_MIB = 1144
"""1.2 GB."""


@pytest.mark.parametrize("name", FILES)
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
