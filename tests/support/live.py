"""A running installation for tests: embedded store, stand-in of PLEIO, and Dagster with its UI, sensor and queue.

``live`` starts it in a folder and stops it; ``Live`` is how a test acts on it as people do: by announcing, and by
waiting for what the sensor and the queue then do by themselves.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from unittest import mock

import dagster as dg

from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.installation import make_installation
from rod_pipeline.intake.announcing import announce
from rod_pipeline.orchestration import serving as serving_module
from rod_pipeline.orchestration.serving import dagster_home, serving
from rod_pipeline.settings import Settings
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support.pipeline import CODE, PLACED, delivery
from tests.support.postgres import free_port

_WORKSPACE = f"""load_from:
  - python_module:
      module_name: tests.support.remembered
      working_directory: {Path(__file__).parents[2]}
      location_name: rod_pipeline
"""
_SMALL = Population(seed=1, scale=0.0005)
_OVER = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
# Not how long it should take, but after how long it hangs.
_HANGS = 500.0


class Live:
    """One running installation. ``url`` is where its UI answers, once Dagster runs."""

    url: str

    def __init__(self, system: System, instance: dg.DagsterInstance, pleio: StandIn) -> None:
        self.system = system
        self.settings = system.settings
        self.instance = instance
        self._pleio = pleio

    def announce(self, key: str, *, fault: str | None = None) -> str:
        """Put a synthetic delivery in PLEIO and announce it; returns the id of the intake. The sensor does the rest."""
        came = DeliveryKey.parse(key)
        link = self._pleio.publish(delivery(key, fault, _SMALL), CODE)
        return announce(self.system, came, [link], CODE, moment=PLACED[came.moment])

    def stage(self, key: str) -> str:
        """How far the ledger says that a delivery is."""
        return self.system.ledger.state().deliveries[key].stage

    def runs(self, key: str) -> list[dg.DagsterRun]:
        """The runs of a delivery, newest first."""
        return list(self.instance.get_runs(dg.RunsFilter(tags={"dagster/partition": key})))

    def finished(self, key: str, *, runs: int = 1) -> dg.DagsterRun:
        """Wait until a delivery has had this many runs and all are over; returns the newest."""

        def over() -> bool:
            found = self.runs(key)
            return len(found) >= runs and all(run.status in _OVER for run in found)

        wait_until(over, f"{runs} finished runs of {key}")
        return self.runs(key)[0]


@contextmanager
def live(home: Path, announced: Mapping[str, str | None], settings: str = "") -> Iterator[Live]:
    """An installation made anew in ``home`` that runs for as long as the block lasts.

    ``announced``: deliveries and their faults (None: a good one); their runs are over when the block begins.
    ``settings`` are added to its settings file. Its runs remember, so what they judge is judged for real once.
    """
    make_installation(home, SystemClock(), country="NL", site="test bench", declared_by="tester")
    (home / "rod.toml").write_text(f'[pleio]\nhosts = ["127.0.0.1"]\nallow_loopback_http = true\n{settings}')
    (home / "workspace.yaml").write_text(_WORKSPACE)
    loaded = Settings.load(home)
    with (
        mock.patch.object(serving_module, "_WORKSPACE", home / "workspace.yaml"),
        System.open(loaded) as system,
        StandIn() as pleio,
        dg.DagsterInstance.from_config(str(dagster_home(loaded))) as instance,
    ):
        running = Live(system, instance, pleio)
        for key, fault in announced.items():
            running.announce(key, fault=fault)
        # Not the usual port: two that look for it at the same time would both find it free.
        with serving(loaded, free_port()) as at:
            running.url = at.url
            for key in announced:
                running.finished(key)
            yield running


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Wait for something that will happen by itself; fails when it clearly won't."""
    until = monotonic() + _HANGS
    while not true():
        if monotonic() > until:
            raise AssertionError(f"this never came: {what}")
        sleep(0.2)
