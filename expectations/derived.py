"""The expectations that follow from a contract.

Belongs here: one expectation per declared fact (columns, types, patterns, value lists, bounds, what may not be missing,
the key). Does not belong here: judgement (``suites``). A changed contract changes these rules with it.

An unknown value blocks where the list is closed. An open list grows every year, so an unknown value is a warning there,
and so is a value that its list does not have for the school year of the row. What we assumed ourselves (``assumed`` in
the contract) warns too: the assumption may be wrong instead of the file. Only what does not read at all blocks anyhow.
"""

from collections.abc import Callable, Iterator

from rod_pipeline.contracts.model import Column, ColumnType, Contract, Dialect, ValueList
from rod_pipeline.quality.suite import Expectation, Layer, Rule, Severity

_TYPES: dict[ColumnType, tuple[str, str]] = {
    ColumnType.INTEGER: ("a whole number", "een geheel getal"),
    ColumnType.DECIMAL: ("a number with decimal mark {decimal}", "een getal met decimaalteken {decimal}"),
    ColumnType.BOOLEAN: ("{yes} or {no}", "{yes} of {no}"),
    ColumnType.DATE: (
        "an existing date written as {dates} (00 for an unknown day or month)",
        "een bestaande datum in de vorm {dates} (00 voor een onbekende dag of maand)",
    ),
}
_YEAR = "schooljaar"
_ASK = "Ask DUO for a corrected file; if the contract is wrong instead, propose a new version with rod contract draft."
_LOOK = "Compare the unknown codes with the source of the list; extend the list if they are new, else tell DUO."
_WEIGH = "Hold the assumption in the contract against the file; propose a new version if it was wrong, else tell DUO."
_CAUSES = {
    "columns": "DUO renamed, split or left out a column, or another kind of file came under this name.",
    "rows": "The export stopped before its first row, or the selection was empty.",
    "key": "Rows were exported twice, or the grain of the file is another one than the contract assumes.",
    "missing": "The institution left it out, or DUO exports the column empty under a new name.",
    "type": "The dialect differs (dates, decimal mark, yes and no), or a column slid into its neighbour.",
    "pattern": "Leading zeros were lost in a spreadsheet, or DUO writes the code in another form.",
    "closed": "The list changed with new rules, or the columns of the file slid.",
    "open": "A code that is new this year and not in the list yet, or a code of another register.",
    "years": "Codes of an earlier or later division were not converted to the school year of the row.",
    "range": "A number in another unit or with a lost decimal mark, or a stand-in for unknown such as 99.",
}


def derived_from(contract: Contract, value_list: Callable[[str], ValueList]) -> Iterator[Expectation]:
    """Every expectation that the contract implies; ``value_list`` gives a list by its name."""
    yield from _of_the_table(contract)
    for column in contract.columns:
        yield from _of_a_column(contract, column, value_list)


def _of_the_table(contract: Contract) -> Iterator[Expectation]:
    source = f"contract {contract.file} version {contract.version}"
    names = [column.name for column in contract.columns]
    yield _expectation(
        f"{contract.file}.columns",
        "expect_table_columns_to_match_set",
        {"column_set": names, "exact_match": True},
        f"The table has exactly the {len(names)} columns of the contract.",
        f"De tabel heeft precies de {len(names)} kolommen van het contract.",
        source,
        layer="shape",
    )
    yield _expectation(
        f"{contract.file}.rows",
        "expect_table_row_count_to_be_between",
        {"min_value": 1},
        "The file has at least one row.",
        "Het bestand bevat ten minste één rij.",
        source,
        layer="shape",
    )
    if contract.key:
        keys = ", ".join(contract.column(name).header for name in contract.key)
        compound: dict[str, object] = {"column_list": list(contract.key), "ignore_row_if": "all_values_are_missing"}
        yield _expectation(
            f"{contract.file}.key",
            "expect_compound_columns_to_be_unique" if len(contract.key) > 1 else "expect_column_values_to_be_unique",
            compound if len(contract.key) > 1 else {"column": contract.key[0]},
            _short(f"No two rows are the same in {keys}."),
            _short(f"Geen twee rijen zijn gelijk in {keys}."),
            source,
            layer="table",
        )


