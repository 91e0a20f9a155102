"""A withdrawal of the decree at full scale: from the order to the second inventory, on the local store.

    .venv/bin/python -m tests.performance.withdrawal --folder DIR

writes six deliveries of the size that a national one has (sealed bytes per zone as measured by ``national_delivery``;
what the bytes are makes no difference to their erasure), then withdraws, and prints how long each step took by the
ledger and what it took from the process. ``DIR`` must have room for 2.5 GB. Not a test: the bar is an hour.
"""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import typer
from tests.support.memory import peak_mib

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import new_id
from rod_pipeline.installation import make_installation
from rod_pipeline.ledger.events import Announced
from rod_pipeline.ledger.vocabulary import Zone
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention.withdrawal import withdraw
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

COPIES: tuple[tuple[Zone, str, int], ...] = (
    ("landing", "raw_00", 171_000_000),
    *(("parsed", name, 22_000_000) for name in ("inschrijvingen", "diplomas", "doorstroom", "mbo_hbo", "technisch")),
    *(("validated", name, 23_000_000) for name in ("inschrijvingen", "diplomas", "doorstroom", "mbo_hbo", "technisch")),
    ("marts", "studentaantallen", 440_000),
)  # type: ignore[assignment]


def fill(system: System) -> int:
    """Write every planned delivery; returns the number of sealed bytes."""
    written = 0
    for moment in system.decree.moments:
        delivery_id = new_id()
        system.ledger.append(
            Announced(
                delivery_id=delivery_id,
                key=moment.key,
                channel="drop",
                files=1,
                moment=datetime(2025, 11, 1, tzinfo=UTC),
                moment_basis="placed",
            )
        )
        system.vault.create_key(delivery_id)
        for zone, name, size in COPIES:
            with system.vault.write_raw(delivery_id, zone, name) as writer:
                for _ in range(size // 2**20):
                    writer.write(os.urandom(2**20))
            written += writer.copy.size
    return written


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    home = parser.parse_args().folder / "withdrawal"
    make_installation(home, SystemClock(), country="NL", site="this machine", declared_by="benchmark")
    with System.open(Settings.load(home)) as system:
        written = fill(system)
        typer.echo(f"{len(system.decree.moments)} deliveries, {written:,} sealed bytes")
        began = monotonic()
        (purge,) = withdraw(system, copy_register(system), "BENCHMARK", "benchmark")
        took = monotonic() - began
        assert purge.phase == "verified"
        tombstoned = max(purge.tombstoned.values())
        assert purge.verified_at is not None and purge.drained_at is not None
        typer.echo(f"from the order to the second inventory: {took:.1f} s (bar: 3600 s)")
        typer.echo(
            f"tombstones after {(tombstoned - purge.planned_at).total_seconds():.2f} s, "
            f"all erased and looked through {(purge.verified_at - tombstoned).total_seconds():.1f} s later"
        )
        typer.echo(f"peak memory of this process: {peak_mib() / 1024:.2f} GiB")


if __name__ == "__main__":
    main()
