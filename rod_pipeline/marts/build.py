"""Building the marts of one delivery.

Belongs here: taking a delivery's validated tables to its marts, sealed under the delivery's own key. Does not belong
here: formulas (a module per mart), the database over all deliveries (``database``).

The marts of a delivery are built in one go: each validated table comes out of the store once, and all marts take the
place of the earlier ones by one entry in the ledger, so that figures of one delivery are never from two builds.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import PermanentError
from rod_pipeline.intake.tidying import clear
from rod_pipeline.ledger.events import Amount, MartBuilt
from rod_pipeline.marts.declared import MARTS, refuse_not_understood
from rod_pipeline.marts.reconciliation import lost
from rod_pipeline.quality.waivers import excuses

if TYPE_CHECKING:
    from rod_pipeline.contracts.model import FileKind
    from rod_pipeline.ledger.findings import WaiverState
    from rod_pipeline.ledger.intakes import IntakeState
    from rod_pipeline.marts.definition import Frames, Mart
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
    """A mart's table of one delivery.

    ``contracts``: the versions by which the files that it reads were read; ``account``: what became of each row of the
    file that it counts; ``waivers``: by which the delivery was let through, and as long as they stand.
    """

    mart: Mart
    table: pl.DataFrame
    copy: Copy
    contracts: Mapping[FileKind, int]
    account: Account
    waivers: tuple[WaiverState, ...]


def build_marts(system: System, key: DeliveryKey) -> tuple[BuiltMart, ...]:
    """Build every mart of one delivery; earlier tables of them are replaced. Runs again without harm.

    Raises ``NotStoredYet``, ``NotUnderstood``, ``WaiverEnded``, and ``RowsLost`` unless each row that was stored is
    counted, or left out for a reason.
    """
    with system.hold(key) as intake:
        clear(system, intake.delivery_id)
        versions = _versions(intake)
        refuse_not_understood({file: system.book.get(file, version) for file, version in versions.items()}, system.book)
        waivers = excuses(system, intake)
        with ExitStack() as stack:
            frames = {file: stack.enter_context(system.vault.scan_table(intake.tables[file])) for file in versions}
            built = tuple(_built(system, intake, mart, frames, versions, waivers) for mart in MARTS)
        system.ledger.append(*(_event(intake.delivery_id, one) for one in built))
        before = [intake.marts[mart.name].copy_id for mart in MARTS if mart.name in intake.marts]
        system.vault.erase(before, "replaced")
    return built


def _versions(intake: IntakeState) -> Mapping[FileKind, int]:
    """The files that marts read, each with the version of the contract by which it was read."""
    files = dict.fromkeys(file for mart in MARTS for file in mart.contracts)
    for file in files:
        if file not in intake.tables:
            raise NotStoredYet(
                f"Delivery {intake.key} has no validated table of {file}.",
                "Rerun the delivery from the step that failed; its marts follow by themselves.",
            )
    return {file: intake.parsed[file].contract for file in files}


def _built(
    system: System,
    intake: IntakeState,
    mart: Mart,
    frames: Frames,
    versions: Mapping[FileKind, int],
    waivers: tuple[WaiverState, ...],
) -> BuiltMart:
    table, seen, totals = pl.collect_all([mart.table(frames), *mart.accounts(frames[mart.file])], engine="streaming")
    table = table.select(column.name for column in mart.columns)
    account = _account(mart, table, _row(seen), _row(totals), intake.rows[mart.file])
    copy = _written(system, intake.delivery_id, mart, table, account)
    return BuiltMart(mart, table, copy, {file: versions[file] for file in mart.contracts}, account, waivers)


def _account(
    mart: Mart, table: pl.DataFrame, seen: Mapping[str, int], expected: Mapping[str, int], stored: int
) -> Account:
    """The account of the rows that were read, once it agrees with what was stored and with what the mart adds up to."""
    account = Account(seen["read"], {name: seen[name] for name in mart.left_out}, _sums(mart, table))
    if account.read != stored:
        raise lost(f"{stored} rows of {mart.file} were stored but {mart.name} read {account.read}.")
    if (found := {name: account.totals[name] for name in expected}) != expected:
        raise lost(f"{mart.name} adds up to {_listed(found)} where the rows that count come to {_listed(expected)}.")
    return account


def _written(system: System, delivery_id: str, mart: Mart, table: pl.DataFrame, account: Account) -> Copy:
    """The mart's table as a copy, once what is read back has its rows and its totals."""
    copy = system.vault.write_table(delivery_id, "marts", mart.name, table.lazy())
    with system.vault.scan_table(copy.copy_id) as frame:
        found = _sums(mart, frame.select(mart.numbers).collect())
    if copy.rows != table.height or found != account.totals:
        system.vault.erase([copy.copy_id], "unfinished")
        raise lost(
            f"{table.height} rows of {mart.name} ({_listed(account.totals)}) were built but {copy.rows} "
            f"({_listed(found)}) were stored."
        )
    return copy


def _event(delivery_id: str, built: BuiltMart) -> MartBuilt:
    return MartBuilt(
        delivery_id=delivery_id,
        mart=built.mart.name,
        copy_id=built.copy.copy_id,
        rows=built.table.height,
        read=built.account.read,
        left_out=_amounts(built.account.left_out),
        totals=_amounts(built.account.totals),
        waivers=tuple(waiver.waived.waiver_id for waiver in built.waivers),
    )


def _row(frame: pl.DataFrame) -> Mapping[str, int]:
    return {name: int(amount or 0) for name, amount in frame.row(0, named=True).items()}


def _sums(mart: Mart, table: pl.DataFrame) -> Mapping[str, int]:
    return {name: int(table.get_column(name).sum()) for name in mart.numbers}


def _listed(totals: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {total}" for name, total in totals.items())


def _amounts(numbers: Mapping[str, int]) -> tuple[Amount, ...]:
    return tuple(Amount(what=name, amount=number) for name, number in numbers.items())
