"""Which marts there are, and which versions of the contracts each of them understands.

Belongs here: the list of marts, and the question whether one understands a contract. Does not belong here: formulas (a
module per mart), building (``build``).

A mart that reads a table of a version that nobody looked at may count wrongly without anybody noticing: a code that was
split, a flag that means something else. So each mart declares the versions that it was written for, and a table of any
other is refused before anything is built. Where a new version changes nothing for a mart, a person says so in the
contract itself (``marts``): data, as the contract is, so that no release is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rod_pipeline.contracts.book import ContractBook
from rod_pipeline.contracts.model import Contract, FileKind
from rod_pipeline.errors import BlockedError, PermanentError
from rod_pipeline.marts import studentaantallen


class NotUnderstood(BlockedError):
    """A mart was to be built from a table of a contract version that it does not understand."""

    code = "ROD-MART-05"


class WronglyNamed(PermanentError):
    """A contract names a mart that there isn't, or that can't be built from a table of that version."""

    code = "ROD-MART-07"


@dataclass(frozen=True)
class Mart:
    """A mart: the contract versions that its code was written for, and the columns that it uses, per kind of file."""

    name: str
    contracts: Mapping[FileKind, tuple[int, ...]]
    uses: Mapping[FileKind, frozenset[str]]

    def declares(self, contract: Contract) -> bool:
        """Whether the mart's code names this version, or a person named the mart in it."""
        return contract.version in self.contracts.get(contract.file, ()) or self.name in contract.marts

    def lacks(self, contract: Contract, book: ContractBook) -> tuple[str, ...]:
        """The columns that the mart uses and the contract lacks, or has in another type than the mart knows."""
        known = book.get(contract.file, max(self.contracts[contract.file]))
        there = {column.name: column.type for column in contract.columns}
        return tuple(
            column.name
            for column in known.columns
            if column.name in self.uses[contract.file] and there.get(column.name) is not column.type
        )


MARTS: tuple[Mart, ...] = (
    Mart(
        studentaantallen.NAME,
        studentaantallen.CONTRACTS,
        {
            studentaantallen.SOURCE_FILE: frozenset(
                source for column in studentaantallen.COLUMNS for source in column.sources
            )
        },
    ),
)


def marts_on(file: FileKind) -> tuple[Mart, ...]:
    """The marts that are built from this kind of file."""
    return tuple(mart for mart in MARTS if file in mart.contracts)


def understanding(contract: Contract, book: ContractBook) -> Mapping[str, str]:
    """For each mart that is built from such a file, why it doesn't understand this version; empty where it does."""
    found = {}
    for mart in marts_on(contract.file):
        lacking = mart.lacks(contract, book)
        found[mart.name] = (
            f"uses columns that version {contract.version} lacks or has in another type: {', '.join(lacking)}"
            if lacking
            else ""
            if mart.declares(contract)
            else f"is not known to understand version {contract.version}, and will not be built from it: adapt its "
            f'code, or name it in the contract (marts = ["{mart.name}"]) when it still counts what it should'
        )
    return found


def refuse_wrongly_named(contract: Contract, book: ContractBook) -> None:
    """Raise ``WronglyNamed`` when a contract names a mart that there isn't, or that can't be built from it."""
    known = {mart.name: mart for mart in marts_on(contract.file)}
    for name in contract.marts:
        if name not in known or known[name].lacks(contract, book):
            raise WronglyNamed(
                f"Contract {contract.file} version {contract.version} names the mart {name}, "
                + ("which there is not." if name not in known else "whose columns it lacks or has in another type."),
                f"Name marts that are built from {contract.file}: {', '.join(known) or 'there are none'}.",
            )


def refuse_not_understood(name: str, contracts: Mapping[FileKind, Contract], book: ContractBook) -> None:
    """Raise ``NotUnderstood`` unless the mart understands the contracts by which the tables that it reads were read."""
    (mart,) = (mart for mart in MARTS if mart.name == name)
    for file in mart.contracts:
        contract = contracts[file]
        if not mart.declares(contract):
            raise NotUnderstood(
                f"The mart {name} is not known to understand {file} version {contract.version}.",
                f"See what changed (`rod contract diff {file}`). If the mart still counts what it should, have that "
                f"reviewed and name it in that version of the contract: marts = [{name!r}]; else its code is adapted "
                "first. Then rerun.",
            )
        if lacking := mart.lacks(contract, book):
            raise NotUnderstood(
                f"The mart {name} uses columns that {file} version {contract.version} lacks or has in another type: "
                f"{', '.join(lacking)}.",
                "Give these columns their technical names and types in a next version of the contract, or adapt the "
                "mart's code first. Then rerun.",
            )
