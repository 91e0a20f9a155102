"""All contracts and value lists that hold, read once and checked against the decree.

Belongs here: finding, reading and checking contract files. Does not belong here: what a contract can say (``model``),
what may never be a column (``identifiers``).

Layout of a folder of contracts, of the package and of the folder that the settings name alike:
``<file kind>/<version>.toml`` and ``value_lists/<name>.toml``. A draft, which nobody has accepted yet, is called
``<version>.draft.toml`` or ``<name>.draft.toml``; it is not in force, and read on request alone.
"""

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import rfc8785
from pydantic import BaseModel, ValidationError

from rod_pipeline.contracts.errors import (
    ContractOutOfPlace,
    ForbiddenColumn,
    MalformedContract,
    NoSuchContract,
    UnknownRubriek,
    UnknownValueList,
    UnreadableContract,
)
from rod_pipeline.contracts.identifiers import names_identifier
from rod_pipeline.contracts.model import FILE_KINDS, Column, Contract, FileKind, ValueList
from rod_pipeline.decree import Decree, load_decree

_PACKAGED = Path(__file__).parent
_LISTS = "value_lists"
_DRAFT = ".draft.toml"
_JUDGING = {"open", "values", "valid"}
_M = TypeVar("_M", bound=BaseModel)


class ContractBook:
    """The contracts in force. A new version is a new file; the highest version of a file kind is the one in use."""

    def __init__(self, contracts: Mapping[FileKind, Mapping[int, Contract]], lists: Mapping[str, ValueList]) -> None:
        self._contracts = contracts
        self._lists = lists

    @classmethod
    def load(cls, folder: Path | None = None, decree: Decree | None = None, *, drafts: Collection[Path] = ()) -> Self:
        """Read the packaged contracts and those in ``folder``, and check each column against ``decree``.

        A value list in ``folder`` takes the place of the packaged list of that name; a contract gets a new version.
        ``drafts`` are read as if they were in force. Raises a ``BadContract`` that names the file and the column.
        """
        decree = decree or load_decree()
        folders = [_PACKAGED] if folder is None else [_PACKAGED, _existing(folder)]
        lists = {name: value for place in folders for name, value in _read_lists(_lists_in(place))}
        lists |= dict(_read_lists(path for path in drafts if path.parent.name == _LISTS))
        drafted = [path for path in drafts if path.parent.name != _LISTS]
        contracts: dict[FileKind, dict[int, Contract]] = {}
        for paths in (*map(_contracts_in, folders), drafted):
            for contract in _read_contracts(paths):
                versions = contracts.setdefault(contract.file, {})
                if contract.version in versions:
                    raise ContractOutOfPlace(
                        f"Contract {contract.file} version {contract.version} is already there.",
                        "Give the changed contract the next version number; a version that was in use never changes.",
                    )
                for column in contract.columns:
                    _check_column(contract, column, decree, lists)
                versions[contract.version] = contract
        return cls(contracts, lists)

    def files(self) -> tuple[FileKind, ...]:
        """The kinds of file that have a contract, in the order of the deliveries' description."""
        return tuple(kind for kind in FILE_KINDS if kind in self._contracts)

    def versions(self, file: FileKind) -> tuple[int, ...]:
        """The versions of a contract, oldest first; raises ``NoSuchContract``."""
        if file not in self._contracts:
            raise NoSuchContract(f"There is no contract for {file!r}.", f"Use one of: {', '.join(self.files())}.")
        return tuple(sorted(self._contracts[file]))

    def get(self, file: FileKind, version: int | None = None) -> Contract:
        """One version of a contract, the newest by default; raises ``NoSuchContract``."""
        versions = self.versions(file)
        if version is not None and version not in versions:
            raise NoSuchContract(
                f"The contract for {file} has no version {version}.",
                f"Use one of: {', '.join(str(known) for known in versions)}.",
            )
        return self._contracts[file][versions[-1] if version is None else version]

    def value_list(self, name: str) -> ValueList:
        """The value list of this name; raises ``UnknownValueList``."""
        if name not in self._lists:
            raise UnknownValueList(
                f"There is no value list {name!r}.", f"Use one of: {', '.join(sorted(self._lists))}."
            )
        return self._lists[name]

    def value_lists(self) -> tuple[ValueList, ...]:
        """All value lists, by name."""
        return tuple(self._lists[name] for name in sorted(self._lists))

    def lists_digest(self, contract: Contract) -> str:
        """The digest of what the value lists of a contract say: SHA-256 of their canonical JSON (RFC 8785), by name.

        A list has no version and changes in place; this shows by which ones a file was judged. Source and labels
        judge nothing, so they don't count.
        """
        names = sorted({column.values for column in contract.columns if column.values is not None})
        said = {name: self._lists[name].model_dump(mode="json", include=_JUDGING) for name in names}
        return sha256(rfc8785.dumps(said)).hexdigest()


