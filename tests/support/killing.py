"""A process that does one stage of a delivery and is killed at a named instant of it.

It is told the delivery's key, the stage, and where to die (``moment`` of the ``nth`` ``call``): an S3 operation, an
event of the ledger or the destruction of a key (see ``vault_worker.die_at``), or a function of ``FUNCTIONS``.
``kill_in`` starts it; ``advance`` does the stages before.
"""

import os
import signal
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import duckdb

from expectations.loader import suite_for
from rod_pipeline.contracts.model import FILE_KINDS, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import RodError
from rod_pipeline.intake.announcing import announce
from rod_pipeline.intake.landing import land
from rod_pipeline.intake.parsing import parse, take_stock
from rod_pipeline.intake.storing import store
from rod_pipeline.marts import database
from rod_pipeline.marts.build import build_marts
from rod_pipeline.marts.database import build_database
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.quality import verdict
from rod_pipeline.retention.engine import begin, carry_out, conclude, plan
from rod_pipeline.retention.evidence import attest
from rod_pipeline.settings import Settings
from rod_pipeline.store import objects, probe
from rod_pipeline.store.keyring import LocalKeyring
from rod_pipeline.store.secrets import SecretStore
from rod_pipeline.store.vault import RawWriter
from rod_pipeline.system import System
from tests.support.forked import ended
from tests.support.remembering import remember_always
from tests.support.vault_worker import die_at

Stage = Callable[[System, DeliveryKey], object]


def _parsed(file: FileKind) -> Stage:
    return lambda system, key: parse(system, key, file)


def _checked(file: FileKind) -> Stage:
    return lambda system, key: verdict.check_file(system, key, file, suite_for)


def _database(system: System, key: DeliveryKey) -> None:
    with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
        build_database(system, connection)


def purge(system: System, key: DeliveryKey) -> None:
    """Erase a delivery on an order, with no wait before its late sweep, up to its certificate."""
    register = copy_register(system)
    purge_id = begin(system, plan(system, [str(key)], "order", "o1"), "a1")
    carry_out(system, register, purge_id)
    conclude(system, register, purge_id)
    attest(system, purge_id)


STAGES: Mapping[str, Stage] = {
    "land": land,
    "stock": take_stock,
    **{f"parse {file}": _parsed(file) for file in FILE_KINDS},
    **{f"check {file}": _checked(file) for file in FILE_KINDS},
    "judge": verdict.judge,
    "store": store,
    "mart": build_marts,
    "database": _database,
    "mart again": build_marts,
    "purge": purge,
}
FUNCTIONS: Mapping[str, tuple[Any, str]] = {
    # Bytes on their way into a sealed raw copy.
    "write": (RawWriter, "write"),
    # The mart database goes to memory, unsealed.
    "save": (database, "_save"),
    # A key comes to be, and a secret goes.
    "create_key": (LocalKeyring, "create"),
    "delete_secret": (SecretStore, "delete"),
}


def advance(system: System, key: DeliveryKey, before: str) -> None:
    """Do every stage that comes before the named one."""
    for name, stage in STAGES.items():
        if name == before:
            return
        stage(system, key)


def kill_in(environment: Mapping[str, str], **what: object) -> int:
    """Do a stage in a process of its own that kills itself; returns how it ended (``-SIGKILL`` when it was killed)."""
    return ended(main, dict(environment), what)


def _arm(system: System, call: str, nth: int, moment: str) -> None:
    if call not in FUNCTIONS:
        if call == "DeleteObjects":
            # So that a small delivery is erased in several pages.
            objects._BATCH = 3
        if call == "UploadPart":
            # So that a small delivery goes up in parts as well.
            objects.PART_BYTES = 2**17
        die_at(system.vault, system.ledger, call, nth, moment)
        return
    owner, name = FUNCTIONS[call]
    real, calls = getattr(owner, name), count(1)

    def watched(*arguments: object) -> object:
        now = next(calls) == nth
        if now and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments)
        if now and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, watched)


def main(environment: Mapping[str, str], what: Mapping[str, Any]) -> None:
    """What the process does: the stage, up to the instant at which it dies."""
    os.environ.clear()
    os.environ.update(environment)
    remember_always()
    key = DeliveryKey.parse(what["key"])
    with System.open(Settings.load()) as system:
        # Its promises were proved when the installation was first used; the calls to count are those of the delivery.
        probe._proved.add((str(system.settings.store.endpoint), system.settings.store.bucket))
        _arm(system, what["call"], what["nth"], what["moment"])
        if what["stage"] == "announce":
            announce(system, key, [what["link"]], what["code"], archive_password=what["code"])
            return
        try:
            STAGES[what["stage"]](system, key)
        except RodError:
            # A delivery that is refused goes on to be erased; it is that which is killed.
            return
