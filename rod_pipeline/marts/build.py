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
from rod_pipeline.ledger.events import Amount, MartBuilt
from rod_pipeline.marts import studentaantallen as counts
from rod_pipeline.marts.declared import refuse_not_understood
from rod_pipeline.marts.reconciliation import lost
from rod_pipeline.quality.waivers import excuses

if TYPE_CHECKING:
    from rod_pipeline.ledger.findings import WaiverState
    from rod_pipeline.store.vault import Copy
    from rod_pipeline.system import System


class NotStoredYet(PermanentError):
    """A mart was asked of a delivery whose validated tables aren't there."""

    code = "ROD-MART-04"


@dataclass(frozen=True)
class Account:
    """What became of the rows that a mart read: left out, each for one reason, or counted; and the mart's totals."""

    read: int
    left_out: Mapping[str, int]
    totals: Mapping[str, int]

    @property
    def counted(self) -> int:
        """How many rows count."""
        return self.read - sum(self.left_out.values())


@dataclass(frozen=True)
class BuiltMart:
    """A mart's table of one delivery. ``totals``: school year, level, leerweg, students, over the whole country.

    ``contract``: the version by which the rows that it counts were read; ``account``: what became of each of those;
    ``waivers``: by which the delivery was let through, and as long as they stand.
    """

    rows: int
    copy: Copy
    contract: int
    account: Account
    per_school_year: Mapping[str, int]
    totals: pl.DataFrame
    waivers: tuple[WaiverState, ...]


def build_studentaantallen(system: System, key: DeliveryKey) -> BuiltMart:
    """Build ``studentaantallen`` of one delivery; an earlier table of it is replaced. Runs again without harm.

    Raises ``NotStoredYet``, ``NotUnderstood``, ``WaiverEnded``, and ``RowsLost`` unless each row that was stored is
    counted, or left out for a reason.
    """
    with system.hold(key) as intake:
        clear(system, intake.delivery_id)
        source = intake.tables.get(counts.SOURCE_FILE)
        if source is None:
            raise NotStoredYet(
                f"Delivery {key} has no validated table of {counts.SOURCE_FILE}.",
                "Rerun the delivery from the step that failed; its marts follow by themselves.",
            )
        contract = system.book.get(counts.SOURCE_FILE, intake.parsed[counts.SOURCE_FILE].contract)
        refuse_not_understood(counts.NAME, {counts.SOURCE_FILE: contract}, system.book)
        waivers = excuses(system, intake)
        with system.vault.scan_table(source) as enrolments:
            table, seen = pl.collect_all(
                [counts.studentaantallen(enrolments), counts.accounts(enrolments)], engine="streaming"
            )
        account = _account(seen, table, intake.rows[counts.SOURCE_FILE])
        copy = _written(system, intake.delivery_id, table, account)
        system.ledger.append(
            MartBuilt(
                delivery_id=intake.delivery_id,
                mart=counts.NAME,
                copy_id=copy.copy_id,
                rows=table.height,
                read=account.read,
                left_out=_amounts(account.left_out),
                totals=_amounts(account.totals),
                waivers=tuple(waiver.waived.waiver_id for waiver in waivers),
            )
        )
        if before := intake.marts.get(counts.NAME):
            system.vault.erase([before.copy_id], "replaced")
    totals = table.group_by("schooljaar", "niveau", "leerweg").agg(pl.col("studenten").sum()).sort(pl.all())
    per_year = totals.group_by("schooljaar").agg(pl.col("studenten").sum()).sort("schooljaar")
    return BuiltMart(table.height, copy, contract.version, account, dict(per_year.iter_rows()), totals, waivers)


def _account(seen: pl.DataFrame, table: pl.DataFrame, stored: int) -> Account:
    """The account of the rows that were read, once it agrees with what was stored and with what the mart adds up to."""
    numbers = {name: int(amount or 0) for name, amount in seen.row(0, named=True).items()}
    account = Account(
        numbers["read"],
        {name: numbers[name] for name in counts.LEFT_OUT},
        {name: numbers[name] for name in counts.TOTALS},
    )
    if account.read != stored:
        raise lost(f"{stored} rows of {counts.SOURCE_FILE} were stored but {counts.NAME} read {account.read}.")
    if (found := _totals(table)) != account.totals:
        raise lost(
            f"{counts.NAME} adds up to {_listed(found)} where the rows that count come to {_listed(account.totals)}."
        )
    return account


def _written(system: System, delivery_id: str, table: pl.DataFrame, account: Account) -> Copy:
    """The mart's table as a copy, once what is read back has its rows and its totals."""
    copy = system.vault.write_table(delivery_id, "marts", counts.NAME, table.lazy())
    with system.vault.scan_table(copy.copy_id) as frame:
        found = _totals(frame.select(counts.TOTALS.keys()).collect())
    if copy.rows != table.height or found != account.totals:
        system.vault.erase([copy.copy_id], "unfinished")
        raise lost(
            f"{table.height} rows of {counts.NAME} ({_listed(account.totals)}) were built but {copy.rows} "
            f"({_listed(found)}) were stored."
        )
    return copy


def _totals(table: pl.DataFrame) -> Mapping[str, int]:
    return {name: int(table.get_column(name).sum()) for name in counts.TOTALS}


def _listed(totals: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {total}" for name, total in totals.items())


def _amounts(numbers: Mapping[str, int]) -> tuple[Amount, ...]:
    return tuple(Amount(what=name, amount=number) for name, number in numbers.items())
