"""The copy register of an installation, Dagster's storage included.

Belongs here: putting the places of the domain and Dagster's together. Does not belong here: the places
(``retention.places``, ``erasing``).
"""

from collections.abc import Callable, Sequence

from rod_pipeline.orchestration.erasing import DagsterPlace, cancel_work
from rod_pipeline.retention.engine import StopWork
from rod_pipeline.retention.places import places
from rod_pipeline.retention.register import CopyRegister
from rod_pipeline.system import System


def copy_register(system: System) -> CopyRegister:
    """Every place of this installation."""
    return CopyRegister((*places(system), DagsterPlace(system)))


def stop_runs(system: System, tell: Callable[[str], None] = lambda said: None) -> StopWork:
    """Ends the runs of Dagster on the deliveries of a purge; ``tell`` hears which of them went on nevertheless."""

    def stop(keys: Sequence[str]) -> None:
        if stuck := cancel_work(system.settings, keys):
            tell(f"These runs didn't stop: {', '.join(stuck)}. The purge waits for what they hold, then goes on.")

    return stop
