"""Running the simulation: both lives at the same time, each in a process of its own, and what is told of them.

Belongs here: folders, processes, and the order of telling. Does not belong here: what happens in a life (``scenario``),
what is looked at after it (``aftermath``).
"""

from __future__ import annotations

import io
import multiprocessing
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console

from rod_pipeline.errors import PermanentError
from rod_pipeline.simulation.system import MARK, NotASimulation, alone

if TYPE_CHECKING:
    from rod_pipeline.simulation.aftermath import Aftermath

WIDTH = 110
"""How wide the tables are."""


class LifeBrokeOff(PermanentError):
    """A life of the simulation ended before its time."""

    code = "ROD-SIMULATION-02"


@dataclass(frozen=True)
class Result:
    """Whether everything went as it should, and where picture and certificates lie, if they were to be kept."""

    as_expected: bool
    kept: Path | None


def simulate(end: datetime, console: Console, *, home: Path | None = None, only: str | None = None) -> Result:
    """Live through the decree up to ``end``. Without ``home`` everything happens in a folder that is removed again.

    ``only`` is the name of one life. Raises ``NotASimulation`` when ``home`` holds something else, ``LifeBrokeOff``.
    """
    began = monotonic()
    with _folder(home) as folder, _leaving_on_sigterm():
        lives = _live(folder, end, console, only)
        from rod_pipeline.simulation.report import save_picture, tell

        tell(lives, console)
        save_picture(lives, end, folder)
    console.print(f"{sum(len(life.rows) for life in lives)} erasures in {monotonic() - began:.0f} seconds.")
    return Result(not any(life.wrong for life in lives), home)


def _live(folder: Path, end: datetime, console: Console, only: str | None) -> list[Aftermath]:
    """Live through every story: the first in this process, telling it as it goes, the others beside it."""
    from rod_pipeline.simulation.scenario import STORIES

    names = [story.name for story in STORIES if only in (None, story.name)]
    # A fresh start: Dagster, Polars and what they started are no good after a fork.
    context = multiprocessing.get_context("spawn")
    with _beside(context, folder, end, names[1:]) as others:
        lives = [live(names[0], folder / names[0], end, console)]
        for name, receiver in others.items():
            try:
                life, told = receiver.recv()
            except EOFError:
                raise LifeBrokeOff(
                    f"The life {name} ended before its time; its last words stand above.",
                    "Run the simulation again; if it comes back, report what it said.",
                ) from None
            console.print(told, end="", markup=False)
            lives.append(life)
    return lives


def live(name: str, home: Path, end: datetime, console: Console) -> Aftermath:
    """Live through one story in ``home``, telling it as it goes, and look back on it."""
    with alone(home):
        # Only now: what is imported may look at the environment.
        from rod_pipeline.simulation.aftermath import look_back
        from rod_pipeline.simulation.life import TimeIsUp, living
        from rod_pipeline.simulation.scenario import BEGIN, STORIES

        story = next(story for story in STORIES if story.name == name)
        console.rule(story.title)
        with living(name, home, BEGIN, end, console) as life:
            finished = True
            try:
                story.happens(life)
            except TimeIsUp:
                finished = False
            return look_back(life, story, finished)


@contextmanager
def _beside(
    context: multiprocessing.context.SpawnContext, folder: Path, end: datetime, names: list[str]
) -> Iterator[dict[str, Connection]]:
    processes, receivers = [], {}
    try:
        for name in names:
            receivers[name], sender = context.Pipe(duplex=False)
            process = context.Process(target=_in_a_process, args=(name, folder / name, end, sender))
            process.start()
            sender.close()
            processes.append(process)
        yield receivers
    finally:
        for process in processes:
            if process.is_alive() and sys.exc_info()[0] is not None:
                process.terminate()
            process.join()


def _in_a_process(name: str, home: Path, end: datetime, sender: Connection) -> None:
    with _leaving_on_sigterm():
        told = io.StringIO()
        life = live(name, home, end, Console(file=told, width=WIDTH, highlight=False))
        sender.send((life, told.getvalue()))


@contextmanager
def _folder(home: Path | None) -> Iterator[Path]:
    """The folder of a simulation, made anew; one that nobody named is removed at the end."""
    if home is None:
        folder = Path(tempfile.mkdtemp(prefix="rod-simulation-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
        return
    if home.exists():
        if not (home / MARK).exists():
            raise NotASimulation(f"The folder {home} exists and holds no simulation.", "Name another one with --home.")
        shutil.rmtree(home)
    home.mkdir(parents=True, mode=0o700)
    (home / MARK).touch()
    yield home.absolute()


@contextmanager
def _leaving_on_sigterm() -> Iterator[None]:
    """What service managers send would otherwise leave a store behind."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