def _check_column(contract: Contract, column: Column, decree: Decree, lists: Mapping[str, ValueList]) -> None:
    where = f"Contract {contract.file} version {contract.version}, column {column.name}"
    if any(names_identifier(name) for name in (column.name, column.header, column.duo_field)):
        raise ForbiddenColumn(
            f"{where}: its name is that of a direct identifier, which is never delivered (WRO 23, fourth paragraph).",
            "Remove the column. If DUO delivered it, refuse the file and tell DUO at once.",
        )
    if column.values is not None and column.values not in lists:
        raise UnknownValueList(
            f"{where}: there is no value list {column.values!r}.",
            f"Add {_LISTS}/{column.values}.toml, or use one of: {', '.join(sorted(lists))}.",
        )
    if column.rubriek is None:
        return
    try:
        rubriek = decree.rubriek(column.rubriek)
    except KeyError:
        raise UnknownRubriek(
            f"{where}: the decree {decree.reference} has no rubriek {column.rubriek}.",
            "Cite the rubriek of the annex that allows the column; without one the column may not be received.",
        ) from None
    if column.duo_field not in rubriek.duo_fields:
        raise UnknownRubriek(
            f"{where}: rubriek {rubriek.code} has no field {column.duo_field!r}.",
            f"Set `field` to one of: {' | '.join(rubriek.duo_fields)}.",
        )


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise UnreadableContract(f"The folder of contracts {folder} is not there.", "Make it, or mend the setting.")
    return folder


def draft_of(folder: Path, file: FileKind, version: int) -> Path:
    """Where the draft of a contract lies, or would lie."""
    return folder / file / f"{version}{_DRAFT}"


def list_draft_of(folder: Path, name: str) -> Path:
    """Where the draft of a value list lies, or would lie."""
    return folder / _LISTS / f"{name}{_DRAFT}"


def accepted_path(draft: Path) -> Path:
    """Where a draft lies once it is in force."""
    return draft.with_name(f"{_stem(draft)}.toml")


def _stem(path: Path) -> str:
    return path.name.removesuffix(_DRAFT).removesuffix(".toml")


def _lists_in(folder: Path) -> list[Path]:
    return _in_force((folder / _LISTS).glob("*.toml"))


def _contracts_in(folder: Path) -> list[Path]:
    return _in_force(path for path in folder.glob("*/*.toml") if path.parent.name != _LISTS)


def _in_force(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if not path.name.endswith(_DRAFT))


def _read_lists(paths: Iterable[Path]) -> Iterator[tuple[str, ValueList]]:
    for path in paths:
        value_list = _read(path, ValueList)
        if value_list.name != _stem(path):
            raise ContractOutOfPlace(
                f"{_where(path)} says that it is the value list {value_list.name!r}.", "Name the file after the list."
            )
        yield value_list.name, value_list


def _read_contracts(paths: Iterable[Path]) -> Iterator[Contract]:
    for path in paths:
        contract = _read(path, Contract)
        if (contract.file, str(contract.version)) != (path.parent.name, _stem(path)):
            raise ContractOutOfPlace(
                f"{_where(path)} says that it is {contract.file} version {contract.version}.",
                f"Move it to {contract.file}/{contract.version}.toml, or mend `file` and `version` in it.",
            )
        yield contract


def _read(path: Path, model: type[_M]) -> _M:
    # What came with the package doesn't change while a process lives; what is in an installation's folder does.
    return cast(_M, _packaged(path, model)) if path.is_relative_to(_PACKAGED) else _read_anew(path, model)


@cache
def _packaged(path: Path, model: type[BaseModel]) -> BaseModel:
    return _read_anew(path, model)


def _read_anew(path: Path, model: type[_M]) -> _M:
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UnreadableContract(f"{_where(path)} can't be read.", "Mend the file's permissions.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnreadableContract(f"{_where(path)} is no TOML in UTF-8: {error}.", "Mend the file.") from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file as a whole"
        raise MalformedContract(
            f"{_where(path)} has {error.error_count()} fault(s), the first in {where}: {first['msg']}.",
            "Compare it with a packaged contract and mend it.",
        ) from None


def _where(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
