"""Groupings that no rubriek has: programmes in bedrijfstakgroepen, institutions in regions; reference tables.

Belongs here: reading ``bedrijfstakgroepen.toml`` and ``regios.toml``, refusing what contradicts itself, and which group
something belongs to in which school year. Does not belong here: what is counted per group (``across``, ``published``).

A file has one ``indeling`` after the other, each from a school year on, with its source, the day on which a person
looked at it, and whether it is assumed. An indeling that figures were told by isn't edited; a new one follows it
(``publishing.regrouped`` refuses the other way). An installation may have files of its own (setting ``groupings``).
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from rod_pipeline.errors import PermanentError

GROUP, REGION = "bedrijfstakgroep", "regio"
TABLE = "indelingen"
SCHEMA = dict.fromkeys(("indeling", "vanaf", "tot", "soort", "code", "groep", "naam", "aangenomen"), pl.String)
ABOUT = {
    "indeling": "bedrijfstakgroep (of programmes) or regio (of institutions)",
    "vanaf": "The first school year that it is valid for",
    "tot": "The first school year that it isn't valid for any more; null: there is none",
    "soort": "What the code is of: opleiding (a crebo, goes first), sectorkamer, instelling (a BRIN)",
    "code": "What belongs to the group",
    "groep": "The code of the group",
    "naam": "What the group is called",
    "aangenomen": "J: our own assumption, no list of whoever keeps it",
}
_FILES: Mapping[str, str] = {GROUP: "bedrijfstakgroepen.toml", REGION: "regios.toml"}
_SchoolYear = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{4}$")]
_Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class BadReference(PermanentError):
    """A reference table of groups can't be used."""

    code = "ROD-MART-08"


class _Model(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class _Group(_Model):
    code: _Code
    naam: str
    sectorkamers: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")], ...] = ()
    opleidingen: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")], ...] = ()
    instellingen: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{2}[A-Z]{2}$")], ...] = ()

    def members(self, of: str) -> Iterator[tuple[Literal["opleiding", "sectorkamer", "instelling"], str]]:
        """What belongs to it, by kind; of the other kind of grouping nothing may be named."""
        if of == REGION:
            yield from (("instelling", code) for code in self.instellingen)
        else:
            yield from (("opleiding", code) for code in self.opleidingen)
            yield from (("sectorkamer", code) for code in self.sectorkamers)


class _Grouping(_Model):
    vanaf: _SchoolYear
    bron: str
    nagezien_op: date
    aangenomen: bool
    groep: tuple[_Group, ...]


class _File(_Model):
    indeling: tuple[_Grouping, ...] = ()


def groupings(folder: Path | None = None) -> pl.DataFrame:
    """The groupings of this installation (``SCHEMA``): a row for each code, in each indeling once.

    A file in ``folder`` takes the place of the packaged one. Raises ``BadReference`` when a file doesn't fit, puts a
    code in two groups, or has two indelingen from the same school year.
    """
    rows = [row for of, name in _FILES.items() for row in _rows(of, _found(name, folder))]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort(pl.all(), nulls_last=True)


def _found(name: str, folder: Path | None) -> Path:
    own = None if folder is None else folder / name
    return own if own is not None and own.exists() else Path(__file__).with_name(name)


def _rows(of: str, file: Path) -> Iterator[tuple[str | None, ...]]:
    try:
        table = _File.model_validate(tomllib.loads(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadReference(
            f"{file.name} can't be read: {error}", "Correct it; see docs/explanation/marts.md."
        ) from None
    ordered = sorted(table.indeling, key=lambda one: one.vanaf)
    starts = [one.vanaf for one in ordered]
    if len(set(starts)) < len(starts):
        raise BadReference(f"{file.name} has two indelingen from the same school year.", "Leave one of them.")
    for one, end in zip(ordered, [*starts[1:], None], strict=False):
        found = [(*member, group.code, group.naam) for group in one.groep for member in group.members(of)]
        times = Counter((kind, code) for kind, code, *_ in found)
        if twice := sorted(code for (_, code), n in times.items() if n > 1):
            raise BadReference(f"{file.name} has {', '.join(twice)} in two groups.", "Leave each code in one group.")
        yield from ((of, one.vanaf, end, *row, "J" if one.aangenomen else "N") for row in found)


def grouped(leaves: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """``leaves`` with the columns ``bedrijfstakgroep`` and ``regio``: the codes of the groups, of each whose grouping
    has any code at all. Null where something is in none.

    ``leaves`` has ``schooljaar`` and any of ``opleidingscode``, ``sectorkamer``, ``instellingscode``.
    """
    for of, kinds in ((GROUP, ("opleiding", "sectorkamer")), (REGION, ("instelling",))):
        known = table.filter(indeling=of)
        there = {kind: column for kind in kinds if (column := _COLUMN[kind]) in leaves.columns}
        if known.is_empty() or not there:
            continue
        for kind, column in there.items():
            leaves = _joined(leaves, known.filter(soort=kind), column, f"__{kind}")
        leaves = leaves.with_columns(pl.coalesce(f"__{kind}" for kind in there).alias(of)).drop(
            f"__{kind}" for kind in there
        )
    return leaves


_COLUMN: Mapping[str, str] = {
    "opleiding": "opleidingscode",
    "sectorkamer": "sectorkamer",
    "instelling": "instellingscode",
}


def _joined(leaves: pl.DataFrame, members: pl.DataFrame, column: str, name: str) -> pl.DataFrame:
    """With the group of ``column`` in the school year of each row, as ``name``."""
    years = leaves.select("schooljaar").unique().drop_nulls()
    valid = years.join(members, how="cross").filter(
        pl.col("schooljaar") >= pl.col("vanaf"), pl.col("tot").is_null() | (pl.col("schooljaar") < pl.col("tot"))
    )
    mapped = valid.select("schooljaar", pl.col("code").alias(column), pl.col("groep").alias(name))
    return leaves.join(mapped, on=["schooljaar", column], how="left", maintain_order="left")
