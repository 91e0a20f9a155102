"""Whether Dagster is fit to run: its configuration, its daemon, its pools, the cluster that carries out its steps.

Belongs here: the checks of ``rod doctor`` that need Dagster. Does not belong here: what is red (``red``). It reads
DAGSTER_HOME as it lies there, and writes nothing to it.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
from cryptography import x509
from dagster._core.scheduler.instigation import InstigatorType, TickStatus

from rod_pipeline.doctor import Check, Unproved
from rod_pipeline.doctor_servers import CHECKS as SERVERS
from rod_pipeline.doctor_servers import of_database
from rod_pipeline.errors import PermanentError
from rod_pipeline.orchestration.executing import ClusterSilent, connected, without_worker
from rod_pipeline.orchestration.storages import instances_of, refuse_unreached, storages_in
from rod_pipeline.system import System


class Misconfigured(PermanentError):
    """Dagster runs with another configuration than deployments need."""

    code = "ROD-DOCTOR-03"


class DaemonDead(PermanentError):
    """The daemon, which runs sensors, schedules and the queue, gives no sign of life."""

    code = "ROD-DOCTOR-07"


class SlotsLeaked(PermanentError):
    """A run that is over still holds a place in a pool, so that others wait for it."""

    code = "ROD-DOCTOR-08"


class CertificateEnds(PermanentError):
    """A certificate with which the machines of a cluster know each other ends soon."""

    code = "ROD-DOCTOR-13"


_BEFORE_ITS_END = timedelta(days=30)
_ANSWERS_WITHIN_SECONDS = 10


def _configuration(system: System) -> str:
    with _instance(system) as instance:
        pools, monitoring = instance.get_concurrency_config().pool_config, instance.get_settings("run_monitoring")
        queue = instance.get_concurrency_config().run_queue_config
        limits = [] if queue is None else queue.tag_concurrency_limits or []
        must = {
            "telemetry off (nothing is sent out of the EEA)": not instance.telemetry_enabled,
            "run_monitoring on (a run whose process died doesn't stay STARTED)": instance.run_monitoring_enabled,
            "free_slots_after_run_end_seconds (a killed run gives its place in a pool back)": bool(
                monitoring.get("free_slots_after_run_end_seconds")
            ),
            "retry_on_asset_or_op_failure off (what comes back isn't retried)": (
                not instance.run_retries_enabled or not instance.run_retries_retry_on_asset_or_op_failure
            ),
            "pools of 1 (one at a time fetches, builds and erases)": pools.default_pool_limit == 1,
            "a limit of 1 run for each dagster/partition (a purge and a rerun of one delivery never overlap)": any(
                limit.get("key") == "dagster/partition" and limit.get("limit") == 1 for limit in limits
            ),
            "an end of ticks (retention of sensor and schedule)": all(
                days >= 0
                for kind in (InstigatorType.SENSOR, InstigatorType.SCHEDULE)
                for status, days in instance.get_tick_retention_settings(kind).items()
                if status != TickStatus.STARTED
            ),
        }
        logs = type(instance.compute_log_manager).__name__
    if wrong := [what for what, holds in must.items() if not holds]:
        raise Misconfigured(
            f"dagster.yaml in DAGSTER_HOME lacks: {'; '.join(wrong)}.",
            "Put that of your deployment (deployments/) back, and start the daemon and the webserver again.",
        )
    kept = "is kept nowhere" if logs == "NoOpComputeLogManager" else f"goes to {logs}: see that it stays in the EEA"
    return f"Telemetry off, runs watched, pools freed, no retry of what comes back; what steps print {kept}."


def _daemon(system: System) -> str:
    with _instance(system) as instance:
        statuses = instance.get_daemon_statuses()
    dead = sorted(name.lower().replace("_", " ") for name, status in statuses.items() if not status.healthy)
    if dead:
        raise DaemonDead(
            f"No sign of life of: {', '.join(dead)}. Nothing is fetched, erased or queued by itself.",
            "Start it: `rod up` on one machine, else the service of your deployment.",
        )
    return f"All {len(statuses)} parts of the daemon gave a sign of life."


def _pools(system: System) -> str:
    with _instance(system) as instance:
        storage = instance.event_log_storage
        pools = sorted(storage.get_concurrency_keys())
        held = {run_id for pool in pools for run_id in storage.get_concurrency_info(pool).active_run_ids}
        over = [run_id for run_id in sorted(held) if (run := instance.get_run_by_id(run_id)) is None or run.is_finished]
    if over:
        raise SlotsLeaked(
            f"Runs that are over hold a place in a pool, and what needs it waits: {', '.join(over)}.",
            "Wait a minute: the daemon gives it back. If it doesn't: Runs, the run's menu, Free concurrency slots.",
        )
    return f"{len(held)} runs hold a place in the {len(pools)} pools, and all of them are going on."


def _database(system: System) -> str:
    with _instance(system) as instance:
        url = getattr(instance.event_log_storage, "postgres_url", None)
    return of_database(url or "sqlite://")


def _storages(system: System) -> str:
    reached = frozenset[str]().union(*(storages_in(instance) for instance in instances_of(system.settings)))
    refuse_unreached(system.ledger, reached)
    return "Every storage of Dagster that deliveries were worked on with is reached from here."


def _cluster(system: System) -> str:
    scheduler = system.settings.execution.scheduler
    if scheduler is None:
        return "There is none: the steps of a run are carried out in its own process."
    with closing(connected(scheduler)) as client:
        if not (workers := len(client.nthreads())):
            raise without_worker()
    if not scheduler.startswith("tls://"):
        return f"{workers} workers are connected to its scheduler, on this machine."
    end = min(_certificates(scheduler))
    if end - system.clock.now() < _BEFORE_ITS_END:
        raise CertificateEnds(
            f"A certificate of this machine or of the Dask scheduler ends at {end:%Y-%m-%d %H:%M} UTC; from then on "
            "runs fail before their first step.",
            "Give scheduler, workers and runs new ones (docs/how-to/several-machines.md) and start them again.",
        )
    return f"{workers} workers are connected to its scheduler; the certificates are good until {end:%Y-%m-%d}."


def _certificates(scheduler: str) -> Iterator[datetime]:
    """When the certificates of this machine and of the scheduler end. Those of workers only they show."""
    from distributed.security import Security

    asked, security = urlsplit(scheduler), Security()
    yield x509.load_pem_x509_certificate(Path(security.tls_client_cert).read_bytes()).not_valid_after_utc
    try:
        with (
            socket.create_connection((asked.hostname, asked.port), _ANSWERS_WITHIN_SECONDS) as plain,
            security.get_connection_args("client")["ssl_context"].wrap_socket(plain) as secured,
        ):
            yield x509.load_der_x509_certificate(secured.getpeercert(binary_form=True)).not_valid_after_utc
    except OSError as error:
        raise ClusterSilent(
            f"The certificate of the Dask scheduler can't be seen ({type(error).__name__}).",
            "Look again; if it stays so, start the scheduler.",
        ) from None


def _home(system: System) -> Path:
    return Path(os.environ.get("DAGSTER_HOME") or system.settings.home / "dagster")


@contextmanager
def _instance(system: System) -> Iterator[dg.DagsterInstance]:
    home = _home(system)
    if not (home / "dagster.yaml").exists():
        raise Unproved("Dagster never ran here.", "Start it with `rod up`, or set DAGSTER_HOME as for the daemon.")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


CHECKS: Mapping[str, Check] = {
    **SERVERS,
    "Dagster's configuration": _configuration,
    "daemon": _daemon,
    "pools": _pools,
    "Dagster's database": _database,
    "Dagster's storages": _storages,
    "cluster": _cluster,
}
