"""A small picture of a mart, for the UI.

Belongs here: drawing national totals. Does not belong here: anything that could be a count under five: bars are rounded
to tens and a group below the floor is left out, because the picture stays in Dagster's storage.
"""

import base64
import io

import polars as pl

_FLOOR = 50
_COLOURS = {"BOL": "#1f4e79", "BBL": "#e07b39"}
_REST = "#8a8a8a"


def picture(totals: pl.DataFrame, delivery: str) -> str:
    """Markdown with an inline PNG: students per level and leerweg in the newest school year of ``totals``."""
    from matplotlib.figure import Figure

    newest = str(totals["schooljaar"].max())
    shown = (
        totals.filter((pl.col("schooljaar") == newest) & (pl.col("studenten") >= _FLOOR))
        .with_columns((pl.col("studenten") + 5) // 10 * 10)
        .sort("niveau", "leerweg")
    )
    if shown.is_empty():
        return "Too few students for a picture."
    figure = Figure(figsize=(5.2, 2.6), dpi=80, layout="constrained")
    axes = figure.subplots()
    levels = sorted(set(shown["niveau"].drop_nulls()))
    bottom = dict.fromkeys(levels, 0)
    for leerweg in sorted(set(shown["leerweg"].drop_nulls())):
        heights = dict(shown.filter(pl.col("leerweg") == leerweg).select("niveau", "studenten").iter_rows())
        axes.bar(
            levels,
            [heights.get(level, 0) for level in levels],
            bottom=[bottom[level] for level in levels],
            label=leerweg,
            color=_COLOURS.get(leerweg, _REST),
        )
        for level in levels:
            bottom[level] += heights.get(level, 0)
    axes.set_title(f"Students on 1 October, {newest} ({delivery}), rounded", fontsize=9)
    axes.set_xlabel("niveau", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    image = base64.b64encode(buffer.getvalue()).decode("ascii")
    return "![students per level and leerweg](data:image/png;base64," + image + ")"
