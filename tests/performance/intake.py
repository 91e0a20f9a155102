"""What taking in one file costs, beside polars' own streaming scan_csv -> sink_parquet of the same file.

    .venv/bin/python -m tests.performance.intake --folder DIR [--rows N] [--rounds N]

prints tables in Markdown. Rounds are interleaved and each run is a process of its own; compared are CPU seconds (user
and system) of that process, without the start of the interpreter and its imports, which are told apart; the store is
another process. The file is of the widest contract (``inschrijvingen``), synthetic, and stays in ``DIR`` for the next
time. Not a test: times are told, memory is judged (1.2 GB).

The steps build on each other: ``hash`` is SHA-256 of the file, ``reader`` the file to Parquet by our reader, sealed
nowhere; ``raw`` seals the file as it came and reads it back; ``table`` opens that, parses it into a sealed table and
reads it back; ``whole`` is ``hash``, ``raw`` and ``table`` in one process: bytes in, verified table out. ``direct`` is
the same without ``raw``: bytes -> hash -> table -> sealed object, read back.
"""

import argparse
import hashlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import polars as pl
from tests.support.memory import peak_mib

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import Contract
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.reader import read_table
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.store import probe
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.seaweed import LocalStore
from rod_pipeline.store.vault import Vault
from rod_pipeline.synthetic.population import Population, iter_file
from rod_pipeline.synthetic.writing import write
from tests.support.ledger import SetClock
from tests.support.seaweed import new_scope, vault_of

KEY = DeliveryKey.parse("2026-08")
BAR_MB = 1200
STEPS = ("anchor", "hash", "reader", "raw", "table", "direct", "whole")


@cache
def wide() -> Contract:
    """The contract with the most columns."""
    book = ContractBook.load()
    return max((book.get(kind) for kind in book.files()), key=lambda contract: len(contract.columns))


def generate(path: Path, rows: int) -> None:
    """Write ``rows`` rows of synthetic enrolments; beyond the first half million they repeat."""
    book, contract = ContractBook.load(), wide()
    blocks: list[bytes] = []
    done, seed = 0, 1
    with path.open("wb") as out:
        out.write(next(iter(write(iter([]), contract))))
        while done < min(rows, 500_000):
            for frame in iter_file(contract.file, KEY, Population(seed, 0.1), book):
                frame = frame.head(rows - done)
                done += frame.height
                blocks.append(b"".join(write(iter([frame]), contract)).split(b"\n", 1)[1])
                out.write(blocks[-1])
            seed += 1
        lines = [block.count(b"\n") for block in blocks]
        while done < rows:
            for block, count in zip(blocks, lines, strict=True):
                if done + count > rows:
                    block, count = b"".join(block.splitlines(keepends=True)[: rows - done]), rows - done
                out.write(block)
                done += count


class Discard:
    """A sink that keeps nothing."""

    closed = False

    def write(self, data: bytes) -> int:
        return len(data)


class Hashed(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, count: int = -1) -> bytes:
        data = self._file.read(count)
        self.digest.update(data)
        return data


def anchor(path: Path) -> int:
    """What anybody would write."""
    out = path.with_suffix(".parquet")
    separator = wide().dialect.separator
    lazy = pl.scan_csv(path, separator=separator, infer_schema=False)
    lazy.sink_parquet(out, compression="zstd", compression_level=1)
    return int(pl.scan_parquet(out).select(pl.len()).collect().item())


def hashed(path: Path) -> int:
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return 0


def reader(path: Path) -> int:
    with path.open("rb") as file:
        table = read_table(file, wide())
        table.frame.sink_parquet(cast(io.BytesIO, Discard()))
        return table.finish().rows


class Bench:
    """A vault on a running store, with the scope of one delivery; another process finds the same."""

    def __init__(self, folder: Path, store: StoreSettings) -> None:
        probe._proved.add((store.endpoint, store.bucket))
        self._clock = SetClock()
        self.ledger = Ledger(f"sqlite:///{folder}/ledger.db", self._clock)
        self.vault: Vault = vault_of(store, folder, self.ledger, self._clock)

    def raw(self, path: Path, scope: str) -> str:
        """As ``landing`` does it."""
        digest = hashlib.sha256()
        with path.open("rb") as source, self.vault.write_raw(scope, "landing", "raw") as writer:
            while block := source.read(1 << 20):
                digest.update(block)
                writer.write(block)
        return writer.copy.copy_id

    def table(self, copy_id: str, scope: str) -> int:
        """As ``parsing`` does it."""
        with self.vault.open_raw(copy_id) as stream:
            return self.parsed(stream, scope)

    def direct(self, path: Path, scope: str) -> int:
        with path.open("rb") as file:
            return self.parsed(cast(BinaryIO, Hashed(file)), scope)

    def parsed(self, stream: BinaryIO, scope: str) -> int:
        table = read_table(stream, wide())
        copy = self.vault.write_table(scope, "parsed", wide().file, table.frame)
        assert copy.rows == table.finish().rows
        return copy.rows or 0


