"""The verdict on a delivery: checking its files, judging the whole, and what follows from it.

Belongs here: reading the sealed tables, running the rules, recording the outcome, writing report and notice. Does not
belong here: the rules (``expectations``, ``delivery_rules``) and how they are counted (``validate``, ``delivery``).

Only counts leave: the reports hold rule names, sentences that we wrote and numbers of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS, Contract, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import BlockedError, PermanentError, RefusedData
from rod_pipeline.ledger.events import Checked, Parsed, Validated
from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.quality.delivery import rows_outside, validate_delivery
from rod_pipeline.quality.history import earlier
from rod_pipeline.quality.notifying import clock, files_of, tell
from rod_pipeline.quality.pages import TOGETHER, Pages, write_pages
from rod_pipeline.quality.profile import FileProfile, profiled
from rod_pipeline.quality.report import CheckReport
from rod_pipeline.quality.series import with_since
from rod_pipeline.quality.suite import Suite
from rod_pipeline.quality.validate import validate_file
from rod_pipeline.quality.waivers import lapsed, named, with_waivers

if TYPE_CHECKING:
    from rod_pipeline.system import System


class NotParsedYet(BlockedError):
    """A table was to be judged that hasn't been read."""

    code = "ROD-QUALITY-10"


class NotChecked(BlockedError):
    """The whole was to be judged before each file passed."""

    code = "ROD-QUALITY-11"


class OutsideTheDecree(RefusedData):
    """The delivery holds rows that the decree doesn't allow us to have."""

    code = "ROD-QUALITY-12"


class RowsNotJudged(PermanentError):
    """Fewer rows were held against the rules than were read, or more."""

    code = "ROD-QUALITY-13"


@dataclass(frozen=True)
class Outcome:
    """A report, the pages that show it, and the notice that waits to be sent when something did not hold.

    ``notice``: its text; ``waits``: which draft it is, and for how long it has waited.
    """

    report: CheckReport
    pages: Pages
    notice: Path | None
    waits: str = ""


def check_file(
    system: System, key: DeliveryKey, file: FileKind, suite_for: Callable[[Contract, ContractBook], Suite]
) -> Outcome:
    """Hold one file of the delivery against its suite and record how it came out.

    A delivery with rows that the decree doesn't allow is erased, whatever else is wrong with it; ``OutsideTheDecree``.
    """
    from rod_pipeline.intake.refusing import refuse_found

    try:
        with system.hold(key, file) as intake:
            return _checked(system, intake, file, suite_for)
    except OutsideTheDecree as error:
        refuse_found(system, intake, error)
        raise


def _checked(
    system: System, intake: IntakeState, file: FileKind, suite_for: Callable[[Contract, ContractBook], Suite]
) -> Outcome:
    key = DeliveryKey.parse(intake.key)
    parsed = _parsed(intake, file)
    contract = system.book.get(file, parsed.contract)
    with system.vault.scan_table(parsed.copy_id) as frame:
        outside = rows_outside(frame, contract, key, system.decree)
        if outside and intake.stage != "stored":
            raise OutsideTheDecree(
                f"{outside} of {parsed.rows} rows of {file} of delivery {key} are about school years that the decree "
                "doesn't allow; the delivery was erased.",
                "Send the drafted notice, and ask DUO for a delivery within the decree.",
            )
        report = validate_file(frame, contract, suite_for(contract, system.book))
        profile = profiled(frame, contract)
    _refuse_unjudged(report, file, parsed.rows)
    report = with_since(report, file, key, system.ledger.state())
    report = replace(report, subject=f"{file} of delivery {key}")
    report = with_waivers(system, intake, report)
    with system.told(intake) as now:
        outcome = _written(system, now, file, report, profile)
    if intake.stage != "stored":
        system.ledger.append(
            Checked(
                delivery_id=intake.delivery_id,
                file=file,
                copy_id=parsed.copy_id,
                outcome="passed" if report.passed else "failed",
                rules=len(report.results),
                findings=report.findings(),
                rows=parsed.rows,
                lists=system.book.lists_digest(contract),
            )
        )
    return outcome


def judge(system: System, key: DeliveryKey) -> Outcome:
    """Judge the delivery as a whole, after each file passed, and record the verdict. Raises ``NotChecked``."""
    with system.hold(key) as intake:
        parsed = {file: _parsed(intake, file) for file in FILE_KINDS}
        unchecked = [file for file in FILE_KINDS if not intake.has_passed(file)]
        if unchecked:
            raise NotChecked(
                f"These files of {key} have not passed their own checks: {', '.join(unchecked)}.",
                "Mend what those checks say; then rerun the delivery (in the UI: Re-execute all).",
            )
        if intake.stage != "stored" and (ended := lapsed(system, replace(intake, verdict=None))):
            raise NotChecked(
                f"Files of {key} were let through by a waiver that has ended: {named(ended)}.",
                "Waive it anew (`rod waive`) or have DUO mend it; then rerun the delivery (in the UI: Re-execute all).",
            )
        contracts: Mapping[FileKind, Contract] = {
            file: system.book.get(file, table.contract) for file, table in parsed.items()
        }
        with ExitStack() as open_tables:
            frames: dict[FileKind, pl.LazyFrame] = {
                file: open_tables.enter_context(system.vault.scan_table(table.copy_id))
                for file, table in parsed.items()
            }
            before = open_tables.enter_context(earlier(system, key))
            report = validate_delivery(frames, contracts, key, system.decree, system.clock, before, system.book)
        report = with_since(report, TOGETHER, key, system.ledger.state())
        report = with_waivers(system, intake, report)
        outcome = _written(system, intake, TOGETHER, report)
        if intake.stage == "stored":
            return outcome
        system.ledger.append(
            Validated(
                delivery_id=intake.delivery_id,
                outcome="passed" if report.passed else "failed",
                copies=tuple(table.copy_id for table in parsed.values()),
                findings=report.findings(),
            )
        )
    return outcome


def _refuse_unjudged(report: CheckReport, file: FileKind, rows: int) -> None:
    """Raise ``RowsNotJudged`` unless the table, and the rules about rows, had all rows that were read."""
    judged = max((result.rows for result in report.results if result.unit == "rows"), default=rows)
    if {judged, report.rows[file]} != {rows}:
        raise RowsNotJudged(
            f"{rows} rows of {file} were read but {min(judged, report.rows[file])} were judged.",
            "Rerun; if it happens again, report it to the developers: a row may be refused, never lost.",
        )


def _parsed(intake: IntakeState, file: FileKind) -> Parsed:
    table = intake.parsed.get(file)
    if table is None:
        raise NotParsedYet(
            f"The current intake of {intake.key} has no table of {file}.",
            "Rerun the delivery from the start (in the UI: Re-execute all): what was done is found done.",
        )
    return table


def _written(
    system: System, intake: IntakeState, name: str, report: CheckReport, profile: FileProfile | None = None
) -> Outcome:
    pages = write_pages(system, intake, name, report, profile)
    notice = tell(system, intake, name, report)
    if notice is None:
        return Outcome(report, pages, None)
    text = files_of(system.settings.home, notice.notice).text
    return Outcome(report, pages, text, clock(notice, system.clock.now()))
