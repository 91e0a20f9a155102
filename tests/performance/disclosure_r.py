"""R's GaussSuppression and ours on one national cell list: how long, how many secondaries, what the attacker finds.

    .venv/bin/python -m tests.performance.disclosure_r [--library FOLDER] [--by-leerweg] [--seed N] [--students N]

Without FOLDER ours alone. What R hides is looked at by the attacker as well.

FOLDER is an R library with the packages SSBtools, RegSDC and GaussSuppression of Statistics Norway. On Debian 12:

    apt-get install --no-install-recommends r-base-core r-cran-matrix r-cran-mass r-cran-ellipsis r-cran-rlang
    R CMD INSTALL -l FOLDER ssb-ssbtools RegSDC ssb-gausssuppression      (in this order, from their sources)

(github.com/statisticsnorway/ssb-ssbtools, olangsrud/RegSDC, statisticsnorway/ssb-gausssuppression). Small counts are
primary, as in its ``SuppressSmallCounts``; zeros are printed. CPU seconds are those of the one call, data read before.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from itertools import product
from pathlib import Path

import polars as pl

from rod_pipeline.disclosure.cells import cell_list
from rod_pipeline.disclosure.policy import load
from rod_pipeline.disclosure.protect import protect
from rod_pipeline.disclosure.report import PRINTED, SMALL
from rod_pipeline.disclosure.tables import Table
from tests.performance.disclosure_attack import audited, told
from tests.support.national_list import COURSES, PLACES, leaves, national_list

SCRIPT = """
args <- commandArgs(trailingOnly = TRUE)
.libPaths(c(args[1], .libPaths()))
suppressPackageStartupMessages(library(GaussSuppression))
data <- read.csv(args[2], colClasses = "character")
data$n <- as.integer(data$n)
spent <- system.time(out <- SuppressSmallCounts(
  data = data, maxN = 4, freqVar = "n", dimVar = setdiff(names(data), "n"),
  protectZeros = FALSE, extend0 = FALSE, removeEmpty = TRUE, printInc = FALSE))
write.csv(out, args[3], row.names = FALSE)
cat(sum(spent[1:2]))
"""


def r_ready(library: Path) -> str | None:
    """What is lacking, None when nothing is."""
    if shutil.which("Rscript") is None:
        return "Rscript"
    lacking = [name for name in ("SSBtools", "RegSDC", "GaussSuppression") if not (library / name).is_dir()]
    return ", ".join(lacking) or None


def suppressed(data: pl.DataFrame, library: Path) -> tuple[pl.DataFrame, float]:
    """The cells that R hides (cell, primary), and its CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        given, made, script = (Path(folder) / name for name in ("leaves.csv", "out.csv", "script.R"))
        data.write_csv(given)
        script.write_text(SCRIPT, encoding="utf-8")
        run = ["Rscript", "--vanilla", str(script), str(library), str(given), str(made)]
        seconds = float(subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()[-1])
        out = pl.read_csv(made, infer_schema=False)
    levels = {
        "instellingscode": "^[0-9]{2}XX$",
        "regio": "^R[0-9]",
        "opleidingscode": "^25[0-9]{3}$",
        "code_bc": "^23[0-9]{3}$",
        "sectorkamer": "^S[0-9]",
        "leerweg": "^B",
    }
    columns = [name for name in out.columns if name not in ("n", "freq", "primary", "suppressed", "weight")]
    parts = [
        pl.when(pl.any_horizontal(pl.col(column).str.contains(pattern) for column in columns))
        .then(
            pl.format(
                "|" + name + "={}",
                pl.coalesce(pl.when(pl.col(column).str.contains(pattern)).then(pl.col(column)) for column in columns),
            )
        )
        .otherwise(pl.lit(""))
        for name, pattern in sorted(levels.items())
    ]
    hidden = out.filter(pl.col("suppressed") == "TRUE").select("primary", cell=pl.concat_str([pl.lit("n"), *parts]))
    return hidden, seconds


def ours(data: pl.DataFrame, *, by_leerweg: bool) -> tuple[pl.DataFrame, float]:
    """The cells that we hide (cell, primary), and the CPU seconds of protecting, the list made before.

    No level is given up. Primary is also what is small to an institution that takes its own students off.
    """
    ways = product(PLACES, COURSES, ("leerweg", None) if by_leerweg else (None,))
    names = [tuple(column for column in way if column is not None) for way in ways]
    cells = cell_list({"n": data}, [Table("_".join(by), "n", by) for by in names])
    started = time.process_time()
    made = protect(cells, load().model_copy(update={"most_hidden": 1.0}))
    seconds = time.process_time() - started
    hidden = made.cells.filter(pl.col("state") != PRINTED)
    return hidden.select("cell", primary=pl.when(pl.col("state") == SMALL).then(pl.lit("TRUE"))), seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", type=Path)
    parser.add_argument("--by-leerweg", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--students", type=int, default=500_000)
    given = parser.parse_args()
    if given.library is not None and (lacking := r_ready(given.library)):
        raise SystemExit(f"Lacking: {lacking}. What must be installed, and how:\n{__doc__}")
    data = leaves(given.students, seed=given.seed)
    made = national_list(data, by_leerweg=given.by_leerweg)
    names = [name for name in data.columns if name != "leerweg" or given.by_leerweg]
    counted = data.group_by(names[:-1]).agg(pl.col("n").sum()).sort(names[:-1])
    small = made.truth.filter(pl.col("n") < 5).height
    rows, spent = [], []
    for name in ("ours", "GaussSuppression"):
        if name == "ours":
            hidden, seconds = ours(counted, by_leerweg=given.by_leerweg)
        elif given.library is not None:
            hidden, seconds = suppressed(counted, given.library)
        else:
            continue
        outcome, audit_seconds = audited(made, hidden.select("cell"), made.readers)
        primary = hidden.filter(pl.col("primary") == "TRUE").height
        students = int(made.truth.join(hidden, on="cell", how="semi")["n"].sum()) / int(made.truth["n"].sum())
        spent.append((hidden.height - primary, seconds + audit_seconds if name == "ours" else seconds))
        public, clean = outcome.readers[0], "yes" if outcome.clean else "no"
        rows.append(
            f"| {name} | {primary:,} | {hidden.height - primary:,} | {students:.1%} | {seconds:.1f} "
            f"| {audit_seconds:.1f} | {len(public.exact) + len(public.narrow):,} | {clean} |"
        )
        print(f"{name}: {told(made, hidden.height, outcome, audit_seconds)}\n", flush=True)  # noqa: T201
    print(f"{made.truth.height:,} cells, {small:,} of 1-4 students (seed {given.seed})\n")  # noqa: T201
    head = (
        "| method | primary | secondary | students hidden | protect CPU s | audit CPU s | open to the public | clean |"
    )
    print(head, "|---|---:|---:|---:|---:|---:|---:|---|", *rows, sep="\n")  # noqa: T201
    if len(spent) > 1:
        more, longer = spent[0][0] / spent[1][0], spent[0][1] / spent[1][1]
        print(f"\nours hides {more:.2f} times as many; protect and audit take {longer:.2f} of R's protecting")  # noqa: T201


if __name__ == "__main__":
    main()
