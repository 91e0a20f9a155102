"""Where publishing meets disclosure control: the one function that proposes what is published.

Belongs here: marts → cell list → protection → audit → proposal. Does not belong here: each of these steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from rod_pipeline.errors import BlockedError
from rod_pipeline.publishing.proposal import Proposal

if TYPE_CHECKING:
    from rod_pipeline.system import System


class NoDisclosureControl(BlockedError):
    """This installation has no disclosure control, so nothing can be published."""

    code = "ROD-PUBLISH-07"


def disclose(system: System, earlier: pl.DataFrame | None) -> Proposal:
    """Propose protected and audited tables from the restricted marts of all living deliveries.

    ``earlier``: all that was printed before (``register.SCHEMA``). The steps: the leaves of each measure from the
    marts; ``cell_list(leaves, tables)``; ``protect(cells, policy, earlier)``; ``printed(protected)``; ``audit`` of
    those very cells for every reader; ``table_of(printed, table)`` for each table. Raises ``NoDisclosureControl``.
    """
    raise NoDisclosureControl(
        "There is no disclosure control that could make tables safe, so nothing is published.",
        "Install a version of the pipeline that has it.",
    )
