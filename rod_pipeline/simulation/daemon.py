"""Dagster in this process: the real sensors, the real jobs, a real instance, and nobody but us to wait for.

Belongs here: doing what Dagster's daemon does with the result of a sensor, at once. Does not belong here: sensors and
jobs (``orchestration``), the order of things (``life``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from rod_pipeline.definitions import build_defs
from rod_pipeline.orchestration.launching import failures
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.orchestration.publishing import unpublished_entries
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.orchestration.retiring import due_purges
from rod_pipeline.orchestration.serving import dagster_home

if TYPE_CHECKING:
    from rod_pipeline.deliveries import DeliveryKey
    from rod_pipeline.simulation.system import SimulatedSystem
    from rod_pipeline.system import System

_living: dict[str, SimulatedSystem] = {}
# Dagster tells each step on the terminal otherwise.
_QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class SimulatedRod(Rod):
    """The door to the simulated installation that this process lives in."""

    def open(self) -> System:
        """The one that is open already: its clock and what it remembers are in this process."""
        return _living[self.home]


class Daemon:
    """Dagster of one simulated installation."""

    def __init__(self, system: SimulatedSystem) -> None:
        self._home = str(system.settings.home)
        _living[self._home] = system
        self._rod = SimulatedRod(home=self._home)
        self._defs = build_defs(system.settings, rod=self._rod)
        self.instance = dg.DagsterInstance.from_config(str(dagster_home(system.settings)))

    def stop(self) -> None:
        """Close Dagster's storage."""
        self.instance.dispose()
        _living.pop(self._home, None)

    def deliver(self, key: DeliveryKey) -> list[str]:
        """Run the job on a delivery; returns why it failed, empty when it didn't."""
        self.instance.add_dynamic_partitions(DELIVERY, [str(key)])
        return self._run("deliver", str(key))

    def withdraw(self, order: str, confirmation: str) -> list[str]:
        """Run the job of a withdrawal; returns why it failed."""
        config = {"ops": {"erase_everything": {"config": {"order": order, "confirmation": confirmation}}}}
        return self._run("withdraw", config=config)

    def purge_what_is_due(self) -> tuple[int, list[str]]:
        """One tick of the sensor that erases: how many runs it asked for, and what went wrong in them."""
        return self._tick(due_purges)

    def publish(self) -> list[str]:
        """One tick of the sensor that has the ledger published; returns what went wrong."""
        return self._tick(unpublished_entries)[1]

    def _tick(self, sensor: dg.SensorDefinition) -> tuple[int, list[str]]:
        with dg.build_sensor_context(instance=self.instance, resources={"rod": self._rod}) as context:
            result = sensor(context)
        if isinstance(result, dg.SkipReason):
            return 0, []
        requests: Sequence[dg.RunRequest] = [result] if isinstance(result, dg.RunRequest) else []
        if isinstance(result, dg.SensorResult):
            requests = result.run_requests or ()
            for added in result.dynamic_partitions_requests or ():
                self.instance.add_dynamic_partitions(added.partitions_def_name, list(added.partition_keys))
        wrong: list[str] = []
        for request in requests:
            wrong += self._run(str(sensor.job_name), request.partition_key, request.asset_selection)
        return len(requests), wrong

    def _run(
        self,
        job: str,
        partition: str | None = None,
        selection: Sequence[dg.AssetKey] | None = None,
        config: dict[str, Any] | None = None,
    ) -> list[str]:
        done = self._defs.resolve_job_def(job).execute_in_process(
            run_config={**_QUIET, **(config or {})},
            instance=self.instance,
            partition_key=partition,
            asset_selection=list(selection) if selection else None,
            raise_on_error=False,
        )
        return failures(self.instance, done.run_id)
