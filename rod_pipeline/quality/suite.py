"""What a rule about a delivery is, and the suite of rules for one file.

Belongs here: the typed form of a suite and its JSON, which is that of a Great Expectations 1.x suite. Does not belong
here: the suites themselves (``expectations``, handed in as arguments), running them (``engine``).

A rule carries everything that a person needs when it fails: a stable id, how bad it is, a sentence in English for our
own people and in Dutch for DUO and the minister, what to do, the rubrieken it guards and where the rule comes from.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Severity = Literal["blocking", "warning"]
Layer = Literal["shape", "value", "row", "table", "files", "deliveries", "rekenregels"]
"""What a rule looks at: the form of a file, single values, one row, all rows of a file, files beside each other, this
delivery beside earlier ones, or the identities of the rekenregels."""
RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,79}$")]
Sentence = Annotated[str, StringConstraints(min_length=10, max_length=300)]


class _Model(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class Rule(_Model):
    """Who a rule is: its stable ``id``, ``severity`` and ``layer``, its sentence in English and Dutch, the likely cause
    of a breach and the remedy, the rubrieken it guards, and where it comes from."""

    id: RuleId
    severity: Severity
    layer: Layer
    sentence: Sentence
    zin: Sentence
    cause: Sentence
    remedy: Sentence
    rubrieken: tuple[str, ...] = ()
    source: Annotated[str, StringConstraints(min_length=2)]


class Expectation(_Model):
    """One expectation in the form of a Great Expectations suite; ``meta`` says which rule it is."""

    type: str
    kwargs: Mapping[str, Any] = {}
    meta: Rule


class Suite(_Model):
    """All rules for one kind of file. Ids are unique within it."""

    name: str
    expectations: Annotated[tuple[Expectation, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "Suite":
        ids = [expectation.meta.id for expectation in self.expectations]
        if double := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"{self.name}: two rules have the same id: {', '.join(double)}")
        return self
