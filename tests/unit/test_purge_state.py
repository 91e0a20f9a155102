"""What the events of a purge add up to: how far it is, and which outcome it may claim."""

from datetime import timedelta

import pytest

from rod_pipeline.ledger.erasure import OUTSIDE, Counted
from rod_pipeline.ledger.purges import PLACES
from tests.support.ledger import NOON
from tests.support.purging import IN_HOUSE, PURGE, Story

TWO = ("2025-12", "2026-08")
DAY = timedelta(days=1)


def story() -> Story:
    return Story().announced("2025-12", NOON).announced("2026-08", NOON)


def test_phases_follow_each_other() -> None:
    told, phases = story().planned(*TWO), []
    for step in (
        lambda: told,
        told.tombstoned,
        told.drained,
        told.erased,
        lambda: told.looked("second"),
        lambda: told.looked("late"),
        told.attested,
    ):
        step()
        phases.append(told.purge.phase)
    assert phases == ["planned", "tombstoned", "drained", "erased", "verified", "swept", "attested"]


def test_a_phase_is_reached_when_every_delivery_and_place_has() -> None:
    told = story().planned(*TWO)
    told.tombstoned().drained()
    for place in PLACES:
        assert told.purge.phase == "drained"
        told.erased(place)
    assert told.purge.phase == "erased"
    told.looked("second", "2025-12")
    assert (told.purge.phase, told.purge.verified_at) == ("erased", None)
    told.looked("second", "2026-08", hours=1)
    assert (told.purge.phase, told.purge.verified_at) == ("verified", told.now)
    told.looked("late", "2025-12")
    assert (told.purge.phase, told.purge.outcome) == ("verified", "ONVOLLEDIG")


@pytest.mark.parametrize("place", IN_HOUSE)
def test_what_is_left_in_house_is_not_verified(place: str) -> None:
    told = story().to_second(*TWO).looked("second", "2026-08", left={place: 1})
    assert (told.purge.phase, told.purge.verified_at) == ("erased", None)


@pytest.mark.parametrize("place", sorted(OUTSIDE))
def test_what_others_still_have_keeps_it_from_whole_but_not_from_going_on(place: str) -> None:
    told = story().to_second(*TWO).looked("second", left={place: 1})
    assert told.purge.phase == "verified"
    told.looked("late", left={place: 1}, hours=24)
    assert (told.purge.phase, told.purge.outcome) == ("swept", "ONVOLLEDIG")
    told.looked("late")
    assert told.purge.outcome == "VOLLEDIG"


@pytest.mark.parametrize("place", PLACES)
def test_one_thing_left_in_one_place_of_one_delivery_is_not_whole(place: str) -> None:
    told = story().to_second(*TWO).looked("late", "2025-12").looked("late", "2026-08", left={place: 1})
    assert told.purge.outcome == "ONVOLLEDIG"


def test_a_clean_late_sweep_does_not_make_up_for_a_second_inventory_that_found_something() -> None:
    told = story().to_second(*TWO).looked("second", "2025-12", left={"objects": 1}).looked("late", hours=24)
    assert (told.purge.phase, told.purge.outcome) == ("erased", "ONVOLLEDIG")


@pytest.mark.parametrize(
    ("gone", "outcome"),
    [(timedelta(0), "VOLLEDIG"), (-DAY, "VOLLEDIG"), (timedelta(microseconds=1), "TE_LAAT"), (DAY, "TE_LAAT")],
)
def test_late_is_what_existed_after_the_deadline(gone: timedelta, outcome: str) -> None:
    told = Story(NOON + gone).announced("2025-12", NOON).to_second("2025-12", deadline=NOON).looked("late", days=2)
    assert told.purge.outcome == outcome


def test_the_late_sweep_itself_may_come_after_the_deadline() -> None:
    told = story().to_second("2025-12", deadline=NOON + DAY).looked("late", days=5)
    assert (told.purge.outcome, told.purge.gone_at("2025-12")) == ("VOLLEDIG", NOON)


def test_looking_again_and_finding_nothing_makes_nothing_late() -> None:
    told = story().to_second("2025-12", deadline=NOON + DAY).looked("second", days=5).looked("late", days=2)
    assert (told.purge.outcome, told.purge.gone_at("2025-12")) == ("VOLLEDIG", NOON)


def test_what_was_found_late_existed_until_it_was_erased_again() -> None:
    told = story().to_second("2025-12", deadline=NOON + DAY).looked("late", left={"objects": 1}, days=5)
    assert told.purge.outcome == "ONVOLLEDIG"
    told.erased("objects").looked("second", hours=1).looked("late", days=2)
    assert (told.purge.outcome, told.purge.gone_at("2025-12")) == ("TE_LAAT", NOON + timedelta(days=5, hours=1))


