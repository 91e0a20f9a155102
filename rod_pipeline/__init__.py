"""The ROD pipeline: the domain of the MBO Raad's deliveries from the register onderwijsdeelnemers.

Belongs here: everything that the decree (OCW 17-11-2025, nr. 55352791) asks of the data, as plain Python.
Does not belong here: Dagster assets (top-level ``assets``) and reviewed expectations (top-level ``expectations``).
Only ``definitions`` and ``orchestration`` import Dagster.

For a notebook: ``rod_pipeline.open_marts(purpose=…)`` and ``rod_pipeline.open_tables(…)``, see ``analysis``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rod_pipeline.analysis import open_marts as open_marts
    from rod_pipeline.analysis import open_tables as open_tables


def __getattr__(name: str) -> Any:
    """On first use: whoever imports a part of the package doesn't pay for all of it."""
    if name in ("open_marts", "open_tables"):
        from rod_pipeline import analysis

        return getattr(analysis, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
