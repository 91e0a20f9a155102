"""Whole publications of synthetic countries, one after the other: all tables of all measures, protected and attacked.

    python -m tests.performance.releases [--seeds 1 2 ...] [--scale 1.0] [--gone] [--deliveries 2025-12 2026-08 ...]

Of each country the delivery of December is published, then that of August, in which provisional figures have become
definitive ones and a school year has come. Each is audited for the public and for all institutions, together with what
was told before. Prints a row per release; ends with an error when a reader finds something.
``tests.performance.disclosure`` does the same to one list of another shape; ``tests.performance.publishing`` says which
part of it costs what.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl

from rod_pipeline.marts.contents import careers_alone
from rod_pipeline.marts.declared import MARTS
from rod_pipeline.marts.published import editions, leaves, steps
from rod_pipeline.publishing import register
from rod_pipeline.publishing.disclosing import propose
from rod_pipeline.publishing.offering import Reason
from rod_pipeline.publishing.past import Counts
from rod_pipeline.publishing.proposal import Proposal
from tests.support.synthetic import whole

DELIVERIES = ("2025-12", "2026-08")
_COLUMNS = (
    "seed, delivery", "tables", "given up late", "cells printed", "hidden", "in the lists", "changed", "strained",
    "CPU s", "clean",
)  # fmt: skip


def marts_of(delivery: str, scale: float, seed: int) -> Mapping[str, pl.DataFrame]:
    """The restricted marts of a delivery, those of its careers as well."""
    typed = {kind: frame.lazy() for kind, frame in whole(delivery, scale, seed).items()}
    marts = {one.name: one.table(typed).collect().with_columns(levering=pl.lit(delivery)) for one in MARTS}
    moments = pl.DataFrame({"levering": [delivery], "moment": [datetime(2026, 8, 24, tzinfo=UTC)]})
    with careers_alone({delivery: typed["doorstroom"]}, moments) as connection:
        marts["stromen"] = steps(connection)
    whole.cache_clear()
    return marts


def main() -> None:
    """Print one row per release."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--scale", type=float, default=1.0, help="of the country; 1: all its students")
    parser.add_argument("--gone", action="store_true", help="a delivery is erased when the next one is published")
    parser.add_argument("--deliveries", nargs="+", default=list(DELIVERIES), help="published one after the other")
    given = parser.parse_args()
    print(f"| {' | '.join(_COLUMNS)} |\n|---|{'---:|' * 8}---|", flush=True)  # noqa: T201
    clean = True
    for seed in given.seeds:
        released: list[Proposal] = []
        then: dict[str, Counts] = {}
        for delivery in given.deliveries:
            marts = marts_of(delivery, given.scale, seed)
            counts = leaves(marts), editions(marts)
            earlier = register.told([(register.of(one), register.sums_of(one)) for one in released])
            began = time.process_time()
            made = propose(*counts, ("a" * 16,), earlier, counted=then.get)
            print(_row(f"{seed}, {delivery}", made, time.process_time() - began), flush=True)  # noqa: T201
            clean = clean and made.audit is not None and made.audit.clean
            released.append(made)
            if not given.gone:
                then[register.label(len(released))] = counts
    sys.exit(0 if clean else "A reader finds something.")


def _row(name: str, made: Proposal, spent: float) -> str:
    late = sum(one.reason is Reason.TOO_HIDDEN for one in made.cost.not_offered)
    hidden = made.printed["n"].null_count()
    told = made.printed.height - hidden, hidden, made.sums["cell"].n_unique(), len(made.cost.changed)
    numbers = " | ".join(f"{number:,}" for number in (len(made.tables), late, *told, made.cost.strained))
    return f"| {name} | {numbers} | {spent:.1f} | {'yes' if made.audit and made.audit.clean else 'no'} |"


if __name__ == "__main__":
    main()
