"""``rod decree``: the decree for people to read and for programs to take over.

Belongs here: showing the decree. Does not belong here: the decree itself and its model (``rod_pipeline.decree``).
"""

import csv
import io
import json
from collections import Counter
from enum import StrEnum
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rod_pipeline.decree import Decree, Rubriek, load_decree

app = typer.Typer(help="The decree that the pipeline carries out.", no_args_is_help=True)

_JOINED = " | "


class Format(StrEnum):
    """How the rubrieken are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@app.command()
def show() -> None:
    """Show the decree: moments, purposes, conditions, and what the annex holds and leaves open."""
    decree, console = load_decree(), Console()
    console.print(Text(decree.title, style="bold"))
    console.print(
        f"{decree.issuer}, {decree.issued:%d-%m-%Y}, nr. {decree.reference}; to {decree.recipient}", markup=False
    )
    for legal_basis in decree.legal_bases:
        console.print(f"  {legal_basis}", markup=False)
    _heading(console, "Moments of provision")
    console.print(_table(("delivery", "in the decree"), [(moment.key, moment.text) for moment in decree.moments]))
    _heading(console, "Conditions")
    console.print(_table(("", "about", "the decree's words"), _conditions(decree)))
    _heading(console, f"Annex: {len(decree.rubrieken)} rubrieken")
    console.print(_table(("group", "rubrieken", "fields", "kind", "heading"), _groups(decree)))
    _heading(console, "Not ordinary")
    console.print(
        _table(
            ("rubriek", "class", "fields"),
            [
                (rubriek.code, rubriek.sensitivity, _JOINED.join(rubriek.duo_fields))
                for rubriek in decree.rubrieken
                if rubriek.sensitivity != "ordinary"
            ],
        )
    )
    _heading(console, f"What the annex leaves open: {len(decree.ambiguities)} points")
    console.print(
        _table(
            ("", "rubrieken", "question", "read as, until DUO says otherwise"),
            [(each.code, "\n".join(each.rubrieken), each.question, each.reading) for each in decree.ambiguities],
        )
    )


@app.command()
def rubrieken(
    format: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.TABLE,
) -> None:
    """List the rubrieken of the annex; several articles or names in one cell are joined by ' | '."""
    rows = [_row(rubriek) for rubriek in load_decree().rubrieken]
    match format:
        case Format.CSV:
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\r\n")
            writer.writeheader()
            writer.writerows(rows)
            typer.echo(text.getvalue(), nl=False)
        case Format.JSON:
            typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        case Format.TABLE:
            shown = ("code", "group", "sector", "bro_article", "basis", "duo_fields", "ambiguities")
            Console().print(_table(shown, [tuple(row[column] for column in shown) for row in rows]))


def _row(rubriek: Rubriek) -> dict[str, str]:
    return {
        "code": rubriek.code,
        "group": rubriek.group,
        "sector": rubriek.sector or "",
        "kind": rubriek.kind,
        "bro_article": _JOINED.join(rubriek.bro_articles),
        "basis": rubriek.basis,
        "duo_fields": _JOINED.join(rubriek.duo_fields),
        "description": rubriek.description,
        "sensitivity": rubriek.sensitivity,
        "ambiguities": _JOINED.join(rubriek.ambiguities),
    }


def _conditions(decree: Decree) -> list[tuple[str, ...]]:
    retention, territory, processor = decree.retention, decree.territory, decree.processor
    rows = [
        *((each.code, "purpose", each.text) for each in decree.purposes),
        *((each.code, "allowed", each.text) for each in decree.permissions),
        (territory.code, "territory", territory.text),
        *((each.code, "duty", each.text) for each in decree.duties),
        *((each.code, f"tell {each.when}", f"{each.to}: {'; '.join(each.about)}") for each in decree.notifications),
        (processor.codes[0], f"processor {processor.name}", processor.text),
        (retention.code, f"keep at most {retention.years} years", retention.text),
        (decree.withdrawal.code, "withdrawal", decree.withdrawal.text),
        ("annex", "whose data", decree.scope.text),
        ("6", "never delivered", ", ".join(decree.never_delivered)),
    ]
    return sorted(rows, key=lambda row: (not row[0][0].isdigit(), row[0]))


def _groups(decree: Decree) -> list[tuple[str, ...]]:
    count = Counter(rubriek.group for rubriek in decree.rubrieken)
    fields = Counter(rubriek.group for rubriek in decree.rubrieken for _ in rubriek.duo_fields)
    return [
        (group.code, str(count[group.code]), str(fields[group.code]), group.kind, group.title)
        for group in decree.groups
    ]


def _heading(console: Console, text: str) -> None:
    console.print(Padding(Text(text, style="bold"), (1, 0, 0, 0)))


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
