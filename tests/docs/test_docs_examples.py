"""The example notebook runs on a release as it leaves the house, and draws what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl

from docs.generator.markdown import ROOT
from rod_pipeline.contracts import ContractBook
from rod_pipeline.marts.published import OFFERED
from rod_pipeline.publishing import files
from rod_pipeline.publishing.shape import PERCENTAGE, shaped
from tests.support.ledger import NOON
from tests.support.publishing import proposal_of

YEARS = ("2022-2023", "2023-2024", "2024-2025")
LEVELS = ("MBO-2", "MBO-3", "MBO-4")


def released(folder: Path) -> Path:
    """The DuckDB file of a release of made-up counts."""
    students, results, flows = [], [], []
    for year in YEARS:
        for number, level in enumerate(LEVELS):
            students.append((year, "25LH", level, "BOL", "03", 400 + 100 * number))
            good = 60 + 7 * number + 5 * len(results)
            results += [(year, "25LH", level, "03", "J", good), (year, "25LH", level, "03", "N", 30)]
            flows += [(year, f"niveau {level}", f"niveau {other}", 10 + 90 * (level == other)) for other in LEVELS]
            flows += [(year, f"niveau {level}", "uit mbo, met diploma", 50), (year, f"niveau {level}", "elders", 3)]
    leaves = {
        "studenten": pl.DataFrame(
            students,
            schema=["schooljaar", "instellingscode", "niveau", "leerweg", "sectorkamer", "n"],
            orient="row",
        ),
        "jaarresultaat": pl.DataFrame(
            results, schema=["schooljaar", "instellingscode", "niveau", "sectorkamer", "succes", "n"], orient="row"
        ),
        "stromen": pl.DataFrame(flows, schema=["schooljaar", "van", "naar", "n"], orient="row"),
    }
    speaks = pl.DataFrame({"schooljaar": YEARS, "status": ["D", "D", "V"], "levering": ["2025-12"] * 3})
    speaks = pl.concat(speaks.with_columns(pl.lit(measure).alias("measure")) for measure in leaves)
    proposal = proposal_of(leaves, ("a" * 16,), speaks)
    tables = shaped(proposal)
    about = files.Release("b" * 16, NOON, "1.0", 1, "c" * 64)
    file = folder / files.DATABASE
    file.write_bytes(files.database(tables, files.about_tables(tables, proposal, about, ContractBook.load())))
    return file


def test_what_the_notebook_reads_is_offered() -> None:
    text = (ROOT / "docs" / "examples" / "flows.py").read_text("utf-8")
    (names,) = re.findall(r"^FLOWS, RESULTS = (.*)$", text, re.MULTILINE)
    offered = {one.name for one in OFFERED} | {f"{one.name}{PERCENTAGE}" for one in OFFERED if one.outcome}
    assert set(re.findall(r'"(\w+)"', names)) < offered


def test_the_flows_and_the_results_are_drawn(tmp_path: Path) -> None:
    file = released(tmp_path)
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", ROOT / "docs" / "examples" / "flows.py"],
        env={**os.environ, "ROD_PUBLISHED": str(file), "MPLCONFIGDIR": str(tmp_path / "mpl")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for name in ("stromen.png", "resultaten.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / name).stat().st_size > 10_000
