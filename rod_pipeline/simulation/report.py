"""What is told about a simulation on the terminal, and the picture of it.

Belongs here: words, a table, files. Does not belong here: judging (``aftermath``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from rod_pipeline.retention.deadline import AMSTERDAM
from rod_pipeline.retention.timeline import draw
from rod_pipeline.simulation.aftermath import Aftermath, Row

PICTURE = "timeline"


def tell(lives: Sequence[Aftermath], console: Console) -> None:
    """A table per life, what was looked at, and what went otherwise than the story says."""
    for life in lives:
        console.print()
        console.rule(life.title)
        console.print(_table(life.rows))
        console.print()
        for found in life.found:
            console.print(Text(f"• {found}"))
        for wrong in life.wrong:
            console.print(Text(f"✗ {wrong}", style="red"))
    if any(life.wrong for life in lives):
        console.print("\n[red]Something went otherwise than it should in this simulation.[/red]")
    else:
        console.print("\n[green]✓[/green] Everything went as it should.")


def save_picture(lives: Sequence[Aftermath], now: datetime, folder: Path) -> None:
    """Draw all lives under one axis of time, as SVG and PNG."""
    for form in ("svg", "png"):
        (folder / f"{PICTURE}.{form}").write_bytes(draw([life.panel for life in lives], now, form))


def _table(rows: Sequence[Row]) -> Table:
    table = Table(
        "delivery", "provided", "deadline", "all gone", Column("days early", justify="right"), "ground", "outcome",
        Column("certificate", no_wrap=True), box=None, pad_edge=False,
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row.key,
            _day(row.moment),
            _day(row.deadline),
            _day(row.gone),
            "" if row.days is None else f"{row.days}" if row.days >= 0 else f"{-row.days} late",
            row.ground,
            row.outcome.replace("_", " "),
            row.file,
            style="red" if row.outcome == "TE_LAAT" else None,
        )
    return table


def _day(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant.astimezone(AMSTERDAM):%Y-%m-%d}"
