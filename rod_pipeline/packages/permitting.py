"""Allowing counts under five to a recipient, and ending that.

Belongs here: a person's word on a legal ground. Does not belong here: what follows for a package (``making``). Decree
55352791, section 6, consideration c; DESIGN 14.13.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rod_pipeline.deliveries import new_id
from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.publication import LegalGround, SmallCountsAllowed, SmallCountsEnded
from rod_pipeline.packages.recipients import recipient

if TYPE_CHECKING:
    from rod_pipeline.system import System


class NoChamber(PermanentError):
    """Counts under five were to be allowed or handed to somebody else than a sector chamber."""

    code = "ROD-PACKAGE-06"


def no_chamber(name: str) -> NoChamber:
    """Why somebody who is no sector chamber gets no counts under five."""
    return NoChamber(
        f"Recipient {name} is no sector chamber.",
        "Counts under five can be allowed, and handed, to a sector chamber alone: nobody else has a ground for them.",
    )


def allow(system: System, name: str, ground: LegalGround, reference: str, until: datetime) -> str:
    """Allow counts under five to a sector chamber up to ``until``; returns the id of the permission.

    ``reference`` names the document of the ground. Raises ``NoSuchRecipient``, ``NoChamber``, ``IllegalEvent``.
    """
    if recipient(system, name).chamber is None:
        raise no_chamber(name)
    permission = new_id()
    system.ledger.append(
        SmallCountsAllowed(
            permission=permission, recipient=name, ground=ground, reference=reference, until=until, actor=system.actor()
        )
    )
    return permission


def forbid(system: System, permission: str) -> None:
    """End a permission before its date. What was handed over keeps its end. Raises ``IllegalEvent``."""
    system.ledger.append(SmallCountsEnded(permission=permission, actor=system.actor()))
