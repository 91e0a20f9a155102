"""Fixtures around packages: a module gives the delivery ``good``, planted."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rod_pipeline.publishing.release import publish
from rod_pipeline.system import System
from tests.support.pipeline import UNDISTURBED, Workshops
from tests.support.post_room import FIRST, SECOND, PostRoom
from tests.support.publishing import disclosing


@pytest.fixture(scope="module")
def post_room(workshops: Workshops, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostRoom]:
    bench = workshops.current()
    keys = tmp_path_factory.mktemp("keys")
    lines = []
    for name, what in (
        ("school-a", f'institution = "{FIRST}"\ncountry = "NL"'),
        ("school-b", f'institution = "{SECOND}"\ncountry = "NL"'),
        ("school-far", f'institution = "{SECOND}"\ncountry = "BQ"'),
        ("kamer-3", 'chamber = "03"\ncountry = "NL"'),
        ("groep-zorg", 'group = "zorg"\ncountry = "NL"'),
        ("groep-weg", 'group = "weg"\ncountry = "NL"'),
    ):
        subprocess.run(["age-keygen", "-o", keys / name], check=True, timeout=60, capture_output=True)
        (key,) = re.findall(r"age1[a-z0-9]+", (keys / name).read_text())
        lines.append(f'[[packages.recipients]]\nname = "{name}"\nkey = "{key}"\n{what}\n')
    file = bench.home / "rod.toml"
    file.write_text(file.read_text() + "\n".join(lines))
    with System.open(bench.settings) as system:
        publish(system, disclosing(UNDISTURBED))
        yield PostRoom(bench, system, keys)


@pytest.fixture
def package(post_room: PostRoom, tmp_path: Path) -> Path:
    """The package of the first school, opened by that school."""
    return post_room.opened("school-a", post_room.made("school-a"), tmp_path)
