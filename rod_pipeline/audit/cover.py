"""The cover of a dossier, in Dutch: a PDF of a few pages, and a page (HTML) with every table.

Belongs here: what they say, as data for the template (``cover.typ``) and as HTML. Does not belong here: the tables
themselves (``deliveries``, ``leaving``, ``oversight``, ``controls``).

The same tables give the same bytes: the date of the PDF is that of the newest entry, its fonts are the compiler's.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html import escape
from pathlib import Path
from typing import Any

from rod_pipeline.audit.tables import Column, Table
from rod_pipeline.decree import Decree
from rod_pipeline.incidents import words
from rod_pipeline.ledger.oversight import Reader, Why
from rod_pipeline.quality import html
from rod_pipeline.retention.evidence.verifieer import is_simulation
from rod_pipeline.retention.evidence.words import day, day_of, instant, number

_TEMPLATE = Path(__file__).with_name("cover.typ")
_NOT_PROVED = (
    "Dit dossier vertelt wat in het grootboek staat. Wat niemand vastlegde, of wat buiten het systeem om gebeurde, "
    "staat er niet in.",
    "Wie achter een ondoorzichtig kenmerk van een persoon of ontvanger schuilgaat, staat buiten het grootboek en "
    "buiten dit dossier. Vraag het ons.",
    "Dat een test bestaat, zegt dat de maatregel in deze versie van de software wordt bewaakt; de tabellen zeggen dat "
    "zij hier is toegepast.",
    "De tijdstippen komen van onze eigen klok. Een tijdstempel of getuige bij het grootboek bewijst dat het op dat "
    "moment al zo bestond.",
    "Wat een afzonderlijke vernietiging wel en niet bewijst, staat op het certificaat in haar bundel.",
)


@dataclass(frozen=True, slots=True)
class Head:
    """What a dossier is: of which ledger, up to which entry, of which day, for whom and why."""

    origin: str
    size: int
    root: str
    at: datetime
    day: date
    reader: Reader
    why: Why
    reference: str | None
    software: str
    lock: str | None


def cover_pdf(head: Head, tables: Sequence[Table], bundles: Sequence[str], decree: Decree) -> bytes:
    """The cover as PDF/A-2a and PDF/UA-1."""
    import typst

    pdf: bytes = typst.compile(
        _TEMPLATE,
        root=_TEMPLATE.parent,
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards=["a-2a", "ua-1"],
        timestamp=int(head.at.timestamp()),
        sys_inputs={"content": json.dumps(content(head, tables, bundles, decree), ensure_ascii=False)},
    )
    return pdf


def cover_html(head: Head, tables: Sequence[Table], bundles: Sequence[str], decree: Decree) -> bytes:
    """The cover and all tables as one page that loads nothing."""
    said = content(head, tables, bundles, decree)
    parts = [html.listed(said["facts"])]
    if said["simulation"]:
        parts.insert(0, "<p><strong>SIMULATIE – dit dossier bewijst niets over echte gegevens.</strong></p>")
    parts.append(
        f'<ul class="facts">{"".join(f"<li><b>{escape(n)}</b>{escape(what)}</li>" for n, what in said["key"])}</ul>'
    )
    parts.append(f"<h2>Hoe u dit dossier controleert</h2><p>{escape(said['check'])}</p>")
    for table in tables:
        open_ = " open" if table.name in ("voorschriften", "bezit_op_dag", "vernietigingen") else ""
        parts.append(
            f'<details{open_} id="{table.name}"><summary><strong>{escape(table.title)}</strong> '
            f"({number(len(table.rows))})</summary><p>{escape(table.says)}</p>{_html(table)}</details>"
        )
    parts.append("<h2>Wat dit dossier niet bewijst</h2><ul>")
    parts += [f"<li>{escape(limit)}</li>" for limit in said["limits"]]
    parts.append("</ul>")
    return html.page("Auditdossier", "\n".join(parts), lang="nl")


def content(head: Head, tables: Sequence[Table], bundles: Sequence[str], decree: Decree) -> dict[str, Any]:
    """Everything that the PDF says, in words."""
    by_name = {table.name: table for table in tables}
    return {
        "title": "Auditdossier",
        "simulation": is_simulation(head.origin),
        "holder": decree.recipient,
        "decree": f"Besluit {decree.reference} van {day_of(decree.issued)} van de {decree.issuer}, voorschrift 3i",
        "at": day(head.at),
        "facts": [list(pair) for pair in _facts(head)],
        "key": [list(pair) for pair in _key(by_name, bundles)],
        "conditions": [
            [row["voorschrift"], row["uitvoering"], row["aan_mensen"] or "–", row["maatregelen"]]
            for row in _records(by_name["voorschriften"])
        ],
        "held": list(_held(by_name)),
        "day": day_of(head.day),
        "erased": [
            [row["levering"], row["grond"], (row["eigen_huis_leeg_op"] or "–")[:10], (row["alles_weg_op"] or "–")[:10],
             (row["uitkomst"] or "nog geen verklaring").replace("_", " ")]
            for row in _records(by_name["vernietigingen"])
        ],
        "controls": [
            [row["maatregel"], row["wat"], row["avg"], str(len(row["tests"].split())), row["beperking"] or "–"]
            for row in _records(by_name["maatregelen"])
        ],
        "files": [[f"tabellen/{table.name}.csv", table.title, number(len(table.rows))] for table in tables],
        "bundles": list(bundles),
        "check": (
            "Vraag ons om een uittreksel van het grootboek (rod ledger export) en, langs een andere weg, om de "
            "openbare sleutel. LEESMIJ.txt in dit dossier legt uit hoe u met controleer.py nagaat dat het dossier "
            "zo in het grootboek is geboekt, en dat de bewijsbundels kloppen."
        ),
        "limits": list(_NOT_PROVED),
    }  # fmt: skip


def _facts(head: Head) -> Iterator[tuple[str, str]]:
    yield "Voor", words.READERS[head.reader]
    yield "Aanleiding", words.WHYS[head.why]
    if head.reference is not None:
        yield "Uw kenmerk", head.reference
    yield "Stand van het grootboek", f"{number(head.size)} boekingen, de laatste op {instant(head.at)}"
    yield "Wat er was, op", day_of(head.day)
    yield "Grootboek", head.origin
    yield "Wortel (SHA-256)", head.root
    yield "Software", f"rod-pipeline {head.software}"
    yield "Vastgelegde versies (SHA-256)", head.lock or "niet bekend in deze installatie"


def _key(tables: Mapping[str, Table], bundles: Sequence[str]) -> Iterator[tuple[str, str]]:
    deliveries = _records(tables["leveringen"])
    living = {row["levering"] for row in deliveries if row["kopieen_nu"]}
    yield number(len({row["levering"] for row in deliveries})), "leveringen ooit aangekondigd"
    yield number(len(living)), "leveringen waarvan nu kopieën bestaan"
    yield number(len(tables["bezit_op_dag"].rows)), "kopieën op de gevraagde dag"
    yield (
        number(len({row["levering"] for row in _records(tables["vernietigingen"])})),
        "leveringen gewist of in wissing",
    )
    yield number(len(bundles)), "bewijsbundels bijgevoegd"
    yield number(len(tables["inzages"].rows)), "inzages"
    yield number(len(tables["pakketten"].rows)), "pakketten verstrekt"
    waiting = [row for row in _records(tables["meldingen_datakwaliteit"]) if row["stand"] == "drafted"]
    yield number(len(waiting)), "meldingen nog te verzenden"
    yield number(len([row for row in _records(tables["incidenten"]) if row["afloop"] is None])), "incidenten lopen"


def _held(tables: Mapping[str, Table]) -> Iterator[list[str]]:
    """Per delivery what was held on the day: copies, zones, countries."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in _records(tables["bezit_op_dag"]):
        for key in row["leveringen"].split() or ["onvoltooid bestand"]:
            found.setdefault(key, []).append(row)
    for key, rows in sorted(found.items()):
        zones = ", ".join(sorted({row["zone"] for row in rows}))
        countries = ", ".join(sorted({row["land"] or "onbekend" for row in rows}))
        yield [key, number(len(rows)), zones, countries]


def _records(table: Table) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.shown()]


def _html(table: Table) -> str:
    if not table.rows:
        return '<p class="dim">Geen.</p>'
    kinds = {"integer": "n", "floored": "n"}
    long = {"tekst", "uitvoering", "wat", "tests"}
    head = [("rule" if one.name in long else kinds.get(one.type, ""), one.name) for one in table.columns]
    return html.table(head, (map(_cell, table.columns, row) for row in table.shown()))


def _cell(column: Column, value: object) -> str:
    if isinstance(value, bool):
        return "ja" if value else "nee"
    return "" if value is None else escape(str(value))
