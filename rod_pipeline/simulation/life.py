"""The life of one simulated installation: time goes on, things happen, and what is due is done.

Belongs here: moving the clock from one instant at which something is due to the next, taking deliveries in, and noting
what went otherwise than the story says. Does not belong here: the story (``scenario``), looking back on it
(``aftermath``).

Between two things that happen nobody touches anything: the sensor ticks, and its runs do the work. It ticks at each
instant at which the agenda says that something becomes due, and a day before a term ends its window, when it must find
nothing. That is where hourly ticks could make a difference; the others would find nothing either.
"""

from __future__ import annotations

import io
import secrets
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from rich.console import Console

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.announcing import announce
from rod_pipeline.retention.deadline import AMSTERDAM
from rod_pipeline.retention.due import Agenda, Term, agenda
from rod_pipeline.retention.timeline import Span
from rod_pipeline.retention.watch import watch
from rod_pipeline.simulation.clock import SimulatedClock
from rod_pipeline.simulation.daemon import Daemon
from rod_pipeline.simulation.stages import walk
from rod_pipeline.simulation.system import SimulatedSystem, make_simulation
from rod_pipeline.synthetic.delivery import write_delivery
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population

if TYPE_CHECKING:
    from rod_pipeline.ledger.purges import PurgeState

SCALE = 0.0003
_SEED = 2036
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_PSEUDONYMS = 60
_EMPTY = b"PK\x05\x06" + bytes(18)


class TimeIsUp(Exception):
    """The simulation was told to end here."""


@dataclass
class Life:
    """One installation and its time. ``wrong`` is what went otherwise than it should."""

    name: str
    system: SimulatedSystem
    clock: SimulatedClock
    daemon: Daemon
    pleio: StandIn
    console: Console
    end: datetime
    wrong: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    ticks: int = 0
    runs: int = 0
    dagster_runs: bool = True

    # --- time -------------------------------------------------------------------------------------------------------

    def until(self, when: datetime) -> None:
        """Let time go on up to ``when``, doing whatever becomes due meanwhile. Raises ``TimeIsUp`` at the end."""
        stop = min(when, self.end)
        while (due := self.agenda().next_at) is not None and due <= stop:
            before = due - _DAY
            if before > self.clock.now() and any(term.opens == due for term in self.agenda().terms):
                self.clock.move_to(before)
                self._tick(nothing=True)
            self.clock.move_to(_whole_hour(due))
            self._tick()
        self.clock.move_to(stop)
        self._tick()
        if stop < when:
            raise TimeIsUp

    def agenda(self) -> Agenda:
        """What is due now, and when something will be."""
        system = self.system
        return agenda(system.ledger.state(), self.clock.now(), system.decree, system.settings.retention)

    @contextmanager
    def outage(self, about: str) -> Iterator[None]:
        """Nobody's sensor ticks in this block."""
        since, self.dagster_runs = self.clock.now(), False
        try:
            yield
        finally:
            self.dagster_runs = True
            self.spans.append(Span(since, self.clock.now(), about, "outage"))

    def _tick(self, *, nothing: bool = False) -> None:
        if not self.dagster_runs:
            return
        self.ticks += 1
        before = len(self.system.ledger.state().purges)
        runs, wrong = self.daemon.purge_what_is_due()
        self.runs += runs
        self.wrong += wrong
        self.expect(not nothing or len(self.system.ledger.state().purges) == before, "something was erased too early")
        self.expect(not self.agenda(), "not everything that was due was done")

    # --- what happens -----------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Tell what happens now."""
        self.console.print(f"  {self.clock.now().astimezone(AMSTERDAM):%Y-%m-%d}  {text}", soft_wrap=True)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note that something isn't as the story says."""
        if not holds:
            self.wrong.append(f"{self.clock.now():%Y-%m-%d}: {otherwise}")
            self.console.print(f"              [red]{otherwise}[/red]", soft_wrap=True)

    def expect_refusal(self, code: str, act: Callable[[], object]) -> None:
        """Note it when ``act`` isn't refused by an error of this code."""
        from rod_pipeline.errors import RodError

        try:
            act()
        except RodError as error:
            self.expect(error.code == code, f"refused by {error.code} where {code} should have")
        else:
            self.expect(False, f"was let through where {code} should have refused it")

    def deliver(self, key: str, *, fault: str | None = None, dagster: bool = False) -> list[str]:
        """DUO places a delivery now, it is announced and taken all the way; returns why it failed, empty when not."""
        name = DeliveryKey.parse(key)
        archive = io.BytesIO()
        population = Population(_SEED, SCALE)
        write_delivery(archive, name, population=population, book=self.system.book, archive="zip", fault=fault)
        self.announce(key, archive.getvalue())
        return self.daemon.deliver(name) if dagster else walk(self.system, name)

    def announce(self, key: str, content: bytes) -> None:
        """Put a delivery in PLEIO and announce it."""
        code = secrets.token_urlsafe(9)
        link = self.pleio.publish(content, code)
        self.system.canary.plant([code, *_pseudonyms(content)])
        announce(self.system, DeliveryKey.parse(key), [link], code, moment=self.clock.now())

    def announce_nothing(self, key: str) -> None:
        """Announce a delivery that nobody will fetch."""
        self.announce(key, _EMPTY)

    # --- what is the case -------------------------------------------------------------------------------------------

    def term(self, key: str) -> Term:
        """The term of a delivery."""
        return next(term for term in self.agenda().terms if term.key == key)

    def opens(self, key: str) -> datetime:
        """When the window of a delivery's purge opens."""
        opens = self.term(key).opens
        assert opens is not None
        return opens

    def purges(self, key: str) -> list[PurgeState]:
        """The purges of a delivery, oldest first."""
        return [purge for purge in self.system.ledger.state().purges.values() if key in purge.keys]

    def alarms(self) -> list[str]:
        """What the watch raises the alarm about."""
        return [finding.what for finding in watch(self.system) if finding.level == "alarm"]

    def notices(self) -> list[str]:
        """What the watch has to say besides."""
        return [finding.what for finding in watch(self.system) if finding.level == "notice"]


@contextmanager
def living(name: str, home: Path, begin: datetime, end: datetime, console: Console) -> Iterator[Life]:
    """A new installation in ``home``, alive for as long as the block lasts; its store and Dagster end with it."""
    clock = SimulatedClock(begin)
    system = SimulatedSystem.open(make_simulation(home, clock), clock)
    try:
        with StandIn(clock=clock) as pleio:
            daemon = Daemon(system)
            try:
                yield Life(name, system, clock, daemon, pleio, console, end)
            finally:
                daemon.stop()
    finally:
        system.stop()


def _whole_hour(instant: datetime) -> datetime:
    """The sensor's next tick."""
    floor = instant.replace(minute=0, second=0, microsecond=0)
    return floor if floor == instant else floor + _HOUR


def _pseudonyms(archive: bytes) -> list[str]:
    """The pseudonyms of some students of a delivery."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        found: list[str] = []
        for name in files.namelist():
            if "_inschrijvingen_" in name:
                rows = pl.read_csv(files.read(name), separator=";", infer_schema=False)
                found += rows["Sectornummer"].drop_nulls().unique(maintain_order=True).head(_PSEUDONYMS).to_list()
    return found
