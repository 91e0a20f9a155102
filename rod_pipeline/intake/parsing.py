"""Parsing: from the raw files in ``landing`` to lossless tables of strings in ``parsed``.

Belongs here: finding each file of a delivery and turning it into a sealed table by its contract. Does not belong here:
how archives and dialects are read (``archive``, ``reader``), whether the values are any good (``quality``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from rod_pipeline.contracts.model import Contract, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import BlockedError, PermanentError, RefusedData, RodError
from rod_pipeline.intake.archive import Member, members
from rod_pipeline.intake.landing import raw_copies, raw_names
from rod_pipeline.intake.matching import kinds_of, match_members
from rod_pipeline.intake.reader import read_table
from rod_pipeline.intake.refusing import refuse_found
from rod_pipeline.intake.tidying import ARCHIVE_PASSWORD, clear
from rod_pipeline.ledger.events import Parsed
from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.quality.defects import WHOLE
from rod_pipeline.quality.notifying import tell_defect, tell_read

if TYPE_CHECKING:
    from rod_pipeline.store.vault import Copy
    from rod_pipeline.system import System


class NotReceivedYet(BlockedError):
    """A delivery was to be read that hasn't been received."""

    code = "ROD-PARSE-01"


class RowsLost(PermanentError):
    """More rows were read than were stored, or fewer."""

    code = "ROD-PARSE-02"


@dataclass(frozen=True)
class Stock:
    """Which file is which: members of the delivery by kind of file."""

    members: Mapping[FileKind, Member]


@dataclass(frozen=True)
class ParsedFile:
    """One file as a sealed table of strings."""

    rows: int
    bytes_read: int
    contract: Contract
    copy: Copy


def take_stock(system: System, key: DeliveryKey) -> Stock:
    """Find out which file of the delivery is which; refuses an unknown, missing or double one by name."""
    with _received(system, key) as intake:
        found = list(_members(system, intake))
        # All names, also one that two archives share: that is a double file.
        kinds = match_members([member.name for member in found], system.book)
        by_name = {member.name: member for member in found}
        return Stock({kind: by_name[name] for kind, name in kinds.items()})


def parse(system: System, key: DeliveryKey, file: FileKind) -> ParsedFile:
    """Read one file of the delivery into a sealed table of strings; finds what is there already.

    A table that was read by an older version of the contract is replaced.
    """
    contract = system.book.get(file)
    with _received(system, key, file) as intake:
        before = intake.parsed.get(file)
        if before is not None and (before.contract == contract.version or intake.stage == "stored"):
            copy = system.vault.copy(before.copy_id)
            return ParsedFile(before.rows, 0, system.book.get(file, before.contract), copy)
        clear(system, intake.delivery_id, file)
        with _naming(file), _member(system, intake, file) as stream:
            table = read_table(stream, contract, decree=system.decree)
            copy = system.vault.write_table(intake.delivery_id, "parsed", file, table.frame)
            report = table.finish()
        if copy.rows != report.rows:
            system.vault.erase([copy.copy_id], "unfinished")
            raise RowsLost(
                f"{report.rows} rows of {file} were read but {copy.rows} were stored.",
                "Rerun; if it happens again, report it to the developers: a row may be refused, never lost.",
            )
        system.ledger.append(
            Parsed(
                delivery_id=intake.delivery_id,
                file=file,
                contract=contract.version,
                rows=report.rows,
                copy_id=copy.copy_id,
            )
        )
        if before is not None:
            system.vault.erase([before.copy_id], "replaced")
        return ParsedFile(report.rows, report.size, contract, copy)


@contextmanager
def _received(system: System, key: DeliveryKey, file: FileKind | None = None) -> Iterator[IntakeState]:
    """The intake of a delivery, to be read in the block: ``file`` of it, beside who reads another; or the whole.

    DUO hears of it when it can't be read, and no longer when it can. Data that may not be kept are erased at once.
    """
    try:
        with system.hold(key, file) as intake:
            if not intake.raw:
                raise NotReceivedYet(
                    f"Nothing of delivery {key} has been received by its current intake.",
                    "Rerun the delivery from landing/raw_delivery (in the UI: Re-execute all).",
                )
            with _telling(system, intake, file or WHOLE):
                yield intake
    except RefusedData as error:
        refuse_found(system, intake, error)
        raise


def _members(system: System, intake: IntakeState) -> Iterator[Member]:
    """Every member of what came, one raw file after the other; a member can be opened until the next is asked for."""
    password = None
    if system.secrets.exists(intake.delivery_id, ARCHIVE_PASSWORD):
        password = system.secrets.get(intake.delivery_id, ARCHIVE_PASSWORD)
    names = raw_names(system, intake)
    for copy, name in zip(raw_copies(system, intake), names, strict=True):
        with system.vault.open_raw(copy.copy_id) as stream:
            yield from members(stream, password, name=name)


@contextmanager
def _member(system: System, intake: IntakeState, file: FileKind) -> Iterator[BinaryIO]:
    """The member that is ``file``, opened."""
    for member in _members(system, intake):
        if kinds_of(member.name, system.book) == (file,):
            with member.open() as stream:
                yield stream
            return
    raise NotReceivedYet(
        f"Delivery {intake.key} holds no file of {file}.",
        "Rerun the delivery from validation/manifest (in the UI: Re-execute all).",
    )


@contextmanager
def _naming(file: FileKind) -> Iterator[None]:
    """Say in which file it is, where the reader only knows at which record."""
    try:
        yield
    except RodError as error:
        if file not in error.happened:
            error.happened = f"File {file}: {error.happened}"
        raise


@contextmanager
def _telling(system: System, intake: IntakeState, subject: str) -> Iterator[None]:
    """See that DUO hears of it when the block can't read ``subject``, and no longer when it can."""
    try:
        yield
    except RefusedData:
        raise
    except RodError as error:
        with system.told(intake) as now:
            tell_defect(system, now, subject, error)
        raise
    with system.told(intake) as now:
        tell_read(system, now, subject)
