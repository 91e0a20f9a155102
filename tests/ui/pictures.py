"""Make the pictures in ``docs/img`` from the demo: ``.venv/bin/python -m tests.ui.pictures [FOLDER]``.

Look at them before committing.
"""

import sys
from pathlib import Path

import dagster as dg
from playwright.sync_api import Browser

from rod_pipeline.orchestration.demo import run_demo
from rod_pipeline.orchestration.serving import dagster_home
from rod_pipeline.settings import Settings
from tests.support.browser import SCREEN, Ui, browsing

ROOT = Path(__file__).parents[2]
REFUSED, GOOD = "2026-08-r2", "2026-08"
_MOST_BYTES = 200_000


# Where this was made is nobody's concern: paths begin at the project.
_SHORTEN = """root => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) walker.currentNode.nodeValue = walker.currentNode.nodeValue.replaceAll(root, "…");
}"""


class Photographer(Ui):
    """A page whose pictures tell no more of this machine than they must."""

    def picture(self, file: Path) -> None:
        self.page.wait_for_timeout(1000)
        self.page.evaluate(_SHORTEN, str(ROOT))
        self.page.screenshot(path=file, animations="disabled")


def take(browser: Browser, url: str, settings: Settings, folder: Path) -> None:
    """All pictures of the demo that runs at ``url``."""
    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        (run,) = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": REFUSED}))
    ui = Photographer(browser.new_context(viewport=SCREEN), url)
    ui.lineage()
    ui.picture(folder / "lineage.png")
    ui.partition("landing/raw_delivery", GOOD, "erase before")
    ui.picture(folder / "landing.png")
    ui.partition("validation/delivery", REFUSED, "failed, and did not materialize this asset")
    ui.picture(folder / "partition-refused.png")
    ui.run(run.run_id, "Re-execute all", "What to do")
    ui.picture(folder / "run-refused.png")
    ui.check("validation/delivery", REFUSED, "is refused")
    ui.picture(folder / "check-refused.png")
    ui.partition("marts/studentaantallen", GOOD, "picture: students per level and leerweg")
    ui.page.get_by_text("[Show Markdown]").first.click()
    ui.picture(folder / "mart.png")
    ui.sensor("announced_deliveries")
    ui.picture(folder / "sensor.png")
    for delivery, name, file in ((REFUSED, "delivery", "report-refused.png"), (GOOD, "picture", "picture.png")):
        (report,) = (settings.home / "data_docs").glob(f"{delivery}-[0-9a-f]*/{name}.html")
        ui.page.goto(report.as_uri())
        ui.picture(folder / file)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "img"
    folder.mkdir(parents=True, exist_ok=True)
    home = ROOT / ".rod" / "demo"
    with run_demo(home, scale=0.01) as outcome, browsing() as browser:
        take(browser, outcome.url, Settings.load(home), folder)
    heavy = [file.name for file in folder.glob("*.png") if file.stat().st_size > _MOST_BYTES]
    if heavy or not outcome.as_expected:
        sys.exit(f"Too heavy: {heavy}; demo as it should be: {outcome.as_expected}")


if __name__ == "__main__":
    main()
