"""The typed model of a decree that grants data from the register onderwijsdeelnemers.

Belongs here: what such a decree can say. Does not belong here: the decrees themselves (TOML files in this folder) and
what the pipeline does with them (``retention``, ``store``, ``contracts``).

The concepts are those of OCW's decrees under WRO article 23: moments of provision, purposes, conditions, and an annex
of numbered rubrieken in groups.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Kind = Literal["basis", "derived"]
Sector = Literal["vo", "mbo", "ho"]
Sensitivity = Literal["ordinary", "pseudonym", "sensitive", "health"]
RubriekCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}\.[0-9]{2}\.[0-9]{2}$")]
_DASH = " – "


class _Model(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Moment(_Model):
    """A planned provision. ``key`` is ``YYYY-MM``; the decree says "omstreeks", so it is a plan and not a date."""

    key: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
    text: str


class Clause(_Model):
    """One condition of the decree: where it stands (``3c``) and its own words."""

    code: str
    text: str


class Retention(_Model):
    """How long data may be kept. ``starts`` is what the clock of each delivery starts at."""

    code: str
    years: Annotated[int, Field(ge=1)]
    starts: Literal["moment of provision"]
    copies_included: bool
    proof_on_request: bool
    text: str


class Territory(_Model):
    """Where data may be processed: the European Economic Area, and countries with an adequacy decision (AVG 45)."""

    code: str
    eea: bool
    adequacy: bool
    text: str


class Processor(_Model):
    """The third party that works under the same conditions; ``direct_provision``: DUO must be told beforehand."""

    name: str
    codes: tuple[str, ...]
    direct_provision: str
    text: str


class Notification(_Model):
    """A duty to tell: on what, whom, how fast."""

    code: str
    to: str
    when: Literal["onmiddellijk", "onverwijld", "vooraf"]
    about: tuple[str, ...]


class Withdrawal(_Model):
    """What happens when the conditions aren't kept (WRO 23, tenth paragraph)."""

    code: str
    suspended_during_repair_term: bool
    erase: Literal["per ommegaande"]
    also_at_processor: bool
    text: str


class Scope(_Model):
    """Whose data the provision holds, and of which school years.

    ``first_year`` is the calendar year in which the first school year starts. ``preceding_years`` and ``education`` of
    ``extended`` hold for the files named there instead of the general rule.
    """

    education: tuple[str, ...]
    excluded: tuple[str, ...]
    first_year: int
    school_years: tuple[str, ...]
    extended_files: tuple[str, ...]
    extended_preceding_years: int
    extended_education: tuple[str, ...]
    text: str


class Group(_Model):
    """A group of rubrieken of the annex, with its heading."""

    code: str
    title: str
    kind: Kind


class Ambiguity(_Model):
    """What the annex leaves open (``question``) and how the project reads it until DUO says otherwise (``reading``)."""

    code: Annotated[str, StringConstraints(pattern=r"^A[0-9]{2}$")]
    question: str
    reading: str
    rubrieken: tuple[RubriekCode, ...] = ()


class Rubriek(_Model):
    """One numbered item of the annex.

    ``basis`` is the column "Omschrijving BRO of RRO". The last column, "Toelichting DUO", is kept as printed in two
    parts: ``lead`` (DUO's explanation before the names) and ``duo`` (the names, an explanation after a dash included).
    """

    code: RubriekCode
    group: str
    sector: Sector | None = None
    kind: Kind
    bro_articles: tuple[str, ...] = ()
    basis: str
    lead: str = ""
    duo: Annotated[tuple[str, ...], Field(min_length=1)]
    sensitivity: Sensitivity = "ordinary"
    ambiguities: tuple[str, ...] = ()

    @property
    def duo_fields(self) -> tuple[str, ...]:
        """DUO's names, without explanations."""
        return tuple(printed.split(_DASH, 1)[0].rstrip(";") for printed in self.duo)

    @property
    def description(self) -> str:
        """DUO's explanation, wherever it stands in the column; empty where there is none."""
        after = (printed.split(_DASH, 1)[1] for printed in self.duo if _DASH in printed)
        return "; ".join(part for part in (self.lead, *after) if part)


class Decree(_Model):
    """A decree as data. ``conditions`` are all numbered conditions in the decree's own words."""

    reference: str
    title: str
    issued: date
    issuer: str
    recipient: str
    legal_bases: tuple[str, ...]
    never_delivered: tuple[str, ...]
    moments: Annotated[tuple[Moment, ...], Field(alias="moment", min_length=1)]
    purposes: Annotated[tuple[Clause, ...], Field(alias="purpose", min_length=1)]
    permissions: Annotated[tuple[Clause, ...], Field(alias="permission")] = ()
    duties: Annotated[tuple[Clause, ...], Field(alias="duty")] = ()
    retention: Retention
    territory: Territory
    processor: Processor
    notifications: Annotated[tuple[Notification, ...], Field(alias="notification")]
    withdrawal: Withdrawal
    scope: Scope
    groups: Annotated[tuple[Group, ...], Field(alias="group")]
    ambiguities: Annotated[tuple[Ambiguity, ...], Field(alias="ambiguity")] = ()
    rubrieken: Annotated[tuple[Rubriek, ...], Field(alias="rubriek", min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _tell_rubrieken_what_holds_for_them(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or not isinstance(data.get("rubriek"), list):
            return data
        kinds = {group.get("code"): group.get("kind") for group in _tables(data.get("group"))}
        marked: dict[object, list[object]] = {}
        for ambiguity in _tables(data.get("ambiguity")):
            for code in ambiguity.get("rubrieken", ()):
                marked.setdefault(code, []).append(ambiguity.get("code"))
        rubrieken = [
            {**rubriek, "kind": kinds.get(rubriek.get("group")), "ambiguities": marked.get(rubriek.get("code"), [])}
            for rubriek in _tables(data["rubriek"])
        ]
        return {**data, "rubriek": rubrieken}

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        codes = _unique("rubriek", (rubriek.code for rubriek in self.rubrieken))
        _unique("moment", (moment.key for moment in self.moments))
        _unique("group", (group.code for group in self.groups))
        _unique("ambiguity", (ambiguity.code for ambiguity in self.ambiguities))
        for ambiguity in self.ambiguities:
            if unknown := sorted(set(ambiguity.rubrieken) - codes):
                raise ValueError(f"ambiguity {ambiguity.code} names unknown rubrieken: {', '.join(unknown)}")
        return self

    def rubriek(self, code: str) -> Rubriek:
        """The rubriek with this code; raises ``KeyError``."""
        for rubriek in self.rubrieken:
            if rubriek.code == code:
                return rubriek
        raise KeyError(code)

    def named_by(self, header: str) -> tuple[str, Rubriek] | None:
        """DUO's name in the annex that ``header`` is, or begins with as a part that was split off does; its rubriek.

        Upper or lower case doesn't count. The longest name where there are more; None where there is none.
        """
        plain = header.strip().casefold()
        found = [
            (field, rubriek)
            for rubriek in self.rubrieken
            for field in rubriek.duo_fields
            if plain.startswith(field.casefold()) and not plain[len(field.casefold()) :][:1].isalnum()
        ]
        return max(found, key=lambda one: len(one[0]), default=None)

    def ambiguity(self, code: str) -> Ambiguity:
        """The ambiguity with this code; raises ``KeyError``."""
        for ambiguity in self.ambiguities:
            if ambiguity.code == code:
                return ambiguity
        raise KeyError(code)


def _tables(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _unique(what: str, values: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} {value} stands twice")
        seen.add(value)
    return seen