def _of_a_column(contract: Contract, column: Column, value_list: Callable[[str], ValueList]) -> Iterator[Expectation]:
    source = column.source or f"contract {contract.file} version {contract.version}"
    weighed: Severity = "warning" if column.assumed else "blocking"

    def one(
        what: str,
        kind: str,
        sentence: str,
        zin: str,
        *,
        said: str = source,
        severity: Severity = "blocking",
        cause: str = "",
        remedy: str = "",
        **kwargs: object,
    ) -> Expectation:
        return _expectation(
            f"{contract.file}.{column.name}.{what}",
            kind,
            {"column": column.name, **kwargs},
            _short(f"{column.header} {sentence}"),
            _short(f"{column.header} {zin}"),
            said,
            severity,
            column,
            cause=cause or _CAUSES[what],
            remedy=remedy or (_ASK if severity == "blocking" else _WEIGH),
        )

    if not column.nullable:
        yield one(
            "missing", "expect_column_values_to_not_be_null", "has a value in every row.", "is in elke rij gevuld."
        )
    if column.type in _TYPES:
        english, dutch = (text.format(**_notation(contract.dialect)) for text in _TYPES[column.type])
        yield one("type", "expect_column_values_to_read_as_declared", f"is {english}.", f"is {dutch}.")
    if column.pattern is not None:
        yield one(
            "pattern",
            "expect_column_values_to_match_regex",
            f"has the form {column.pattern}.",
            f"heeft de vorm {column.pattern}.",
            severity=weighed,
            regex=f"^(?:{column.pattern})$",
        )
    if column.values is not None and (listed := value_list(column.values)).values:
        yield one(
            "values",
            "expect_column_values_to_be_in_set",
            f"is one of the {len(listed.values)} known values of the {'open' if listed.open else 'closed'} list "
            f"{listed.name}.",
            f"is een van de {len(listed.values)} bekende waarden van de {'open' if listed.open else 'gesloten'} lijst "
            f"{listed.name}.",
            said=listed.source,
            severity="warning" if listed.open else weighed,
            cause=_CAUSES["open" if listed.open else "closed"],
            remedy=_LOOK if listed.open else "",
            value_set=list(listed.values),
        )
        if listed.valid and any(each.name == _YEAR for each in contract.columns):
            yield one(
                "years",
                "expect_column_values_valid_in_year",
                f"is a value that the list {listed.name} has for the school year of the row.",
                f"is een waarde die de lijst {listed.name} kent voor het schooljaar van de rij.",
                said=listed.source,
                severity="warning",
                remedy=_LOOK,
                year_column=_YEAR,
                valid={value: list(span.school_years) for value, span in listed.valid.items()},
            )
    if column.minimum is not None or column.maximum is not None:
        low, high = _bound(column.minimum), _bound(column.maximum)
        yield one(
            "range",
            "expect_column_values_to_be_between",
            f"lies between {low or 'any'} and {high or 'any'}.",
            f"ligt tussen {low or 'onbegrensd'} en {high or 'onbegrensd'}.",
            severity=weighed,
            min_value=column.minimum,
            max_value=column.maximum,
        )


def _expectation(
    rule_id: str,
    kind: str,
    kwargs: dict[str, object],
    sentence: str,
    zin: str,
    source: str,
    severity: Severity = "blocking",
    column: Column | None = None,
    *,
    layer: Layer = "value",
    cause: str = "",
    remedy: str = _ASK,
) -> Expectation:
    rule = Rule(
        id=rule_id,
        severity=severity,
        layer=layer,
        sentence=sentence,
        zin=zin,
        cause=cause or _CAUSES[rule_id.rpartition(".")[2]],
        remedy=remedy,
        rubrieken=(column.rubriek,) if column is not None and column.rubriek else (),
        source=source,
    )
    return Expectation(type=kind, kwargs={key: value for key, value in kwargs.items() if value is not None}, meta=rule)


def _notation(dialect: Dialect) -> dict[str, str]:
    yes, no = dialect.booleans
    return {"decimal": dialect.decimal, "dates": dialect.dates.value, "yes": yes, "no": no}


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:297]}..."
