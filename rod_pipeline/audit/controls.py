"""The controls of the DPIA and the conditions of the decree, each with its proof, as data.

Belongs here: the typed model of ``controls.toml``. Does not belong here: what a dossier shows of it (``cover``), the
threats that the controls answer (docs/explanation/threat-model.md).

A control has two proofs: *tests*, that it works in this version, and *tables* of a dossier, that it worked in this
installation. ``tests/spec/test_controls.py`` sees that each test, table and file exists.
"""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from rod_pipeline.audit.tables import Column, Table, Value
from rod_pipeline.decree import Decree

_FILE = Path(__file__).with_name("controls.toml")
Test = Annotated[str, StringConstraints(pattern=r"^tests/[\w/]+\.py::(\w+::)?test_\w+$")]


class _Model(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class Control(_Model):
    """One measure. ``avg`` are articles of the GDPR; ``limits`` is what it doesn't prove (empty: nothing is known)."""

    code: Annotated[str, StringConstraints(pattern=r"^M[0-9]{2}$")]
    name: str
    what: str
    avg: tuple[str, ...]
    voorschriften: tuple[str, ...]
    code_paths: tuple[str, ...]
    tests: Annotated[tuple[Test, ...], Field(min_length=1)]
    tables: tuple[str, ...]
    limits: str


class Condition(_Model):
    """How one condition of the decree is carried out. ``people`` is what is up to people."""

    code: str
    how: str
    controls: Annotated[tuple[str, ...], Field(min_length=1)]
    people: str


class Controls(_Model):
    """The whole list; a condition and its controls name each other."""

    controls: Annotated[tuple[Control, ...], Field(alias="control")]
    conditions: Annotated[tuple[Condition, ...], Field(alias="voorschrift")]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        known = {control.code for control in self.controls}
        if len(known) != len(self.controls):
            raise ValueError("a control stands twice")
        forth = {(one.code, control) for one in self.conditions for control in one.controls}
        back = {(condition, control.code) for control in self.controls for condition in control.voorschriften}
        if forth != back:
            raise ValueError(f"conditions and controls don't name each other: {sorted(forth ^ back)}")
        return self


@cache
def load_controls() -> Controls:
    """The list that comes with the package."""
    return Controls.model_validate(tomllib.loads(_FILE.read_text("utf-8")))


def words_of(decree: Decree, code: str) -> str:
    """The decree's own words for one of its conditions; raises ``KeyError``."""
    if code == "3a":
        return "Uw organisatie mag de gegevens alleen gebruiken voor: " + "; ".join(one.text for one in decree.purposes)
    clauses = {one.code: one.text for one in (*decree.permissions, *decree.duties)}
    clauses |= {one.code: f"Melden {one.when} aan {one.to}: {'; '.join(one.about)}." for one in decree.notifications}
    clauses |= {
        decree.territory.code: decree.territory.text,
        decree.retention.code: decree.retention.text,
        decree.withdrawal.code: decree.withdrawal.text,
        "3f": decree.processor.text,
        "3g": decree.processor.direct_provision,
    }
    return clauses[code]


def control_tables(decree: Decree) -> tuple[Table, Table]:
    """The decree as carried out, and the list of controls, as tables of a dossier."""
    listed = load_controls()
    by_code = {control.code: control for control in listed.controls}

    def conditions() -> Iterator[tuple[Value, ...]]:
        for one in listed.conditions:
            mine = [by_code[code] for code in one.controls]
            tables = tuple(dict.fromkeys(table for control in mine for table in control.tables))
            yield one.code, words_of(decree, one.code), one.how, one.people or None, one.controls, tables

    def controls() -> Iterator[tuple[Value, ...]]:
        for one in listed.controls:
            yield (
                one.code, one.what, one.avg, one.voorschriften, one.code_paths, one.tests, one.tables,
                one.limits or None,
            )  # fmt: skip

    return (
        Table.of(
            "voorschriften",
            "Het besluit zoals het is uitgevoerd",
            "Per voorschrift: de woorden van het besluit, hoe het wordt uitgevoerd, en waar het bewijs staat.",
            (
                Column("voorschrift", "string", "Onderdeel van het besluit; 3a is onderdeel 3, onder a."),
                Column("tekst", "string", "Woorden van het besluit; van meldplichten een samenvatting."),
                Column("uitvoering", "string", "Hoe het wordt uitgevoerd."),
                Column("aan_mensen", "string", "Wat de software niet kan en mensen moeten doen."),
                Column("maatregelen", "string", "Codes uit de tabel maatregelen."),
                Column("tabellen", "string", "Tabellen van dit dossier waarin het bewijs staat."),
            ),
            conditions(),
        ),
        Table.of(
            "maatregelen",
            "Maatregelen (lijst bij de DPIA) met het bewijs van elk",
            "Tests bewijzen dat een maatregel in deze versie werkt, tabellen dat zij hier heeft gewerkt.",
            (
                Column("maatregel", "string", "Code."),
                Column("wat", "string", "De maatregel."),
                Column("avg", "string", "Artikelen van de AVG."),
                Column("voorschriften", "string", "Onderdelen van het besluit."),
                Column("code", "string", "Bestanden van de software."),
                Column("tests", "string", "Geautomatiseerde tests die falen als de maatregel faalt."),
                Column("tabellen", "string", "Tabellen van dit dossier."),
                Column("beperking", "string", "Wat zij niet bewijst."),
            ),
            controls(),
        ),
    )
