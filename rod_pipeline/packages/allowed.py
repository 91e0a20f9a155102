"""Which columns of an institution's own rows may leave: the allow-list, as reviewed data (``columns.toml``).

Belongs here: reading the list. Does not belong here: reading the rows (``rows``). What stands in no list doesn't leave,
also when a new version of a contract brings it.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from rod_pipeline.contracts.model import FileKind


class _Model(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class OwnRows(_Model):
    """Of one kind of file: the column that names the institution, what may leave and why, and why the rest may not."""

    institution: str
    columns: Mapping[str, str]
    left_out: Mapping[str, str]


class SmallCounts(_Model):
    """What counts under five are counted by, for a sector chamber to which they are allowed."""

    mart: Literal["studentaantallen"]
    chamber: str
    columns: tuple[str, ...]
    count: str


class Allowed(_Model):
    """The whole list."""

    inschrijvingen: OwnRows
    diplomas: OwnRows
    doorstroom: OwnRows
    mbo_hbo: OwnRows
    small_counts: SmallCounts

    @property
    def own_rows(self) -> Mapping[FileKind, OwnRows]:
        """By kind of file, in the order in which they stand in a package."""
        return MappingProxyType(
            {
                "inschrijvingen": self.inschrijvingen,
                "diplomas": self.diplomas,
                "doorstroom": self.doorstroom,
                "mbo_hbo": self.mbo_hbo,
            }
        )


@cache
def allowed() -> Allowed:
    """The list of this version."""
    text = Path(__file__).with_name("columns.toml").read_text("utf-8")
    return Allowed.model_validate(tomllib.loads(text))
