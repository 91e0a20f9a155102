"""Rounds: everything that is to be told now is told once, to each owner; what can't be is tried again later.

Belongs here: what was told before, and sending what wasn't. Does not belong here: what there is to tell (``causes``).

What is to be told is worked out anew from ledger and Dagster at every round, so that nothing waits in a memory that can
be lost. ``<home>/alerts/sent.json`` only says what was taken by whom: without it, everything is told again. It is
written after each alert that was taken, so that a process that is killed tells one alert twice rather than never.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from rod_pipeline.alerts.routes import RouteUnusable, send, takes
from rod_pipeline.errors import TransientError
from rod_pipeline.settings import AlertKind

if TYPE_CHECKING:
    from rod_pipeline.alerts.alert import Alert
    from rod_pipeline.settings import RouteSection
    from rod_pipeline.system import System

EVERY_KIND: frozenset[AlertKind] = frozenset(get_args(AlertKind))


class AlertsUnsent(TransientError):
    """Alerts couldn't be sent; they are tried again by the next round."""

    code = "ROD-ALERT-02"


@dataclass(frozen=True, slots=True)
class Due:
    """An alert that an owner hasn't been told, or is to be reminded of."""

    route: RouteSection
    alert: Alert

    @property
    def key(self) -> str:
        """By which the owner's having been told is remembered."""
        return f"{self.route.owner}|{self.alert.cause}"


def due(system: System, alerts: Iterable[Alert]) -> tuple[Due, ...]:
    """What has to be sent now of all that there is to tell. Only reads."""
    return _due(system, alerts, _read(_file(system.settings.home)))


def send_due(system: System, alerts: Iterable[Alert], kinds: Collection[AlertKind] = EVERY_KIND) -> tuple[Due, ...]:
    """Send what is due; returns what was sent. ``kinds``: those that were looked for, so that their ends are seen.

    Raises ``AlertsUnsent`` when some couldn't be sent; the others were. One round at a time: another one waits.
    """
    file, alerts = _file(system.settings.home), tuple(alerts)
    with _alone(file):
        told = _read(file)
        standing = {alert.cause for alert in alerts}
        # What is over is forgotten, so that it is told when it comes back.
        kept = {k: v for k, v in told.items() if k.split("|", 1)[1] in standing or _kind(k) not in kinds}
        if kept != told:
            _write(file, kept)
        sent, failed = [], []
        for one in _due(system, alerts, kept):
            if not _taken(system, one):
                failed.append(one)
                continue
            kept = {**kept, one.key: {"digest": one.alert.digest, "at": system.clock.now().isoformat()}}
            _write(file, kept)
            sent.append(one)
    if failed:
        owners = ", ".join(sorted({one.route.owner for one in failed}))
        raise AlertsUnsent(
            f"{len(failed)} alerts couldn't be sent to {owners}; {len(sent)} others were.",
            f"They are tried again by themselves. Does the route work? `rod alert test {owners.split(', ')[0]}`.",
        )
    return tuple(sent)


def _due(system: System, alerts: Iterable[Alert], told: Mapping[str, Mapping[str, str]]) -> tuple[Due, ...]:
    section, now = system.settings.alerts, system.clock.now()
    again = timedelta(hours=section.reminder_hours)
    found = []
    for alert in alerts:
        for route in section.routes:
            one = Due(route, alert)
            before = told.get(one.key)
            if takes(route, alert) and (
                before is None
                or before["digest"] != alert.digest
                or (alert.reminds and datetime.fromisoformat(before["at"]) + again <= now)
            ):
                found.append(one)
    return tuple(found)


def _taken(system: System, one: Due) -> bool:
    try:
        return send(one.route, one.alert.title, one.alert.body(system.settings.alerts))
    except RouteUnusable:
        return False


def _kind(key: str) -> str:
    return key.split("|", 1)[1].split(" ", 1)[0]


def _file(home: Path) -> Path:
    return home / "alerts" / "sent.json"


def _read(file: Path) -> dict[str, dict[str, str]]:
    try:
        told: dict[str, dict[str, str]] = json.loads(file.read_bytes())
    except (OSError, ValueError):
        # Lost or damaged: told twice is better than never.
        return {}
    return told


def _write(file: Path, told: Mapping[str, Mapping[str, str]]) -> None:
    draft = file.with_suffix(".next")
    with draft.open("w", encoding="utf-8") as written:
        json.dump(told, written, indent=1, sort_keys=True)
        written.flush()
        os.fsync(written.fileno())
    draft.replace(file)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (file.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