def step(name: str, path: Path, order: dict[str, Any]) -> None:
    """One step in this process; tells its cost as JSON."""
    wide()
    bench = None
    if name in ("raw", "table", "direct", "whole"):
        bench = Bench(path.parent, StoreSettings.model_validate(order["store"]))
        with bench.vault.write_raw(order["scope"], "landing", "warm") as writer:
            writer.write(b"x")
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    copy = order.get("copy", "")
    if bench is None:
        rows = {"anchor": anchor, "hash": hashed, "reader": reader}[name](path)
    elif name == "raw":
        rows, copy = 0, bench.raw(path, order["scope"])
    elif name == "table":
        rows = bench.table(copy, order["scope"])
    elif name == "direct":
        rows = bench.direct(path, order["scope"])
    else:
        rows = bench.table(bench.raw(path, order["scope"]), order["scope"])
    after, ended = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    cost = {
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "start": before.ru_utime + before.ru_stime,
        "wall": ended - started,
        "mb": peak_mib() * 1.048576,
        "rows": rows,
        "copy": copy,
    }
    print(json.dumps(cost))  # noqa: T201


def measured(name: str, path: Path, order: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.performance.intake", "--folder", str(path.parent), "--step", name],
        input=json.dumps(order | {"file": path.name}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return cast(dict[str, Any], json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--step", choices=STEPS, help="one step in this process: what the benchmark starts itself with")
    given = parser.parse_args()
    if given.step:
        order = json.loads(sys.stdin.read())
        step(given.step, given.folder / order["file"], order)
        return

    given.folder.mkdir(parents=True, exist_ok=True)
    path = given.folder / f"wide-{given.rows}.csv"
    if not path.exists():
        generate(path, given.rows)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in given.steps}
    with LocalStore(given.folder / "store") as local:
        store = local.start()
        setting = {key: getattr(value, "get_secret_value", lambda v=value: v)() for key, value in dict(store).items()}
        order: dict[str, Any] = {"store": json.loads(json.dumps(setting, default=str))}
        (given.folder / "ledger.db").unlink(missing_ok=True)
        bench = Bench(given.folder, store)
        for number in range(given.rounds):
            order["scope"] = new_scope(bench.vault, bench.ledger, f"2025-12-r{number + 2}" if number else "2025-12")
            for name in given.steps:
                runs[name].append(measured(name, path, order))
                if name == "raw":
                    order["copy"] = runs[name][-1]["copy"]
            bench.vault.erase_scope(order["scope"], "refused")
    rows = {run["rows"] for name in given.steps for run in runs[name]} - {0}
    size = path.stat().st_size
    shown = ", ".join(f"{count:,}" for count in sorted(rows))
    print(f"{path.name}: {size / 1e9:.2f} GB, {shown} rows, {len(wide().columns)} columns, {given.rounds} rounds\n")  # noqa: T201
    print("| step | CPU s | to anchor | wall s | peak MB |\n|---|---:|---:|---:|---:|")  # noqa: T201
    for name in given.steps:
        cpu = statistics.median(run["cpu"] for run in runs[name])
        paired = [run["cpu"] / base["cpu"] for run, base in zip(runs[name], runs["anchor"], strict=True)]
        wall = statistics.median(run["wall"] for run in runs[name])
        peak = max(run["mb"] for run in runs[name])
        print(f"| {name} | {cpu:.1f} | {statistics.median(paired):.2f} | {wall:.1f} | {peak:.0f} |")  # noqa: T201
    worst = max(run["mb"] for name in given.steps if name != "anchor" for run in runs[name])
    if len(rows) != 1:
        raise SystemExit("the steps disagree on the number of rows")
    if worst > BAR_MB:
        raise SystemExit(f"a step took {worst:.0f} MB; {BAR_MB} is the bar")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    main()
