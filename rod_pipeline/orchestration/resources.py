"""The resources that assets, checks and sensors get.

Belongs here: the door from Dagster to the domain. https://docs.dagster.io/guides/build/external-resources
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dagster as dg

from rod_pipeline.ledger.log import Reading
from rod_pipeline.orchestration.failures import about
from rod_pipeline.orchestration.storages import put_on_record
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

_readings: defaultdict[str, Reading] = defaultdict(Reading)
"""Of each ledger that this process reads: a step or a tick reads what is new since the one before it."""


class Rod(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One installation. ``home`` is its folder; everything else comes from its settings."""

    home: str

    def open(self) -> System:
        """The parts of the installation, with nothing connected yet."""
        settings = Settings.load(Path(self.home))
        return replace(System.open(settings), reading=_readings[settings.ledger()])

    @contextmanager
    def working(self, context: dg.AssetExecutionContext) -> Iterator[System]:
        """The same, for a step on a delivery: Dagster keeps something about it, and where is put on record first."""
        with self.open() as system:
            put_on_record(system.ledger, context.instance)
            yield system


class NothingPersonal(dg.IOManager):
    """Refuses every value: data go through the vault, never through Dagster's storage."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        if obj is not None:
            raise dg.Failure(
                "[ROD-INTERNAL-02] An asset handed a value to Dagster. What to do: report it to the developers.",
                metadata=about("ROD-INTERNAL-02", "permanent"),
                allow_retries=False,
            )

    def load_input(self, context: dg.InputContext) -> object:
        raise dg.Failure(
            "[ROD-INTERNAL-03] An asset asked Dagster for a value. What to do: report it to the developers.",
            metadata=about("ROD-INTERNAL-03", "permanent"),
            allow_retries=False,
        )
