"""What can be worked out of a national cell list in which only the small counts are masked, and what finding out costs.

    .venv/bin/python -m tests.performance.disclosure_attack [--by-leerweg] [--hidden FILE | --below N] [--readers N]
                                                            [--seed N]

The list is made by ``tests.support.national_list``. ``--hidden`` is a file with the key of a hidden cell on each line,
for a pattern made elsewhere; without it every count below N is hidden (5 unless said otherwise) and nothing else: with
40 most is hidden and little can be worked out, so that the size of an audit can be tried without protecting first.
Prints what readers find and the CPU seconds of the audit. Not a test: it judges nothing.
"""

import argparse
import time
from pathlib import Path

import polars as pl

from rod_pipeline.disclosure.attack import Audit, Rules, audit
from tests.support.national_list import NationalList, leaves, national_list


def audited(made: NationalList, hidden: pl.DataFrame, readers: list[str]) -> tuple[Audit, float]:
    """The audit of a list with these cells hidden (column cell), and its CPU seconds."""
    marked = made.truth.join(hidden.select("cell", hidden=True), on="cell", how="left", maintain_order="left")
    printed = marked.select("cell", n=pl.when(pl.col("hidden").is_null()).then(pl.col("n")))
    started = time.process_time()
    outcome = audit(made.truth, printed, made.sums, made.own, readers, Rules())
    return outcome, time.process_time() - started


def told(made: NationalList, hidden: int, outcome: Audit, seconds: float) -> str:
    public, *institutions = outcome.readers
    small = made.truth.filter(pl.col("n") < 5).height
    pairs = sum(len(one.exact) + len(one.narrow) for one in institutions)
    worst = sorted(institutions, key=lambda one: (-len(one.exact) - len(one.narrow), str(one.reader)))
    rows = [("the public", public), *((f"{one.reader}, beyond the public", one) for one in worst[:5])]
    return "\n".join(
        [
            f"{made.truth.height:,} cells, {small:,} small, {hidden:,} hidden; clean: {outcome.clean}\n",
            "| reader | cells with few others | exact | narrow | unresolved |\n|---|---:|---:|---:|---:|",
            *(
                f"| {name} | {one.targets:,} | {len(one.exact):,} ({len(one.exact) / max(1, one.targets):.0%}) "
                f"| {len(one.narrow):,} | {len(one.unresolved):,} |"
                for name, one in rows
            ),
            f"\nall {len(institutions)} institutions find {pairs:,} more together; audit: {seconds:.1f} CPU seconds",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--by-leerweg", action="store_true")
    parser.add_argument("--hidden", type=Path)
    parser.add_argument("--below", type=int, default=5)
    parser.add_argument("--readers", type=int)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    made = national_list(leaves(seed=given.seed), by_leerweg=given.by_leerweg)
    if given.hidden is None:
        hidden = made.truth.filter(pl.col("n") < given.below)
    else:
        hidden = pl.DataFrame({"cell": given.hidden.read_text(encoding="utf-8").split()})
    outcome, seconds = audited(made, hidden, made.readers[: given.readers])
    print(told(made, hidden.height, outcome, seconds))  # noqa: T201


if __name__ == "__main__":
    main()
