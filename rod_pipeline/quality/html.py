"""The frame of the pages that people read about a delivery: one style, and nothing from elsewhere.

Belongs here: head, style and small pieces that all pages share. Does not belong here: what stands on a page (``docs``,
``picture``), drawings (``charts``).

A page loads nothing and runs no script; its policy forbids both, so that even a name that came through unescaped could
call nobody.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

_STYLE: Final = """
:root{--ok:#1b7f4b;--warn:#9a6700;--bad:#b42318;--line:#d9dde3;--soft:#f5f6f8;--ink:#1c2430;--dim:#5b6675;--now:#1f4e79}
*{box-sizing:border-box}body{margin:0;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:#fff}
main{max-width:72rem;margin:0 auto;padding:1.5rem}h1{font-size:1.6rem;margin:0 0 .5rem}
h2{font-size:1.2rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:1.2rem 0 .3rem}p{margin:.5rem 0}a{color:#1f4e79}
.dim{color:var(--dim)}.verdict{display:inline-block;padding:.15rem .7rem;border-radius:1rem;color:#fff;font-weight:600}
.verdict.ok{background:var(--ok)}.verdict.bad{background:var(--bad)}.verdict.open{background:var(--dim)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;
border-bottom:1px solid var(--line)}th{background:var(--soft);font-weight:600}td.n,th.n{text-align:right;
font-variant-numeric:tabular-nums;white-space:nowrap}code{font-size:.85em;overflow-wrap:anywhere}
.src{font-size:.85em;color:var(--dim)}
.y{white-space:nowrap}.rule{min-width:18rem}.s{font-weight:600;white-space:nowrap}
.ok{color:var(--ok)}.warning{color:var(--warn)}.blocking{color:var(--bad)}.verdict{color:#fff}
dl{margin:.4rem 0;display:grid;grid-template-columns:max-content 1fr;gap:.1rem .8rem}dt{font-weight:600}dd{margin:0}
details{border-bottom:1px solid var(--line);padding:.25rem 0}summary{cursor:pointer;padding:.35rem 0}
th.n{white-space:normal}svg{display:block;width:100%;height:auto}
svg text{font:11.5px system-ui,sans-serif;fill:var(--ink)}
svg .axis{fill:var(--dim)}svg .grid{stroke:var(--line)}
.facts{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0;padding:0;list-style:none}
.facts li{flex:1 1 10rem;border:1px solid var(--line);border-radius:.4rem;padding:.5rem .8rem}
.facts b{display:block;font-size:1.35rem;line-height:1.3;font-variant-numeric:tabular-nums}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(26rem,1fr));gap:.5rem 2rem}
figure{margin:0;break-inside:avoid}figcaption{font-weight:600;margin:.4rem 0}
.key{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:.3rem 0;padding:0;list-style:none;font-size:.9em}
.key i{display:inline-block;width:.9em;height:.9em;margin-right:.4em;vertical-align:-.1em}
@media print{@page{size:A4;margin:14mm}main{max-width:none;padding:0}body{font-size:10.5px}h2{break-after:avoid}
tr,li{break-inside:avoid}.pair{grid-template-columns:repeat(2,minmax(0,1fr))}
.wide{overflow:visible}th,td{padding:.2rem .3rem}
details>summary{list-style:none}details::details-content{content-visibility:visible;block-size:auto}}
"""


def page(title: str, body: str, lang: str = "en") -> bytes:
    """A whole page: UTF-8 HTML with ``body`` (HTML) under its title (text), in the language ``lang``."""
    return f"""<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>
<h1>{escape(title)}</h1>
{body}
</main></body></html>
""".encode()


def links(names: Iterable[tuple[str, str]]) -> str:
    """Pages in the same folder, each by file name (without ending) and the text to show."""
    return ", ".join(f'<a href="{escape(name)}.html">{escape(text)}</a>' for name, text in names)


def listed(pairs: Iterable[tuple[str, str]]) -> str:
    """Labels and texts as a list of descriptions."""
    return f"<dl>{''.join(f'<dt>{escape(label)}</dt><dd>{escape(text)}</dd>' for label, text in pairs)}</dl>"


def table(head: Sequence[tuple[str, str]], lines: Iterable[Iterable[str]]) -> str:
    """A table of cells that are HTML already; ``head``: class (``n`` for numbers) and text of each column."""
    marked = [(f' class="{kind}"' if kind else "", text) for kind, text in head]
    top = "".join(f'<th scope="col"{mark}>{escape(text)}</th>' for mark, text in marked)
    rows = ("".join(f"<td{mark}>{cell}</td>" for (mark, _), cell in zip(marked, line, strict=True)) for line in lines)
    return f'<div class="wide"><table><tr>{top}</tr>{"".join(f"<tr>{row}</tr>" for row in rows)}</table></div>'
