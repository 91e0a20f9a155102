"""The part of a delivery's picture about what moved since the delivery before: distributions, and rows themselves.

Belongs here: showing drift and changes. Does not belong here: measuring them (``deliveries``), the rest of the page
(``picture``).
"""

from collections.abc import Sequence
from html import escape

from rod_pipeline.quality import charts, html
from rod_pipeline.quality.changes import Change, Drift
from rod_pipeline.quality.profile import Part

_MOST_BARS = 20
_LEAST = 0.005
"""What moved less than this, and not further than is usual, isn't drawn."""
_MOST_COLUMNS = 6
_STATUS = {"V": "provisional", "D": "final"}


def moved(together: Part | None) -> str:
    """Both parts, with their headings; why there is nothing where there is nothing."""
    if together is None:
        drift = changes = "It is compared once every file has passed its own rules."
    else:
        drift = "There is no earlier delivery with a school year that this one can be held against."
        changes = "No school year of it was in an earlier delivery."
    shown_drift = _drift(together.drifts) if together and together.drifts else f'<p class="dim">{drift}</p>'
    shown_changes = _changes(together.changes) if together and together.changes else f'<p class="dim">{changes}</p>'
    return (
        f"<h2>How far the values of columns moved</h2>{shown_drift}"
        f"<h2>What changed in school years that were delivered before</h2>{shown_changes}"
    )


def _drift(drifts: Sequence[Drift]) -> str:
    most = max(drift.distance for drift in drifts)
    scale = next(top for top in (0.05, 0.1, 0.2, 0.5, 1.0) if most <= top or top == 1.0)
    drawn = []
    for file in dict.fromkeys(drift.file for drift in drifts):
        all_of_file = [drift for drift in drifts if drift.file == file]
        own = [drift for drift in all_of_file if drift.far or drift.distance >= _LEAST]
        own.sort(key=lambda drift: (not drift.far, -drift.distance))
        bars = [
            charts.Bar(
                drift.column,
                drift.distance,
                drift.allowed,
                f"{drift.distance:.1%}{' far' if drift.far else ''}",
                charts.MOVED if drift.far else charts.NOW,
            )
            for drift in own[:_MOST_BARS]
        ]
        one, less = all_of_file[0], len(all_of_file) - len(bars)
        years = f"{one.schooljaar} beside {one.schooljaar_before} of {one.before}"
        note = f"{years}.{f' {less} columns that moved less, or not at all, are not drawn.' if less else ''}"
        chart = charts.lines(f"How far the columns of {file} moved", note, bars, most=scale) if bars else ""
        drawn.append(
            f'<figure><figcaption>{escape(file)}</figcaption><p class="dim">{escape(note)}</p>{chart}</figure>'
        )
    legend = charts.key(
        [
            (charts.NOW, "share of the rows that would need another value for the shares to be those of before"),
            (charts.MOVED, "further than chance and usual change explain"),
            ("mark", "what chance and usual change explain"),
        ]
    )
    return f'{legend}<div class="pair">{"".join(drawn)}</div>'


def _changes(changes: Sequence[Change]) -> str:
    head = [
        ("", "file"),
        ("y", "school year"),
        ("", "status"),
        ("n", "rows before"),
        ("n", "rows now"),
        ("n", "added"),
        ("n", "removed"),
        ("n", "changed"),
        ("", "in which columns"),
    ]
    lines = []
    for change in changes:
        status, was = (_STATUS.get(code, "unknown") for code in (change.status, change.status_before))
        shown = ", ".join(f"{name} ({_few(rows)})" for name, rows in change.columns[:_MOST_COLUMNS])
        more = len(change.columns) - _MOST_COLUMNS
        lines.append(
            [
                escape(change.file),
                escape(change.schooljaar),
                status if status == was else f"{was}, now {status}",
                f"{change.rows_before:,}",
                f"{change.rows:,}",
                *(escape(_few(count)) for count in (change.added, change.removed, change.changed)),
                escape(shown + (f" and {more} more" if more > 0 else "")),
            ]
        )
    before = ", ".join(sorted({change.before for change in changes}))
    return f'<p class="dim">Beside delivery {escape(before)}.</p>{html.table(head, lines)}'


def _few(count: int | None) -> str:
    return "not told" if count is None else f"{count:,}"
