"""The rows of a delivery, counted at each step from file to mart database.

Belongs here: the chain of counts as the ledger tells it, and where it breaks. Does not belong here: the counting, which
each step does for itself and refuses to go on when a row is lost (``parsing``, ``verdict``, ``storing``, ``build``,
``database``).

Every number is of a whole file of a whole delivery: no cell of a table, so none is protected.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.intakes import IntakeState
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.marts.declared import MARTS


class RowsLost(PermanentError):
    """A mart, or the mart database, accounts for more rows or fewer than it was given."""

    code = "ROD-MART-06"


def lost(happened: str) -> RowsLost:
    """The error that rows don't add up."""
    return RowsLost(
        happened, "Rerun; if it happens again, report it to the developers: a row may be refused, never lost."
    )


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the chain: ``rows`` of ``what`` (a kind of file, a mart), and whether the step before agrees.

    ``rows`` is None where the ledger has no number: the step isn't done, or was done before it was kept.
    """

    what: str
    step: str
    rows: int | None
    agrees: bool = True


def chain(state: LedgerState, intake: IntakeState) -> tuple[Step, ...]:
    """How many rows of each file came to each step, from the reader to the mart database in force."""
    return (*_files(intake), *_marts(state, intake))


def _files(intake: IntakeState) -> Iterator[Step]:
    for file, parsed in intake.parsed.items():
        yield Step(file, f"read from the file by contract version {parsed.contract}, written, read back", parsed.rows)
        check = intake.checks.get(file)
        judged = None if check is None else check.rows
        yield Step(file, "judged", judged, judged in (None, parsed.rows))
        stored = intake.rows.get(file)
        yield Step(file, "typed, stored, read back", stored, stored in (None, parsed.rows))


def _marts(state: LedgerState, intake: IntakeState) -> Iterator[Step]:
    for mart in MARTS:
        built = intake.marts.get(mart.name)
        if built is None:
            continue
        given = intake.rows[mart.file]
        yield Step(mart.name, f"rows of {mart.file} read", built.read, built.read in (None, given))
        for left in built.left_out:
            yield Step(mart.name, f"left out: {left.what.replace('_', ' ')}", left.amount)
        if built.read is not None:
            yield Step(mart.name, "counted", built.read - sum(left.amount for left in built.left_out))
        for total in built.totals:
            yield Step(mart.name, f"sum of {total.what}", total.amount)
        yield Step(mart.name, "rows of the mart, written, read back", built.rows)
    generation = state.generation
    if generation is not None and intake.delivery_id in generation.deliveries and generation.rows:
        rows = generation.rows[generation.deliveries.index(intake.delivery_id)]
        made = sum(built.rows for built in intake.marts.values())
        yield Step("mart database", "rows of the delivery in the generation in force", rows, rows == made)
