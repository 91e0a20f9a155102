"""The earlier deliveries that a delivery is held against.

Belongs here: which they are, and reading their tables while nobody else may take them away. Does not belong here: what
is compared (``deliveries``).

The tables of text are kept as long as the delivery (the zone ``parsed``), so an earlier delivery is read in the same
form as the one that is being judged. Each is opened when it is asked for, one at a time: a rule that needs row counts
and status alone reads the control totals, which are small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import polars as pl

from rod_pipeline.contracts.model import FILE_KINDS, Contract, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.quality.tables import Tables

if TYPE_CHECKING:
    from rod_pipeline.ledger.state import IntakeState, LedgerState
    from rod_pipeline.system import System


@dataclass(frozen=True)
class Earlier:
    """An earlier delivery: its key, the contracts by which its files were read, and its tables, one by one."""

    key: DeliveryKey
    contracts: Mapping[FileKind, Contract]
    scan: Callable[[FileKind], AbstractContextManager[pl.LazyFrame]]

    @classmethod
    def of(
        cls, key: DeliveryKey, frames: Mapping[FileKind, pl.LazyFrame], contracts: Mapping[FileKind, Contract]
    ) -> Self:
        """One whose tables are at hand."""
        return cls(key, contracts, lambda file: nullcontext(frames[file]))

    @contextmanager
    def table(self, file: FileKind) -> Iterator[Tables]:
        """One table of it, as a set of one, for the length of the block. Raises what ``Vault.scan_table`` raises."""
        with self.scan(file) as frame:
            yield Tables({file: frame}, {file: self.contracts[file]})


@contextmanager
def earlier(system: System, key: DeliveryKey) -> Iterator[Sequence[Earlier]]:
    """The stored deliveries before ``key``, newest first, held while the block lasts so that no purge takes them away.

    A tombstoned delivery is none, nor is one whose accepted correction is there itself. Order is that of the keys: a
    correction comes after what it corrects, so the delivery that it corrects is the one it is held against. Raises
    ``Busy`` when somebody works on one of them.
    """
    with ExitStack() as held:
        found = stored_before(system.ledger.state(), key)
        for intake in found:
            held.enter_context(system.ledger.shared(intake.delivery_id))
        # A purge that began before they were held has its tombstone by now.
        living = {intake.delivery_id for intake in stored_before(system.ledger.state(), key)}
        yield tuple(_opened(system, intake) for intake in found if intake.delivery_id in living)


def stored_before(state: LedgerState, key: DeliveryKey) -> Sequence[IntakeState]:
    """The intakes of the stored deliveries before ``key``, newest first, without what was corrected or erased."""
    stored = {DeliveryKey.parse(name): intake for name, intake in state.deliveries.items() if intake.stage == "stored"}
    before = {one: intake for one, intake in stored.items() if one < key}
    keys = {str(one) for one in before}
    return [before[one] for one in sorted(before, reverse=True) if before[one].corrected_by not in keys]


def _opened(system: System, intake: IntakeState) -> Earlier:
    contracts: Mapping[FileKind, Contract] = {
        file: system.book.get(file, intake.parsed[file].contract) for file in FILE_KINDS if file in intake.parsed
    }
    return Earlier(
        DeliveryKey.parse(intake.key), contracts, lambda file: system.vault.scan_table(intake.parsed[file].copy_id)
    )