def test_a_late_find_before_the_deadline_is_mended_in_time() -> None:
    told = story().to_second("2025-12", deadline=NOON + 9 * DAY).looked("late", left={"keys": 1}, days=1)
    told.erased("keys").looked("second").looked("late", days=1)
    assert told.purge.outcome == "VOLLEDIG"


def test_a_new_second_inventory_asks_for_a_new_late_one() -> None:
    told = story().to_second(*TWO).looked("late", days=1).looked("second", "2026-08", days=1)
    assert (set(told.purge.late), told.purge.phase, told.purge.outcome) == ({"2025-12"}, "verified", "ONVOLLEDIG")


def test_each_delivery_of_a_purge_is_late_by_its_own_deadline() -> None:
    told = story().planned(*TWO, ground="withdrawal")
    one, other = told.purge.plan.subjects
    plan = told.purge.plan.model_copy(
        update={
            "subjects": (
                one.model_copy(update={"deadline": NOON - DAY}),
                other.model_copy(update={"deadline": NOON + DAY}),
            )
        }
    )
    late = Story().announced("2025-12", NOON).announced("2026-08", NOON).tell(plan)
    late.tombstoned().drained().erased().looked("second").looked("late", days=1)
    assert late.purge.outcome == "TE_LAAT"


def test_without_a_deadline_nothing_is_late() -> None:
    told = Story().announced("2025-12", None).to_second("2025-12").looked("late", days=4000)
    assert told.purge.outcome == "VOLLEDIG"


@pytest.mark.parametrize(("days", "outcome"), [(20, "VOLLEDIG"), (40, "TE_LAAT")])
def test_a_backup_is_gone_when_it_ends(days: int, outcome: str) -> None:
    """In house all was gone in time; whether the whole was, depends on how long the backup lived."""
    end = NOON + timedelta(days=days)
    told = story().to_second("2025-12", deadline=NOON + timedelta(days=30))
    told.looked("second", left={"backups": 1}, until=end).looked("late", left={"backups": 1}, until=end, days=1)
    assert told.purge.outcome == "ONVOLLEDIG"
    told.looked("late", until=end, days=days)
    assert (told.purge.outcome, told.purge.gone_at("2025-12")) == (outcome, end)


def test_the_end_of_a_backup_is_not_forgotten_when_its_name_leaves_the_settings() -> None:
    end = NOON + timedelta(days=40)
    told = story().to_second("2025-12", deadline=NOON + timedelta(days=30))
    told.looked("second", left={"backups": 1}, until=end).looked("late", days=1)
    assert (told.purge.expires, told.purge.outcome) == (end, "TE_LAAT")


@pytest.mark.parametrize(("hours", "outcome"), [(-1, "VOLLEDIG"), (23, "VOLLEDIG"), (25, "TE_LAAT")])
def test_others_are_late_by_their_own_word(hours: int, outcome: str) -> None:
    """What counts is when they erased, not when they said so."""
    told = story().to_second("2025-12", deadline=NOON + DAY).looked("late", left={"processor": 1}, days=2)
    told.declared(NOON + timedelta(hours=hours), days=30).looked("late")
    assert told.purge.outcome == outcome
    assert told.purge.declared_by("processor") and not told.purge.declared_by("recipient", "c" * 16)


def test_what_was_declared_is_news_until_it_was_looked_at() -> None:
    told = story().to_second("2025-12").looked("late", left={"processor": 1}).declared(NOON)
    assert told.purge.heard_at == NOON
    told.looked("late")
    assert told.purge.heard_at is None


def test_counts_of_interrupted_erasures_add_up() -> None:
    told = story().planned("2025-12").tombstoned().erased("objects", n=3).erased("objects", n=2).erased("keys", n=1)
    assert told.purge.erased["2025-12", "objects"].counts == (Counted(what="copies", n=5),)
    assert told.purge.erased["2025-12", "keys"].counts == (Counted(what="copies", n=1),)
    told.erased("objects")
    assert told.purge.erased["2025-12", "objects"].counts == (Counted(what="copies", n=5),)


def test_a_purge_after_a_restore_stands_beside_the_first() -> None:
    told = story().to_second("2025-12", deadline=NOON + DAY).looked("late").attested()
    told.planned("2025-12", ground="restored", deadline=NOON + DAY, purge_id="e" * 16, days=3)
    assert (told.purge.phase, told.purge.outcome) == ("planned", "ONVOLLEDIG")
    told.tombstoned().drained().erased().looked("second").looked("late", days=1)
    # A copy existed after the deadline: it came back, and went again.
    assert (told.purge.phase, told.purge.outcome) == ("swept", "TE_LAAT")
    assert told.state.purges[PURGE].attested is not None and told.state.purges[PURGE].outcome == "VOLLEDIG"
    assert told.state.tombstones["2025-12"].purge_id == PURGE
