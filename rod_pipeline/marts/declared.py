"""Which marts there are, and which versions of the contracts each of them understands.

Belongs here: the list of marts, and the question whether one understands a contract. Does not belong here: formulas (a
module per mart), building (``build``).

A mart that reads a table of a version that nobody looked at may count wrongly without anybody noticing: a code that was
split, a flag that means something else. So each mart declares the versions that it was written for, and a table of any
other is refused before anything is built. Where a new version changes nothing for a mart, a person says so in the
contract itself (``marts``): data, as the contract is, so that no release is needed.
"""

from collections.abc import Mapping

from rod_pipeline.contracts.book import ContractBook
from rod_pipeline.contracts.model import Contract, FileKind
from rod_pipeline.errors import BlockedError, PermanentError
from rod_pipeline.marts import (
    behaalde_diplomas,
    doorstroom_hbo,
    instroom,
    loopbanen,
    studentaantallen,
    studiesucces,
    uitkomsten,
    uitstroom,
)
from rod_pipeline.marts.definition import Mart


class NotUnderstood(BlockedError):
    """A mart was to be built from a table of a contract version that it does not understand."""

    code = "ROD-MART-05"


class WronglyNamed(PermanentError):
    """A contract names a mart that there isn't, or that can't be built from a table of that version."""

    code = "ROD-MART-07"


MARTS: tuple[Mart, ...] = (
    studentaantallen.MART,
    instroom.MART,
    uitstroom.MART,
    studiesucces.MART,
    uitkomsten.MART,
    behaalde_diplomas.MART,
    doorstroom_hbo.MART,
)
"""The marts of one delivery, in the order in which they are built and shown."""


ACROSS: tuple[Mart, ...] = (loopbanen.MART,)
"""What is made of the validated tables of several deliveries at once, inside the mart database."""


def marts_on(file: FileKind) -> tuple[Mart, ...]:
    """The marts that are built from this kind of file."""
    return tuple(mart for mart in (*MARTS, *ACROSS) if file in mart.contracts)


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


def refuse_not_understood(contracts: Mapping[FileKind, Contract], book: ContractBook) -> None:
    """Raise ``NotUnderstood`` unless every mart understands the contracts by which the tables of a delivery were read.

    Every mart or none: figures of one delivery are used beside each other.
    """
    for mart in (*MARTS, *ACROSS):
        for file in mart.contracts:
            _refuse(mart, contracts[file], book)


def _refuse(mart: Mart, contract: Contract, book: ContractBook) -> None:
    file = contract.file
    if not mart.declares(contract):
        named = [one.name for one in marts_on(file) if not one.declares(contract)]
        raise NotUnderstood(
            f"The mart {mart.name} is not known to understand {file} version {contract.version}"
            + (f"; nor are {', '.join(named[1:])}." if named[1:] else "."),
            f"See what changed (`rod contract diff {file}`). If these marts still count what they should, have that "
            f"reviewed and name them in that version of the contract: marts = {named}; else their code is adapted "
            "first. Then rerun.",
        )
    if lacking := mart.lacks(contract, book):
        raise NotUnderstood(
            f"The mart {mart.name} uses columns that {file} version {contract.version} lacks or has in another type: "
            f"{', '.join(lacking)}.",
            "Give these columns their technical names and types in a next version of the contract, or adapt the "
            "mart's code first. Then rerun.",
        )
