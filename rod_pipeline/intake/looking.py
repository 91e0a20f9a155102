"""Looking at the sealed raw files of a delivery outside its run.

Belongs here: giving what lies in ``landing`` to whoever finds out why it was rejected, in memory and on the record.
Does not belong here: reading it as part of the delivery (``parsing``), saying what differs (``contracts.check``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from rod_pipeline.contracts.check import Source
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.landing import raw_copies, raw_names
from rod_pipeline.intake.parsing import NotReceivedYet
from rod_pipeline.intake.tidying import ARCHIVE_PASSWORD
from rod_pipeline.ledger.events import Accessed

if TYPE_CHECKING:
    from rod_pipeline.system import System


@contextmanager
def sealed_files(system: System, key: DeliveryKey) -> Iterator[tuple[tuple[Source, ...], bytes | None]]:
    """The raw files of a delivery and the password of its archive, if it has one, for as long as the block lasts.

    Each is decrypted as it is read, and never written anywhere. The delivery is held meanwhile; that somebody looked
    stands in the ledger, for each file, before its first byte is read. Raises ``NotReceivedYet`` and what
    ``System.hold`` and the vault raise.
    """
    with system.hold(key) as intake:
        if not intake.raw:
            raise NotReceivedYet(
                f"Nothing of delivery {key} has been received by its current intake.",
                "Look again when its run has brought something in.",
            )
        actor = system.actor()
        system.ledger.append(*(Accessed(actor=actor, purpose="beheer", copy_id=copy_id) for copy_id in intake.raw))
        password = None
        if system.secrets.exists(intake.delivery_id, ARCHIVE_PASSWORD):
            password = system.secrets.get(intake.delivery_id, ARCHIVE_PASSWORD)
        copies, names = raw_copies(system, intake), raw_names(system, intake)
        yield (
            tuple(
                Source(name, partial(system.vault.open_raw, copy.copy_id))
                for copy, name in zip(copies, names, strict=True)
            ),
            password,
        )
