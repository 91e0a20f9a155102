"""The documentation as a site: what MkDocs is told beside ``mkdocs.yml``.

Belongs here: the navigation, which is the structure of ``docs/README.md``; the pages that lie outside ``docs``; what
GitHub reads otherwise than Python-Markdown. Does not belong here: making pages from the code (``docs.generator``).
MkDocs loads this file by its path, so it takes nothing from the package around it.
"""

import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
# Pages outside ``docs``, and where they are in the site.
OUTSIDE = {
    "README.md": "project/readme.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changelog.md",
    "tests/README.md": "project/tests.md",
    "deployments/kubernetes/README.md": "project/kubernetes.md",
}
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s]+)\)")
_COMMENT = re.compile(r"\A<!--.*?-->\s*", re.DOTALL)
_ITEM = re.compile(r"(?:[-*+]|1\.) ")
_LIST = re.compile(r" *(?:[-*+]|\d+\.) ")


def navigation(text: str) -> list[Any]:
    """The pages that ``docs/README.md`` leads to below its headings; each once, where a heading names it first."""
    top: list[Any] = ["README.md"]
    seen = {"README.md"}
    levels = [top]
    for line in text.splitlines():
        if heading := re.match(r"(##+) (.+)", line):
            depth = len(heading[1]) - 1
            here: list[Any] = []
            levels = [*levels[:depth], here]
            levels[-2].append({heading[2]: here})
        for _, target in _LINK.findall(line) if len(levels) > 1 else ():
            page = in_site(INDEX, target).partition("#")[0]
            if page.endswith(".md") and page not in seen:
                seen.add(page)
                levels[-1].append(page)
    return _filled(top)


def _filled(nav: list[Any]) -> list[Any]:
    """Without headings that lead to no page of their own."""
    kept = []
    for entry in nav:
        if isinstance(entry, dict):
            ((title, below),) = entry.items()
            entry = {title: _filled(below)} if _filled(below) else None
        if entry:
            kept.append(entry)
    return kept


def in_site(page: Path, target: str) -> str:
    """Where a link on ``page`` leads, from the root of the site; empty for what the site doesn't have."""
    path, mark, anchor = target.partition("#")
    if re.match(r"[a-z]+:", target) or not path:
        return target
    there = Path(os.path.normpath(page.parent / path))
    inside = there.relative_to(DOCS).as_posix() if there.is_relative_to(DOCS) else ""
    return (inside or OUTSIDE.get(os.path.relpath(there, ROOT), "")) + (mark + anchor if mark else "")


def for_site(text: str, page: Path, address: str) -> str:
    """The text of ``page``, which stands in the site at ``address``, as Python-Markdown has to get it.

    Links to sources become their text, those to pages outside ``docs`` lead to where the site has them; a list may
    follow on a paragraph without an empty line, as CommonMark has it. A comment at the top goes: MkDocs sees no title
    behind it.
    """

    def link(found: re.Match[str]) -> str:
        target = found[2]
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        there = in_site(page, target)
        if there.partition("#")[0] == "":
            return found[1]
        path, mark, anchor = there.partition("#")
        return f"[{found[1]}]({os.path.relpath(path, Path(address).parent)}{mark}{anchor})"

    lines: list[str] = []
    fenced = False
    for line in _COMMENT.sub("", text).splitlines():
        before = lines[-1] if lines else ""
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced:
            if _ITEM.match(line) and before.strip() and not _LIST.match(before) and not before.startswith(" "):
                lines.append("")
            line = _LINK.sub(link, line)
        lines.append(line)
    return "\n".join(lines) + "\n"


def on_config(config: Any) -> Any:
    """MkDocs asks: what is the navigation?"""
    config.nav = navigation(INDEX.read_text("utf-8"))
    return config


def on_files(files: Any, config: Any) -> Any:
    """MkDocs asks: which files are there?"""
    from mkdocs.structure.files import File

    for source, address in OUTSIDE.items():
        files.append(File.generated(config, address, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """MkDocs asks: what is the text of this page?"""
    address = page.file.src_uri
    outside = {there: source for source, there in OUTSIDE.items()}
    return for_site(markdown, ROOT / outside[address] if address in outside else DOCS / address, address)
