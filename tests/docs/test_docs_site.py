"""The documentation makes a site: every link and anchor in it leads somewhere, and it needs no other host."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generator.errors import error_classes
from docs.generator.markdown import ROOT
from docs.generator.site import DOCS, OUTSIDE, for_site
from rod_pipeline.runbooks import address, link
from rod_pipeline.settings import AlertsSection

_LOADS = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make site` builds it: that fails for links and anchors that lead nowhere, and for pages left out."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    sources = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} | set(OUTSIDE.values())
    pages = {re.sub(r"README\.md$", "index.md", each).removesuffix(".md") + ".html" for each in sources}
    assert {each for each in pages if not (site / each).exists()} == set()


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    found = {load for page in site.rglob("*.html") for load in _LOADS.findall(page.read_text("utf-8"))}
    assert found == set()


def test_the_links_of_alerts_lead_there_in_the_site_and_in_the_repository(site: Path) -> None:
    """Every page that an alert can name, and the runbook of every error code that there is."""
    sources = [ROOT / "rod_pipeline" / "orchestration" / name for name in ("alerting.py", "heartbeat.py")]
    sources += (ROOT / "rod_pipeline" / "alerts").glob("*.py")
    named = {page for path in sources for page in re.findall(r"docs/[a-z/-]+\.md", path.read_text("utf-8"))}
    pages = sorted(named | {address(error.code) for error in error_classes()})
    assert len(pages) > 100
    at = AlertsSection(docs_url="https://docs.rod.example/", docs_are="site")
    for page in pages:
        path, _, anchor = link(page, at).removeprefix("https://docs.rod.example/").partition("#")
        text = (site / path).read_text("utf-8")
        assert not anchor or f'id="{anchor}"' in text, page
        forge = link(page, AlertsSection(docs_url="https://forge.example/rod/blob/main"))
        there = forge.removeprefix("https://forge.example/rod/blob/main/").partition("#")[0]
        assert (ROOT / there).is_file(), page
        assert link(page, AlertsSection()) == page


def test_only_what_is_written_for_people_is_in_it(site: Path) -> None:
    assert not (site / "generator").exists()
    assert not list(site.rglob("__pycache__"))


@pytest.mark.parametrize(
    ("written", "given"),
    [
        pytest.param("<!-- Made. -->\n\n# T\n", "# T\n", id="the title first"),
        pytest.param("So:\n- one\n- two\n", "So:\n\n- one\n- two\n", id="a list after a paragraph"),
        pytest.param("```\na\n- b\n```\n", "```\na\n- b\n```\n", id="code as it is"),
        pytest.param("RFC\n6962. Hashes\n", "RFC\n6962. Hashes\n", id="a number at the start of a line is no list"),
        pytest.param("[`x`](../../rod_pipeline/clock.py)\n", "`x`\n", id="a source is not in the site"),
        pytest.param("[s](../../SECURITY.md#a)\n", "[s](../project/security.md#a)\n", id="a page outside docs"),
        pytest.param("[s](../glossary.md)\n", "[s](../glossary.md)\n", id="a page of docs"),
        pytest.param("[s](#here), [w](https://x.nl/)\n", "[s](#here), [w](https://x.nl/)\n", id="here and elsewhere"),
    ],
)
def test_what_github_shows_the_site_shows(written: str, given: str) -> None:
    assert for_site(written, DOCS / "how-to" / "page.md", "how-to/page.md") == given
