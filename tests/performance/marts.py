"""What the marts of six national deliveries cost, beside the same SQL on bare DuckDB.

    python -m tests.performance.marts --folder DIR --scale 1.1

Both ways read the same Parquet files, each in a process of its own: ``ours`` makes each mart with its account of every
row, writes and rereads it, fills the mart database with careers and views, and works the views out; ``bare`` is
``marts_sql``. No store and no sealing: those are part of ``national_delivery``. The deliveries are made first, some
100 CPU seconds and 0.7 GB at 1.1, and stay in the folder for another run. Judges nothing but that both agree.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import polars as pl

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FileKind
from rod_pipeline.decree import load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.marts import contents, database
from rod_pipeline.marts.across import VIEWS
from rod_pipeline.marts.declared import MARTS
from rod_pipeline.store.scratch import memory_folder
from rod_pipeline.synthetic.known import known_at
from rod_pipeline.synthetic.moments import moment_of
from rod_pipeline.synthetic.population import _BLOCKS, DATA_FILES, Population
from tests.performance import marts_sql
from tests.support.memory import peak_mib
from tests.support.synthetic import LATER

KEYS = ("2025-12", "2026-08", "2026-12", "2027-08", "2027-12", "2028-08")
_ROWS = 120_000
_BAR_CPU, _BAR_GIB = 1.2, 6.0


def generate(folder: Path, scale: float) -> None:
    """Six deliveries of one country: every career is simulated once, and written as each delivery knows it."""
    population, book = Population(1, scale), ContractBook.load()
    world, moments = population.world(), {key: moment_of(DeliveryKey.parse(key)) for key in KEYS}
    parts: dict[tuple[str, FileKind], list[pl.DataFrame]] = {(key, file): [] for key in KEYS for file in DATA_FILES}
    written = dict.fromkeys(parts, 0)

    def write(least: int) -> None:
        for (key, file), frames in parts.items():
            if sum(frame.height for frame in frames) >= least:
                into = folder / key / file
                into.mkdir(parents=True, exist_ok=True)
                pl.concat(frames).write_parquet(into / f"{written[key, file]:04d}.parquet", compression_level=1)
                written[key, file] += 1
                frames.clear()

    years = [year for moment in moments.values() for file in DATA_FILES for year in moment.school_years(file)]
    for careers in population.careers(min(years), max(years)):
        for key, moment in moments.items():
            known = known_at(careers, moment)
            for file in DATA_FILES:
                blocks = _BLOCKS[file](known, world, population.seed, book.get(file), moment.school_years(file))
                parts[key, file] += [block for block in blocks if block.height]
        write(_ROWS)
    write(1)


def files(folder: Path) -> dict[str, dict[str, str]]:
    return {key: {file: str(folder / key / file / "*.parquet") for file in DATA_FILES} for key in KEYS}


class _Shelf:
    """What ``contents`` asks of an installation, on plain files."""

    def __init__(self) -> None:
        self.vault, self.decree, self.clock = self, load_decree(), LATER

    @contextmanager
    def scan_table(self, copy_id: str) -> Iterator[pl.LazyFrame]:
        yield pl.scan_parquet(copy_id)


def ours(folder: Path) -> dict[str, tuple[int, ...]]:
    state, known = SimpleNamespace(waivers={}), []
    for number, (key, globs) in enumerate(files(folder).items()):
        frames = {file: pl.scan_parquet(glob) for file, glob in globs.items()}
        built = {}
        for mart in MARTS:
            with timed(f"ours: {mart.name}"):
                parts = [mart.table(frames), *mart.accounts(frames[mart.file])]  # type: ignore[arg-type]
                table = pl.collect_all(parts, engine="streaming")[0]
                copy = folder / f"{key}-{mart.name}.parquet"
                table.write_parquet(copy)
                assert pl.scan_parquet(copy).select(mart.numbers).sum().collect().height == 1
                built[mart.name] = SimpleNamespace(copy_id=str(copy), waivers=())
        moment = datetime(2025, 12, 1 + number, tzinfo=UTC)
        known.append(SimpleNamespace(key=key, moment=moment, tables=globs, marts=built))
    with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
        with timed("ours: database"):
            contents.fill(cast(Any, _Shelf()), connection, cast(Any, state), cast(Any, known))
        with timed("ours: views"):
            marts_sql.asked(connection, [view.name for view in VIEWS])
        found = sums(connection)
        print(f"| (peak before saving, MiB) | | {peak_mib():,} |")  # noqa: T201
        with timed("(saving)"), memory_folder() as room:
            database._save(connection, room / "restricted.duckdb")
            print(f"| (bytes saved) | | {(room / 'restricted.duckdb').stat().st_size:,} |")  # noqa: T201
    for one in known:
        for copy in one.marts.values():
            Path(copy.copy_id).unlink()
    return found


def bare(folder: Path) -> dict[str, tuple[int, ...]]:
    # It may spill, as it would by itself.
    spill = {"memory_limit": "6GiB", "temp_directory": str(folder / "spill")}
    with duckdb.connect(":memory:", config=spill) as connection:
        with timed("bare: tables"):
            marts_sql.build(connection, files(folder))
        with timed("bare: views"):
            marts_sql.asked(connection, [view.name for view in VIEWS])
        return sums(connection)


def sums(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, ...]]:
    """Rows and totals of each table, and rows and totals of the figures in force."""
    found = {}
    for mart in MARTS:
        totals = ", ".join(f"sum({number})::bigint" for number in mart.numbers)
        for name in (mart.name, f"{mart.name}_actueel"):
            found[name] = connection.execute(f"select count(*), {totals} from {name}").fetchone()
    for row in connection.execute("select schooljaar, soort, stap, count(*) from loopbanen group by all").fetchall():
        found["loopbanen " + " ".join(map(str, row[:3]))] = row[3:]
    for view in VIEWS:
        found[view.name] = connection.execute(f"select count(*) from {view.name}").fetchone()
    return cast(dict[str, tuple[int, ...]], found)


_SPENT: dict[str, float] = {}


@contextmanager
def timed(what: str) -> Iterator[None]:
    cpu = time.process_time()
    yield
    _SPENT[what] = _SPENT.get(what, 0.0) + time.process_time() - cpu


_WAYS: Mapping[str, Any] = {"ours": ours, "bare": bare}


def run(way: str, folder: Path) -> None:
    """One way, in this process: what it found goes to a file beside the deliveries, what it took is printed."""
    wall, cpu = time.monotonic(), time.process_time()
    found = _WAYS[way](folder)
    for what, seconds in _SPENT.items():
        print(f"| {what} | {seconds:.1f} | |")  # noqa: T201
    took = time.process_time() - cpu - _SPENT.get("(saving)", 0.0)
    print(f"| **{way}** | **{took:.1f}** | {peak_mib() / 1024:.2f} |", f"(wall {time.monotonic() - wall:.0f} s)")  # noqa: T201
    (folder / f"{way}.txt").write_text("\n".join(f"{name}: {numbers}" for name, numbers in sorted(found.items())))
    (folder / f"{way}.cpu").write_text(str(took))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.1)
    parser.add_argument(
        "--way", choices=[*_WAYS, "generate"], help="run this alone: what the benchmark starts itself with"
    )
    given = parser.parse_args()
    if given.way == "generate":
        generate(given.folder, given.scale)
    elif given.way:
        run(given.way, given.folder)
    else:
        ways = [*([] if (given.folder / KEYS[0]).exists() else ["generate"]), *_WAYS]
        print("| what | CPU s | peak GiB |\n|---|---:|---:|", flush=True)  # noqa: T201
        for way in ways:
            words = ["--folder", str(given.folder), "--scale", str(given.scale), "--way", way]
            subprocess.run([sys.executable, "-m", "tests.performance.marts", *words], check=True, env=os.environ)
        told = [(given.folder / f"{way}.txt").read_text() for way in _WAYS]
        took = [float((given.folder / f"{way}.cpu").read_text()) for way in _WAYS]
        print(f"\n{took[0] / took[1]:.2f} times the CPU; the bars: {_BAR_CPU} times, {_BAR_GIB} GiB")  # noqa: T201
        assert told[0] == told[1], "both ways must find the same"


if __name__ == "__main__":
    main()
