"""What the software is made of, as far as this can be known without a network.

Whether a vulnerability of a part is known is not proved here: `make audit` asks a service for that.
Names are compared as https://packaging.python.org/en/latest/specifications/name-normalization/ says.
"""

import re
import tomllib
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
ALLOWED = re.compile(
    r"MIT|MIT-0|MIT-CMU|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla Public License 2.0|LGPL|EUPL-1.2|0BSD"
    r"|Zlib|CC0-1.0|Public Domain|License agreement for matplotlib"
)
STRONG = re.compile(
    r"(?<!L)(?<!Lesser )(A?GPL|General Public License(?! \(LGPL\)))|SSPL|BUSL|Commercial|Proprietary", re.I
)


@cache
def requirements() -> dict[str, list[str]]:
    """The requirements of the lock with their options, by name: more than one where Pythons differ."""
    joined = LOCK.replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for line in joined.splitlines():
        if line.strip() and not line.strip().startswith("#"):
            found.setdefault(normal(re.split(r"[=\s;]", line.strip())[0]), []).append(line.strip())
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> list[Distribution]:
    found = {normal(each.metadata["Name"]): each for each in distributions()}
    return [each for name, each in sorted(found.items()) if name in requirements()]


def test_every_requirement_is_pinned_and_hashed() -> None:
    found = requirements()
    assert len(found) > 100
    for name, lines in found.items():
        for line in lines:
            assert re.match(r"[A-Za-z0-9._-]+==[0-9][^\s]*( |$)", line), f"{name} is not pinned"
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), f"{name} has no hash"


def test_the_lock_names_no_place_to_get_it_from() -> None:
    """An address in a lock would be somebody's mirror, and would be trusted by whoever installs from it."""
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|--find-links|-f|--trusted-host)\b", LOCK, re.MULTILINE)
    assert "://" not in re.sub(r"^\s*#.*$", "", LOCK, flags=re.MULTILINE)
    assert " @ " not in LOCK


def test_every_dependency_that_we_declare_is_in_the_lock() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    named = [*declared["project"]["dependencies"], *declared["dependency-groups"]["dev"]]
    names = {normal(re.split(r"[^A-Za-z0-9._-]", each)[0]) for each in named}
    assert names - set(requirements()) == set()


def test_what_is_installed_is_what_is_locked() -> None:
    for found in installed():
        lines = requirements()[normal(found.metadata["Name"])]
        assert any(f"=={found.version} " in f"{line} " for line in lines), found.metadata["Name"]


def test_every_installed_dependency_has_a_licence_we_may_use() -> None:
    for found in installed():
        name, said = normal(found.metadata["Name"]), licence(found)
        assert ALLOWED.search(said), f"{name}: {said or 'no licence'}"
        assert not STRONG.search(said), f"{name}: {said}"


@pytest.mark.parametrize(
    ("said", "strong"),
    [
        ("GPL-3.0-only", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("GNU Affero General Public License v3", True),
        ("AGPL-3.0", True),
        ("GNU Library or Lesser General Public License (LGPL)", False),
        ("MIT License", False),
    ],
)
def test_strong_copyleft_would_be_noticed(said: str, strong: bool) -> None:
    assert bool(STRONG.search(said)) is strong


def licence(found: Distribution) -> str:
    """What a distribution says of its licence: an expression, else classifiers, else the first line of its text."""
    about = found.metadata
    if expression := about.get("License-Expression"):
        return str(expression)
    classified = [each.split(" :: ")[-1] for each in about.get_all("Classifier") or () if each.startswith("License ::")]
    text = about.get("License") or found.read_text(f"licenses/{about.get('License-File')}") or ""
    return "; ".join(classified) or text.strip().split("\n")[0]
