"""Contracts: how DUO's files look, as versioned data.

Belongs here: the contract files (one folder per kind of file, one file per version), the value lists they name, their
model and the book that reads and checks them. Does not belong here: reading data by a contract (``intake``), judging it
(``quality``, ``expectations``).
"""

from rod_pipeline.contracts.book import ContractBook
from rod_pipeline.contracts.errors import (
    BadContract,
    ContractOutOfPlace,
    ForbiddenColumn,
    MalformedContract,
    NoSuchContract,
    UnknownRubriek,
    UnknownValueList,
    UnreadableContract,
)
from rod_pipeline.contracts.identifiers import names_identifier
from rod_pipeline.contracts.model import (
    FILE_KINDS,
    Column,
    ColumnType,
    Contract,
    DateNotation,
    Dialect,
    FileKind,
    Span,
    ValueList,
)

__all__ = [
    "FILE_KINDS",
    "BadContract",
    "Column",
    "ColumnType",
    "Contract",
    "ContractBook",
    "ContractOutOfPlace",
    "DateNotation",
    "Dialect",
    "FileKind",
    "ForbiddenColumn",
    "MalformedContract",
    "NoSuchContract",
    "Span",
    "UnknownRubriek",
    "UnknownValueList",
    "UnreadableContract",
    "ValueList",
    "names_identifier",
]
