"""One alert: what it is about, how it is recognised again, and its words.

Belongs here: the model, and the fixed sentence of an error's code. Does not belong here: when there is one
(``causes``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from rod_pipeline.errors import RodError
from rod_pipeline.runbooks import link
from rod_pipeline.settings import AlertKind, AlertsSection

_TITLES: dict[AlertKind, str] = {
    "run_failed": "a run failed",
    "blocked": "waits for a person",
    "notice_overdue": "a notice wasn't sent",
    "purge_late": "an erasure is late",
    "waiver_ends": "a waiver ends",
    "arrived": "a delivery arrived",
    "missed_moment": "a delivery hasn't come",
    "heartbeat_lost": "the pipeline stands still",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody is to know.

    ``kind`` and ``about`` (a delivery, a notice, a moment, a job) say which cause it is; of one cause ``code`` and
    ``state`` say what would make it another alert. ``happened`` and ``to_do`` are sentences of ours, ``runbook`` is a
    page of the documentation, ``run`` the id of a run of Dagster. ``reminds``: it is told again as long as it lasts.
    """

    kind: AlertKind
    about: str
    happened: str
    to_do: str
    runbook: str
    code: str = ""
    state: str = ""
    run: str | None = None
    reminds: bool = True

    @property
    def cause(self) -> str:
        """What stays the same while it lasts."""
        return f"{self.kind} {self.about}"

    @property
    def digest(self) -> str:
        """What changes with the cause; not its words, which may hold a duration."""
        return sha256(f"{self.cause}\n{self.code}\n{self.state}".encode()).hexdigest()[:16]

    @property
    def title(self) -> str:
        """One line, in which the cause can be seen."""
        code = f" ({self.code})" if self.code else ""
        return f"ROD: {_TITLES[self.kind]}: {self.about}{code}"

    def body(self, settings: AlertsSection) -> str:
        """A few lines: what happened, what to do, where to look."""
        lines = [self.happened, f"What to do: {self.to_do}"]
        if self.run is not None:
            lines.append(f"Run: {settings.ui_url.rstrip('/')}/runs/{self.run}")
        lines.append(f"Runbook: {link(self.runbook, settings)}")
        return "\n".join(lines)


def sentence(code: str) -> str:
    """What an error of this code means, in our own fixed words: never the text of one that was raised."""
    for error in _errors(RodError):
        if vars(error).get("code") == code and error.__doc__:
            return " ".join(error.__doc__.split("\n\n")[0].split())
    return f"Error {code}."


def _errors(of: type[RodError]) -> Iterator[type[RodError]]:
    for kind in of.__subclasses__():
        yield kind
        yield from _errors(kind)
