"""Where the pages about a delivery lie, and writing those of one part of it.

Belongs here: the folder of an intake's pages, its reports and picture. Does not belong here: what stands on them
(``docs``, ``picture``), erasing them (``retention.places``).

The picture is drawn anew with every part that is judged, so that there is one of a delivery whose first file was
refused as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rod_pipeline.contracts.model import FILE_KINDS
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.quality.docs import render_docs
from rod_pipeline.quality.history import stored_before
from rod_pipeline.quality.picture import PAGE, TOGETHER, Seen, render_picture
from rod_pipeline.quality.profile import FileProfile, Part
from rod_pipeline.quality.report import CheckReport

__all__ = ["TOGETHER", "Pages", "write_pages"]

if TYPE_CHECKING:
    from rod_pipeline.system import System


@dataclass(frozen=True)
class Pages:
    """The pages that were written: of the part that was judged, and the picture of the delivery."""

    report: Path
    picture: Path


def write_pages(
    system: System, intake: IntakeState, name: str, report: CheckReport, profile: FileProfile | None = None
) -> Pages:
    """Write the page of one part (a kind of file, or ``delivery``) and draw the picture of the delivery anew."""
    folder = _folder(system, intake)
    folder.mkdir(parents=True, exist_ok=True)
    copies = [table.copy_id for file, table in intake.parsed.items() if name in (file, TOGETHER)]
    Part.of(name, copies, report, profile).write(folder)
    pages = Pages(folder / f"{name}.html", folder / f"{PAGE}.html")
    pages.report.write_bytes(render_docs(report, beside=FILE_KINDS if name == TOGETHER else (), picture=PAGE))
    earlier = stored_before(system.ledger.state(), DeliveryKey.parse(intake.key))
    pages.picture.write_bytes(render_picture(_seen(system, intake), [_seen(system, one) for one in earlier]))
    return pages


def _folder(system: System, intake: IntakeState) -> Path:
    return system.settings.home / "data_docs" / f"{intake.key}-{intake.delivery_id}"


def _seen(system: System, intake: IntakeState) -> Seen:
    """An intake with what is kept of its parts; what rests on a table that was read anew since is nothing."""
    folder, in_force = _folder(system, intake), {table.copy_id for table in intake.parsed.values()}
    kept = (Part.read(folder, name) for name in (*FILE_KINDS, TOGETHER))
    return Seen(
        intake.key,
        {file: table.rows for file, table in intake.parsed.items()},
        {part.name: part for part in kept if part is not None and in_force.issuperset(part.copies)},
    )
