"""One delivery's erasure as Dagster sees it: what a run of ``purge`` has to do, and whether its evidence is shown.

Belongs here: finding the purge that a partition of ``purged_delivery`` stands for, carrying it on, and comparing what
the ledger knows with what Dagster shows. Does not belong here: the steps (``rod_pipeline.retention``), the look of the
metadata (``describe_erasure``), when it is asked for (``retiring``).
"""

from collections.abc import Iterator

import dagster as dg

from rod_pipeline.errors import RodError, TransientError
from rod_pipeline.ledger.erasure import Ground
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.orchestration import describe_erasure
from rod_pipeline.orchestration.describe_erasure import CERTIFIED, PURGE, certificate_id
from rod_pipeline.orchestration.jobs import CERTIFICATE, ERASED, MART_DATABASE
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention.due import agenda
from rod_pipeline.retention.engine import NothingToPurge, StopWork, begin, carry_out, plan
from rod_pipeline.retention.evidence.bundle import BUNDLE, bundle_of
from rod_pipeline.retention.places import revived
from rod_pipeline.retention.rounds import certify, start
from rod_pipeline.store.evidence import EvidenceConflict, evidence_key
from rod_pipeline.system import System


def erase(system: System, key: str, stop_work: StopWork) -> PurgeState:
    """Take the purge of a delivery to its second inventory; begin it when it is due or came back from a backup.

    A purge that has got there is returned as it is. Raises what ``begin`` and ``carry_out`` raise: ``NothingToPurge``
    or ``Held`` when there is no reason, or a reason against it.
    """
    register = copy_register(system)
    state = system.ledger.state()
    todo = agenda(state, system.clock.now(), system.decree, system.settings.retention)
    for purge in todo.go_on:
        if key in purge.keys:
            return carry_out(system, register, purge.purge_id, stop_work)
    for term in todo.begin:
        if term.key == key:
            return start(system, register, term, stop_work)
    purge_of_key = newest(state, key)
    if purge_of_key is not None and key not in revived(system):
        return purge_of_key
    # Not due: the engine says why, and refuses. Gone, and there again: it goes on from here.
    ground: Ground = "restored" if purge_of_key is not None else "term"
    purge_id = begin(system, plan(system, [key], ground), "schedule")
    return carry_out(system, register, purge_id, stop_work)


def conclude(system: System, key: str) -> PurgeState:
    """Sweep late and attest, unless that has been done; returns the newest purge. Raises what ``certify`` raises.

    A delivery that came back from a backup has an older purge too, whose certificate may have more to say as well.
    """
    state = system.ledger.state()
    purge = newest(state, key)
    todo = agenda(state, system.clock.now(), system.decree, system.settings.retention)
    if purge is None:
        raise NothingToPurge(f"There is no purge of delivery {key}.", "See `rod retention status` for those there are.")
    for older in todo.conclude:
        if key in older.keys and older.purge_id != purge.purge_id:
            hand_over(system, certify(system, copy_register(system), older.purge_id))
    if purge.attested is not None and purge not in todo.conclude:
        return purge
    return certify(system, copy_register(system), purge.purge_id)


def newest(state: LedgerState, key: str) -> PurgeState | None:
    """The newest purge of a delivery."""
    return next((purge for purge in reversed(tuple(state.purges.values())) if key in purge.keys), None)


def unshown(instance: dg.DagsterInstance, state: LedgerState) -> Iterator[tuple[str, dg.AssetKey]]:
    """Deliveries whose evidence isn't shown as it is: what was done at the command line, or before Dagster started."""
    for key in state.tombstones:
        purge = newest(state, key)
        if purge is None or purge.verified_at is None:
            continue
        if _shown(instance, ERASED, key, PURGE) != purge.purge_id:
            yield key, ERASED
        if purge.attested is not None and _shown(instance, CERTIFICATE, key, CERTIFIED) != certificate_id(purge):
            yield key, CERTIFICATE


def _shown(instance: dg.DagsterInstance, asset: dg.AssetKey, key: str, name: str) -> str | None:
    records = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[key])
    found = instance.fetch_materializations(records, limit=1).records
    if not found or found[0].asset_materialization is None:
        return None
    value = found[0].asset_materialization.metadata.get(name)
    return None if value is None else str(value.value)


def hand_over(system: System, purge: PurgeState) -> str:
    """Publish the certificate of a purge and lock its bundle away; returns where it lies, or why it doesn't.

    The evidence stands in the ledger without it. Raises what goes away by itself.
    """
    assert purge.attested is not None
    serial = purge.attested.serial
    try:
        notary = system.notary()
        notary.publish()
        notary.store_evidence(purge.purge_id, serial, BUNDLE, bundle_of(system, purge.purge_id, serial))
    except EvidenceConflict:
        # One that was made before a timestamp came in: both are good.
        pass
    except TransientError:
        raise
    except RodError as error:
        return f"not yet: {error}"
    return f"{system.settings.evidence.bucket}/{evidence_key(purge.purge_id, serial, BUNDLE)}"


def show_mart_database(context: dg.AssetExecutionContext | dg.OpExecutionContext, state: LedgerState) -> None:
    """Show the mart database as it is now: what Dagster showed of it may name a delivery that is gone."""
    latest = context.instance.get_latest_materialization_event(MART_DATABASE)
    shown = None if latest is None or latest.asset_materialization is None else latest.asset_materialization.metadata
    now = "none" if state.generation is None else state.generation.generation
    if (shown is None and state.generation is None) or (shown and str(shown["generation"].value) == now):
        return
    context.log_event(dg.AssetMaterialization(MART_DATABASE, metadata=describe_erasure.generation(state)))
