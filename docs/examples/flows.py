# %% [markdown]
"""
# Stromen en resultaten uit de gepubliceerde tabellen

Draws where students of one school year are a year later, and the results of each level beside the norms of the
Inspectie. It needs nothing but the published tables, which hold no personal data:

    rod published get --out published

Open this file as a notebook (Jupyter with jupytext, or VS Code), or run it: `python docs/examples/flows.py`. It reads
`published/published.duckdb`, or the file that `ROD_PUBLISHED` names, and writes the two drawings beside it.
"""

# %%
import os
from pathlib import Path as File

import duckdb
import matplotlib

matplotlib.use("agg")  # the drawings go to files; leave this out in a notebook

from matplotlib import pyplot as plt
from matplotlib.patches import PathPatch
from matplotlib.path import Path

FILE = File(os.environ.get("ROD_PUBLISHED", "published/published.duckdb"))
FLOWS, RESULTS = "stromen_landelijk", "jaarresultaat_landelijk_niveau_percentage"

# %% [markdown]
"""
## Any published table is two lines

`tabellen` lists them, `gegevensboek` says what each column means, `leveringen` which delivery speaks for which year.
"""

# %%
published = duckdb.connect(FILE, read_only=True)
flows = published.table(FLOWS)

# %% [markdown]
"""
## The flows of the newest school year of which they are complete

What is hidden (`afgeschermd`) isn't drawn: the drawing says how many flows that are. A year counts as complete when
students of it are found at a level a year later; of the newest year nobody can know yet.
"""

# %%
(year,) = flows.filter("naar not like 'uit %' and not afgeschermd").aggregate("max(schooljaar)").fetchone()
found = flows.filter(f"schooljaar = '{year}' and not afgeschermd").project("van, naar, aantal").order("van, naar")
bands = found.fetchall()
(hidden,) = flows.filter(f"schooljaar = '{year}' and afgeschermd").aggregate("count(*)").fetchone()

# %%
COLOURS = ["#16325c", "#c77700", "#4f8a5b", "#7a5195", "#5b6675", "#b4485a"]


def stacked(side: int) -> dict[str, tuple[float, float]]:
    """Where each node of one side begins, and how tall it is, as shares of the whole."""
    total = sum(count for *_, count in bands)
    gap, at, places = 0.02, 0.0, {}
    for name in dict.fromkeys(sorted({band[side] for band in bands})):
        tall = sum(band[2] for band in bands if band[side] == name) / total
        places[name] = (at, tall)
        at += tall + gap
    return places


def alluvial(axes: plt.Axes) -> None:
    """Bands from where students were to where they are, as wide as they are many."""
    left, right = stacked(0), stacked(1)
    total = sum(count for *_, count in bands)
    used = {(0, name): begin for name, (begin, _) in left.items()} | {(1, n): begin for n, (begin, _) in right.items()}
    for van, naar, count in bands:
        tall, y0, y1 = count / total, used[0, van], used[1, naar]
        used[0, van] += tall
        used[1, naar] += tall
        points = [(0, y0), (0.5, y0), (0.5, y1), (1, y1), (1, y1 + tall), (0.5, y1 + tall), (0.5, y0 + tall)]
        codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
        colour = COLOURS[list(left).index(van) % len(COLOURS)]
        band = Path([*points, (0, y0 + tall), (0, y0)], codes)
        axes.add_patch(PathPatch(band, facecolor=colour, alpha=0.45, edgecolor="none"))
    for edge, side, places, align in ((0, -0.02, left, "right"), (1, 1.02, right, "left")):
        for name, (begin, tall) in places.items():
            axes.plot([edge, edge], [begin, begin + tall], color="#1c2430", linewidth=4, solid_capstyle="butt")
            axes.text(side, begin + tall / 2, f"{name} ({100 * tall:.0f}%)", ha=align, va="center", fontsize=9)
    axes.set(xlim=(-0.45, 1.55), ylim=(max(b + t for b, t in (*left.values(), *right.values())) + 0.02, -0.02))
    axes.axis("off")
    axes.set_title(f"Waar studenten van {year} een jaar later zijn")
    said = f"{hidden} stromen zijn afgeschermd" if hidden else "geen stroom is afgeschermd"
    axes.text(0.5, axes.get_ylim()[0], said, ha="center", va="top", fontsize=8)


figure, axes = plt.subplots(figsize=(9, 6))
alluvial(axes)
figure.savefig(FILE.with_name("stromen.png"), dpi=120, bbox_inches="tight")

# %% [markdown]
"""
## The results against the norms

`normen` has the norm for each level; a percentage is there only where both of its counts are printed.
"""

# %%
results = published.sql(
    f"""
    select r.schooljaar, r.niveau, r.percentage, n.voldoende
    from {RESULTS} r join tabellen t on t.tabel = '{RESULTS}'
    left join normen n on n.maat = t.maat and n.niveau = r.niveau
    where not r.afgeschermd order by r.niveau, r.schooljaar
    """
).fetchall()

# %%
figure, axes = plt.subplots(figsize=(9, 4.5))
for number, level in enumerate(sorted({row[1] for row in results})):
    lines = [row for row in results if row[1] == level]
    colour = COLOURS[number % len(COLOURS)]
    axes.plot([row[0] for row in lines], [row[2] for row in lines], marker="o", color=colour, label=level)
    if lines[0][3] is not None:
        axes.axhline(lines[0][3], color=colour, linestyle=":", linewidth=1)
axes.set(ylabel="procent", ylim=(40, 100), title="Jaarresultaat per niveau; gestippeld: de norm voor voldoende")
axes.legend(frameon=False, ncols=4)
axes.spines[["top", "right"]].set_visible(False)
figure.savefig(FILE.with_name("resultaten.png"), dpi=120, bbox_inches="tight")
