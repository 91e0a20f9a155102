"""Broken files by the hundred thousand through the opener of archives and the reader of files.

    .venv/bin/python -m tests.performance.fuzz_readers --files 100000 [--first N] [--processes N]

Each number is a file (``tests.support.mutating``), so what fails here fails again by its number. Every file is read
whole, with the rows that a naive reading has, or refused with a code; anything else ends the run with its number. A
file that takes longer than a minute kills its process. Prints what became of the files, the slowest, and the peak
memory of a process, interpreter and libraries included.
"""

import argparse
import multiprocessing
import signal
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.support.memory import peak_mib

from tests.support.mutating import broken, outcome

BATCH = 500
HANGS_AFTER = 60


def read_batch(first: int, files: int) -> tuple[Counter[str], float, int, int]:
    """What became of these files; seconds and number of the slowest; peak memory in MiB."""
    outcomes: Counter[str] = Counter()
    slowest = (0.0, first)
    for number in range(first, first + files):
        case = broken(number)
        signal.alarm(HANGS_AFTER)
        started = time.monotonic()
        try:
            outcomes[outcome(case)] += 1
        except Exception as error:
            raise SystemExit(f"file {number}: {type(error).__name__}: {error}") from error
        slowest = max(slowest, (time.monotonic() - started, number))
        signal.alarm(0)
    return outcomes, *slowest, peak_mib()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    last = given.first + given.files
    starts = range(given.first, last, BATCH)
    sizes = [min(BATCH, last - start) for start in starts]
    with ProcessPoolExecutor(given.processes, multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(read_batch, starts, sizes))
    outcomes = sum((result[0] for result in results), Counter[str]())
    seconds, number = max((result[1], result[2]) for result in results)
    print("| outcome | files |\n|---|---:|")  # noqa: T201
    for name, count in sorted(outcomes.items(), key=lambda item: -item[1]):
        print(f"| {name} | {count:,} |")  # noqa: T201
    print(f"| all | {outcomes.total():,} |\n")  # noqa: T201
    print(f"slowest: {seconds:.1f} s (file {number}); peak memory: {max(result[3] for result in results)} MiB")  # noqa: T201


if __name__ == "__main__":
    main()
