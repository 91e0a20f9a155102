"""Fixtures around the UI: one running installation and one browser for the whole run of tests."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.support.browser import SCREEN, Ui, browsing
from tests.support.live import Live, live

FAULT = "control_totals_mismatch"
RECIPIENT = "school-17"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    with browsing() as started:
        yield started


@pytest.fixture(scope="session")
def screen(browser: Browser) -> BrowserContext:
    """Where the pages of the UI open."""
    return browser.new_context(viewport=SCREEN)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A running installation with one recipient, that has taken 2025-12 in, and has refused 2026-08 and 2025-12-r2."""
    announced = {"2025-12": None, "2025-12-r2": FAULT, "2026-08": FAULT}
    folder = tmp_path_factory.mktemp("installation")
    subprocess.run(["age-keygen", "-o", folder / "key"], check=True, timeout=60, capture_output=True)
    (key,) = re.findall(r"age1[a-z0-9]+", (folder / "key").read_text())
    to = f'[[packages.recipients]]\nname = "{RECIPIENT}"\ninstitution = "29FC"\nkey = "{key}"\ncountry = "NL"\n'
    with live(folder / "home", announced, to) as running:
        yield running


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests put pictures of what they saw."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture
def ui(screen: BrowserContext, installation: Live, pictures: Path, request: pytest.FixtureRequest) -> Iterator[Ui]:
    """The UI of the running installation; fails a test in which anything wanted to leave for another host."""
    opened = Ui(screen, installation.url)
    yield opened
    opened.picture(pictures / f"{request.node.name}.png")
    opened.close()
