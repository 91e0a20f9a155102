"""Who should have said by now that it erased, and didn't, is told of."""

from datetime import datetime, timedelta

from rod_pipeline.ledger.erasure import ErasureAsked, HandedOver, PackageErased
from rod_pipeline.retention.unanswered import ANSWER, unanswered
from tests.support.ledger import NOON
from tests.support.purging import PURGE, Story

KEY, PACKAGE = "2025-12", "c" * 16
ASKED = (
    ErasureAsked(purge_id=PURGE, party="recipient", package_id=PACKAGE),
    ErasureAsked(purge_id=PURGE, party="processor"),
)


def handed(until: datetime) -> HandedOver:
    return HandedOver(
        package_id=PACKAGE, keys=(KEY,), recipient="school-17", purpose="verantwoording", until=until, actor="a1"
    )


def about(story: Story, **later: float) -> list[str]:
    return [one.about for one in unanswered(story.state, story.now + timedelta(**later))]


def test_after_thirty_days_a_recipient_and_the_processor_are_overdue_until_they_declare() -> None:
    story = Story().announced(KEY, NOON).tell(handed(NOON + timedelta(days=400))).planned(KEY).tell(*ASKED)
    assert about(story, days=ANSWER.days - 1) == []
    assert about(story, days=ANSWER.days) == [PACKAGE, f"purge {PURGE}"]
    (told, _) = unanswered(story.state, story.now + ANSWER)
    assert f"rod declare {PURGE} --package {PACKAGE}" in told.todo
    story.declared(story.now, "recipient", PACKAGE)
    assert about(story, days=90) == [f"purge {PURGE}"]
    story.declared(story.now)
    assert about(story, days=500) == []


def test_a_package_whose_own_end_comes_first_is_told_of_until_its_delivery_is_erased() -> None:
    story = Story().announced(KEY, NOON).tell(handed(NOON + timedelta(days=30)))
    assert about(story, days=29) == []
    assert about(story, days=30) == [PACKAGE]
    assert about(story.planned(KEY), days=31) == []


def test_who_said_before_that_it_erased_is_asked_nothing() -> None:
    story = Story().announced(KEY, NOON).tell(handed(NOON + timedelta(days=30)))
    (told,) = unanswered(story.state, story.now + timedelta(days=31))
    assert f"rod declare --package {PACKAGE}" in told.todo
    story.tell(PackageErased(package_id=PACKAGE, reference="b-1", erased_at=NOON, actor="a1"))
    assert about(story, days=31) == []
