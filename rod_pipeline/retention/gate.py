"""The gate: what was erased stays away, and nothing comes in while it may not.

Belongs here: telling a person why a delivery can't be used or announced any more. Does not belong here: the rules that
hold under the ledger's lock (``ledger.rules``) and refuse the same in every interleaving; this says it first, plainly.
"""

from rod_pipeline.errors import BlockedError, PermanentError
from rod_pipeline.ledger.purges import Tombstone
from rod_pipeline.ledger.state import LedgerState


class DeliveryPurged(PermanentError):
    """A delivery was erased, on purpose and for ever."""

    code = "ROD-DELIVERY-07"


class IntakeStopped(BlockedError):
    """The decree is suspended or was withdrawn."""

    code = "ROD-DELIVERY-08"


def refuse_purged(tombstone: Tombstone | None) -> None:
    """Raise ``DeliveryPurged`` where there is a tombstone."""
    if tombstone is not None:
        raise DeliveryPurged(
            f"Delivery {tombstone.key} was erased on purpose (tombstone {tombstone.purge_id}, "
            f"{tombstone.at:%Y-%m-%d}, ground {tombstone.ground}) and can't come back.",
            "There is nothing to mend: `rod evidence list` shows the evidence. A correction by DUO has its own key.",
        )


def refuse_intake_stopped(state: LedgerState) -> None:
    """Raise ``IntakeStopped`` while the decree is suspended, and once it was withdrawn (section 5)."""
    if state.standing is not None:
        raise IntakeStopped(
            f"The decree is {state.standing.what} (order {state.standing.order}): no delivery may come in.",
            "When the suspension has been ended in writing: `rod suspension lift`. A withdrawal is for good."
            if state.standing.what == "suspended"
            else "A withdrawal is for good: a new decree needs a new installation.",
        )
