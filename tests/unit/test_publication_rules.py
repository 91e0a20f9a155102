"""The rules of the ledger on what leaves the house."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.erasure import HandedOver
from rod_pipeline.ledger.events import AnyEvent, KeyCreated, KeyDestroyed
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.ledger.publication import (
    AggregatesShared,
    PseudonymKeyed,
    PublicationKept,
    Published,
    PublishedTable,
    SmallCountsAllowed,
    SmallCountsEnded,
)
from rod_pipeline.ledger.rules import IllegalEvent
from tests.support import ledger as make
from tests.support.ledger import DIGEST, NOON, SetClock

TABLE = PublishedTable(name="t", rows=2, hidden=1, sha256=DIGEST)
UNTIL = NOON + timedelta(days=30)


def refused(ledger: Ledger, event: AnyEvent, because: str) -> None:
    with pytest.raises(IllegalEvent, match=because):
        ledger.append(event)


def written(ledger: Ledger, zone: str = "published") -> tuple[str, str]:
    """A scope of its own with one verified copy."""
    scope = new_id()
    copy, writing = make.written(scope, zone, "database")  # type: ignore[arg-type]
    ledger.append(KeyCreated(scope=scope, keyring="local"), *writing)
    return scope, copy


def published(ledger: Ledger, delivery: str) -> Published:
    scope, copy = written(ledger)
    return Published(
        release=scope, copies=(copy,), deliveries=(delivery,), tables=(TABLE,), policy="1.0", audited=DIGEST
    )


SPOILT: dict[str, tuple[Callable[[Published, Ledger], dict[str, object]], str]] = {
    "no delivery": (lambda event, ledger: {"deliveries": ()}, "rests on no delivery"),
    "not stored": (lambda event, ledger: {"deliveries": (make.received(ledger, "2026-08"),)}, "not stored"),
    "no copy": (lambda event, ledger: {"copies": ()}, "names no copy"),
    "other zone": (lambda event, ledger: {"copies": (written(ledger, "database")[1],)}, "not a verified copy"),
    "table twice": (lambda event, ledger: {"tables": (TABLE, TABLE)}, "stands in it twice"),
    "no key": (lambda event, ledger: {"release": new_id()}, "has no key"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_release_names_what_it_is_and_what_it_rests_on(ledger: Ledger, how: str) -> None:
    event = published(ledger, make.stored(ledger))
    spoil, because = SPOILT[how]
    refused(ledger, event.model_copy(update=spoil(event, ledger)), because)
    ledger.append(event)
    refused(ledger, event, "exists already")


def test_published_lies_in_a_scope_of_its_own(ledger: Ledger) -> None:
    delivery = make.stored(ledger)
    refused(ledger, make.registered(delivery, "published", "database"), "never a delivery")
    event = published(ledger, delivery)
    ledger.append(event)
    refused(ledger, make.registered(event.release, "published", "more"), "never edited")
    assert event.release in ledger.state().lasting


def test_a_recipient_has_one_key_of_pseudonyms_at_a_time(ledger: Ledger) -> None:
    delivery, first, second = make.stored(ledger), new_id(), new_id()
    refused(ledger, PseudonymKeyed(recipient="r1", scope=delivery), "no key of its own")
    refused(ledger, PseudonymKeyed(recipient="r1", scope=first), "no key of its own")
    for scope in (first, second):
        ledger.append(KeyCreated(scope=scope, keyring="local"))
    ledger.append(PseudonymKeyed(recipient="r1", scope=first))
    refused(ledger, PseudonymKeyed(recipient="r1", scope=second), "has a key already")
    refused(ledger, PseudonymKeyed(recipient="r2", scope=first), "something else")
    assert ledger.state().pseudonym_scope("r1") == first
    ledger.append(KeyDestroyed(scope=first))
    assert ledger.state().pseudonym_scope("r1") is None
    ledger.append(PseudonymKeyed(recipient="r1", scope=second))


def small(permission: str | None, **more: object) -> HandedOver:
    event = HandedOver(
        package_id=new_id(),
        keys=("2025-12",),
        recipient="kamer",
        purpose="verantwoording",
        until=UNTIL,
        actor="a1",
        description="small_counts",
        permission=permission,
    )
    return event.model_copy(update=more)


def test_counts_under_five_leave_while_their_permission_stands_and_no_longer(
    ledger: Ledger, set_clock: SetClock
) -> None:
    make.stored(ledger)
    refused(ledger, small(None), "no permission")
    allowed = SmallCountsAllowed(
        permission=new_id(),
        recipient="kamer",
        ground="consideration_6c",
        reference="OCW-1",
        until=UNTIL,
        actor="a1",
    )
    refused(ledger, allowed.model_copy(update={"until": NOON - timedelta(days=1)}), "lies in the past")
    ledger.append(allowed)
    refused(ledger, allowed, "id is taken")
    ledger.append(small(allowed.permission))
    refused(ledger, small(allowed.permission, recipient="other"), "no permission")
    refused(ledger, small(allowed.permission, until=UNTIL + timedelta(days=1)), "longer than its permission")
    refused(ledger, small(allowed.permission, description="own_rows"), "says that it holds none")
    set_clock.move(days=31)
    refused(ledger, small(allowed.permission, until=NOON + timedelta(days=40)), "no permission")


def test_a_permission_that_was_ended_permits_nothing(ledger: Ledger) -> None:
    make.stored(ledger)
    allowed = SmallCountsAllowed(
        permission=new_id(), recipient="kamer", ground="further_decision", reference="D-1", until=UNTIL, actor="a1"
    )
    ended = SmallCountsEnded(permission=allowed.permission, actor="a2")
    refused(ledger, ended, "no such permission")
    ledger.append(allowed, ended)
    refused(ledger, small(allowed.permission), "no permission")
    refused(ledger, ended, "no such permission")


def test_aggregates_are_shared_of_a_release_that_was_made(ledger: Ledger) -> None:
    event = published(ledger, make.stored(ledger))
    shared = AggregatesShared(
        package_id=new_id(),
        release=event.release,
        recipient="kamer",
        purpose="onderzoek",
        sha256=DIGEST,
        size=1,
        actor="a1",
    )
    refused(ledger, shared, "no such release")
    ledger.append(event, shared)
    refused(ledger, shared, "id is taken")


def test_that_a_release_stays_is_said_of_a_purge_of_what_it_rests_on(ledger: Ledger) -> None:
    event = published(ledger, make.stored(ledger))
    ledger.append(event)
    refused(ledger, PublicationKept(purge_id="f" * 16, release=event.release), "no such purge")


def test_a_hand_over_of_before_reads_and_writes_as_it_was() -> None:
    before = HandedOver(
        package_id="a" * 16, keys=("2025-12",), recipient="r1", purpose="onderzoek", until=UNTIL, actor="a1"
    )
    assert set(before.model_dump(mode="json")) == {
        "v",
        "kind",
        "package_id",
        "keys",
        "recipient",
        "purpose",
        "until",
        "actor",
    }
