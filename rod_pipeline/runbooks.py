"""The runbook of an error code: where it lies, and what it says.

Belongs here: finding the section of a code. Does not belong here: what it says, which people write and review in
``docs/runbooks``: a page for each area, ``ROD-PLEIO.md``, with a section for each code. Broken rules of the data have
a page of their own (``rod_pipeline.quality.runbook``).

A failure carries its section with it, so that whoever is woken at night needs neither this repository nor the
network to read it.
"""

import re
from pathlib import Path

from rod_pipeline.settings import AlertsSection

_INSTALLED = Path(__file__).with_name("runbook_pages")
FOLDER = _INSTALLED if _INSTALLED.exists() else Path(__file__).parents[1] / "docs" / "runbooks"
PARTS = ("Cause", "See", "Do", "Don't", "Over")
"""What every section answers: why, how to see it, what to do, what not to do, when it is over."""


def address(code: str) -> str:
    """Where in the documentation an error code has its runbook."""
    return f"docs/runbooks/{code.rpartition('-')[0]}.md#{code.lower()}"


def link(page: str, settings: AlertsSection) -> str:
    """Where a page of the documentation (``docs/….md``, with or without ``#anchor``) is to be read.

    Without an address of the documentation it is the page's own path in the repository.
    """
    if not settings.docs_url:
        return page
    if settings.docs_are == "site":
        path, mark, anchor = page.removeprefix("docs/").partition("#")
        page = re.sub(r"README\.md$", "index.md", path).removesuffix(".md") + ".html" + mark + anchor
    return f"{settings.docs_url.rstrip('/')}/{page}"


def section(code: str, folder: Path = FOLDER) -> str | None:
    """What the runbook says about a code, as Markdown; None where there is no documentation beside the code."""
    file = folder / f"{code.rpartition('-')[0]}.md"
    if not file.exists():
        return None
    found = re.search(rf"^## {re.escape(code)}\n.*?(?=^## |\Z)", file.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return None if found is None else found[0].strip()
