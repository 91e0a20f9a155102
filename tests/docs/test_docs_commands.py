"""The commands in the documentation do what it shows.

A block of ``console`` after ``<!-- run -->`` is run, page by page, in a folder of its own; every line of output that
the page shows must come, ``…`` standing for anything. ``<!-- run: exits 1 -->`` says how its commands end. No Dagster
runs there: the stages of ``rod rerun`` follow each other without it (``tests.support.rerun``). A page with ``<!-- run
after publishing -->`` begins in an installation with a release (``tests.support.released``).
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from docs.generator.markdown import ROOT
from rod_pipeline.settings import Settings
from rod_pipeline.system import System
from tests.support.forked import commanded
from tests.support.released import make_released
from tests.support.rerun import main as rod

_BLOCK = re.compile(r"<!-- run(?: after publishing)?(?:: exits (\d))? -->\n```console\n(.*?)```", re.DOTALL)
_PUBLISHED = "<!-- run after publishing -->"
_SHIM = "from tests.support.rerun import main; main()"
PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "<!-- run" in path.read_text("utf-8")]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pages about publishing begin with."""
    return make_released(tmp_path_factory.mktemp("released"))


def test_there_are_commands_to_run() -> None:
    assert len(PAGES) >= 3


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """What runs until the page has ended."""
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_do_what_the_page_shows(
    page: Path, tmp_path: Path, running: ExitStack, request: pytest.FixtureRequest
) -> None:
    text = page.read_text("utf-8")
    if _PUBLISHED in text:
        sockets = shutil.ignore_patterns("*.sock")
        shutil.copytree(request.getfixturevalue("released"), tmp_path, ignore=sockets, dirs_exist_ok=True)
    environment, home = environment_in(tmp_path), tmp_path / "home"
    opened: System | None = None
    for exits, block in _BLOCK.findall(text):
        for command, shown in commands(block):
            code, said = carried_out(command, tmp_path, environment)
            assert code == int(exits or 0), f"{command}: {said}"
            came = [re.sub(r"\s+", " ", line).strip() for line in said.splitlines()]
            for line in shown:
                pattern = ".*".join(re.escape(part) for part in re.sub(r"\s+", " ", line).strip().split("…"))
                assert any(re.fullmatch(pattern, each) for each in came), f"{command} doesn't show: {line}\n{came}"
            if opened is None and (home / "declaration.toml").exists():
                # As while `rod up` runs: else each command would start the store and stop it again.
                opened = running.enter_context(System.open(Settings.load(home)))
                assert opened.objects


def carried_out(command: str, folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """How a command ends and what it prints. ``rod`` by itself is forked: that is most commands of most pages."""
    if command.startswith("rod ") and not set(command) & set("|<>$`;&"):
        said = folder / "said"
        return commanded(rod, shlex.split(command), folder, environment, said), said.read_text("utf-8")
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def environment_in(folder: Path) -> dict[str, str]:
    """An installation of its own, in which ``rod`` is the code under test, but for Dagster."""
    (folder / "bin").mkdir()
    shim = folder / "bin" / "rod"
    shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -W ignore -c "{_SHIM}" "$@"\n')
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    for each in (shim, python):
        each.chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ROD_")}
    return clean | {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "ROD_HOME": str(folder / "home"),
        "COLUMNS": "200",
    }


def commands(block: str) -> list[tuple[str, list[str]]]:
    """The commands of a block, each with the lines of output that are shown below it."""
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        elif line.strip():
            found[-1][1].append(line)
    return found
