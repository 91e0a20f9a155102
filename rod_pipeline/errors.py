"""The vocabulary of failure: every error has a code, says what happened and what to do.

Belongs here: the base class, the three kinds of failure and nothing else; each part of the domain defines its own
errors beside the code that raises them. Does not belong here: retrying (``orchestration``). What each
code means stands in ``docs/reference/errors.md``, which is made from these classes.

The kinds come from on-call practice: a *transient* failure goes away by itself and may be retried, a *permanent* one
comes back however often it is tried, a *blocked* one waits for a decision of a person.

An error's text reaches logs, Dagster's storage and terminals. It is composed of our own words, codes, names from
contracts, counts and row numbers, never of a value from the data. Raise it ``from None`` where the cause may quote
data.
"""

from typing import ClassVar, Literal

Kind = Literal["transient", "permanent", "blocked"]


class RodError(Exception):
    """Base of all errors that a user may see.

    ``happened`` and ``remedy`` are one sentence each. ``code`` is stable and names the section of
    ``docs/reference/errors.md``.
    """

    code: ClassVar[str] = "ROD-00"
    kind: ClassVar[Kind] = "permanent"

    def __init__(self, happened: str, remedy: str) -> None:
        super().__init__(happened, remedy)
        self.happened = happened
        self.remedy = remedy

    def __str__(self) -> str:
        return f"[{self.code}] {self.happened} What to do: {self.remedy}"


class TransientError(RodError):
    """Goes away by itself: retry with jitter."""

    kind: ClassVar[Kind] = "transient"


class PermanentError(RodError):
    """Comes back however often it is tried: do not retry, mend the cause."""

    kind: ClassVar[Kind] = "permanent"


class BlockedError(RodError):
    """Waits for a decision of a person."""

    kind: ClassVar[Kind] = "blocked"


class RefusedData(PermanentError):
    """Data that may not be kept: direct identifiers, undeclared data, somebody else's data.

    Whoever catches it erases the delivery at once, with evidence, after the notice is drafted.
    """
