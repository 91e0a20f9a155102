"""A process that works with the vault and kills itself at a named instant.

It gets an order: settings of the store, folders, scope, what to do, and where to die (``moment`` of the ``nth``
``call``: an S3 operation, or ``append:<kind>`` for an event of the ledger). ``ended_by`` starts it.
"""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from rod_pipeline.ledger.log import Ledger
from rod_pipeline.store import probe
from rod_pipeline.store.client import StoreSettings
from tests.support.forked import ended
from tests.support.ledger import SetClock
from tests.support.seaweed import noisy, vault_of

MARKER = b"SYNTHETIC-KILLED-MARKER-51c0"


def die_at(vault: Any, ledger: Any, call: str, nth: int, moment: str) -> None:
    """Arm the one instant at which this process kills itself."""
    count = 0

    def step(when: str) -> None:
        nonlocal count
        count += when == moment
        if count == nth and when == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    if call.startswith("append:"):
        append = ledger.append

        def watched(*events: Any, **more: Any) -> Any:
            ours = events[0].kind == call.removeprefix("append:")
            if ours:
                step("before")
            entries = append(*events, **more)
            if ours:
                step("after")
            return entries

        ledger.append = watched
    elif call == "destroy":
        destroy = vault._keyring.destroy

        def destroyed(scope: str) -> None:
            step("before")
            destroy(scope)
            step("after")

        vault._keyring.destroy = destroyed
    else:
        for client in (vault._objects.client, vault._objects.eraser):
            client.meta.events.register(f"before-call.s3.{call}", lambda **_: step("before"))
            client.meta.events.register(f"after-call.s3.{call}", lambda **_: step("after"))


def ended_by(order: Mapping[str, Any]) -> int:
    """Carry an order out in a process of its own; returns how it ended (``-SIGKILL`` when it was killed)."""
    return ended(_carry_out, dict(order))


def _carry_out(order: Mapping[str, Any]) -> None:
    settings = StoreSettings.model_validate(order["settings"])
    probe._proved.add((settings.endpoint, settings.bucket))
    folder, clock = Path(order["folder"]), SetClock()
    ledger = Ledger(order["ledger"], clock)
    vault = vault_of(settings, folder, ledger, clock)
    die_at(vault, ledger, order["call"], order["nth"], order["moment"])
    if order["do"] == "write_raw":
        with vault.write_raw(order["scope"], "landing", "raw") as writer:
            for _ in range(40):
                writer.write(noisy(MARKER, 1_000_000))
    elif order["do"] == "write_table":
        frame = pl.LazyFrame({"a": [MARKER.decode()] * 1000})
        vault.write_table(order["scope"], "parsed", "diplomas", frame)
    else:
        vault.erase_scope(order["scope"], "purged")
