"""Announcing a delivery: with a link and a code, or by handing its files over.

Belongs here: what a person does to set a delivery going. Does not belong here: fetching (``pleio``), what happens when
the run starts (``landing``).

Both ways are first-class: PLEIO may ask for a login that no program can give, so a person may download the files and
hand them over. An unfinished intake of the same delivery is replaced, its copies and secrets erased.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rod_pipeline.deliveries import DeliveryKey, new_id
from rod_pipeline.errors import PermanentError
from rod_pipeline.intake.pleio import check_link
from rod_pipeline.intake.tidying import ARCHIVE_PASSWORD, CODE, LINKS, tidy
from rod_pipeline.ledger.events import Announced
from rod_pipeline.retention.gate import refuse_intake_stopped, refuse_purged

if TYPE_CHECKING:
    from rod_pipeline.system import System


class NotAMoment(PermanentError):
    """The decree plans no provision at this moment."""

    code = "ROD-DELIVERY-04"


class AlreadyStored(PermanentError):
    """A delivery that has gone through can't come a second time under the same key."""

    code = "ROD-DELIVERY-06"


class FileNotThere(PermanentError):
    """A file that was to be handed over can't be read."""

    code = "ROD-DROP-01"


def announce(
    system: System,
    key: DeliveryKey,
    links: Sequence[str],
    code: str,
    *,
    archive_password: str | None = None,
    moment: datetime | None = None,
) -> str:
    """Announce a delivery that lies in PLEIO; returns the id of the intake.

    Links, code and password go to the secret store, the ledger learns only that there is an announcement. ``moment`` is
    the earliest known moment of provision (when DUO placed or sent it), if it is known.
    """
    _check_moment(system, key)
    for link in links:
        check_link(link, system.pleio_settings)
    delivery_id = new_id()
    # Used or not, a code does not lie about for longer than DUO lets it serve.
    expires = system.clock.now() + timedelta(days=system.settings.pleio.code_days)
    # Held, so that nobody takes them for the secrets of an announcement that was killed.
    with system.ledger.exclusive(delivery_id):
        system.secrets.put(delivery_id, LINKS, json.dumps(list(links)).encode(), expires)
        system.secrets.put(delivery_id, CODE, code.encode(), expires)
        _put_password(system, delivery_id, archive_password)
        _begin(system, key, delivery_id, "pleio", len(links), moment)
    tidy(system)
    return delivery_id


def drop(
    system: System,
    key: DeliveryKey,
    files: Sequence[Path],
    *,
    archive_password: str | None = None,
    moment: datetime | None = None,
) -> str:
    """Hand over files that a person downloaded; they are sealed into ``landing`` at once. Returns the id of the intake.

    The files that were handed over stay where they are: whoever downloaded them has to remove them.
    """
    from rod_pipeline.intake.landing import land_files

    _check_moment(system, key)
    for file in files:
        if not file.is_file():
            raise FileNotThere(
                f"File {file.name!r} isn't there or isn't a file.", "Check the path, and that it can be read."
            )
    delivery_id = new_id()
    with system.ledger.exclusive(delivery_id):
        _put_password(system, delivery_id, archive_password)
        _begin(system, key, delivery_id, "drop", len(files), moment)
    tidy(system)
    land_files(system, key, files)
    return delivery_id


def give_archive_password(system: System, key: DeliveryKey, password: str) -> None:
    """Put the password of a delivery's zip in the secret store, or replace a wrong one. Rerun the delivery after it."""
    with system.hold(key) as intake:
        system.secrets.put(intake.delivery_id, ARCHIVE_PASSWORD, password.encode())


def _check_moment(system: System, key: DeliveryKey) -> None:
    planned = [m.key for m in system.decree.moments]
    if key.moment not in planned:
        raise NotAMoment(
            f"{key.moment} is no moment of provision of {system.decree.reference}.",
            f"The moments are {', '.join(planned)}. A delivery that comes early or late keeps its key.",
        )
    state = system.ledger.state()
    refuse_purged(state.tombstones.get(str(key)))
    refuse_intake_stopped(state)
    current = state.deliveries.get(str(key))
    if current is not None and current.stage == "stored":
        raise AlreadyStored(
            f"Delivery {key} has been validated and stored.",
            f"A correction of the same moment has a key of its own: {DeliveryKey(key.moment, key.revision + 1)}.",
        )


def _put_password(system: System, delivery_id: str, archive_password: str | None) -> None:
    if archive_password is not None:
        system.secrets.put(delivery_id, ARCHIVE_PASSWORD, archive_password.encode())


def _begin(
    system: System, key: DeliveryKey, delivery_id: str, channel: str, files: int, moment: datetime | None
) -> None:
    event = Announced.model_validate(
        {
            "delivery_id": delivery_id,
            "key": str(key),
            "channel": channel,
            "files": files,
            "moment": moment,
            "moment_basis": None if moment is None else "placed",
        }
    )
    try:
        system.ledger.append(event)
    except BaseException:
        system.secrets.forget(delivery_id)
        raise
