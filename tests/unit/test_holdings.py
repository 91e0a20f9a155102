"""What was held on a day, held against a naive reading of the ledger."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from rod_pipeline.audit.account import Account
from rod_pipeline.audit.holdings import day_of, held_on, periods
from rod_pipeline.ledger.events import CopyErased, CopyRegistered, Entry
from tests.support.evidence import MOMENT, Installation, delivered, erased
from tests.support.ledger import SetClock, registered

BEGIN, END = date(2025, 12, 1), date(2026, 11, 1)


def history(home: Path) -> list[Entry]:
    """Two deliveries, one of which is erased; a third that broke off halfway; entries near midnight in Amsterdam."""
    installation = Installation(home, SetClock(datetime(2025, 12, 15, 22, 30, tzinfo=UTC)))
    first = delivered(installation.ledger, "2025-12", 0x100, MOMENT)
    installation.clock.time = datetime(2026, 8, 12, 22, 30, tzinfo=UTC)
    delivered(installation.ledger, "2026-08", 0x300, MOMENT)
    installation.ledger.append(registered(first, "marts", "studiesucces").model_copy(update={"store": "hoofd"}))
    installation.clock.time = datetime(2026, 9, 30, 21, 58, tzinfo=UTC)
    erased(installation, ["2025-12"], ground="order", order="OCW-2026-7")
    return list(installation.ledger.entries())


def naive(entries: list[Entry], day: date) -> set[str]:
    """The copies that existed at some instant of a day in Amsterdam, from the bare events."""
    begin = {e.event.copy_id: day_of(e.at) for e in entries if isinstance(e.event, CopyRegistered)}
    end = {e.event.copy_id: day_of(e.at) for e in reversed(entries) if isinstance(e.event, CopyErased)}
    return {copy for copy, since in begin.items() if since <= day <= end.get(copy, date.max)}


def test_any_day_agrees_with_a_naive_reading_of_the_ledger(tmp_path: Path) -> None:
    entries = history(tmp_path)
    account = Account.of(entries)
    counted = periods(account)
    days = [BEGIN + timedelta(days=n) for n in range((END - BEGIN).days)]
    sizes = set()
    for day in days:
        held = held_on(account, day)
        assert {span.registered.copy_id for span, _ in held} == naive(entries, day)
        sizes.add(len(held))
        for key in ("2025-12", "2026-08"):
            of_key = sum(key in keys for _, keys in held)
            in_period = [p for p in counted if p.key == key and p.since <= day <= (p.until or date.max)]
            assert sum(period.copies for period in in_period) == of_key
            assert len(in_period) == (1 if of_key else 0)
    assert len(sizes) >= 3, "the history has days on which more and less was held"


def test_a_day_is_one_in_amsterdam_and_counts_whole(tmp_path: Path) -> None:
    account = Account.of(history(tmp_path))
    assert not held_on(account, date(2025, 12, 14)), "22:30 UTC is 23:30 in Amsterdam, the same day"
    assert held_on(account, date(2025, 12, 15))
    of_first = [period for period in periods(account) if period.key == "2025-12"]
    assert [period.until for period in of_first][-1] == date(2026, 10, 1), "erased after midnight in Amsterdam"
