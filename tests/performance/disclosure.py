"""What it costs to protect a national cell list and to audit it, and whether it is clean.

    python -m tests.performance.disclosure [--list A|B|C|D ...] [--seeds 1 2 ...] [--scale 1.0] [--definitive]

The lists are those of a simulated year: 500,000 students, 60 institutions in 12 regions, 500 programmes in 167 dossiers
in 8 sectors, BOL and BBL. A = (institution, region, country) x (programme, dossier, sector, all); B = A x leerweg; C =
B without programme; D = (region, country) x (programme, dossier, sector, all) x leerweg. ``--scale`` is of institutions
and programmes each. With ``--definitive`` the figures are taken for provisional ones, and definitive ones follow, in
which one leaf in two hundred has one or two students more or less; they are audited together with what was told before.
The soak takes ten seeds that way. Ends with an error when a reader finds something.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import polars as pl

from rod_pipeline.disclosure import attack
from rod_pipeline.disclosure.cells import CellList, cell_list
from rod_pipeline.disclosure.policy import load
from rod_pipeline.disclosure.protect import Protected, printed, protect
from rod_pipeline.disclosure.published import Published
from rod_pipeline.disclosure.report import PRINTED, SECONDARY, SMALL
from rod_pipeline.disclosure.tables import Table
from rod_pipeline.publishing import keys

_WHO = (("instellingscode",), ("regio",), ())
_WHAT = (("opleidingscode",), ("code_bc",), ("code_hg",), ())
_HOW = ((), ("leerweg",))


@dataclass(frozen=True)
class Told:
    """A release: ``cells`` (release, cell, n, definition) and ``sums`` (release, equation, cell, sign)."""

    cells: pl.DataFrame
    sums: pl.DataFrame


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


def definitive(leaves: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The leaves after corrections: one in two hundred has one or two students more or less."""
    random = np.random.default_rng(seed)
    change = np.where(random.random(leaves.height) < 0.005, random.choice([-2, -1, 1, 2], leaves.height), 0)
    return leaves.with_columns(n=pl.col("n") + pl.Series(change)).filter(pl.col("n") > 0)


def audited(cells: CellList, protected: Protected, before: Told | None) -> attack.Audit:
    """What all readers can work out, with what was told before and how that added up. The status isn't in the keys:
    readers know that both releases are of one year."""
    told = without_status(printed(protected))
    truth, own, sums = (without_status(frame) for frame in (cells.cells.select("cell", "n"), cells.own, cells.sums))
    readers = own["reader"].unique().sort().to_list()
    earlier = None
    if before is not None:
        earlier = without_status(before.cells).select("release", "cell", "n")
        sums = pl.concat([sums.with_columns(release=pl.lit("")), without_status(before.sums)])
    return attack.audit(truth, told, sums, own, readers, attack.Rules(), earlier)


def without_status(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(keys.without(keys.STATUS))


def row(name: str, leaves: pl.DataFrame, asked: list[Table], before: Told | None) -> tuple[Told, bool]:
    """Protect and audit one release, print its row, and give what was told and whether it is clean."""
    began, started = time.monotonic(), time.process_time()
    cells = cell_list({"studenten": leaves}, asked)
    built = time.process_time()
    # Levels that are mostly hidden stay in: it is the price of protecting all of them that is compared.
    policy = load().model_copy(update={"most_hidden": 1.0})
    protected = protect(cells, policy, None if before is None else Published(before.cells))
    done = time.process_time()
    outcome = audited(cells, protected, before)
    end = time.process_time()
    states = dict(protected.cells.group_by("state").len().iter_rows())
    hidden = protected.cells.filter(pl.col("state") != PRINTED)
    few = protected.cells.filter(pl.col("n").is_between(1, 4)).height
    share = int(hidden["n"].sum()) / int(protected.cells["n"].sum())
    print(  # noqa: T201
        f"| {name} | {cells.cells.height:,} | {few:,} | {states.get(SMALL, 0):,} | {states.get(SECONDARY, 0):,} "
        f"| {share:.1%} | {len(protected.report.changed)} | {len(protected.report.strained)} | {built - started:.1f} "
        f"| {done - built:.1f} | {end - done:.1f} | {time.monotonic() - began:.0f} "
        f"| {'yes' if outcome.clean else failing(outcome)} |",
        flush=True,
    )
    told = printed(protected).with_columns(release=pl.lit("1"), definition=pl.lit(1, pl.Int64))
    return Told(told, cells.sums.with_columns(release=pl.lit("1"))), outcome.clean


def failing(outcome: attack.Audit) -> str:
    """How many readers find something, and in how many cells together."""
    unclean = [one for one in outcome.readers if not one.clean]
    cells = {cell for one in unclean for cell in (*one.exact, *one.narrow, *one.unresolved)}
    return f"no: {len(unclean)} readers, {len(cells)} cells, contradicts {len(outcome.contradicts)}"


def main() -> None:
    """Print one row per list, seed and release."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", nargs="*", default=["A"], choices="ABCD")
    parser.add_argument("--seeds", nargs="*", type=int, default=[1])
    parser.add_argument("--scale", type=float, default=1.0, help="0.2 at least: there are twelve regions")
    parser.add_argument("--definitive", action="store_true")
    given = parser.parse_args()
    head = (
        "list, seed | cells | 1-4 | small | secondary | students hidden | changed | strained | list s | protect CPU s"
    )
    print(f"| {head} | audit CPU s | wall s | clean |\n|---|{'---:|' * 11}---|")  # noqa: T201
    clean = True
    for name, seed in product(given.list, given.seeds):
        asked = [replace(one, by=(*one.by, "schooljaar", "status")) for one in tables(name)]
        leaves = year(seed, given.scale).with_columns(schooljaar=pl.lit("2024-2025"), status=pl.lit("V"))
        told, safe = row(f"{name}, {seed}", leaves, asked, None)
        clean &= safe
        if given.definitive:
            after = definitive(leaves, seed).with_columns(status=pl.lit("D"))
            clean &= row(f"{name}, {seed} definitive", after, asked, told)[1]
    sys.exit(None if clean else "A reader can narrow a small count.")


if __name__ == "__main__":
    main()
