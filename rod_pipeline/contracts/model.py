"""The typed model of a file contract.

Belongs here: what a contract can say. Does not belong here: the contracts themselves (TOML files in this folder, one
folder per kind of file, one file per version), reading data by them (``intake``), rules of judgement
(``expectations``).

Nobody outside DUO has a specification of the real files, so a contract is data: a new version is a new file, in this
package or in the folder that the settings name. A column is tied to the rubriek of the decree's annex that allows it,
or to the minister's letter that does (the decree's "Wijziging van te verstrekken gegevens": what is redefined or split
off falls under it, what is new is asked for), or is one of the technical data of the decree (section 6, "ten vierde");
anything else may not be declared.
"""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

FileKind = Literal["inschrijvingen", "diplomas", "doorstroom", "mbo_hbo", "technisch"]
FILE_KINDS: tuple[FileKind, ...] = ("inschrijvingen", "diplomas", "doorstroom", "mbo_hbo", "technisch")
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


def _is_dated(letter: str) -> str:
    date.fromisoformat(letter[-10:])
    return letter


Letter = Annotated[
    str, StringConstraints(pattern=r"^\S.{1,78}\S, 20[0-9]{2}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_is_dated)
]


class _Model(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class DateNotation(StrEnum):
    """How dates are written. ``00`` for an unknown day or month is allowed in each."""

    EEJJMMDD = "EEJJMMDD"
    DD_MM_JJJJ = "DD-MM-JJJJ"
    ISO = "JJJJ-MM-DD"


class Dialect(_Model):
    """How the bytes of a file are to be read."""

    separator: Literal[";", "|", ",", "\t"] = ";"
    quote: Literal['"', ""] = '"'
    encoding: Literal["utf-8", "cp1252"] = "utf-8"
    bom: bool = False
    newline: Literal["\r\n", "\n"] = "\r\n"
    decimal: Literal[",", "."] = ","
    dates: DateNotation = DateNotation.DD_MM_JJJJ
    booleans: tuple[str, str] = ("J", "N")
    header: bool = True
    header_prefix: Literal["", "#"] = ""
    control_record: Literal["", "SLR"] = ""
    """``SLR``: the last record is ``SLR<sep><number of data records>`` and is no data."""


class ColumnType(StrEnum):
    """What a value is once it has been validated. Codes stay strings, leading zeros and all."""

    CODE = "code"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    PSEUDONYM = "pseudonym"


class Span(_Model):
    """The first and the last day on which something exists, both included; none where there is no such bound."""

    first: date | None = None
    last: date | None = None

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if self.first is None and self.last is None:
            raise ValueError("name a first or a last day")
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValueError("the last day lies before the first")
        return self

    @property
    def school_years(self) -> tuple[int | None, int | None]:
        """The first and the last school year (1 August to 31 July, by its first year) that it has a day in."""
        return _school_year(self.first), _school_year(self.last)


def _school_year(day: date | None) -> int | None:
    return None if day is None else day.year - (day.month < 8)


class ValueList(_Model):
    """A list of values with its source. ``open``: grows every year, so an unknown value is no error by itself.

    ``valid``: when a value exists, if not always. An open list may be empty: then nothing is known of its values yet,
    and nothing is asked of them until the operator gives a list of the same name.
    """

    name: Name
    source: str
    open: bool = False
    values: tuple[str, ...]
    labels: tuple[str, ...] = ()
    valid: Mapping[str, Span] = {}

    @model_validator(mode="after")
    def _is_well_formed(self) -> Self:
        if not self.values and not self.open:
            raise ValueError("a closed list has values")
        if len(set(self.values)) != len(self.values):
            raise ValueError("a value stands twice")
        if self.labels and len(self.labels) != len(self.values):
            raise ValueError("labels: one for each value, or none")
        if unknown := sorted(set(self.valid) - set(self.values)):
            raise ValueError(f"valid: {len(unknown)} of its values are not in the list")
        return self


class Column(_Model):
    """One column. ``header`` is DUO's name for it in this file, ``name`` ours; ``rubriek`` is the annex code.

    ``technical`` marks the technical data of the decree that have no rubriek. ``letter`` is the letter of the minister
    that allows what the annex doesn't name: its reference, a comma and its date (``MBO-2027-118, 2027-03-04``).
    ``field`` is the DUO field name of the annex when the header differs from it (expansion of one name into several
    columns, a disambiguation, a new name, or one of the parts that a name was split into).
    ``pattern`` keeps to what Python, Polars and DuckDB read alike: no look-around, no back-reference. ``source`` says
    where the values, the pattern or the bounds come from; ``assumed``: from ourselves, so that what breaks them may be
    our mistake. ``minimum`` and ``maximum`` bound numbers, both included.
    """

    name: Name
    header: str
    rubriek: Annotated[str, StringConstraints(pattern=r"^[0-9]{2}\.[0-9]{2}\.[0-9]{2}$")] | None = None
    technical: bool = False
    letter: Letter | None = None
    field: str | None = None
    type: ColumnType
    nullable: bool = True
    values: Name | None = None
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    source: str = ""
    assumed: bool = False
    description: str = ""

    @model_validator(mode="after")
    def _has_ground(self) -> Self:
        if [self.rubriek is not None, self.technical, self.letter is not None].count(True) != 1:
            raise ValueError(
                f"column {self.name}: name the rubriek or the minister's letter that allows it, or mark it technical; "
                "one of the three"
            )
        return self

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        textual = self.type in (ColumnType.CODE, ColumnType.PSEUDONYM)
        numeric = self.type in (ColumnType.INTEGER, ColumnType.DECIMAL)
        if not textual and (self.values is not None or self.pattern is not None):
            raise ValueError(f"column {self.name}: values and pattern belong to a code, not to {self.type.value}")
        if not numeric and (self.minimum is not None or self.maximum is not None):
            raise ValueError(f"column {self.name}: minimum and maximum belong to a number, not to {self.type.value}")
        if self.pattern is not None:
            if "(?" in self.pattern or re.search(r"\\[1-9]", self.pattern):
                raise ValueError(f"column {self.name}: the pattern uses look-around or a back-reference")
            try:
                re.compile(self.pattern)
            except re.error:
                raise ValueError(f"column {self.name}: the pattern is no regular expression") from None
        return self

    @property
    def ground(self) -> str:
        """What allows the column, in words."""
        if self.rubriek is not None:
            return f"rubriek {self.rubriek}"
        return "technical data" if self.letter is None else f"letter of the minister {self.letter}"

    @property
    def duo_field(self) -> str:
        """DUO's name in the annex for what this column holds."""
        return self.field or self.header


class Contract(_Model):
    """How one kind of file looks. ``members`` are glob patterns (case-folded) that name the file in a delivery.

    ``key``: columns that are unique together. ``breakdowns``: which column each control total of the technical data
    (its ``uitsplitsing``) counts by; ``totaal`` needs none. ``marts``: the marts that a person found to understand this
    version, beside those whose code declares it.
    """

    file: FileKind
    version: Annotated[int, Field(ge=1)]
    title: str
    grain: str
    members: tuple[str, ...]
    key: tuple[Name, ...] = ()
    breakdowns: Mapping[Name, Name] = {}
    marts: tuple[Name, ...] = ()
    dialect: Dialect = Dialect()
    columns: Annotated[tuple[Column, ...], Field(alias="column", min_length=1)]

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for what in ("name", "header"):
            seen = [str(getattr(column, what)).casefold() for column in self.columns]
            if double := sorted({value for value in seen if seen.count(value) > 1}):
                raise ValueError(f"{self.file}: {what} stands twice: {', '.join(double)}")
        names = {column.name for column in self.columns}
        for what, used in (("key", self.key), ("breakdowns", self.breakdowns.values())):
            if unknown := sorted(set(used) - names):
                raise ValueError(f"{self.file}: {what} names columns that are not declared: {', '.join(unknown)}")
        return self

    def column(self, name: str) -> Column:
        """The column with this technical name; raises ``KeyError``."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def with_dialect(self, **changes: object) -> Self:
        """The same contract for another dialect (tests, synthetic deliveries)."""
        return self.model_copy(update={"dialect": self.dialect.model_copy(update=changes)})
