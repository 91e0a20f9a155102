"""From a reviewed draft to a contract in force.

Belongs here: finding a draft, refusing what nobody reviewed, putting it in force. Does not belong here: proposing
(``draft``), saying what changed (``diff``), what the marts make of it (``marts.declared``).

The act of a person. Which version a table was read by stands in the ledger with that table; who accepted it and why
belongs to the version control under which the folder of contracts lies.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rod_pipeline.contracts.book import ContractBook, accepted_path, draft_of, list_draft_of
from rod_pipeline.contracts.errors import NoDraft, NotReviewed, UnreadableContract
from rod_pipeline.contracts.model import Contract, FileKind
from rod_pipeline.decree import Decree

_GROUNDS = ("rubriek", "letter", "technical")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A draft in which nothing is left open: its contract, the book as it would be with it, and the files to move."""

    contract: Contract
    book: ContractBook
    files: tuple[Path, ...]

    @classmethod
    def find(cls, folder: Path, file: FileKind, book: ContractBook, decree: Decree) -> Self:
        """The draft of the next version of ``file`` in ``folder``, with the drafts of the value lists that it names.

        ``book`` are the contracts in force. Raises ``NoDraft``, ``NotReviewed`` or another ``BadContract``.
        """
        version = book.get(file).version + 1
        path = draft_of(folder, file, version)
        if not path.is_file():
            raise NoDraft(
                f"There is no draft of {file} version {version}.",
                f"Make one (`rod contract draft DELIVERY`); it lies as {file}/{path.name} in the folder of contracts.",
            )
        _refuse_open(file, version, _columns(path))
        files = _with_lists(folder, path)
        newer = ContractBook.load(folder, decree, drafts=files)
        return cls(newer.get(file, version), newer, files)

    def put_in_force(self) -> tuple[Path, ...]:
        """Give the files the names under which they hold, the contract last; returns where they lie."""
        return tuple(path.replace(accepted_path(path)) for path in self.files)


def _with_lists(folder: Path, path: Path) -> tuple[Path, ...]:
    """The drafts of the value lists that a draft of a contract names, as far as there are, and that draft itself."""
    listed = {str(column["values"]) for column in _columns(path) if "values" in column}
    return (*(draft for name in sorted(listed) if (draft := list_draft_of(folder, name)).is_file()), path)


def _columns(path: Path) -> list[dict[str, Any]]:
    try:
        said = tomllib.loads(path.read_text("utf-8")).get("column", ())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnreadableContract(
            f"{path.parent.name}/{path.name} can't be read as TOML in UTF-8: {error}.", "Mend the file."
        ) from None
    return [column for column in said if isinstance(column, dict)] if isinstance(said, list) else []


def _refuse_open(file: FileKind, version: int, columns: list[dict[str, Any]]) -> None:
    no_name = sum(not column.get("name") or not column.get("header") for column in columns)
    no_ground = [
        repr(column.get("header") or column.get("name") or "?")
        for column in columns
        if not any(column.get(ground) for ground in _GROUNDS)
    ]
    open_ = [
        *([f"{no_name} columns have no name or no header"] if no_name else ()),
        *([f"no ground is given for {', '.join(no_ground)}"] if no_ground else ()),
    ]
    if open_:
        raise NotReviewed(
            f"The draft of {file} version {version} is not reviewed: {'; '.join(open_)}.",
            "Cite the rubriek of the annex or the minister's letter that allows each column (`rod decree rubrieken`). "
            "One that nothing allows may not be received: `rod refuse` erases the delivery, and DUO is told.",
        )
