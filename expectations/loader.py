"""Putting a file's suite together.

Belongs here: reading the written rules and joining them to the derived ones. Does not belong here: what a suite is
(``rod_pipeline.quality.suite``). A written rule names columns by our technical names and booleans as J and N, so it
holds for every dialect; a rule about a column that a contract lacks is an error here, never a rule that passes.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from expectations.derived import derived_from
from rod_pipeline.contracts.model import Contract, FileKind, ValueList
from rod_pipeline.errors import PermanentError
from rod_pipeline.quality.suite import Expectation, Suite

_SUITES = Path(__file__).with_name("suites")


class BadSuite(PermanentError):
    """The written rules of a file can't be read, or don't fit its contract."""

    code = "ROD-QUALITY-04"


class Lists(Protocol):
    """Whoever knows the value lists: the book of contracts."""

    def value_list(self, name: str) -> ValueList: ...


def suite_for(contract: Contract, book: Lists) -> Suite:
    """All rules for a file: those that its contract implies, then those of judgement. Raises ``BadSuite``."""
    written = written_for(contract.file)
    known = {column.name for column in contract.columns}
    for expectation in written:
        if unknown := sorted(set(_columns(expectation.kwargs)) - known):
            raise BadSuite(
                f"The rule {expectation.meta.id} names columns that contract {contract.file} version "
                f"{contract.version} does not declare: {', '.join(unknown)}.",
                f"Adapt expectations/suites/{contract.file}.json to the contract.",
            )
    return Suite(name=contract.file, expectations=(*derived_from(contract, book.value_list), *written))


def written_for(file: FileKind) -> tuple[Expectation, ...]:
    """The rules of judgement for a kind of file, as they stand in ``suites``. Raises ``BadSuite``."""
    path = _SUITES / f"{file}.json"
    try:
        found = Suite.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        told = (
            error.errors(include_input=False)[0]["msg"] if isinstance(error, ValidationError) else type(error).__name__
        )
        raise BadSuite(f"The written rules of {file} can't be read: {told}.", f"Mend {path.name}.") from None
    return found.expectations


def columns_of(expectation: Expectation) -> frozenset[str]:
    """The columns that an expectation speaks of."""
    return frozenset(_columns(expectation.kwargs))


def _columns(kwargs: Mapping[str, Any]) -> Iterator[str]:
    """Every column that an expectation speaks of, its row condition included."""
    for key, value in kwargs.items():
        if key in ("column", "column_A", "column_B", "year_column") and isinstance(value, str):
            yield value
        elif key == "column" and isinstance(value, dict):
            yield value["name"]
        elif key in ("column_list", "others", "within"):
            yield from value
        elif key == "row_condition":
            yield from _columns(value)
        elif key == "conditions":
            for part in value:
                yield from _columns(part)
