"""What a purge of many object versions costs, beside the bare boto3 loop, in the same run.

``python -m tests.performance.purge_objects [--versions N]`` fills a versioned bucket of a real SeaweedFS with N
versions for us and as many for the loop, a quarter at a time. Ours are erased as the place ``objects`` does it (erase,
record every copy, verify over a second connection, ask for each object by name), the others with
``list_object_versions``, ``delete_objects`` by the thousand, and ``list_object_versions`` once more. Who goes first
alternates. Each erasure runs in a process of its own, whose peak memory is its own; copies stand in a real ledger.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import new_id
from rod_pipeline.installation import make_installation
from rod_pipeline.ledger.erasure import PurgePlanned, Subject, Tombstoned
from rod_pipeline.ledger.events import Announced, CopyRegistered, KeyCreated
from rod_pipeline.settings import Settings
from rod_pipeline.store.layout import object_key
from rod_pipeline.store.objects import ObjectStore
from rod_pipeline.system import System

ROUNDS = 4
VERSIONS_EACH = 100
KEYS = ("2025-12", "2025-12-r2", "2025-12-r3", "2025-12-r4")


def main() -> None:
    """Print a table of both, round by round."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--versions", type=int, default=100_000)
    arguments.add_argument("--work", nargs=3, metavar=("HOME", "HOW", "SCOPE"))
    given = arguments.parse_args()
    if given.work:
        sys.stdout.write(json.dumps(work(*given.work)) + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder) / "home", given.versions)


def compare(home: Path, versions: int) -> None:
    """Fill, erase both ways, and say what it took."""
    make_installation(home, SystemClock(), country="NL", site="benchmark", declared_by="tester")
    told: dict[str, list[dict[str, float]]] = {"ours": [], "loop": []}
    with System.open(Settings.load(home)) as system:
        store = system.objects
        store.client.put_bucket_versioning(Bucket=store.settings.bucket, VersioningConfiguration={"Status": "Enabled"})
        system.vault._approve()
        for number in range(ROUNDS):
            ours, bare = deliver(system, KEYS[number], versions // ROUNDS), new_id()
            for scope in (ours, bare):
                keys = [copy.object_key for copy in system.ledger.state().live_copies(ours)]
                fill(store, [key.replace(ours, scope) for key in keys], versions // ROUNDS)
            order = [("ours", ours), ("loop", bare)]
            for how, scope in order if number % 2 == 0 else reversed(order):
                told[how].append(run(home, how, scope))
                print(f"round {number + 1}, {how}: {told[how][-1]}", file=sys.stderr, flush=True)  # noqa: T201
    for how, rounds in told.items():
        total = {name: sum(one[name] for one in rounds) for name in ("seconds", "requests", "events")}
        peak, grown = (max(one[name] for one in rounds) for name in ("peak_mib", "grown_mib"))
        each = ", ".join(f"{one['seconds']:.1f}" for one in rounds)
        print(  # noqa: T201
            f"{how}: {total['seconds']:.1f} s ({each}), {total['requests']:.0f} requests, "
            f"{total['events']:.0f} events, peak {peak:.0f} MiB, of which {grown:.0f} while erasing"
        )
    ratio = sum(one["seconds"] for one in told["ours"]) / sum(one["seconds"] for one in told["loop"])
    memory = max(o["peak_mib"] for o in told["ours"]) / max(o["peak_mib"] for o in told["loop"])
    print(f"{versions:,} versions; time {ratio:.2f} x, memory {memory:.2f} x the bare loop")  # noqa: T201


def deliver(system: System, key: str, versions: int) -> str:
    """A delivery with a copy on record for each object, under a tombstone; returns the id of its intake."""
    scope, purge = new_id(), new_id()
    at = datetime(2025, 12, 16, tzinfo=UTC)
    system.ledger.append(
        Announced(key=key, delivery_id=scope, channel="drop", files=1, moment=at, moment_basis="placed"),
        KeyCreated(scope=scope, keyring="local"),
    )
    system.keyring.create(scope)
    copies = [new_id() for _ in range(versions // VERSIONS_EACH)]
    system.ledger.append(
        *(
            CopyRegistered(
                copy_id=copy, scope=scope, zone="parsed", name="table", store=system.objects.name,
                object_key=object_key("parsed", scope, "table", copy),
            )
            for copy in copies
        )
    )  # fmt: skip
    subject = Subject(key=key, intakes=(scope,))
    system.ledger.append(
        PurgePlanned(purge_id=purge, ground="order", subjects=(subject,), plan="0" * 64, order="test", actor="tester"),
        Tombstoned(purge_id=purge, key=key),
    )
    return scope


def fill(store: ObjectStore, keys: list[str], versions: int) -> None:
    """``versions`` versions over ``keys``."""

    def put(number: int) -> None:
        store.client.put_object(Bucket=store.settings.bucket, Key=keys[number % len(keys)], Body=b"sealed")

    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(put, range(versions)):
            pass


def run(home: Path, how: str, scope: str) -> dict[str, float]:
    """One erasure in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.performance.purge_objects", "--work", str(home), how, scope],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def work(home: str, how: str, scope: str) -> dict[str, float]:
    """Erase ``scope`` one way or the other; returns what it took."""
    with System.open(Settings.load(Path(home))) as system:
        state = system.ledger.state()
        requests, seq = [0], state.seq
        Path("/proc/self/clear_refs").write_text("5")
        started = _memory("VmHWM")
        for client in (system.objects.client, system.objects.eraser):
            client.meta.events.register("before-call.s3", lambda **_: requests.__setitem__(0, requests[0] + 1))
        began = time.monotonic()
        if how == "ours":
            purge(system, scope)
        else:
            loop(system.objects.eraser, system.objects.settings.bucket, f"parsed/{scope}/")
        seconds = time.monotonic() - began
        entries = system.ledger.state().seq - seq
        peak = _memory("VmHWM")
    return {
        "seconds": seconds, "peak_mib": peak, "grown_mib": peak - started, "requests": requests[0], "events": entries,
    }  # fmt: skip


def purge(system: System, scope: str) -> None:
    """As a purge empties and verifies the store."""
    from rod_pipeline.retention.places.objects import Objects

    objects = Objects(system)
    intake = system.ledger.state().intakes[scope]
    subject = Subject(key=intake.key, intakes=(scope,))
    objects.erase(subject, new_id())
    assert objects.verify_absent(subject).left == 0


def loop(client: Any, bucket: str, prefix: str) -> None:
    """What anybody would write."""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        found = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in page.get("Versions", ())]
        found += [{"Key": m["Key"], "VersionId": m["VersionId"]} for m in page.get("DeleteMarkers", ())]
        client.delete_objects(Bucket=bucket, Delete={"Objects": found})
    left = sum(
        len(page.get("Versions", ())) + len(page.get("DeleteMarkers", ()))
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    )
    assert left == 0, left


def _memory(what: str) -> float:
    """A figure of this process in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(what))) / 1024


if __name__ == "__main__":
    main()
