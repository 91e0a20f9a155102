"""What it costs to publish one synthetic delivery: each part's CPU seconds, and the peak of memory after it.

    python -m tests.performance.publishing [--scale 0.3] [--seed 3] [--without-protecting]

The marts are built in memory; that isn't counted (``national_delivery`` and ``marts`` do). ``--without-protecting``
hides what is small by itself and audits nothing: what is left is everything around protection and audit, which
``tests.performance.disclosure`` measures.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from unittest import mock

import polars as pl

from rod_pipeline.contracts import ContractBook
from rod_pipeline.disclosure.protect import Protected
from rod_pipeline.disclosure.report import PRINTED, SMALL, report
from rod_pipeline.marts.published import editions, leaves
from rod_pipeline.publishing import disclosing, files, register
from rod_pipeline.publishing.shape import shaped
from tests.performance.releases import marts_of
from tests.support.ledger import NOON

KEY = "2026-08"
_SPENT: dict[str, float] = defaultdict(float)
_PEAK: dict[str, float] = {}


def counted(name: str, part: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, whose CPU seconds are added up under ``name``."""

    def run(*given: Any, **more: Any) -> Any:
        started = time.process_time()
        made = part(*given, **more)
        _SPENT[name] += time.process_time() - started
        _PEAK[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        return made

    return run


def small_hidden(cells: Any, rules: Any, *_: object) -> Protected:
    """Protection of what is small by itself alone: nothing that is safe."""
    small = pl.when(pl.col("n").is_between(1, rules.threshold - 1)).then(pl.lit(SMALL)).otherwise(pl.lit(PRINTED))
    states = cells.cells.select("cell", "n", small.alias("state"))
    return Protected(states, report(states, rules, frozenset(), set()))


def main() -> None:
    """Print one row per part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=3, help="of the synthetic country")
    parser.add_argument("--without-protecting", action="store_true")
    given = parser.parse_args()
    marts = marts_of(KEY, given.scale, given.seed)
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    counts = counted("leaves", leaves)(marts)
    timed = {"worth_protecting": "choosing tables", "_cells": "cell lists", "protect": "protect", "audited": "audit"}
    parts = {name: counted(said, getattr(disclosing, name)) for name, said in timed.items()}
    if given.without_protecting:
        parts |= {"protect": small_hidden, "audited": lambda *_: ()}
    with mock.patch.multiple(disclosing, **parts):
        proposal = disclosing.propose(counts, editions(marts), ("a" * 16,), None)
    about, book = files.Release("b" * 16, NOON, proposal.policy, 1, "c" * 64), ContractBook.load()

    def released() -> tuple[bytes, bytes]:
        tables = shaped(proposal)
        described = files.about_tables(tables, proposal, about, book)
        return files.database(tables, described), files.zipped_files(tables, described, about)

    database, archive = counted("files", released)()
    counted("register", lambda: (register.of(proposal), register.sums_of(proposal)))()
    students = counts["studenten"].group_by("schooljaar").agg(pl.col("n").sum()).sort("schooljaar")
    print(  # noqa: T201
        f"students: {', '.join(f'{year} {n:,}' for year, n in students.iter_rows())}; {len(proposal.tables)} tables, "
        f"{proposal.printed.height:,} cells in them, {proposal.sums['cell'].n_unique():,} in the lists; database "
        f"{len(database):,} bytes, files {len(archive):,}; clean: {proposal.audit.clean if proposal.audit else None}"
    )
    print(f"before: {begin:.2f} GiB\n\n| part | CPU s | peak GiB |\n|---|---:|---:|")  # noqa: T201
    for name, spent in _SPENT.items():
        print(f"| {name} | {spent:.1f} | {_PEAK[name]:.2f} |")  # noqa: T201


if __name__ == "__main__":
    main()
