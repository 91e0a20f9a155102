"""The reference pages, made from the code: ``make docs`` writes them.

Belongs here: the pages of ``docs/reference`` and ``docs/runbooks``, and the generated parts of pages that people write.
``tests/docs`` fails when a committed page differs from what this gives.

A generated part of a page stands between ``<!-- generated: name -->`` and ``<!-- end -->``.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from docs.generator import data, typed, wiring
from docs.generator.coverage import coverage
from docs.generator.errors import errors
from docs.generator.markdown import ROOT
from docs.generator.purge import purge
from docs.generator.runbook import quality

_MADE = "<!-- Made from the code by `make docs`. Change the code, not this page. -->\n\n"
_PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

PAGES: Mapping[str, Callable[[], str]] = {
    "reference/errors": errors,
    "reference/settings": typed.settings,
    "reference/commands": typed.commands,
    "reference/assets": wiring.assets,
    "reference/contracts": data.contracts,
    "reference/coverage": coverage,
    "reference/events": data.ledger_events,
    "reference/faults": data.faults,
    "reference/expectations": data.rules,
    "reference/purge": purge,
    "runbooks/quality": quality,
}
PARTS: Mapping[str, Callable[[], str]] = {
    "stages": data.stages,
    "moments": data.moments,
    "zones": data.zones,
    "decisions": data.decisions,
    "controls": data.controls,
}


def page(name: str) -> str:
    """The text of one page, by its path in ``docs`` without ending."""
    return _MADE + PAGES[name]().rstrip() + "\n"


def with_parts(text: str) -> str:
    """A page with its generated parts made anew; raises ``KeyError`` for a part that nobody makes."""
    return _PART.sub(lambda found: f"{found[1]}{PARTS[found['name']]()}\n{found[3]}", text)


def hand_written() -> tuple[Path, ...]:
    """The pages that people write, which may have generated parts."""
    made = {ROOT / "docs" / f"{name}.md" for name in PAGES}
    return tuple(path for path in sorted((ROOT / "docs").rglob("*.md")) if path not in made)
