"""What validation costs beside the same rules written by hand in Polars, and whether it counts the same.

    .venv/bin/python -m tests.performance.validation --folder DIR [--rows N] [--rounds N] [--national SCALE] [--pandas]

prints a table in Markdown. Every run is a process of its own, imports included; who goes first alternates by round.
CPU seconds (user and system) are compared, since the wall says more about the neighbours of the machine. ``DIR`` needs
room for the table (55 MB for a million rows); best on /dev/shm. Not a test: cost is told, never judged. A count that
differs from the oracle's ends it with an error.

``--way prepare`` writes the table and no more, ``--way gx`` then goes that way alone and tells what it cost: for sizes
at which there is no room for the oracle (20 GB at ten million rows).

``oracle`` is one hand-written lazy pass (``validation_oracle``). ``core`` is our counting without Great Expectations.
``gx`` is ``validate_file``: suite, engine, results, and where the worst rules are broken. ``pandas`` is Great
Expectations as its documentation has it, on a frame in memory whose numbers and dates were cast before, and without
the expectations that are our own: less work than the others do.
"""

import argparse
import json
import os
import pickle
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rod_pipeline.contracts.model import Contract
from rod_pipeline.quality.checks import Check
from rod_pipeline.quality.suite import Suite
from tests.support.memory import peak_mib

Job = tuple[Path, Contract, Suite, Mapping[str, Check]]
Counts = dict[str, int]


def oracle(job: Job) -> Counts:
    from tests.performance.validation_oracle import Oracle

    path, contract, suite, _ = job
    rules = [(one.meta.id, one.type, one.kwargs) for one in suite.expectations]
    return Oracle({column.name: column.type.value for column in contract.columns}).count(_scan(path), rules)


def core(job: Job) -> Counts:
    from rod_pipeline.quality.counting import count

    path, contract, _, checks = job
    found = count(_scan(path), contract, checks.values())
    return {rule: found[check] for rule, check in checks.items()}


def gx(job: Job) -> Counts:
    from rod_pipeline.quality.validate import validate_file

    path, contract, suite, _ = job
    report = validate_file(_scan(path), contract, suite)
    return {result.id: result.failed for result in report.results if result.unit == "rows"}


def pandas(job: Job) -> Counts:
    import great_expectations
    import pandas as pd

    path, contract, suite, _ = job
    frame = pd.DataFrame(_scan(path).drop("_row").collect().to_dict(as_series=False))
    for column in contract.columns:
        if column.type.value == "date":
            frame[column.name] = pd.to_datetime(frame[column.name], format="%d-%m-%Y", errors="coerce")
        elif column.type.value in ("integer", "decimal"):
            frame[column.name] = pd.to_numeric(frame[column.name].str.replace(",", "."), errors="coerce")
    own = ("declared", "in_year", "between", "in_season", "agree_within", "go_together")
    known = [one for one in suite.expectations if not one.type.endswith(own) or "values_to_be_between" in one.type]
    expectations = [
        {"type": one.type, "kwargs": dict(one.kwargs), "meta": {"id": one.meta.id}}
        for one in known
        if "datum_inschrijving" not in json.dumps(dict(one.kwargs).get("row_condition"))
    ]
    context = great_expectations.get_context(mode="ephemeral")
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("t").add_batch_definition_whole_dataframe("b")
    asked = context.suites.add(great_expectations.ExpectationSuite(name="s", expectations=expectations))
    definition = context.validation_definitions.add(
        great_expectations.ValidationDefinition(name="v", data=batch, suite=asked)
    )
    definition.run(batch_parameters={"dataframe": frame})
    return {}


WAYS: Mapping[str, Callable[[Job], Counts]] = {"oracle": oracle, "core": core, "gx": gx, "pandas": pandas}


def _scan(path: Path) -> Any:
    import polars as pl
    from polars.io.parquet import ParquetDecryptionProperties

    return pl.scan_parquet(path, decryption=ParquetDecryptionProperties(footer_key=bytes(32)))


