"""Where Dagster of this installation keeps its runs: the storages that it uses, and those that it used.

Belongs here: finding them, putting on record that one is used, knowing that one is out of reach. Does not belong here:
what they hold of a delivery (``erasing``).

Where Dagster's storage is, is told by ``DAGSTER_HOME`` in the environment of a process, which whoever runs ``rod`` by
hand may not have set. So each storage that deliveries are worked on with is on record in the ledger, by the id that
Dagster gave it, before it holds a word about them: as a copy is registered before its first byte (DESIGN, 3.1). A
process that doesn't reach all of them can't say what Dagster holds.
"""

import os
from collections.abc import Iterator, Set
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.runs.schema import InstanceInfo
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage

from rod_pipeline.errors import PermanentError, TransientError
from rod_pipeline.ledger.erasure import DagsterUsed
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.settings import Settings


class DagsterUnreachable(TransientError):
    """Dagster's storage doesn't answer, so nobody knows what it holds."""

    code = "ROD-DAGSTER-01"


class DagsterUnknown(PermanentError):
    """Dagster's storage isn't where it should be, or of a kind that can't be looked through."""

    code = "ROD-DAGSTER-02"


class DagsterElsewhere(PermanentError):
    """Dagster worked on deliveries with a storage that this process doesn't reach."""

    code = "ROD-DAGSTER-06"


def instances_of(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster of this installation: in its own folder, and where DAGSTER_HOME says that a deployment has it."""
    own = settings.home / "dagster"
    # Dagster that was started with our help has its configuration there; without it, it never ran.
    homes = {own.resolve()} if (own / "dagster.yaml").exists() else set()
    if named := os.environ.get("DAGSTER_HOME"):
        if not Path(named).is_dir():
            raise DagsterUnknown(
                "DAGSTER_HOME names a folder that isn't there, so nobody knows what Dagster keeps.",
                "Set DAGSTER_HOME as for the daemon, or take it out of the environment.",
            )
        homes.add(Path(named).resolve())
    for home in sorted(homes):
        with _translated(), dg.DagsterInstance.from_config(str(home)) as instance:
            if not (
                isinstance(instance.event_log_storage, SqlEventLogStorage)
                and isinstance(instance.run_storage, SqlRunStorage)
            ):
                raise DagsterUnknown(
                    "Dagster keeps its runs in a storage that this software can't look through.",
                    "Use Dagster's storage in SQLite or PostgreSQL.",
                )
            if not isinstance(instance.compute_log_manager, LocalComputeLogManager | NoOpComputeLogManager):
                raise DagsterUnknown(
                    "Dagster puts what runs print in a place that this software can't look through.",
                    "Use NoOpComputeLogManager, as the deployments do, or LocalComputeLogManager.",
                )
            yield instance


def put_on_record(ledger: Ledger, instance: dg.DagsterInstance) -> None:
    """Record that deliveries are worked on with this storage; once for each. What lives in memory ends by itself."""
    if instance.is_ephemeral:
        return
    runs = instance.run_storage
    assert isinstance(runs, SqlRunStorage)
    # Makes one when there is none.
    runs.get_run_storage_id()
    known = ledger.state().dagsters
    new = sorted(storage for storage in storages_in(instance) if not known.get(storage))
    ledger.append(*(DagsterUsed(storage=storage) for storage in new))


def refuse_unreached(ledger: Ledger, reached: Set[str]) -> None:
    """Raise ``DagsterElsewhere`` unless each storage on record is among ``reached``, or was said to be gone."""
    known = ledger.state().dagsters
    if missing := [storage for storage, there in known.items() if there and storage not in reached]:
        raise DagsterElsewhere(
            f"Dagster worked on deliveries with a storage that isn't reached from here: {', '.join(missing)}.",
            "Set DAGSTER_HOME as for the daemon. If that storage is gone for good, so that nobody can look through it, "
            f"say so on record: `rod retention dagster-gone {missing[0]}`.",
        )


def storages_in(instance: dg.DagsterInstance) -> Set[str]:
    """What the storage of ``instance`` goes by: one id, or several where processes made it at the same time.

    None when no step on a delivery ever ran with it. Only reads.
    """
    storage = instance.run_storage
    assert isinstance(storage, SqlRunStorage)
    with storage.connect() as connection:
        found = connection.execute(sa.select(InstanceInfo.c.run_storage_id)).scalars().all()
    return {sha256(each.encode()).hexdigest()[:16] for each in found}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sa.exc.SQLAlchemyError, dg.DagsterError, OSError) as error:
        raise DagsterUnreachable(
            f"Dagster's storage couldn't be asked ({type(error).__name__}).",
            "Look whether its database answers and its disk isn't full; the purge goes on where it stopped.",
        ) from None
