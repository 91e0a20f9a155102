"""Whether the pipeline lives: Dagster's daemon, and our own code in it.

Belongs here: looking at it from outside. Does not belong here: alerts that a living pipeline sends (``alerting``).

Dagster's daemons write to its storage that they live, and each tick of a sensor stands there. That is the heartbeat: no
file of ours, and a sensor needs no side effect. It is read by ``rod heartbeat``, which has to be started by something
else than Dagster: cron, a systemd timer, a liveness probe. Who watches that is a dead man's switch: an address that is
asked each time that all is well, and that raises the alarm elsewhere when it isn't asked any more.
https://docs.dagster.io/deployment/execution/dagster-daemon
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import dagster as dg
import httpx
from dagster._core.scheduler.instigation import TickStatus

from rod_pipeline.alerts.alert import Alert
from rod_pipeline.alerts.rounds import AlertsUnsent, send_due
from rod_pipeline.alerts.routes import secret
from rod_pipeline.errors import BlockedError, RodError, TransientError
from rod_pipeline.orchestration.alerting import WATCHES
from rod_pipeline.orchestration.storages import instances_of
from rod_pipeline.system import System

RUNBOOK = "docs/how-to/alerts.md"


class HeartbeatLost(BlockedError):
    """The pipeline stands still: its daemon, or our code in it, gave no sign of life for too long."""

    code = "ROD-HEARTBEAT-01"


class SwitchUnreachable(TransientError):
    """The dead man's switch couldn't be told that the pipeline lives."""

    code = "ROD-HEARTBEAT-02"


def refuse_dead(system: System, max_age: timedelta) -> None:
    """Raise ``HeartbeatLost``, with what gave no sign of life within ``max_age``; for whoever watches from outside."""
    lost: list[str] = []
    try:
        found = False
        for instance in instances_of(system.settings):
            found = True
            lost += _lost(instance, system.clock.now(), max_age)
        if not found:
            lost.append("there is no Dagster here")
    except RodError as error:
        lost.append(f"Dagster's storage can't be asked ({error.code})")
    if lost:
        raise HeartbeatLost(
            f"The pipeline gives no sign of life: {'; '.join(lost)}.",
            "See whether the daemon runs (`rod up`, or its service), and its log. Deliveries and erasures wait.",
        )


def look(system: System, max_age: timedelta, *, alert: bool = True) -> None:
    """Raise ``HeartbeatLost`` as ``refuse_dead``, once whoever is to be alarmed has been told; once, then reminded.

    When all is well the dead man's switch of the settings is asked. Raises ``AlertsUnsent`` or ``SwitchUnreachable``,
    and ``NoInstallation`` where there is none, for the folder is wrong then and nobody can be told.
    """
    system.refuse_nowhere()
    standing: tuple[Alert, ...] = ()
    lost: HeartbeatLost | None = None
    try:
        refuse_dead(system, max_age)
    except HeartbeatLost as error:
        lost = error
        standing = (Alert("heartbeat_lost", "daemon", lost.happened, lost.remedy, RUNBOOK, code=lost.code),)
    try:
        if alert:
            send_due(system, standing, {"heartbeat_lost"})
    except AlertsUnsent:
        # What is lost matters more; whoever starts this again tries again.
        if lost is None:
            raise
    if lost is not None:
        raise lost from None
    if alert and system.settings.alerts.heartbeat_url is not None:
        _ask_switch(secret(system.settings.alerts.heartbeat_url))


def _ask_switch(url: str) -> None:
    # Its log would hold the address, which is a secret.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        answer = httpx.get(url, timeout=10)
    except (httpx.HTTPError, httpx.InvalidURL):
        answer = None
    if answer is None or not answer.is_success:
        raise SwitchUnreachable(
            "The pipeline lives, but the dead man's switch couldn't be told so.",
            "Look whether its address (alerts.heartbeat_url) is right and answers; it will alarm in a while.",
        ) from None


def _lost(instance: dg.DagsterInstance, now: datetime, max_age: timedelta) -> Iterator[str]:
    beats, needed = instance.get_daemon_heartbeats(), sorted(instance.get_required_daemon_types())
    if never := [daemon for daemon in needed if daemon not in beats]:
        yield f"its daemons never ran ({', '.join(never)})"
    old = [one for one in needed if one in beats and now.timestamp() - beats[one].timestamp > max_age.total_seconds()]
    if old:
        last = max(beats[daemon].timestamp for daemon in old)
        yield f"its daemons were last heard of at {_time(last, now)} ({', '.join(old)})"
    # A daemon lives on when our code can't be loaded any more: then no sensor of ours ticks.
    ticks = [
        tick
        for state in instance.all_instigator_state()
        if state.instigator_name == WATCHES
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
    ]
    newest = max(ticks, key=lambda tick: tick.timestamp, default=None)
    if newest is None:
        yield f"the sensor {WATCHES} never ticked"
    elif now.timestamp() - newest.timestamp > max_age.total_seconds():
        yield f"the sensor {WATCHES} last ticked at {_time(newest.timestamp, now)}"
    elif newest.status == TickStatus.FAILURE:
        yield f"the newest tick of the sensor {WATCHES} failed"


def _time(at: float, now: datetime) -> str:
    return f"{datetime.fromtimestamp(at, now.tzinfo):%Y-%m-%d %H:%M} UTC"
