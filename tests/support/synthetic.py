"""Synthetic deliveries for tests: as frames, as bytes, and judged without a store by what refuses them."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import polars as pl

from expectations.loader import suite_for
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS, Contract, Dialect, FileKind
from rod_pipeline.decree import load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import RodError
from rod_pipeline.intake.archive import members
from rod_pipeline.intake.matching import match_members
from rod_pipeline.intake.reader import read_table
from rod_pipeline.quality.delivery import validate_delivery
from rod_pipeline.quality.validate import validate_file
from rod_pipeline.synthetic.delivery import write_delivery
from rod_pipeline.synthetic.faults import FAULTS
from rod_pipeline.synthetic.population import Population, iter_file

PASSWORD = b"alleen-voor-tests"
SMALL = Population(seed=3, scale=0.001)


@lru_cache(maxsize=4)
def whole(key: str, scale: float = 0.004, seed: int = 3) -> Mapping[FileKind, pl.DataFrame]:
    """All files of a delivery as typed frames."""
    book, delivery = ContractBook.load(), DeliveryKey.parse(key)
    return {kind: pl.concat(iter_file(kind, delivery, Population(seed, scale), book)) for kind in FILE_KINDS}


@dataclass(frozen=True)
class At:
    """A clock that stands still."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


LATER = At(datetime(2029, 1, 1, tzinfo=UTC))


def zipped(key: str, population: Population, book: ContractBook, fault: str | None = None, **options: object) -> bytes:
    """A delivery as the bytes of one zip; encrypted where the fault asks for it."""
    sink = io.BytesIO()
    archive = "aes" if fault is not None and FAULTS[fault].needs_password else "zip"
    settings = {"archive": archive, "password": PASSWORD if archive == "aes" else None} | options
    write_delivery(sink, DeliveryKey.parse(key), population=population, book=book, fault=fault, **settings)
    return sink.getvalue()


def contracts_for(book: ContractBook, dialects: Mapping[FileKind, Dialect] | None = None) -> dict[FileKind, Contract]:
    found = {kind: book.get(kind) for kind in book.files()}
    for kind, dialect in (dialects or {}).items():
        found[kind] = found[kind].model_copy(update={"dialect": dialect})
    return found


def tables(
    data: bytes,
    book: ContractBook,
    dialects: Mapping[FileKind, Dialect] | None = None,
    password: bytes | None = PASSWORD,
) -> dict[FileKind, pl.DataFrame]:
    """Every file of the zip as the reader gives it: text, under technical names. Raises what the reader raises."""
    contracts = contracts_for(book, dialects)
    found = {member.name: member for member in members(io.BytesIO(data), password)}
    read: dict[FileKind, pl.DataFrame] = {}
    for kind, name in match_members(found, book).items():
        with found[name].open() as stream:
            table = read_table(stream, contracts[kind])
            read[kind] = table.frame.collect()
            table.finish()
    return read


def refused_by(
    data: bytes, key: str, book: ContractBook, *, severities: tuple[str, ...] = ("blocking",), only: str | None = None
) -> set[str]:
    """The code of the error that stops the delivery, or else the rules of those severities that it breaks.

    ``only``: look at the rules of this kind of file (or ``delivery``) alone.
    """
    try:
        read = tables(data, book)
    except RodError as error:
        return {error.code}
    contracts = contracts_for(book)
    frames = {kind: frame.lazy() for kind, frame in read.items()}
    reports = [
        validate_file(frames[kind], contracts[kind], suite_for(contracts[kind], book))
        for kind in frames
        if only in (None, kind)
    ]
    if only in (None, "delivery"):
        reports.append(validate_delivery(frames, contracts, DeliveryKey.parse(key), load_decree(), LATER))
    return {
        result.id
        for report in reports
        for result in report.results
        if not result.passed and result.severity in severities
    }
