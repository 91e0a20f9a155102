"""Which event about what leaves the house may follow what.

Belongs here: the rules on releases, pseudonym keys, permissions and packages of the published class. Does not belong
here: the rules on the hand-over of personal data that have nothing to do with publishing (``erasure_rules``).

A release names what it rests on and is never edited. Counts under five leave only while a permission stands, and never
for longer than it does.
"""

from datetime import datetime
from typing import assert_never

from rod_pipeline.ledger.erasure import HandedOver
from rod_pipeline.ledger.erasure_rules import refuse
from rod_pipeline.ledger.events import AnyEvent
from rod_pipeline.ledger.publication import (
    AggregatesShared,
    PseudonymKeyed,
    PublicationKept,
    Published,
    SmallCountsAllowed,
    SmallCountsEnded,
)
from rod_pipeline.ledger.state import LedgerState

OfPublication = Published | PublicationKept | PseudonymKeyed | SmallCountsAllowed | SmallCountsEnded | AggregatesShared


def check_publication(event: OfPublication, state: LedgerState, at: datetime) -> None:
    """Raise ``IllegalEvent`` unless ``event``, happening at the instant ``at``, may follow ``state``."""
    match event:
        case Published():
            _published(event, state)
        case PublicationKept():
            _kept(event, state)
        case PseudonymKeyed():
            if state.keys.get(event.scope) != "live" or event.scope in state.intakes:
                refuse(event, "its scope has no key of its own")
            if event.scope in state.lasting or state.copies_of(event.scope):
                refuse(event, "its scope is used for something else")
            if state.pseudonym_scope(event.recipient) is not None:
                refuse(event, "the recipient has a key already")
        case SmallCountsAllowed():
            if event.permission in state.permissions:
                refuse(event, "its id is taken")
            if event.until <= at:
                refuse(event, "its end lies in the past")
        case SmallCountsEnded():
            permission = state.permissions.get(event.permission)
            if permission is None or permission.ended_at is not None:
                refuse(event, "no such permission stands")
        case AggregatesShared():
            if event.package_id in state.shared or event.package_id in state.handovers:
                refuse(event, "its id is taken")
            _release(event, event.release, state)
        case _:
            assert_never(event)


def permitted(event: HandedOver, state: LedgerState, at: datetime) -> None:
    """Raise ``IllegalEvent`` unless a package with personal data may leave as far as publishing has to say."""
    if event.release is not None:
        _release(event, event.release, state)
    if event.description != "small_counts":
        if event.permission is not None:
            refuse(event, "it names a permission for counts under five, and says that it holds none")
        return
    permission = state.permissions.get(event.permission or "")
    if permission is None or permission.event.recipient != event.recipient or not permission.stands(at):
        refuse(event, "no permission to hand counts under five to this recipient stands")
    if event.until > permission.event.until:
        refuse(event, "it would be kept for longer than its permission stands")


def _published(event: Published, state: LedgerState) -> None:
    if event.release in state.releases or event.release in state.generations:
        refuse(event, "the release exists already")
    if state.keys.get(event.release) != "live":
        refuse(event, "its scope has no key")
    if not event.copies or len(set(event.copies)) != len(event.copies):
        refuse(event, "it names no copy, or one twice")
    for copy_id in event.copies:
        copy = state.copies.get(copy_id)
        if copy is None or (copy.scope, copy.zone, copy.status) != (event.release, "published", "verified"):
            refuse(event, "one of its copies is not a verified copy of its own scope in published")
    names = [table.name for table in event.tables]
    if len(set(names)) != len(names):
        refuse(event, "a table stands in it twice")
    if not event.deliveries or len(set(event.deliveries)) != len(event.deliveries):
        refuse(event, "it rests on no delivery, or on one twice")
    for delivery in event.deliveries:
        intake = state.intakes.get(delivery)
        if intake is None or intake.stage != "stored":
            refuse(event, "a delivery that it rests on is not stored")


def _kept(event: PublicationKept, state: LedgerState) -> None:
    purge, release = state.purges.get(event.purge_id), state.releases.get(event.release)
    if purge is None or release is None:
        refuse(event, "no such purge was planned, or no such release made")
    if event.purge_id in release.kept_by:
        refuse(event, "it is on record already")
    if not {state.intakes[delivery].key for delivery in release.event.deliveries} & set(purge.keys):
        refuse(event, "the release rests on no delivery of this purge")


def _release(event: AnyEvent, release: str, state: LedgerState) -> None:
    if release not in state.releases:
        refuse(event, "no such release was made")
