"""The page about protection that lies in a release, in Dutch.

Belongs here: how ``afscherming`` and ``gewijzigd`` look to who reads rather than reckons. Does not belong here: what
stands in them (``cost``). The page loads nothing and runs no script, and its policy forbids both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

import polars as pl

from rod_pipeline.publishing.words import words

_STYLE: Final = """
:root{--ink:#1c2430;--dim:#5b6675;--line:#d9dde3;--own:#16325c;--bar:#9db4cc}
*{box-sizing:border-box}body{margin:0;font:16px/1.55 system-ui,'Liberation Sans',sans-serif;color:var(--ink)}
header{background:var(--own);color:#fff;padding:2rem 0}header p{margin:.3rem 0 0;opacity:.85}
.in{max-width:58rem;margin:0 auto;padding:0 1.5rem}h1{font-size:1.8rem;line-height:1.2;margin:0}
h2{font-size:1.3rem;margin:2.4rem 0 .4rem;color:var(--own)}p{margin:.5rem 0}main{padding-top:1rem}
.wide{overflow-x:auto}table{border-collapse:collapse;margin:1rem 0;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.35rem .6rem;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0;white-space:normal;width:38%}
th{font-weight:600;color:var(--dim)}.share{display:inline-block;width:3.8rem}
.bar{display:inline-block;vertical-align:middle;width:6rem;height:.7rem;background:var(--line);margin-right:.5rem}
.bar i{display:block;height:100%;background:var(--own)}
footer{color:var(--dim);font-size:.85rem;border-top:1px solid var(--line);margin-top:3rem;padding:1rem 0 2rem}
"""


def as_page(coverage: pl.DataFrame, changes: pl.DataFrame, release: str, at: datetime) -> bytes:
    """The page, from the tables ``afscherming`` and ``gewijzigd`` of a release."""
    offered = coverage.filter("aangeboden")
    others = coverage.filter(pl.col("aangeboden").not_())
    said = (
        f"{offered.height} tabellen met samen {_number(offered['rijen'].sum())} rijen, waarvan "
        f"{_number(offered['afgeschermd'].sum())} zijn afgeschermd. {_number(others.height)} tabellen worden niet "
        "aangeboden."
    )
    return f"""<!doctype html>
<html lang="nl"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Afscherming van uitgave {escape(release)}</title><style>{_STYLE}</style></head><body>
<header><div class="in"><h1>Wat er is afgeschermd, en wat dat kost</h1>
<p>Uitgave {escape(release)}, {at:%d-%m-%Y}</p></div></header><main class="in">
<p>{said}</p>
<p>Afgeschermd is een aantal dat zo klein is dat het over een persoon zou kunnen gaan, of waaruit zo’n aantal zou
volgen. Welke van de twee het is, staat er niet bij: dat zou zelf iets verraden. Het aandeel zegt welk deel van de
studenten in een getoond aantal zit. Het is berekend uit getoonde aantallen; waar het landelijke totaal van een
schooljaar is afgeschermd, staat een streepje.</p>
{"".join(_measures(offered))}{"".join(_not_offered(others))}{"".join(_changes(changes))}
</main><footer><div class="in">Dezelfde cijfers staan in afscherming.csv en gewijzigd.csv.</div></footer></body></html>
""".encode()


def _measures(offered: pl.DataFrame) -> Iterator[str]:
    for measure in (name for name in words().measures if name in set(offered["maat"])):
        lines = [
            (
                _by(row["indeling"]),
                _number(row["rijen"]),
                _number(row["getoond"]),
                _number(row["afgeschermd"]),
                _bar(row["aandeel"]),
            )
            for row in offered.filter(maat=measure).iter_rows(named=True)
        ]
        head = ("Naar", "Rijen", "Getoond", "Afgeschermd", "Studenten in getoonde aantallen")
        yield f"<h2>{escape(words().measure(measure).label)}</h2>{_table(head, lines)}"


def _not_offered(others: pl.DataFrame) -> Iterator[str]:
    if others.height:
        lines = [
            (f"{escape(words().measure(row['maat']).label)}, {_by(row['indeling'])}", escape(row["reden"]))
            for row in others.iter_rows(named=True)
        ]
        yield f"<h2>Niet aangeboden</h2>{_table(('Tabel', 'Waarom'), lines)}"


def _changes(changes: pl.DataFrame) -> Iterator[str]:
    yield "<h2>Sinds een eerdere uitgave afgeschermd</h2>"
    if changes.is_empty():
        yield "<p>Geen: wat eerder werd getoond, wordt nog getoond.</p>"
    else:
        yield f"<p>{_number(changes.height)} aantallen die eerder werden getoond.</p>"
        lines = [tuple(escape(str(part or "–")) for part in row) for row in changes.iter_rows()]
        yield _table(("Maat", "Schooljaar", "Indeling"), lines)


def _by(columns: str) -> str:
    labels = [words().column(column).label.lower() for column in columns.split(",") if column]
    return escape(", ".join(labels))


def _bar(share: float | None) -> str:
    if share is None:
        return "–"
    said = f"{share:.1f}".replace(".", ",")
    return f'<span class="bar"><i style="width:{share:.0f}%"></i></span><span class="share">{said}%</span>'


def _number(count: Any) -> str:
    return f"{count or 0:,}".replace(",", ".")


def _table(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    top = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines)
    return f'<div class="wide"><table><tr>{top}</tr>{rows}</table></div>'
