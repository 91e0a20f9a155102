"""A cluster that can't be used says so: to a run, to who is on call, and to ``rod doctor`` before it happens."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import dagster as dg
import dask
import distributed  # noqa: F401  its defaults have to be there before one is set
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from dagster._core.events import DagsterEvent, JobFailureData
from dagster._core.execution.plan.objects import StepFailureData
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster_shared.error import SerializableErrorInfo

from rod_pipeline.doctor import Finding, examine
from rod_pipeline.orchestration.alerting import standing_alerts
from rod_pipeline.orchestration.doctoring import CHECKS
from rod_pipeline.orchestration.executing import ClusterSilent, NotForSeveral, connected, without_worker
from rod_pipeline.orchestration.launching import failures
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.orchestration.reasons import reasons
from rod_pipeline.orchestration.red import DIED, red
from rod_pipeline.runbooks import address
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.synthetic.pleio_server import StandIn
from tests.support import backend
from tests.support.cluster import Cluster, started
from tests.support.hosts import Network, power_off
from tests.support.pipeline import Bench, store_environment
from tests.support.pleio_tls import Authority
from tests.support.postgres import free_port

KEY = "2025-12"


class Small:
    """A scheduler and workers on this machine, and the certificates of who asks it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.authority = folder, Authority(folder)
        self.address = f"tls://127.0.0.1:{free_port()}"
        self._both = self.certificate(timedelta(days=90))
        self._stack = ExitStack()

    def __enter__(self) -> "Small":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def certificate(self, ends_in: timedelta) -> Path:
        usages = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
        return self.authority.certificate("127.0.0.1", *usages, ends_in=ends_in)

    def asked_with(self, both: Path) -> dask.config.set:
        """The configuration of who asks with this certificate."""
        files = {"ca-file": self.authority.ca_file, "client.cert": both, "client.key": both}
        return dask.config.set({f"distributed.comm.tls.{name}": str(file) for name, file in files.items()})

    def start(self, what: str, *arguments: str) -> None:
        tls = {"CA_FILE": self.authority.ca_file}
        tls |= {f"{role}__{part}": self._both for role in ("SCHEDULER", "WORKER") for part in ("CERT", "KEY")}
        environment = {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(file) for name, file in tls.items()}
        command = ["-m", f"distributed.cli.dask_{what}", *arguments]
        process = started(command, {**os.environ, **environment}, self._folder / f"{what}.log")
        self._stack.callback(power_off, process)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with Small(folder) as made:
        yield made


def found(bench: Bench) -> Finding:
    """What ``rod doctor`` says of the cluster."""
    with bench.system() as system:
        (one,) = [one for one in examine(system, {"cluster": CHECKS["cluster"]}) if one.subject == "cluster"]
    return one


