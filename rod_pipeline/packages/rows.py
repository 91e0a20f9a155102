"""The rows of an institution's own students, and the counts of a sector chamber's.

Belongs here: reading the validated tables of living deliveries for one recipient. Does not belong here: which columns
may leave (``allowed``), which delivery speaks for which year in what is published.

Every row says which delivery it is from. A delivery is held, shared, while a package is made of it: a purge waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

import polars as pl

from rod_pipeline.contracts.model import Contract, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.events import Accessed
from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.packages.allowed import allowed
from rod_pipeline.packages.pseudonyms import PSEUDONYM, replaced

if TYPE_CHECKING:
    from rod_pipeline.system import System

DELIVERY = "levering"


class NothingLiving(PermanentError):
    """Rows were asked for of a delivery that isn't stored, or was corrected."""

    code = "ROD-PACKAGE-04"


@contextmanager
def living(system: System, keys: Sequence[DeliveryKey]) -> Iterator[tuple[IntakeState, ...]]:
    """These deliveries, by default the newest that lives, held beside other readers for as long as the block lasts.

    Raises ``NothingLiving``, and ``Busy`` when one is being worked on.
    """
    with ExitStack() as stack:
        for delivery_id in [found.delivery_id for found in _found(system, keys)]:
            stack.enter_context(system.ledger.shared(delivery_id))
        # What is decided, is decided on the state while they are held.
        yield _found(system, keys)


def _found(system: System, keys: Sequence[DeliveryKey]) -> tuple[IntakeState, ...]:
    deliveries = system.ledger.state().deliveries.values()
    alive = {d.key: d for d in deliveries if d.stage == "stored" and d.corrected_by is None}
    wanted = sorted({str(key) for key in keys}) or sorted(alive)[-1:]
    if not wanted or not set(wanted) <= set(alive):
        missing = ", ".join(sorted(set(wanted) - set(alive))) or "not one"
        raise NothingLiving(
            f"There is no stored and living delivery to read: {missing}.",
            "Name one that `rod status` shows as stored. One that was corrected or erased is opened for nobody.",
        )
    return tuple(alive[key] for key in wanted)


def own_rows(
    system: System,
    intakes: Sequence[IntakeState],
    institution: str,
    key: bytes,
    purpose: Literal["onderzoek", "verantwoording"],
) -> Mapping[FileKind, pl.DataFrame]:
    """The rows of one institution's students by kind of file: its columns alone, its pseudonyms, sorted.

    Each table that is opened for it is an event in the ledger.
    """
    found = {}
    for file, own in allowed().own_rows.items():
        parts = []
        for intake in intakes:
            system.ledger.append(Accessed(actor=system.actor(), purpose=purpose, copy_id=intake.tables[file]))
            pseudonym = _pseudonym(system.book.get(file, intake.parsed[file].contract))
            with system.vault.scan_table(intake.tables[file]) as frame:
                there = set(frame.collect_schema().names())
                columns = [name for name in own.columns if name in there]
                rows = frame.filter(pl.col(own.institution).cast(pl.String) == institution).select(pseudonym, *columns)
                parts.append(rows.collect().select(pl.lit(intake.key).alias(DELIVERY), pl.all()))
        every = replaced(pl.concat(parts, how="diagonal_relaxed"), pseudonym, key)
        # In the order of the pseudonyms: the order of the file would be the same for every school.
        found[file] = every.select(DELIVERY, PSEUDONYM, pl.exclude(DELIVERY, PSEUDONYM)).sort(pl.all())
    return found


def small_counts(
    system: System, intakes: Sequence[IntakeState], chamber: str, purpose: Literal["onderzoek", "verantwoording"]
) -> pl.DataFrame:
    """The students of one sector chamber per programme and institution, counts under five among them: personal data."""
    what = allowed().small_counts
    parts = []
    for intake in intakes:
        copy_id = intake.marts[what.mart].copy_id
        system.ledger.append(Accessed(actor=system.actor(), purpose=purpose, copy_id=copy_id))
        with system.vault.scan_table(copy_id) as frame:
            counted = frame.filter(pl.col(what.chamber) == chamber).group_by(what.columns).agg(pl.col(what.count).sum())
            parts.append(
                counted.filter(pl.col(what.count) > 0).collect().select(pl.lit(intake.key).alias(DELIVERY), pl.all())
            )
    return pl.concat(parts).rename({what.count: "aantal"}).sort(pl.all())


def _pseudonym(contract: Contract) -> str:
    (column,) = (column.name for column in contract.columns if column.type == "pseudonym")
    return column
