"""Tidying: erasing what must not stay.

Belongs here: bringing places back in line with the ledger: copies, keys and secrets of intakes that were refused or
replaced. Does not belong here: erasure by term or withdrawal (``retention``).

It runs again without harm, and begins where a killed run left off, because it asks the ledger what is still there.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from rod_pipeline.ledger.events import CodeEnded
from rod_pipeline.ledger.lease import Busy

LINKS, CODE, ARCHIVE_PASSWORD = "links", "code", "archive_password"

if TYPE_CHECKING:
    from rod_pipeline.system import System


def tidy(system: System) -> int:
    """Erase what refused and replaced intakes left, and codes past their time; returns how many intakes had a rest.

    An intake that somebody is working on right now is left for the next time.
    """
    state = system.ledger.state()
    for scope, name in system.secrets.expire(system.clock.now()):
        if name == CODE and scope in state.intakes:
            system.ledger.append(CodeEnded(delivery_id=scope, reason="expired"))
    done = 0
    for intake in state.intakes.values():
        gone = intake.stage in ("refused", "superseded")
        if not gone or not (state.live_copies(intake.delivery_id) or state.keys.get(intake.delivery_id) == "live"):
            continue
        try:
            with system.ledger.exclusive(intake.delivery_id):
                system.vault.erase_scope(intake.delivery_id, "refused" if intake.refused else "replaced")
        except Busy:
            continue
        done += 1
    _forget_secrets(system)
    return done


def _forget_secrets(system: System) -> None:
    """Remove the secrets that have done their work, and those of an announcement that was killed half-way."""
    for scope in system.secrets.scopes():
        with suppress(Busy), system.ledger.exclusive(scope):
            intake = system.ledger.state().intakes.get(scope)
            if intake is None or intake.stage in ("refused", "superseded", "stored"):
                system.secrets.forget(scope)
                if intake is not None and intake.code == "awaiting":
                    reason: Literal["refused", "replaced"] = "refused" if intake.refused else "replaced"
                    system.ledger.append(CodeEnded(delivery_id=scope, reason=reason))
            elif intake.code.startswith("ended:"):
                for name in (LINKS, CODE):
                    system.secrets.delete(scope, name)
                if not intake.raw:
                    system.secrets.delete(scope, ARCHIVE_PASSWORD)


def clear(system: System, delivery_id: str, file: str | None = None) -> None:
    """Erase what killed runs left of an intake: unfinished copies, and finished ones that became part of nothing.

    Between the verification of a copy and the event that makes it part of the delivery a run can be killed too. Call it
    only while holding the intake; or ``file`` of it, and then only copies of that name go.
    """
    system.vault.sweep(delivery_id, file)
    state = system.ledger.state()
    intake = state.intakes[delivery_id]
    part = {
        *intake.raw,
        *(table.copy_id for table in intake.parsed.values()),
        *intake.tables.values(),
        *(mart.copy_id for mart in intake.marts.values()),
    }
    live = (copy for copy in state.live_copies(delivery_id) if file in (None, copy.name))
    left = [copy.copy_id for copy in live if copy.copy_id not in part]
    system.vault.erase(left, "unfinished")
