"""The Dutch words for columns, measures and codes, and the norms that results are held against.

Belongs here: reading ``labels.toml`` and the labels of codes. Does not belong here: sentences of a report
(``rod_pipeline.packages``). What has no word isn't published: a table that nobody can read is no use, and a column that
nobody described was reviewed by nobody.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from rod_pipeline.contracts.book import ContractBook
from rod_pipeline.errors import PermanentError
from rod_pipeline.marts.norms import NORM


class Undocumented(PermanentError):
    """A column or a measure was to be published that has no Dutch label."""

    code = "ROD-PUBLISH-05"


@dataclass(frozen=True)
class Word:
    """What something is called, and a sentence that says what it is."""

    label: str
    about: str


@dataclass(frozen=True)
class Words:
    """Every word there is, by column and by measure; ``norms`` by measure and level, in per cent."""

    columns: Mapping[str, Word]
    measures: Mapping[str, Word]
    norms: Mapping[str, Mapping[str, float]]

    def column(self, name: str) -> Word:
        """The word for a column. Raises ``Undocumented``."""
        return _known(self.columns, name, "column")

    def measure(self, name: str) -> Word:
        """The word for a measure. Raises ``Undocumented``."""
        return _known(self.measures, name, "measure")

    def title(self, measure: str, by: tuple[str, ...]) -> str:
        """The title of a table: what is counted, and by what."""
        what = self.measure(measure).label
        parts = [self.column(name).label.lower() for name in by]
        if not parts:
            return what
        return f"{what} naar {', '.join(parts[:-1]) + ' en ' if parts[1:] else ''}{parts[-1]}"


def _known(words: Mapping[str, Word], name: str, kind: str) -> Word:
    word = words.get(name)
    if word is None:
        raise Undocumented(
            f"The {kind} {name} was to be published and has no Dutch label.",
            "Have it described and reviewed in rod_pipeline/publishing/labels.toml; then publish again.",
        )
    return word


@cache
def words() -> Words:
    """The words of this installation's version."""
    raw = tomllib.loads(Path(__file__).with_name("labels.toml").read_text("utf-8"))
    norms = {name: {level: float(norm) for level, norm in of["voldoende"].items()} for name, of in NORM.items()}
    return Words(_words(raw["columns"]), _words(raw["measures"]), MappingProxyType(norms))


def code_labels(book: ContractBook) -> Mapping[str, Mapping[str, str]]:
    """The labels of codes by column, from the value lists of the contracts."""
    found = {}
    for column, name in _LISTS.items():
        values = book.value_list(name)
        found[column] = dict(zip(values.values, values.labels, strict=True))
    return MappingProxyType(found | {column: {"J": "ja", "N": "nee"} for column in _OUTCOMES})


_LISTS: Mapping[str, str] = MappingProxyType(
    {
        "sectorkamer": "sectorkamer",
        "niveau": "niveau",
        "naar_niveau": "niveau",
        "leerweg": "leerweg",
        "leeftijdsgroep": "leeftijdsgroep",
        "vooropleiding": "categorie_vooropleiding",
        "categorie_vooropleiding": "categorie_vooropleiding",
        "reden_uitstroom": "reden_uitstroom",
        "reden": "reden_uitstroom",
        "status": "status",
    }
)
_OUTCOMES = ("diploma", "succes", "uitkomst", "tussenjaar", "passend", "opstroom", "direct", "in_hbo", "uitval")


def _words(raw: Mapping[str, list[str]]) -> Mapping[str, Word]:
    return MappingProxyType({name: Word(*both) for name, both in raw.items()})
