"""Markdown: tables, code, prose.

Belongs here: turning values into Markdown, and where the project is. Does not belong here: what stands on a page.
"""

import inspect
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *([cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ").replace("``", "`").strip()


def code(value: object) -> str:
    return f"`{value}`" if str(value) else ""


def prose(documented: object) -> str:
    return "\n".join(
        " ".join(part.split()) + "\n" for part in (inspect.getdoc(documented) or "").replace("``", "`").split("\n\n")
    ).strip()
