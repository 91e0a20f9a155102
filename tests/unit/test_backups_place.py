"""Backups as a place: what is on record as living until a day lives until that day."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from rod_pipeline.retention.places.outside import Backups
from rod_pipeline.settings import BackupSection, RetentionSection
from rod_pipeline.system import System
from tests.support.ledger import NOON
from tests.support.purging import Story

NIGHTLY = BackupSection(name="nightly", days=30)


def seen(told: Story, days: int, *declared: BackupSection) -> Any:
    """What the place says so many days after the last entry, under settings that declare these backups."""
    system = SimpleNamespace(
        ledger=SimpleNamespace(state=lambda: told.state),
        clock=SimpleNamespace(now=lambda: told.now + timedelta(days=days)),
        settings=SimpleNamespace(retention=RetentionSection(backups=declared)),
    )
    return Backups(cast(System, system)).inventory(told.purge.plan.subjects[0])


def purged() -> Story:
    """A purge whose second inventory told of the nightly backups."""
    told = Story().announced("2025-12", NOON).planned("2025-12").tombstoned().drained().erased()
    found = seen(told, 0, NIGHTLY)
    assert (found.left, found.until) == (1, told.now + timedelta(days=30))
    return told.looked("second", left={"backups": found.left}, until=found.until)


def test_a_backup_that_the_settings_forget_lives_until_its_end() -> None:
    told = purged()
    assert [seen(told, days).left for days in (0, 29, 30)] == [1, 1, 0]
    assert seen(told, 1, BackupSection(name="nightly", days=1)).left == 1
    assert seen(told, 30).until == told.now + timedelta(days=30)


def test_a_backup_that_the_settings_still_name_counts_once() -> None:
    assert [seen(purged(), days, NIGHTLY).left for days in (0, 29, 30)] == [1, 1, 0]
