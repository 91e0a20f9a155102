"""Building the marts of one delivery.

Belongs here: taking a delivery's validated tables to its marts, sealed under the delivery's own key. Does not belong
here: formulas (a module per mart), the database over all deliveries (``database``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import PermanentError
from rod_pipeline.intake.tidying import clear
from rod_pipeline.ledger.events import MartBuilt
from rod_pipeline.marts import studentaantallen as counts

if TYPE_CHECKING:
    from rod_pipeline.store.vault import Copy
    from rod_pipeline.system import System


class NotStoredYet(PermanentError):
    """A mart was asked of a delivery whose validated tables aren't there."""

    code = "ROD-MART-04"


@dataclass(frozen=True)
class BuiltMart:
    """A mart's table of one delivery. ``totals``: school year, level, leerweg, students, over the whole country."""

    rows: int
    copy: Copy
    per_school_year: Mapping[str, int]
    totals: pl.DataFrame


def build_studentaantallen(system: System, key: DeliveryKey) -> BuiltMart:
    """Build ``studentaantallen`` of one delivery; an earlier table of it is replaced. Runs again without harm."""
    with system.hold(key) as intake:
        clear(system, intake.delivery_id)
        source = intake.tables.get(counts.SOURCE_FILE)
        if source is None:
            raise NotStoredYet(
                f"Delivery {key} has no validated table of {counts.SOURCE_FILE}.",
                "Rerun the delivery from the step that failed; its marts follow by themselves.",
            )
        with system.vault.scan_table(source) as enrolments:
            table = counts.studentaantallen(enrolments).collect(engine="streaming")
        copy = system.vault.write_table(intake.delivery_id, "marts", counts.NAME, table.lazy())
        system.ledger.append(
            MartBuilt(delivery_id=intake.delivery_id, mart=counts.NAME, copy_id=copy.copy_id, rows=table.height)
        )
        if before := intake.marts.get(counts.NAME):
            system.vault.erase([before.copy_id], "replaced")
    totals = table.group_by("schooljaar", "niveau", "leerweg").agg(pl.col("studenten").sum()).sort(pl.all())
    per_year = totals.group_by("schooljaar").agg(pl.col("studenten").sum()).sort("schooljaar")
    return BuiltMart(table.height, copy, dict(per_year.iter_rows()), totals)
