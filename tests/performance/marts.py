"""What the marts cost: each formula with its account, and careers, on a synthetic delivery in memory.

    python -m tests.performance.marts --scale 0.1

No store and no sealing: those are part of ``national_delivery``. Prints a row per mart; judges nothing.
"""

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import duckdb
import polars as pl
from tests.support.memory import peak_mib

from rod_pipeline.marts import contents, loopbanen
from rod_pipeline.marts.declared import MARTS
from tests.support.synthetic import whole

_T = TypeVar("_T")


def measured(name: str, work: Callable[[], _T]) -> _T:
    wall, cpu = time.monotonic(), time.process_time()
    result = work()
    rows = result.height if isinstance(result, pl.DataFrame) else 0
    print(f"| {name} | {rows:,} | {time.monotonic() - wall:.2f} | {time.process_time() - cpu:.2f} |")  # noqa: T201
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=0.1)
    scale = parser.parse_args().scale
    files = whole("2026-08", scale)
    print(f"scale {scale}; rows: {', '.join(f'{file} {table.height:,}' for file, table in files.items())}\n")  # noqa: T201
    print("| what | rows | wall s | CPU s |\n|---|---:|---:|---:|")  # noqa: T201
    frames = {file: table.lazy() for file, table in files.items()}
    for mart in MARTS:
        parts = [mart.table(frames), *mart.accounts(frames[mart.file])]
        measured(mart.name, lambda parts=parts: pl.collect_all(parts, engine="streaming")[0])  # type: ignore[misc]
    years = measured("loopbanen: rows", lambda: loopbanen.person_years(frames).collect(engine="streaming"))
    with duckdb.connect(":memory:") as connection:
        contents.create(connection, loopbanen.ROWS, years.select(pl.lit("2026-08").alias("levering"), pl.all()))
        measured("loopbanen: steps", lambda: connection.execute(loopbanen.STEPS))
    print(f"\npeak {peak_mib() / 1024:.2f} GiB, with the delivery in it")  # noqa: T201


if __name__ == "__main__":
    main()