def test_the_doctor_sees_a_cluster_that_is_silent_idle_about_to_end_and_fit(
    bench: Bench, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(bench).said.startswith("There is none")
    monkeypatch.setenv("ROD_EXECUTION__SCHEDULER", small.address)
    good, soon, over = (small.certificate(timedelta(days=days)) for days in (80, 20, -1))
    with small.asked_with(good), dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        silent = found(bench)
    assert (silent.verdict, silent.code) == ("bad", "ROD-DAGSTER-07")
    host, port = small.address.removeprefix("tls://").split(":")
    quiet = ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    small.start("scheduler", "--host", f"tls://{host}", "--port", port, *quiet)
    with small.asked_with(good):
        idle = found(bench)
        assert (idle.verdict, idle.code, "No worker" in idle.said) == ("bad", "ROD-DAGSTER-07", True), idle
        small.start("worker", small.address, "--nthreads", "1", "--no-dashboard", "--no-nanny")
        with connected(small.address) as client:
            client.wait_for_workers(1, timeout=120)
        fit = found(bench)
        assert (fit.verdict, "1 workers are connected" in fit.said) == ("good", True)
    with small.asked_with(soon):
        ends = found(bench)
        assert (ends.verdict, ends.code) == ("bad", "ROD-DOCTOR-13")
    assert found(bench).code == "ROD-DAGSTER-07", "a process that nobody gave certificates"
    with small.asked_with(over):
        ended = found(bench)
        assert (ended.verdict, ended.code) == ("bad", "ROD-DAGSTER-07")
        with pytest.raises(ClusterSilent) as raised:
            connected(small.address)
    assert str(small.address) not in str(raised.value)


def as_kept(error: Exception) -> SerializableErrorInfo:
    """An exception as Dagster keeps it."""
    try:
        raise error
    except Exception:
        return serializable_error_info_from_exc_info(sys.exc_info())


def failed(bench: Bench, run: Exception, step: SerializableErrorInfo | None = None) -> str:
    """A run of the delivery that ended by ``run``, as Dagster's executor writes it down; returns its id."""
    assert bench.instance is not None
    going = dg.DagsterRun("deliver", tags={"dagster/partition": KEY}, status=dg.DagsterRunStatus.STARTED)
    bench.instance.add_run(going)
    if step is not None:
        event = DagsterEvent(
            dg.DagsterEventType.STEP_FAILURE.value,
            "deliver",
            step_key="landing__raw_delivery",
            event_specific_data=StepFailureData(step, user_failure_data=None),
        )
        bench.instance.report_dagster_event(event, going.run_id)
    ended = JobFailureData(error=as_kept(run), failure_reason=None, first_step_failure_event=None)
    bench.instance.report_run_failed(going, job_failure_data=ended)
    return going.run_id


@pytest.mark.parametrize(
    ("run", "unfit", "code", "waits", "kind"),
    [
        (without_worker(), None, "ROD-DAGSTER-07", None, "transient"),
        (NotForSeveral("Dagster's storage is a file.", "Move it."), None, "ROD-DAGSTER-05", "mending", "permanent"),
        (RuntimeError("it stopped"), without_worker(), "ROD-DAGSTER-07", None, "transient"),
        (RuntimeError("[ROD-FILE-99] said by somebody"), None, DIED, None, "transient"),
    ],
    ids=["no worker", "a storage for one", "a step without worker", "something else"],
)
def test_what_ended_a_run_before_its_steps_is_told_by_code(
    bench: Bench, run: Exception, unfit: ClusterSilent | None, code: str, waits: str | None, kind: str
) -> None:
    bench.announce(KEY)
    step = unfit and SerializableErrorInfo(f"Step landing__raw_delivery failed health check: {unfit}", [], None)
    run_id = failed(bench, run, step)
    assert bench.instance is not None
    with bench.system() as system:
        (one,) = red(bench.instance, system)
        alerts, _ = standing_alerts(system, bench.instance)
    assert (one.codes, one.steps[0].kind) == (code, kind)
    assert (one.waits or "").split(":")[0] == (waits or "")
    (told,) = failures(bench.instance, run_id)
    (alert,) = [alert for alert in alerts if alert.run == run_id]
    if code == DIED:
        assert "ROD-FILE-99" not in told and alert.code == ""
    else:
        assert told.startswith(f"[{code}] ") and "What to do: " in told
        assert (alert.code, alert.runbook) == (code, address(code))
    assert [why.by_check for why in reasons(bench.instance, run_id)] == ([] if code == DIED else [False])


@pytest.mark.soak
def test_a_run_whose_scheduler_is_away_is_red_by_that_code(
    tmp_path: Path, seaweed: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the executor itself ends it, in a process of its own, on servers."""
    monkeypatch.setenv(backend.VARIABLE, "servers")
    for name, value in store_environment(seaweed).items():
        monkeypatch.setenv(name, value)
    (folder := tmp_path / "cluster").mkdir()
    with StandIn() as pleio:
        bench = Bench(tmp_path / "home", seaweed, pleio)
        bench.announce(KEY)
        # Nobody starts it: a cluster is one once it is entered.
        cluster = Cluster(bench, cast(Network, SimpleNamespace(address="127.0.0.1")), folder)
        monkeypatch.setenv("DAGSTER_HOME", cluster.environment["DAGSTER_HOME"])
        with cluster.instance() as instance, bench.system() as system:
            instance.add_dynamic_partitions(DELIVERY, [KEY])
            assert cluster.deliver(KEY).wait(300) != 0
            (one,) = red(instance, system)
            assert (one.codes, one.waits) == ("ROD-DAGSTER-07", None)
