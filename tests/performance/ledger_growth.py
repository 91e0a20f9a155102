"""What an entry and a proof cost as the ledger grows a hundredfold.

    .venv/bin/python -m tests.performance.ledger_growth --folder DIR

grows a ledger in a file of ``DIR`` with whole deliveries to 1,000, 10,000 and 100,000 entries and prints, in Markdown,
the median of each operation at each size, in CPU and in wall time, and how the last compares with the first. ``--url``
takes another database. Not a test: times are told, never judged.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from rod_pipeline.ledger.events import (
    AnyEvent,
    CodeEnded,
    CopyErased,
    DatabaseBuilt,
    KeyCreated,
    KeyDestroyed,
    MartBuilt,
    Parsed,
    Received,
    Stored,
    Validated,
)
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.merkle import leaf_hash, node_hash, verify_consistency, verify_inclusion
from rod_pipeline.ledger.note import SigningKey
from tests.support import ledger as make

FILES = ("inschrijvingen", "diplomas", "doorstroom", "mbo_hbo", "technisch")
SIZES = (1_000, 10_000, 100_000)
TIMES = 50


def deliveries() -> Iterator[tuple[str, list[AnyEvent]]]:
    """Whole deliveries, one after the other for ever: the id of each and its events, from announcement to database."""
    database: tuple[str, str] | None = None
    number = 0
    while True:
        number += 1
        delivery, opening = make.opened("2025-12" if number == 1 else f"2025-12-r{number}")
        events = list(opening)
        raw = _written(events, delivery, "landing", ("archive", *FILES))
        events.append(Received(delivery_id=delivery, copies=raw, moment=make.NOON, moment_basis="dispatch"))
        events.append(CodeEnded(delivery_id=delivery, reason="verified"))
        parsed = []
        for file in FILES:
            parsed += _written(events, delivery, "parsed", (file,))
            events.append(Parsed(delivery_id=delivery, file=file, contract=1, rows=10, copy_id=parsed[-1]))
            events.append(make.checked(delivery, parsed[-1], file))
        events.append(Validated(delivery_id=delivery, outcome="passed", copies=tuple(parsed)))
        tables = _written(events, delivery, "validated", FILES)
        events.append(Stored(delivery_id=delivery, copies=tables, rows=(10,) * len(FILES)))
        events += [_erased(copy) for copy in parsed]
        (mart,) = _written(events, delivery, "marts", ("studentaantallen",))
        events.append(MartBuilt(delivery_id=delivery, mart="studentaantallen", copy_id=mart, rows=10))
        generation = new_id()
        events.append(KeyCreated(scope=generation, keyring="local"))
        (copy,) = _written(events, generation, "database", ("marts",))
        events.append(DatabaseBuilt(generation=generation, copy_id=copy, deliveries=(delivery,)))
        if database is not None:
            events += [_erased(database[1]), KeyDestroyed(scope=database[0])]
        database = generation, copy
        yield delivery, events


def _written(events: list[AnyEvent], scope: str, zone: str, names: tuple[str, ...]) -> tuple[str, ...]:
    copies = []
    for name in names:
        copy, writing = make.written(scope, zone, name)  # type: ignore[arg-type]
        events += writing
        copies.append(copy)
    return tuple(copies)


def _erased(copy: str) -> CopyErased:
    return CopyErased(copy_id=copy, versions=1, uploads=0, ground="replaced")


class Cost(NamedTuple):
    """Milliseconds: of this process' own computing, and until it was done."""

    cpu: float
    wall: float


def cost(work: Callable[[], object], times: int = TIMES) -> Cost:
    """The median of each."""
    cpu, wall = [], []
    for _ in range(times):
        begun, start = time.process_time(), time.perf_counter()
        work()
        cpu.append((time.process_time() - begun) * 1000)
        wall.append((time.perf_counter() - start) * 1000)
    return Cost(statistics.median(cpu), statistics.median(wall))


def measured(ledger: Ledger, url: str, delivery: str) -> dict[str, Cost]:
    """What each operation costs on the ledger as it is now."""
    figures = {
        "append one event": cost(lambda: ledger.append(make.registered(delivery, "parsed", "again"))),
        "append ten events": cost(
            lambda: ledger.append(*(make.registered(delivery, "parsed", "again") for _ in range(10)))
        ),
        "state, nothing new": cost(ledger.state),
    }
    state = ledger.state()
    figures["live copies of a delivery"] = cost(lambda: state.live_copies(delivery))
    figures["tree head"] = cost(ledger.tree_head)
    size, root = ledger.tree_head()
    seq, old = size // 3, size // 2
    key = SigningKey.generate("example.org/log")
    leaf, proof = ledger.leaf(seq), ledger.inclusion(seq, size)
    then, now = ledger.inclusion(1, old), ledger.consistency(old, size)
    note = sign_checkpoint(Checkpoint(key.name, size, root), key)
    old_root = _root(ledger.leaf(1), then, old)
    figures |= {
        "inclusion proof": cost(lambda: ledger.inclusion(seq, size)),
        "consistency proof": cost(lambda: ledger.consistency(old, size)),
        "verify inclusion": cost(lambda: verify_inclusion(leaf_hash(leaf), seq - 1, size, proof, root)),
        "verify consistency": cost(lambda: verify_consistency(old, size, now, old_root, root)),
        "sign a checkpoint": cost(lambda: sign_checkpoint(Checkpoint(key.name, size, root), key)),
        "verify a checkpoint": cost(lambda: open_checkpoint(note, [key.verifier])),
        "replay at the start of a process": cost(lambda: Ledger(url, make.SetClock()).state(), 1),
    }
    replay = figures["replay at the start of a process"]
    figures["... for each 1,000 entries"] = Cost(replay.cpu / size * 1000, replay.wall / size * 1000)
    return figures


def _root(leaf: bytes, proof: list[bytes], size: int) -> bytes:
    """The root that the path of the first leaf leads to: every step is a neighbour on the right."""
    hashed = leaf_hash(leaf)
    for step in proof:
        hashed = node_hash(hashed, step)
    verify_inclusion(leaf_hash(leaf), 0, size, proof, hashed)
    return hashed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--url", help="database of the ledger; a SQLite file in the folder otherwise")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    url = arguments.url or f"sqlite:///{arguments.folder / 'ledger.db'}"
    ledger = Ledger(url, make.SetClock())
    coming = deliveries()
    columns: list[dict[str, Cost]] = []
    for size in SIZES:
        while ledger.state().seq < size:
            delivery, events = next(coming)
            ledger.append(*events)
        columns.append(measured(ledger, url, delivery))
    print("| CPU (wall), ms |" + "".join(f" {size:,} entries |" for size in SIZES) + " CPU, last : first |")  # noqa: T201
    print("|---|" + "---:|" * (len(SIZES) + 1))  # noqa: T201
    for name in columns[0]:
        row = [column[name] for column in columns]
        cells = "".join(f" {each.cpu:.3g} ({each.wall:.3g}) |" for each in row)
        print(f"| {name} |{cells} {row[-1].cpu / row[0].cpu:.1f} |")  # noqa: T201


if __name__ == "__main__":
    main()