def prepare(folder: Path, rows: int, scale: float | None) -> None:
    """Write tables, contracts, suites and the checks they ask, for the runs to find."""
    from expectations.loader import suite_for
    from rod_pipeline.contracts import ContractBook
    from rod_pipeline.quality.engine import check_of
    from tests.performance import validation_table as made

    jobs: list[tuple[Path, Contract, Suite]] = []
    if scale is None:
        base, path = made.base_rows(), folder / "wide.parquet"
        made.write_table(path, rows, base)
        jobs.append((path, made.contract(), made.suite(base)))
    else:
        made.write_delivery_tables(folder, scale)
        book = ContractBook.load()
        for file in made.DATA_FILES:
            of = book.get(file)
            jobs.append((folder / f"{file}.parquet", of, suite_for(of, book)))
    asked = [{one.meta.id: check for one in suite.expectations if (check := check_of(one))} for _, _, suite in jobs]
    with (folder / "jobs.pickle").open("wb") as file_:
        pickle.dump([(*job, checks) for job, checks in zip(jobs, asked, strict=True)], file_)


def run(folder: Path, way: str) -> None:
    """One way of validating, in this process."""
    jobs: list[Job] = pickle.loads((folder / "jobs.pickle").read_bytes())
    counts: Counts = {}
    for job in jobs:
        counts |= WAYS[way](job)
    (folder / f"{way}.json").write_text(json.dumps(counts))
    print(f"{way}: {time.process_time():.1f} CPU s, {peak_mib() * 1.048576:.0f} MB")  # noqa: T201


def measured(arguments: list[str]) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak resident MB of one process."""
    started = time.monotonic()
    command = [sys.executable, "-m", "tests.performance.validation", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss * 1.024e-3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=3_000_000, help="rows of the table of 116 columns")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--national", type=float, metavar="SCALE", help="four files of a delivery instead (1.1)")
    parser.add_argument("--pandas", action="store_true", help="run Great Expectations on pandas once, too")
    parser.add_argument("--way", choices=["prepare", *WAYS], help="what the benchmark starts itself with")
    given = parser.parse_args()
    if given.way == "prepare":
        prepare(given.folder, given.rows, given.national)
        return
    if given.way:
        run(given.folder, given.way)
        return

    given.folder.mkdir(parents=True, exist_ok=True)
    base = ["--folder", str(given.folder), "--rows", str(given.rows)]
    if given.national is not None:
        base += ["--national", str(given.national)]
    measured([*base, "--way", "prepare"])
    ways = ["oracle", "core", "gx"]
    runs: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    for number in range(given.rounds):
        for way in ways[number % 3 :] + ways[: number % 3]:
            runs[way].append(measured([*base, "--way", way]))
    if given.pandas:
        runs["pandas"] = [measured([*base, "--way", "pandas"])]
    _tell(given.folder, runs)


def _tell(folder: Path, runs: Mapping[str, list[tuple[float, float, float]]]) -> None:
    counts = {way: json.loads((folder / f"{way}.json").read_text()) for way in ("oracle", "core", "gx")}
    broken = sum(count > 0 for count in counts["oracle"].values())
    differing = sorted(
        rule
        for rule, expected in counts["oracle"].items()
        if not expected == counts["core"].get(rule) == counts["gx"].get(rule)
    )
    cpu = {way: statistics.median(one[0] for one in each) for way, each in runs.items()}
    print(f"{len(counts['oracle'])} rules about rows, {broken} broken; rounds: {len(runs['gx'])}\n")  # noqa: T201
    print("| | CPU s | to the oracle | wall s | peak MB |\n|---|---:|---:|---:|---:|")  # noqa: T201
    for way, each in runs.items():
        wall, peak = statistics.median(one[1] for one in each), max(one[2] for one in each)
        print(f"| {way} | {cpu[way]:.1f} | {cpu[way] / cpu['oracle']:.2f} | {wall:.1f} | {peak:.0f} |")  # noqa: T201
    if "pandas" in cpu:
        print(f"\ngx takes {cpu['pandas'] / cpu['gx']:.1f} times less than pandas.")  # noqa: T201
    print(f"\nEvery count is the oracle's: {'no: ' + ', '.join(differing) if differing else 'yes'}.")  # noqa: T201
    if differing:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
