"""What it costs to protect a national cell list: cells, small, secondary, CPU seconds.

    python -m tests.performance.disclosure [--list A|B|C|D ...] [--seed 1]

The lists are those of a simulated year: 500,000 students, 60 institutions in 12 regions, 500 programmes in 167 dossiers
in 8 sectors, BOL and BBL. A = (institution, region, country) x (programme, dossier, sector, all); B = A x leerweg; C =
B without programme; D = (region, country) x (programme, dossier, sector, all) x leerweg.
"""

from __future__ import annotations

import argparse
import time
from itertools import product

import numpy as np
import polars as pl

from rod_pipeline.disclosure.cells import CellList, cell_list
from rod_pipeline.disclosure.policy import load
from rod_pipeline.disclosure.protect import protect
from rod_pipeline.disclosure.tables import Table

_WHO = (("instellingscode",), ("regio",), ())
_WHAT = (("opleidingscode",), ("code_bc",), ("code_hg",), ())
_HOW = ((), ("leerweg",))


def year(seed: int = 1, scale: float = 1.0) -> pl.DataFrame:
    """The leaves of a simulated year: institution, region, programme, dossier, sector, leerweg and n."""
    random = np.random.default_rng(seed)
    institutions, programmes, dossiers, sectors = (round(scale * whole) for whole in (60, 500, 167, 8))
    students = 500_000 * scale**2
    region = np.r_[np.arange(12), random.integers(0, 12, institutions - 12)]
    dossier = np.sort(np.r_[np.arange(dossiers), random.integers(0, dossiers, programmes - dossiers)])
    sector = np.sort(np.r_[np.arange(sectors), random.integers(0, sectors, dossiers - sectors)])
    size = random.lognormal(0, 1.0, institutions)
    weight = random.lognormal(0, 1.35, programmes)
    offered = random.random((institutions, programmes)) < np.clip(
        0.42 * size[:, None] ** 0.35 * (weight[None, :] / weight.mean()) ** 0.35, 0.04, 0.95
    )
    share = random.beta(1.2, 0.9, (institutions, programmes))
    mean = size[:, None] * weight[None, :] * random.lognormal(0, 1.1, offered.shape) * offered
    mean *= students / mean.sum()
    counts = np.stack([random.poisson(mean * share), random.poisson(mean * (1 - share))])
    how, who, what = np.nonzero(counts)
    return pl.DataFrame(
        {
            "instellingscode": [f"{i:02d}XX" for i in who],
            "regio": [f"R{region[i]:02d}" for i in who],
            "opleidingscode": [f"{25000 + p}" for p in what],
            "code_bc": [f"D{dossier[p]:03d}" for p in what],
            "code_hg": [f"S{sector[dossier[p]]}" for p in what],
            "leerweg": [("BOL", "BBL")[h] for h in how],
            "n": counts[how, who, what].astype(np.int64),
        }
    )


def tables(name: str) -> list[Table]:
    """The tables of list A, B, C or D."""
    who, what, how = {
        "A": (_WHO, _WHAT, _HOW[:1]),
        "B": (_WHO, _WHAT, _HOW),
        "C": (_WHO, _WHAT[1:], _HOW),
        "D": (_WHO[1:], _WHAT, _HOW),
    }[name]
    return [Table("_".join([name, *a, *b, *c]), "studenten", (*a, *b, *c)) for a, b, c in product(who, what, how)]


def the_list(name: str, seed: int = 1, scale: float = 1.0) -> CellList:
    """The cell list A, B, C or D; ``scale`` is of institutions and programmes each."""
    return cell_list({"studenten": year(seed, scale)}, tables(name))


def main() -> None:
    """Print one row per list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", nargs="*", default=["A"], choices="ABCD")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print("| list | cells | small | secondary | list s | protect CPU s |")  # noqa: T201
    print("|---|---:|---:|---:|---:|---:|")  # noqa: T201
    # Levels that are mostly hidden stay in: it is the price of protecting all of them that is compared.
    policy = load().model_copy(update={"most_hidden": 1.0})
    for name in asked.list:
        start = time.process_time()
        cells = the_list(name, asked.seed)
        built = time.process_time()
        states = dict(protect(cells, policy).cells.group_by("state").len().iter_rows())
        done = time.process_time()
        print(  # noqa: T201
            f"| {name} | {cells.cells.height:,} | {states.get('small', 0):,} | {states.get('secondary', 0):,} "
            f"| {built - start:.1f} | {done - built:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
