"""One synthetic delivery of a given scale through every stage, each in a process of its own: wall, CPU, peak memory.

    .venv/bin/python -m tests.performance.national_delivery --folder DIR

prints a table in Markdown. ``DIR`` must have room for the zip, the sealed copies and the store (about 1 GB at 1.1); it
is left as it is, so that the result can be looked at. Not a test: times are told, never judged; memory is, against the
bar of 4 GiB per stage.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl

from rod_pipeline.clock import SystemClock
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.installation import make_installation
from rod_pipeline.intake.announcing import announce
from rod_pipeline.settings import Settings
from rod_pipeline.store.seaweed import LocalStore
from rod_pipeline.synthetic.delivery import write_delivery
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System

KEY = DeliveryKey.parse("2026-08")
BAR_GIB = 4.0


def generate(folder: Path, scale: float) -> None:
    archive = folder / "delivery.zip"
    with archive.open("wb") as sink:
        write_delivery(sink, KEY, population=Population(1, scale), book=ContractBook.load(), archive="zip")


def land(system: System) -> None:
    from rod_pipeline.intake.landing import land

    land(system, KEY)


def parse(file: str) -> Callable[[System], None]:
    def stage(system: System) -> None:
        from rod_pipeline.intake.parsing import parse

        parse(system, KEY, file)  # type: ignore[arg-type]

    return stage


def check(file: str) -> Callable[[System], None]:
    def stage(system: System) -> None:
        from expectations.loader import suite_for
        from rod_pipeline.quality.verdict import check_file

        outcome = check_file(system, KEY, file, suite_for)  # type: ignore[arg-type]
        assert outcome.report.passed, outcome.report.summary()

    return stage


def judge(system: System) -> None:
    from rod_pipeline.quality.verdict import judge

    outcome = judge(system, KEY)
    assert outcome.report.passed, outcome.report.summary()


def store(system: System) -> None:
    from rod_pipeline.intake.storing import store

    store(system, KEY)


def mart(system: System) -> None:
    from rod_pipeline.marts.build import build_marts

    build_marts(system, KEY)


def database(system: System) -> None:
    from rod_pipeline.marts.database import build_database

    with duckdb.connect(":memory:") as connection:
        build_database(system, connection)


STAGES: dict[str, Callable[[System], None]] = {
    "landing/raw_delivery": land,
    **{f"validation/{file}": parse(file) for file in FILE_KINDS},
    **{f"validation/{file}: expectations": check(file) for file in FILE_KINDS},
    "validation/delivery: verdict": judge,
    "eea/delivery/*": store,
    "marts/*": mart,
    "marts/database": database,
}


def measured(arguments: Sequence[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak resident GiB of one process."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.performance.national_delivery", *arguments], env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed with {process.returncode}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.1, help="1.1: over half a million students a school year")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--stage", help="run this one stage and exit: what the benchmark starts itself with")
    given = parser.parse_args()
    home = given.folder / "home"
    if given.stage == "generate":
        generate(given.folder, given.scale)
        return
    if given.stage:
        with System.open(Settings.load(home)) as system:
            STAGES[given.stage](system)
        return

    home.mkdir(parents=True)
    make_installation(home, SystemClock(), country="NL", site="bench", declared_by="bench")
    (home / "rod.toml").write_text('[pleio]\nhosts = ["127.0.0.1"]\nallow_loopback_http = true\n')
    environment = {**os.environ, "ROD_HOME": str(home)}
    rows = []
    base = ["--folder", str(given.folder), "--scale", str(given.scale), "--stage"]
    rows.append(("(writing the synthetic delivery)", *measured([*base, "generate"], environment)))
    with LocalStore(home / "store"), StandIn() as pleio, System.open(Settings.load(home)) as system:
        link = pleio.publish(given.folder / "delivery.zip", "code")
        announce(system, KEY, [link], "code", moment=datetime(2026, 8, 24, 14, tzinfo=UTC))
        for stage in STAGES:
            rows.append((stage, *measured([*base, stage], environment)))
        intake = system.ledger.state().deliveries[str(KEY)]
        sealed = {copy.zone: 0 for copy in system.ledger.state().live_copies(intake.delivery_id)}
        for copy in system.ledger.state().live_copies(intake.delivery_id):
            sealed[copy.zone] += copy.size or 0
        with system.vault.scan_table(intake.marts["studentaantallen"].copy_id) as frame:
            students = frame.group_by("schooljaar").agg(pl.col("studenten").sum()).sort("schooljaar").collect()
    print(f"students: {', '.join(f'{year} {count:,}' for year, count in students.iter_rows())}")  # noqa: T201
    print(f"scale {given.scale}; rows: {', '.join(f'{f} {n:,}' for f, n in intake.rows.items())}")  # noqa: T201
    print(f"sealed bytes: {', '.join(f'{zone} {size:,}' for zone, size in sealed.items())}\n")  # noqa: T201
    print("| stage | wall s | CPU s | peak GiB |\n|---|---:|---:|---:|")  # noqa: T201
    for name, wall, cpu, peak in rows:
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {peak:.2f} |")  # noqa: T201
    total = [sum(row[column] for row in rows[1:]) for column in (1, 2)]  # type: ignore[misc]
    print(f"| all stages | {total[0]:.1f} | {total[1]:.1f} | {max(row[3] for row in rows[1:]):.2f} |")  # noqa: T201
    if max(row[3] for row in rows[1:]) > BAR_GIB:
        raise SystemExit(f"a stage took more than {BAR_GIB} GiB")


if __name__ == "__main__":
    main()
