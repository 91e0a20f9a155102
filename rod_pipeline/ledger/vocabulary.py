"""What every event is made of: bounded strings, counts and instants.

Belongs here: the types of an event's fields and the base of all events. Does not belong here: the events themselves
(``events``, ``erasure``). Where a string is allowed it is bound by a pattern, so that nothing else fits.
"""

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the calendar") from None


Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}(-r[0-9]+)?$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
ObjectKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_=]+(/[a-z0-9_=]+){1,5}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.:\[\]-]{0,252}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Zone = Literal["landing", "parsed", "validated", "marts", "database", "published"]
Channel = Literal["pleio", "drop"]
Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
MomentBasis = Literal["dispatch", "placed", "first_download", "ingestion"]


def unsaid(value: object) -> bool:
    """Whether a field that came later says nothing: then it isn't written."""
    return value in (None, ())


class Part(BaseModel):
    """A part of an event: frozen, nothing beyond the declared fields."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Event(Part):
    """Base of all events."""

    v: Literal[1] = 1
