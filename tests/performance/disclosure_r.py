"""R's GaussSuppression on the national cell list: how long, how many secondaries, and what our attacker finds in it.

    .venv/bin/python -m tests.performance.disclosure_r --library FOLDER [--by-leerweg] [--seed N]

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
from pathlib import Path

import polars as pl

from tests.performance.disclosure_attack import audited, told
from tests.support.national_list import leaves, national_list

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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--by-leerweg", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if lacking := r_ready(given.library):
        raise SystemExit(f"Lacking: {lacking}. What must be installed, and how:\n{__doc__}")
    data = leaves(seed=given.seed)
    made = national_list(data, by_leerweg=given.by_leerweg)
    names = [name for name in data.columns if name != "leerweg" or given.by_leerweg]
    counted = data.group_by(names[:-1]).agg(pl.col("n").sum()).sort(names[:-1])
    hidden, seconds = suppressed(counted, given.library)
    primary = hidden.filter(pl.col("primary") == "TRUE").height
    outcome, own_seconds = audited(made, hidden, made.readers)
    print(  # noqa: T201
        f"GaussSuppression: {seconds:.1f} CPU seconds, {primary:,} primary, {hidden.height - primary:,} secondary\n",
        told(made, hidden.height, outcome, own_seconds),
        sep="\n",
    )


if __name__ == "__main__":
    main()
