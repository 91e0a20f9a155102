"""Drawing evidence up once, and again years later."""

from pathlib import Path
from typing import cast

import pytest

from rod_pipeline.ledger.erasure import Attested, ErasureDeclared, PlaceLeft
from rod_pipeline.ledger.events import AnyEvent, Entry
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.retention.evidence import NotAttested, RecordDiffers, attest, find
from rod_pipeline.system import System
from tests.support.evidence import (
    Installation,
    at_the_end_of_the_term,
    carried_out,
    counted,
    delivered,
    erased,
    looked,
    planned,
)
from tests.support.ledger import NOON, SetClock, announced

WAITING = {("2025-12", "processor"): PlaceLeft(place="processor", counts=counted(declarations=1))}


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    made = Installation(tmp_path, SetClock())
    at_the_end_of_the_term(made)
    return made


def system(installation: Installation) -> System:
    return cast(System, installation)


def attestations(ledger: Ledger) -> list[Attested]:
    return [entry.event for entry in ledger.entries() if isinstance(entry.event, Attested)]


def test_evidence_is_drawn_up_once(installation: Installation) -> None:
    plan = erased(installation, ["2025-12"])
    first = attest(system(installation), plan.purge_id)
    assert first.outcome == "VOLLEDIG" and first.serial == 1
    assert attest(system(installation), plan.purge_id) == first
    assert attestations(installation.ledger) == [first]


def test_the_record_of_an_attestation_comes_out_the_same_years_later(installation: Installation) -> None:
    plan = erased(installation, ["2025-12"])
    attest(system(installation), plan.purge_id)
    then = find(system(installation), plan.purge_id)
    installation.clock.move(days=900)
    delivered(installation.ledger, "2028-08", 0x9000, installation.clock.now())
    again = erased(installation, ["2028-08"], "e" * 16, ground="order", order="OCW-1")
    attest(system(installation), again.purge_id)
    # Another process, that has to read it all anew.
    later = Installation(installation.home, installation.clock)
    assert find(system(later), plan.purge_id).record.canonical() == then.record.canonical()
    assert find(system(later), plan.purge_id).entry == then.entry


def test_a_declaration_makes_a_second_record_that_names_the_first(installation: Installation) -> None:
    plan = erased(installation, ["2025-12"], left=WAITING)  # type: ignore[arg-type]
    first = attest(system(installation), plan.purge_id)
    assert (first.serial, first.outcome) == (1, "ONVOLLEDIG")
    declared = ErasureDeclared(
        purge_id=plan.purge_id,
        party="processor",
        reference="KBA-2032-4",
        erased_at=installation.clock.now(),
        actor="a1",
    )
    installation.ledger.append(declared)
    looked(installation.ledger, plan, "late")
    second = attest(system(installation), plan.purge_id)
    assert (second.serial, second.outcome) == (2, "VOLLEDIG")
    record = find(system(installation), plan.purge_id).record
    assert (record.record_id, record.previous) == (f"{plan.purge_id}-2", f"{plan.purge_id}-1")
    assert record.processor.status == "verklaard"
    earlier = find(system(installation), plan.purge_id, 1).record
    assert earlier.processor.status == "uitstaand" and earlier.digest() == first.record


def test_looking_again_with_the_same_outcome_makes_no_new_record(installation: Installation) -> None:
    plan = erased(installation, ["2025-12"], left=WAITING)  # type: ignore[arg-type]
    first = attest(system(installation), plan.purge_id)
    installation.clock.move(hours=2)
    looked(installation.ledger, plan, "late", WAITING)  # type: ignore[arg-type]
    assert attest(system(installation), plan.purge_id) == first


def test_passing_the_deadline_with_something_left_makes_a_new_record(installation: Installation) -> None:
    plan = erased(installation, ["2025-12"], left=WAITING)  # type: ignore[arg-type]
    attest(system(installation), plan.purge_id)
    installation.clock.move(days=3)
    looked(installation.ledger, plan, "late", WAITING)  # type: ignore[arg-type]
    assert attest(system(installation), plan.purge_id).serial == 2
    record = find(system(installation), plan.purge_id).record
    assert record.outcome == "ONVOLLEDIG" and record.deliveries[0].days_late == 3


def test_there_is_no_evidence_before_the_late_sweep(installation: Installation) -> None:
    plan = planned(installation.ledger, ["2025-12"], "f" * 16)
    carried_out(installation.ledger, plan, installation.clock)
    looked(installation.ledger, plan, "second")
    with pytest.raises(NotAttested):
        attest(system(installation), plan.purge_id)
    with pytest.raises(NotAttested):
        find(system(installation), plan.purge_id)
    with pytest.raises(NotAttested):
        attest(system(installation), "0" * 16)


class Overtaking(Ledger):
    """A ledger to which somebody else adds an entry just before each of the first ``left`` attestations."""

    left = 2

    def append(self, *events: AnyEvent, when: object = None) -> tuple[Entry, ...]:
        if self.left and isinstance(events[0], Attested):
            self.left -= 1
            super().append(announced("2028-08"))
        return super().append(*events, when=when)  # type: ignore[arg-type]


def test_nothing_comes_between_the_record_and_its_attestation(installation: Installation) -> None:
    plan = erased(installation, ["2025-12"])
    busy = Overtaking(f"sqlite:///{installation.home / 'ledger.db'}", installation.clock)
    installation.__dict__["ledger"] = busy
    attested = attest(system(installation), plan.purge_id)
    assert busy.left == 0
    entry = find(system(installation), plan.purge_id).entry
    before = [each for each in busy.entries() if each.seq < entry.seq]
    assert entry.event == attested and before[-1].event.kind == "announced"


def test_a_record_that_no_longer_follows_is_not_handed_out(installation: Installation) -> None:
    plan = erased(installation, ["2025-12"])
    attest(system(installation), plan.purge_id)
    renamed = Installation(installation.home, installation.clock, origin="elders.example/grootboek")
    with pytest.raises(RecordDiffers) as raised:
        find(system(renamed), plan.purge_id)
    assert "0.1.0" in str(raised.value)


def test_each_purge_of_a_restored_delivery_has_evidence_of_its_own(installation: Installation) -> None:
    first = erased(installation, ["2025-12"])
    attest(system(installation), first.purge_id)
    installation.clock.move(days=30)
    again = erased(installation, ["2025-12"], "e" * 16, ground="restored")
    attest(system(installation), again.purge_id)
    record = find(system(installation), again.purge_id).record
    assert record.ground.reason == "hervernietiging_na_herstel"
    assert record.ground.earlier_purges == (first.purge_id,)
    assert record.outcome == "TE_LAAT", "a copy existed after the deadline"
    assert record.time.planned_at > NOON
