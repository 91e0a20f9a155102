"""Which member of a delivery is which kind of file.

Belongs here: names held against the patterns of the contracts. Does not belong here: what stands in a file.
A name from outside is untrusted: it is shown escaped and shortened, and decides nothing but the kind.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FileKind
from rod_pipeline.intake.refusals import AmbiguousFile, DoubleFile, MissingFile, RenamedFile, UnknownFile, shown_name

_MEND = (
    "Ask DUO which files belong to the delivery; a new name of a file is a new version of its contract (`members`). "
    "What may not be kept is erased with `rod refuse`."
)


def kinds_of(name: str, book: ContractBook) -> tuple[FileKind, ...]:
    """The kinds whose contract knows this name; folders of the archive and upper or lower case don't count."""
    plain = name.rsplit("/", 1)[-1].casefold()
    return tuple(
        kind for kind in book.files() if any(fnmatchcase(plain, glob.casefold()) for glob in book.get(kind).members)
    )


def match_members(names: Iterable[str], book: ContractBook) -> Mapping[FileKind, str]:
    """The member of each kind of file; every kind is there once.

    Raises ``UnknownFile``, ``RenamedFile``, ``AmbiguousFile``, ``DoubleFile`` or ``MissingFile``, each naming all that
    it is about.
    """
    found: dict[FileKind, list[str]] = {kind: [] for kind in book.files()}
    unknown: list[str] = []
    ambiguous: list[str] = []
    for name in names:
        kinds = kinds_of(name, book)
        if len(kinds) == 1:
            found[kinds[0]].append(name)
        else:
            (ambiguous if kinds else unknown).append(shown_name(name))
    missing = [kind for kind, members in found.items() if not members]
    if 0 < len(unknown) <= len(missing):
        raise RenamedFile(
            f"No contract knows {_listed(unknown)}, and the delivery lacks {', '.join(missing)}: perhaps renamed.",
            _MEND,
        )
    if unknown:
        raise UnknownFile(f"No contract knows {_listed(unknown)}.", _MEND)
    if ambiguous:
        raise AmbiguousFile(f"The contracts of several kinds of file know {_listed(ambiguous)}.", _MEND)
    if double := [
        f"{kind}: {_listed(map(shown_name, members))}" for kind, members in found.items() if len(members) > 1
    ]:
        raise DoubleFile(f"More than one file of a kind came: {'; '.join(double)}.", _MEND)
    if missing:
        raise MissingFile(f"The delivery lacks: {', '.join(missing)}.", _MEND)
    return {kind: members[0] for kind, members in found.items()}


def _listed(names: Iterable[str], most: int = 10) -> str:
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
