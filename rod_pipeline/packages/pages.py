"""The report as a page and as a PDF: the same words, drawings and tables in both.

Belongs here: how a report looks. Does not belong here: what it says (``report``). The page loads nothing and runs no
script, and its policy forbids both; the PDF is PDF/A-2a and PDF/UA-1. The same report gives the same bytes.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final

from rod_pipeline.packages.report import Part, Report, Sheet

_TEMPLATE = Path(__file__).with_name("report.typ")
_STYLE: Final = """
:root{--ink:#1c2430;--dim:#5b6675;--line:#d9dde3;--own:#16325c;--soft:#f3f6fa}
*{box-sizing:border-box}body{margin:0;font:16px/1.55 system-ui,'Liberation Sans',sans-serif;color:var(--ink)}
header{background:var(--own);color:#fff;padding:2.4rem 0 2rem}header p{margin:.3rem 0 0;opacity:.85}
.in{max-width:54rem;margin:0 auto;padding:0 1.5rem}h1{font-size:1.9rem;line-height:1.2;margin:0}
h2{font-size:1.35rem;margin:2.6rem 0 .4rem;color:var(--own)}p{margin:.5rem 0}
.notice{border-left:4px solid #c77700;background:#fdf6ea;padding:.7rem 1rem;margin:1.5rem 0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:1rem;padding:0;margin:1.5rem 0;
list-style:none}.facts li{background:var(--soft);border-radius:.5rem;padding:.9rem 1rem}
.facts b{display:block;font-size:1.7rem;line-height:1.2;color:var(--own);font-variant-numeric:tabular-nums}
.facts small{color:var(--dim);display:block;line-height:1.35;margin-top:.2rem}
figure{margin:1.4rem 0;break-inside:avoid}figcaption{font-weight:600;margin-bottom:.4rem}
svg{display:block;width:100%;height:auto;max-width:44rem}.legend svg{margin-top:.3rem}
.wide{overflow-x:auto}table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.35rem .9rem;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left;padding-left:0}th{font-weight:600;color:var(--dim)}
footer{color:var(--dim);font-size:.85rem;border-top:1px solid var(--line);margin-top:3rem;padding:1rem 0 2rem}
@media print{@page{size:A4;margin:14mm}header{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""


def as_page(said: Report) -> bytes:
    """The report as one HTML file, UTF-8."""
    facts = "".join(
        f"<li>{escape(label)}<b>{escape(figure)}</b><small>{escape(note)}</small></li>"
        for label, figure, note in said.facts
    )
    return f"""<!doctype html>
<html lang="nl"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(said.title)}</title><style>{_STYLE}</style></head><body>
<header><div class="in"><h1>{escape(said.title)}</h1><p>{escape(said.subtitle)}</p></div></header>
<main class="in"><p class="notice">{escape(said.notice)}</p>
<ul class="facts">{facts}</ul>
{"".join(html for part in said.parts for html in _part(part))}
</main><footer><div class="in">{escape(said.foot)}</div></footer></body></html>
""".encode()


def as_pdf(said: Report, made_at: datetime) -> bytes:
    """The report as a PDF; ``made_at`` is the date that the file carries."""
    import typst

    pdf: bytes = typst.compile(
        _TEMPLATE,
        root=_TEMPLATE.parent,
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards=["a-2a", "ua-1"],
        timestamp=int(made_at.timestamp()),
        sys_inputs={"report": json.dumps(asdict(said), ensure_ascii=False)},
    )
    return pdf


def _part(part: Part) -> Iterator[str]:
    yield f"<section><h2>{escape(part.title)}</h2>"
    yield from (f"<p>{escape(sentence)}</p>" for sentence in part.says)
    for figure in part.figures:
        legend = f'<div class="legend">{figure.legend}</div>' if figure.legend else ""
        yield f"<figure><figcaption>{escape(figure.caption)}</figcaption>{figure.svg}{legend}</figure>"
    yield from (_sheet(sheet) for sheet in part.sheets)
    yield "</section>"


def _sheet(sheet: Sheet) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in sheet.head)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in sheet.rows)
    return f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'
