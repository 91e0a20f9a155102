"""A headless browser on Dagster's UI, that lets no request leave for another host.

``browsing`` starts the system's Chromium; ``Ui`` opens the pages that people use, and waits until what they came for is
there. The UI has no addresses or names that are promised: what is known of them stands here alone.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No other host is to be found. Requests that Playwright holds up to look at are not cached.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
SCREEN: ViewportSize = {"width": 1440, "height": 900}
GROUPS = ("landing", "validation", "eea", "marts")
# Not how long a page may take, but after how long it clearly hangs.
_HANGS = 60_000


@contextmanager
def browsing(*more: str) -> Iterator[Browser]:
    """The system's Chromium, for as long as the block lasts; ``more`` are arguments of its own."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise RuntimeError("There is no Chromium: deployments/install-debian-packages.sh installs it.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*ARGUMENTS, *more])
        try:
            yield browser
        finally:
            browser.close()


class Ui:
    """Dagster's UI at ``url`` in a page of its own. ``astray`` holds what wanted to leave for another host.

    Pages of one context share what it caches, as those of a person do, and nothing that a page remembers.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.astray: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(_HANGS)
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("websocket", lambda socket: self._note(socket.url))

    def _note(self, address: str) -> None:
        asked = urlsplit(address)
        if asked.scheme in {"http", "https", "ws", "wss"} and asked.netloc != urlsplit(self.url).netloc:
            self.astray.append(address)

    def close(self) -> None:
        """Close the page; fails when anything wanted to leave for another host."""
        self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self.page.close()
        assert not self.astray, "the UI asked another host for something"

    def open(self, path: str, *signs: str | re.Pattern[str]) -> None:
        """Open a page and wait until each text is to be seen on it."""
        self.page.goto(f"{self.url}{path}")
        self.sees(*signs)

    def sees(self, *signs: str | re.Pattern[str]) -> None:
        """Wait until each text is to be seen."""
        for sign in signs:
            expect(self.page.get_by_text(sign).filter(visible=True).first).to_be_visible(timeout=_HANGS)

    def picture(self, file: Path) -> None:
        """A picture of what is to be seen, when the page has come to rest."""
        self.page.wait_for_timeout(1000)
        self.page.screenshot(path=file, animations="disabled")

    def lineage(self) -> None:
        """The graph of all assets, every group opened."""
        expanded = quote(",".join(f"global@global:{group}" for group in GROUPS), safe="")
        self.open(f"/asset-groups?expanded={expanded}", "studentaantallen", "raw_delivery")

    def asset(self, asset: str, *signs: str | re.Pattern[str]) -> None:
        """The page of an asset."""
        self.open(f"/assets/{asset}", "Latest materialization", *signs)

    def partition(self, asset: str, delivery: str, *signs: str | re.Pattern[str]) -> None:
        """The partition of a delivery, on the page of an asset."""
        self.open(f"/assets/{asset}?view=partitions&partition={delivery}", *signs)

    def check(self, asset: str, delivery: str, *signs: str | re.Pattern[str]) -> None:
        """The result for a delivery of the one check of an asset."""
        self.open(f"/assets/{asset}?view=checks", "Execution history")
        self._click("Partitions")
        self._click(delivery)
        self.sees(*signs)

    def _click(self, text: str) -> None:
        self.page.get_by_text(text, exact=True).filter(visible=True).last.click()

    def run(self, run_id: str, *signs: str | re.Pattern[str]) -> None:
        """The page of a run."""
        self.open(f"/runs/{run_id}", *signs)

    def sensor(self, name: str, *signs: str | re.Pattern[str]) -> None:
        """The page of a sensor."""
        self.open(f"/locations/rod_pipeline/sensors/{name}", "Preview tick result", *signs)

    def preview_tick(self) -> None:
        """On the page of a sensor: what would a tick do now."""
        self.page.get_by_role("button", name="Preview tick result").click()
        again = self.page.get_by_role("button", name="Continue")
        expect(again.or_(self.page.get_by_text("Requested runs"))).to_be_visible(timeout=_HANGS)
        if again.is_visible():
            again.click()
        self.sees("Requested runs")

    def commit_tick(self) -> None:
        """On the preview of a tick: let what it asks for happen."""
        self.page.get_by_role("button", name="Apply requests & commit tick result").click()
        expect(self.page.get_by_text("Preview tick result for")).to_be_hidden(timeout=_HANGS)

    def re_execute_from_failure(self) -> str:
        """On the page of a failed run: run again what failed and what follows; returns the id of the new run."""
        before = self.page.url
        bar = self.page.get_by_role("button", name=re.compile("^Re-execute"))
        bar.locator("xpath=following::button[1]").click()
        self.page.get_by_role("menuitem").filter(has_text=re.compile("^From failure")).click()
        self.page.wait_for_url(lambda address: "/runs/" in address and address != before, timeout=_HANGS)
        return urlsplit(self.page.url).path.rpartition("/")[2]
