"""Bedrijfstakgroepen: clusters of programmes, as a maintained reference table.

Belongs here: reading ``bedrijfstakgroepen.toml`` and refusing one that contradicts itself. Does not belong here: what
is counted per group (``across``). The file says where it comes from, when a person looked at it, and whether it is
assumed.
"""

import tomllib
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from rod_pipeline.errors import PermanentError

_FILE = Path(__file__).with_name("bedrijfstakgroepen.toml")
TABLE = "bedrijfstakgroepen"
ABOUT = {
    "soort": "opleiding (a crebo, goes first) or sectorkamer",
    "code": "The crebo or the sector chamber",
    "bedrijfstakgroep": "The group that it belongs to",
    "aangenomen": "J: our own assumption, not the list of the MBO Raad",
}


class BadReference(PermanentError):
    """The reference table of bedrijfstakgroepen can't be used."""

    code = "ROD-MART-08"


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    naam: str
    sectorkamers: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")], ...] = ()
    opleidingen: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")], ...] = ()


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    bron: str
    nagezien_op: date
    aangenomen: bool
    groep: tuple[_Group, ...]


def bedrijfstakgroepen(file: Path = _FILE) -> pl.DataFrame:
    """The table: ``soort``, ``code``, ``bedrijfstakgroep``, ``aangenomen``; each code once.

    Raises ``BadReference`` when the file doesn't fit, or puts a code in two groups.
    """
    try:
        table = _Table.model_validate(tomllib.loads(file.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadReference(
            f"{file.name} can't be read: {error}", "Correct it; see docs/explanation/marts.md."
        ) from None
    rows = [
        *(("opleiding", code, group.naam) for group in table.groep for code in group.opleidingen),
        *(("sectorkamer", code, group.naam) for group in table.groep for code in group.sectorkamers),
    ]
    times = Counter((kind, code) for kind, code, _ in rows)
    if twice := sorted(code for (_, code), n in times.items() if n > 1):
        raise BadReference(f"{file.name} has {', '.join(twice)} in two groups.", "Leave each code in one group.")
    assumed = "J" if table.aangenomen else "N"
    schema = dict.fromkeys(ABOUT, pl.String)
    return pl.DataFrame([(*row, assumed) for row in rows], schema=schema, orient="row").sort(pl.all())
