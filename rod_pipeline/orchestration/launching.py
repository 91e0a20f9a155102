"""Running a delivery again from the command line.

Belongs here: asking the Dagster that runs to do it, so that queue and limits hold. Does not belong here: the sensor's
own requests (``sensors``).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

import dagster as dg

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.orchestration.jobs import deliver
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.orchestration.reasons import reasons, went_through
from rod_pipeline.orchestration.serving import NotRunning, dagster_home, running
from rod_pipeline.retention.gate import refuse_purged
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

_OVER = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


@contextmanager
def opened(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster's storage for this installation: where DAGSTER_HOME says that a deployment has it, else in its folder."""
    with dg.DagsterInstance.from_config(os.environ.get("DAGSTER_HOME") or str(dagster_home(settings))) as instance:
        yield instance


def run_delivery(settings: Settings, key: DeliveryKey) -> list[str]:
    """Queue a run of one delivery, wait for its end, and return what went wrong: empty when all went well.

    Raises ``NotRunning`` when Dagster isn't up on this machine, ``DeliveryPurged`` when there is a tombstone.
    """
    # Whatever else needs this module, such as the code location, needs no client.
    from dagster_graphql import DagsterGraphQLClient

    at = running(settings)
    if at is None:
        raise NotRunning("Dagster isn't running here.", "Start it with `rod up`, or use the UI of your deployment.")
    with System.open(settings) as system:
        # Before its partition is there again.
        refuse_purged(system.ledger.state().tombstones.get(str(key)))
    with opened(settings) as instance:
        if not instance.has_dynamic_partition(DELIVERY, str(key)):
            instance.add_dynamic_partitions(DELIVERY, [str(key)])
        client = DagsterGraphQLClient("127.0.0.1", port_number=at.port)
        run_id = client.submit_job_execution(deliver.name, tags={"dagster/partition": str(key)})
        while client.get_run_status(run_id) not in _OVER:
            sleep(1)
        return failures(instance, run_id)


def failures(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Why a run failed, one text for each step that did, or for the run; empty when it went well."""
    found = reasons(instance, run_id)
    texts = [why.text or f"{why.step} failed without a word; see the run in the UI." for why in found]
    run = instance.get_run_by_id(run_id)
    if not texts and (run is None or not went_through(instance, run)):
        texts.append(f"The run ended as {run.status.value if run else 'gone'}; see its page in the UI.")
    return texts
