"""Storing: from tables of strings that passed to typed tables in ``validated``.

Belongs here: the last step of an intake, and the proof that no row was lost on the way. Does not belong here:
conversion (``typed``), judging (``quality``), sealing (``store``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rod_pipeline.contracts.model import FILE_KINDS, Contract, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import BlockedError, PermanentError
from rod_pipeline.intake.tidying import clear, tidy
from rod_pipeline.intake.typed import typed, unknown_dates
from rod_pipeline.ledger.events import Stored
from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.quality.waivers import excuses

if TYPE_CHECKING:
    from rod_pipeline.store.vault import Copy
    from rod_pipeline.system import System


class NotValidated(BlockedError):
    """A delivery was to be stored whose verdict isn't good."""

    code = "ROD-STORING-01"


class RowsLost(PermanentError):
    """More rows were stored than were read, or fewer."""

    code = "ROD-STORING-02"


@dataclass(frozen=True)
class StoredTable:
    """One typed table in ``validated``. ``incomplete_dates``: dates without day or month; None when not counted."""

    rows: int
    contract: Contract
    copy: Copy
    incomplete_dates: int | None


def store(system: System, key: DeliveryKey) -> Mapping[FileKind, StoredTable]:
    """Write the typed tables of a validated delivery; finds them when they are there.

    All tables become part of the delivery by one event, after each was read back. Raises ``NotValidated``,
    ``WaiverEnded``, ``RowsLost``.
    """
    with system.hold(key) as intake:
        tables = _found(system, intake) if intake.stage == "stored" else _stored(system, intake)
    # What only served to get here (the archive's password) is done with; so is an intake that this one replaced.
    tidy(system)
    return tables


def _stored(system: System, intake: IntakeState) -> Mapping[FileKind, StoredTable]:
    if intake.verdict is None or intake.verdict.outcome != "passed":
        raise NotValidated(
            f"Delivery {intake.key} has no verdict that lets it through.",
            "Rerun the delivery from validation/delivery, and mend what its checks say.",
        )
    excuses(system, intake)
    clear(system, intake.delivery_id)
    tables = {file: _write(system, intake, file) for file in FILE_KINDS}
    system.ledger.append(
        Stored(
            delivery_id=intake.delivery_id,
            copies=tuple(table.copy.copy_id for table in tables.values()),
            rows=tuple(table.rows for table in tables.values()),
        )
    )
    return tables


def _write(system: System, intake: IntakeState, file: FileKind) -> StoredTable:
    parsed = intake.parsed[file]
    contract = system.book.get(file, parsed.contract)
    with system.vault.scan_table(parsed.copy_id) as frame:
        incomplete = sum(unknown_dates(frame, contract).values())
        copy = system.vault.write_table(intake.delivery_id, "validated", file, typed(frame, contract))
    if copy.rows != parsed.rows:
        system.vault.erase([copy.copy_id], "unfinished")
        raise RowsLost(
            f"{parsed.rows} rows of {file} were read but {copy.rows} were stored.",
            "Rerun; if it happens again, report it to the developers: a row may be refused, never lost.",
        )
    return StoredTable(parsed.rows, contract, copy, incomplete)


def _found(system: System, intake: IntakeState) -> Mapping[FileKind, StoredTable]:
    return {
        file: StoredTable(
            intake.rows[file],
            system.book.get(file, intake.parsed[file].contract),
            system.vault.copy(intake.tables[file]),
            None,
        )
        for file in FILE_KINDS
    }
