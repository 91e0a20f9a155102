"""A whole delivery: five files, as DUO would put them in PLEIO, whole or broken by name.

Belongs here: the names of the files, their order, and where a fault takes hold. Does not belong here: what a fault does
(``faults``), rows (``population``), bytes (``writing``, ``archives``).
"""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS, Dialect, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import PermanentError
from rod_pipeline.synthetic.archives import Archive, Part, pack
from rod_pipeline.synthetic.faults import FAULTS, Fault
from rod_pipeline.synthetic.moments import Moment, moment_of
from rod_pipeline.synthetic.population import Population, Totals, iter_file
from rod_pipeline.synthetic.writing import write


class UnknownFault(PermanentError):
    """No fault of this name."""

    code = "ROD-SYNTHETIC-04"


class NeedsArchive(PermanentError):
    """A stream takes one archive, and some faults exist in archives only."""

    code = "ROD-SYNTHETIC-05"


def file_name(kind: FileKind, moment: Moment) -> str:
    """The name of a file in a delivery: what it holds, prikdatum, status."""
    return f"ROD_BO_{kind}_{moment.prikdatum:%Y%m%d}_{moment.status}.csv"


def archive_name(key: DeliveryKey) -> str:
    """The name of the zip with a whole delivery."""
    moment = moment_of(key)
    return f"ROD_BO_{moment.prikdatum:%Y%m%d}_{moment.status}.zip"


def write_delivery(
    target: Path | BinaryIO,
    key: DeliveryKey,
    *,
    population: Population,
    book: ContractBook,
    dialects: Mapping[FileKind, Dialect] | None = None,
    archive: Archive | None = None,
    password: bytes | None = None,
    fault: str | None = None,
) -> list[Path]:
    """Write a delivery and return the files made (none for a stream).

    ``target`` is a folder, which gets five files or one zip, or a stream open for writing, which gets the zip.
    ``dialects`` replaces the dialects of the contracts. The same seed, scale and key give the same bytes (but for the
    salts of AES). Raises ``UnknownFault`` and ``NeedsArchive``.
    """
    broken = _fault(fault)
    moment = moment_of(key)
    if archive is None and (broken.needs_archive or not isinstance(target, Path)):
        raise NeedsArchive(
            "This can only be written as one archive.", "Choose an archive: zip, or aes where a password plays a part."
        )
    parts = delivery_parts(key, population=population, book=book, dialects=dialects, fault=fault)
    if archive is None:
        assert isinstance(target, Path)
        return [_write_file(target / part.name, part) for part in parts]
    if not isinstance(target, Path):
        _write_archive(target, parts, archive, password, moment, broken)
        return []
    target.mkdir(parents=True, exist_ok=True)
    path = target / archive_name(key)
    with path.open("wb") as sink:
        _write_archive(sink, parts, archive, password, moment, broken)
    return [path]


def delivery_parts(
    key: DeliveryKey,
    *,
    population: Population,
    book: ContractBook,
    dialects: Mapping[FileKind, Dialect] | None = None,
    fault: str | None = None,
) -> Iterator[Part]:
    """The files of a delivery one after the other; each is to be read to its end before the next is asked for."""
    broken = _fault(fault)
    parts = _parts(broken.key(key), population, book, dialects or {}, broken)
    return broken.files(parts) if broken.files is not None else parts


def _parts(
    key: DeliveryKey,
    population: Population,
    book: ContractBook,
    dialects: Mapping[FileKind, Dialect],
    fault: Fault,
) -> Iterator[Part]:
    totals, moment = Totals(), moment_of(key)
    for kind in FILE_KINDS:
        contract = book.get(kind)
        if kind in dialects:
            contract = contract.model_copy(update={"dialect": dialects[kind]})
        touched = fault.file == kind
        frames = iter_file(kind, key, population, book, totals if kind == "technisch" else None)
        if touched and fault.frames is not None:
            frames = fault.frames(frames, contract)
        if kind != "technisch":
            frames = totals.counting(frames, contract)
        if not touched:
            yield Part(file_name(kind, moment), write(frames, contract))
            continue
        written = fault.dialect(contract)
        chunks = write(frames, written, header=fault.header, text=fault.text, count=fault.count)
        yield Part(file_name(kind, moment), fault.data(chunks) if fault.data is not None else chunks)


def _fault(name: str | None) -> Fault:
    if name is None:
        return Fault("none", "nothing is wrong", "", ())
    if name not in FAULTS:
        raise UnknownFault(f"There is no fault {name[:40]!r}.", "See the table: rod synthetic faults.")
    return FAULTS[name]


def _write_file(path: Path, part: Part) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for chunk in part.chunks:
            file.write(chunk)
    return path


def _write_archive(
    sink: BinaryIO, parts: Iterator[Part], archive: Archive, password: bytes | None, moment: Moment, fault: Fault
) -> None:
    if fault.password is not None and password is not None:
        password = fault.password(password)
    if fault.sealed is None:
        pack(parts, sink, archive, password, moment.prikdatum)
        return
    memory = io.BytesIO()
    pack(parts, memory, archive, password, moment.prikdatum)
    sink.write(fault.sealed(memory.getvalue()))
