"""What a person sees of a delivery on its own pages: the picture and the report, of a good one and of a refused one.

The pages are opened as files. A page that wanted anything from elsewhere, ran a script or complained to the console
fails its test. What is drawn is measured in the browser, not read in the source.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.live import Live

GOOD, REFUSED, BEFORE = "2025-12-r2", "2026-08", "2025-12"
CHARTS = ("inschrijvingen", "diplomas", "doorstroom", "mbo_hbo")


class Opened:
    """A page of a delivery in a browser, and what it did there."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page, self._folder = page, folder
        self.asked: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def open(self, installation: Live, key: str, name: str) -> None:
        (found,) = [path for path in self._folder.glob(f"{key}-*/{name}.html") if is_of(path, installation, key)]
        self.page.goto(found.as_uri())

    def sees(self, *texts: str | re.Pattern[str]) -> None:
        for text in texts:
            expect(self.page.get_by_text(text).filter(visible=True).first).to_be_visible()


def is_of(path: Path, installation: Live, key: str) -> bool:
    """Whether a page is about the newest intake of a delivery."""
    return path.parent.name.endswith(installation.system.ledger.state().deliveries[key].delivery_id)


@pytest.fixture
def pages(browser: Browser, installation: Live, pictures: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Pages as files, at the width of a screen; what they showed is kept as a picture."""
    if installation.stage(GOOD) != "stored":
        runs = len(installation.runs(GOOD))
        installation.announce(GOOD)
        installation.finished(GOOD, runs=runs + 1)
    with browser.new_page(viewport={"width": 1280, "height": 900}) as page:
        opened = Opened(page, installation.settings.home / "data_docs")
        yield opened
        page.screenshot(path=pictures / f"{request.node.name}.png", full_page=True)
    assert opened.said == []
    assert {address.partition(":")[0] for address in opened.asked} == {"file"}


def test_the_picture_of_a_good_delivery_stands_beside_the_one_before(pages: Opened, installation: Live) -> None:
    pages.open(installation, GOOD, "picture")
    pages.sees(f"Picture of delivery {GOOD}", "passed", f"Beside delivery {BEFORE}, the stored one before it.")
    pages.sees("rows in 5 files", "blocking rules broken", "How much came", "control totals differ")
    for file in CHARTS:
        chart = pages.page.get_by_role("img", name=re.compile(f"Rows of {file} per school year"))
        expect(chart).to_be_visible()
        bars = chart.locator("rect")
        if file == "diplomas":
            # In December the year that is going on has less than five, and its neighbour would tell how many.
            expect(chart).to_contain_text("too few to tell")
            continue
        assert bars.count() >= 2
        assert any(bars.nth(number).evaluate("bar => bar.getBBox().height") > 20 for number in range(bars.count()))
    drawn = pages.page.locator("svg text").all()
    assert len(drawn) > 50
    assert not pages.page.evaluate(OUTSIDE), "words that a drawing cuts off"


def test_the_numbers_behind_a_drawing_are_there_for_who_asks(pages: Opened, installation: Live) -> None:
    pages.open(installation, GOOD, "picture")
    rows = installation.system.ledger.state().deliveries[GOOD].parsed["diplomas"].rows
    table = pages.page.locator("figure", has_text="diplomas, rows per school year")
    table.locator("summary").click()
    expect(table.get_by_role("row").nth(1)).to_contain_text(GOOD)
    expect(table.get_by_role("row").nth(1)).to_contain_text(f"{rows:,}")
    expect(table.get_by_role("row").nth(2)).to_contain_text(BEFORE)


def test_the_picture_of_a_refused_delivery_says_what_is_broken_and_by_how_much(
    pages: Opened, installation: Live
) -> None:
    pages.open(installation, REFUSED, "picture")
    pages.sees(f"Picture of delivery {REFUSED}", "refused", "break delivery.totals.totaal")
    differing = (
        pages.page.locator("figure", has_text="Whole files").get_by_role("row").filter(has_text="inschrijvingen")
    )
    expect(differing.filter(has_text=re.compile(r"[+-]\d")).first).to_be_visible()
    pages.page.get_by_role("link", name="all files together").first.click()
    pages.sees(f"Validation of delivery {REFUSED}", "The control totals of whole files agree with the rows")
    pages.sees("Since", "Likely cause", "What to do", "docs/runbooks/quality.md#delivery.totals.totaal")
    pages.sees("How to go on", "What not to do")
    pages.page.get_by_role("link", name="the picture of it").click()
    pages.sees(f"Picture of delivery {REFUSED}")


def test_since_when_a_rule_is_broken_is_on_the_report(pages: Opened, installation: Live) -> None:
    """2025-12-r2 broke the rule too; mended, before this delivery was judged or after, it breaks it no more."""
    pages.open(installation, REFUSED, "delivery")
    row = pages.page.get_by_role("row").filter(has_text="delivery.totals.totaal").first
    expect(row).to_contain_text(re.compile("Since(new in this delivery|2025-12-r2, and in every delivery after it)"))


def test_a_page_fits_on_a_sheet_of_paper(pages: Opened, installation: Live) -> None:
    pages.page.set_viewport_size({"width": 700, "height": 1000})
    pages.page.emulate_media(media="print")
    pages.open(installation, GOOD, "picture")
    wide = pages.page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    assert pages.page.locator("figure details table").first.is_visible(), "who prints has the numbers"


OUTSIDE = """() => [...document.querySelectorAll("svg")].flatMap(svg => {
    const frame = svg.viewBox.baseVal;
    return [...svg.querySelectorAll("text")].filter(text => {
        const box = text.getBBox();
        return box.x < -1 || box.x + box.width > frame.width + 1;
    }).map(text => text.textContent);
})"""
