"""The numbers of disclosure control and their reasons.

Belongs here: reading ``policy.toml``. Does not belong here: what follows from the numbers (``primary``, ``protect``).
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rod_pipeline.errors import PermanentError

_FILE = Path(__file__).with_name("policy.toml")


class PolicyBroken(PermanentError):
    """The file of numbers can't be used."""

    code = "ROD-DISCLOSURE-01"


class Policy(BaseModel):
    """The numbers; ``reasons`` says for each why it is what it is.

    ``threshold``: counts of 1 to one less are small. ``span``: whole values that a reader must keep for a small count.
    ``min_institutions``: in a total that names none. ``outcome_group``: from this size on 0 % and 100 % are printed.
    ``most_hidden``: share of hidden cells above which a level isn't offered; ``most_small``: share of small cells above
    which it is given up before the search. ``drift``: students that a figure may be
    thought to have moved between two releases of the same school year.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    threshold: Annotated[int, Field(ge=2)]
    span: Annotated[int, Field(ge=2)]
    min_institutions: Annotated[int, Field(ge=1)]
    outcome_group: Annotated[int, Field(ge=1)]
    most_hidden: Annotated[float, Field(gt=0, le=1)]
    most_small: Annotated[float, Field(gt=0, le=1)]
    drift: Annotated[int, Field(ge=0)]
    reasons: dict[str, str]

    @model_validator(mode="after")
    def _each_has_its_reason(self) -> Self:
        numbers = set(type(self).model_fields) - {"reasons"}
        if set(self.reasons) != numbers or not all(reason.strip() for reason in self.reasons.values()):
            raise ValueError("each number has a reason")
        if self.drift < self.span - 1:
            raise ValueError("a figure printed before must leave room for the span")
        return self


def load(path: Path = _FILE) -> Policy:
    """The policy in ``path``. Raises ``PolicyBroken``."""
    try:
        read: dict[str, dict[str, Any]] = tomllib.loads(path.read_text("utf-8"))
        return Policy(
            **{name: entry["value"] for name, entry in read.items()},
            reasons={name: entry["reason"] for name, entry in read.items()},
        )
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError, KeyError, TypeError) as error:
        raise PolicyBroken(
            f"The policy of disclosure control {path.name} can't be used ({type(error).__name__}).",
            "Give each number of rod_pipeline/disclosure/policy.py a table with value and reason.",
        ) from None
