"""The event about a planned provision that didn't come when it should have: what a person answered.

Belongs here: that event. Does not belong here: which moments are planned (``decree``), when one is asked about
(``rod_pipeline.intake.moments``).
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import StringConstraints

from rod_pipeline.ledger.vocabulary import Code, Event

MomentKey = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]


class MomentAnswered(Event):
    """A planned provision is expected by a day, that day included; or, without a day, it doesn't come this time."""

    kind: Literal["moment_answered"] = "moment_answered"
    moment: MomentKey
    expected_by: date | None = None
    actor: Code
