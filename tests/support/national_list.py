"""A cell list as large as the country's, made by itself: the same for the same numbers.

As simulated in the measurements of the disclosure control: 500,000 students, 60 institutions of unequal size in 12
regions, 500 qualifications of unequal size in 167 dossiers in 8 sectors; an institution offers some of the dossiers.
The cells are (institution | region | country) by (qualification | dossier | sector | all), optionally by leerweg.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl

PLACES = ("instellingscode", "regio", None)
COURSES = ("opleidingscode", "code_bc", "sectorkamer", None)


@dataclass(frozen=True)
class NationalList:
    """Leaves, and the cells (cell, n), sums and own figures over them."""

    leaves: pl.DataFrame
    truth: pl.DataFrame
    sums: pl.DataFrame
    own: pl.DataFrame
    readers: list[str]


def leaves(
    students: int = 500_000,
    institutions: int = 60,
    regions: int = 12,
    qualifications: int = 500,
    dossiers: int = 167,
    sectors: int = 8,
    seed: int = 1,
) -> pl.DataFrame:
    """One row per combination that somebody is in: instellingscode, regio, opleidingscode, code_bc, sectorkamer,
    leerweg, n."""
    random = np.random.default_rng(seed)
    size = random.lognormal(0, 0.8, institutions)
    popular = random.lognormal(0, 1.4, qualifications)
    dossier = np.sort(random.integers(0, dossiers, qualifications))
    dossier[:dossiers] = np.arange(dossiers)
    sector = random.integers(0, sectors, dossiers)
    sector[:sectors] = np.arange(sectors)
    region = np.arange(institutions) % regions
    offered = random.random((institutions, dossiers)) < np.clip(0.4 + 0.4 * size / size.max(), 0, 1)[:, None]
    given = offered[:, dossier] & (random.random((institutions, qualifications)) < 0.85)
    weight = size[:, None] * popular[None, :] * random.lognormal(0, 0.9, given.shape) * given
    both = np.stack([weight * 0.75, weight * 0.25 * random.lognormal(0, 1.0, given.shape)], axis=2).ravel()
    counts = random.multinomial(students, both / both.sum())
    school, course, way = np.unravel_index(np.flatnonzero(counts), (institutions, qualifications, 2))
    return pl.DataFrame(
        {
            "instellingscode": [f"{number:02d}XX" for number in school],
            "regio": [f"R{number:02d}" for number in region[school]],
            "opleidingscode": [f"{25000 + number}" for number in course],
            "code_bc": [f"{23000 + number}" for number in dossier[course]],
            "sectorkamer": [f"S{number}" for number in sector[dossier[course]]],
            "leerweg": [("BOL", "BBL")[number] for number in way],
            "n": counts[np.flatnonzero(counts)],
        }
    )


def national_list(
    of: pl.DataFrame, *, by_leerweg: bool = False, places: tuple[str | None, ...] = PLACES
) -> NationalList:
    """The cells, sums and own figures over leaves. A sum runs one step down one dimension."""
    levels: list[tuple[str | None, ...]] = [places, COURSES, ("leerweg", None)] if by_leerweg else [places, COURSES]

    def keyed(columns: tuple[str | None, ...]) -> pl.Expr:
        names = sorted(name for name in columns if name is not None)
        return pl.concat_str([pl.lit("n"), *(pl.format("|" + name + "={}", name) for name in names)])

    cells, own, sums = [], [], []
    number = 0
    for columns in product(*levels):
        keys = of.with_columns(cell=keyed(columns))
        cells.append(keys.group_by("cell").agg(pl.col("n").sum()))
        own.append(keys.group_by("cell", reader="instellingscode").agg(pl.col("n").sum()))
        for place, level in enumerate(levels):
            step = level.index(columns[place]) + 1
            if step == len(level):
                continue
            parent = (*columns[:place], level[step], *columns[place + 1 :])
            pairs = of.select(cell=keyed(columns), total=keyed(parent)).unique().sort("total", "cell")
            numbered = pairs.with_columns(equation=pl.col("total").rank("dense").cast(pl.UInt32) + number)
            number += pairs["total"].n_unique()
            parts = numbered.select("equation", "cell", sign=pl.lit(-1, pl.Int8))
            totals = numbered.select("equation", cell="total", sign=pl.lit(1, pl.Int8)).unique()
            sums += [parts, totals]
    return NationalList(
        leaves=of,
        truth=pl.concat(cells).sort("cell"),
        sums=pl.concat(sums).sort("equation", "cell"),
        own=pl.concat(own).sort("cell", "reader"),
        readers=sorted(of["instellingscode"].unique().to_list()),
    )
