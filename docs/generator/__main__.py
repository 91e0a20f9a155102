"""``python -m docs.generator``: write the pages that differ from the code."""

import sys

from docs.generator import PAGES, hand_written, page, with_parts
from docs.generator.markdown import ROOT


def main() -> None:
    """Write what differs, and say what was written."""
    wanted = {ROOT / "docs" / f"{name}.md": page(name) for name in PAGES}
    wanted |= {path: with_parts(path.read_text("utf-8")) for path in hand_written()}
    for path, text in wanted.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


main()
