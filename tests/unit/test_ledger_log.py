"""The log on SQLite: what is written, what is distrusted when read, what the clock may do."""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from rod_pipeline.deliveries import new_id
from rod_pipeline.errors import RodError
from rod_pipeline.ledger.database import LedgerDatabase, LedgerUrl
from rod_pipeline.ledger.events import CopyErased, KeyCreated, KeyDestroyed
from rod_pipeline.ledger.log import Ledger, LedgerClock, LedgerCorrupt, LedgerTooNew, Reading
from rod_pipeline.ledger.rules import IllegalEvent
from tests.support import ledger as make
from tests.support.ledger import SetClock, decoding

DELIVERY = "00112233445566aa"


def rows(folder: Path) -> list[tuple[int, str, str, str]]:
    connection = sqlite3.connect(folder / "ledger.db")
    found = connection.execute("SELECT seq, at, kind, body FROM ledger ORDER BY seq").fetchall()
    connection.close()
    return found


def tamper(folder: Path, *statements: str) -> None:
    """What somebody with the file in hands could do: take the triggers off, then write."""
    connection = sqlite3.connect(folder / "ledger.db")
    for trigger in ("gapless", "no_update", "no_delete"):
        connection.execute(f"DROP TRIGGER ledger_{trigger}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def reopened(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", SetClock())


# What is written


def test_the_bytes_of_a_row_are_fixed(ledger: Ledger, tmp_path: Path) -> None:
    amsterdam = make.NOON.astimezone(ZoneInfo("Europe/Amsterdam"))
    event = make.announced(delivery_id=DELIVERY).model_copy(update={"moment": amsterdam, "moment_basis": "placed"})
    ledger.append(event)
    assert rows(tmp_path) == [
        (
            1,
            "2025-12-15T12:00:00.000000Z",
            "announced",
            '{"channel":"pleio","delivery_id":"00112233445566aa","files":1,"key":"2025-12","kind":"announced",'
            '"moment":"2025-12-15T12:00:00Z","moment_basis":"placed","v":1}',
        )
    ]


def test_append_gives_the_entries_as_every_reader_sees_them(ledger: Ledger, tmp_path: Path) -> None:
    entries = ledger.append(make.announced(), make.approved())
    assert [entry.seq for entry in entries] == [1, 2]
    assert tuple(reopened(tmp_path).entries()) == entries
    assert tuple(ledger.entries(after=1)) == entries[1:]
    assert tuple(ledger.entries(after=2)) == ()


def test_all_events_of_an_append_or_none(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(IllegalEvent):
        ledger.append(make.announced(), make.registered(new_id(), "landing", "raw"))
    assert rows(tmp_path) == []
    assert ledger.append() == ()


def test_a_condition_sees_the_newest_state_and_can_stop_it(ledger: Ledger, tmp_path: Path) -> None:
    reopened(tmp_path).append(make.announced(delivery_id=DELIVERY))
    seen = []

    def condition(state: object) -> None:
        seen.append(state)
        raise LookupError("no")

    with pytest.raises(LookupError):
        ledger.append(make.approved(), when=condition)
    assert [list(state.intakes) for state in seen] == [[DELIVERY]]  # type: ignore[attr-defined]
    assert len(rows(tmp_path)) == 1


def test_an_event_built_around_its_own_validation_is_refused(ledger: Ledger) -> None:
    secret = "Jansen, P. 999999990"
    bad = make.announced().model_copy(update={"delivery_id": secret})
    with pytest.raises(IllegalEvent) as caught:
        ledger.append(bad)
    assert secret not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_an_event_that_does_not_validate_does_not_quote_the_value() -> None:
    with pytest.raises(ValidationError) as caught:
        KeyCreated(scope="Jansen 1999-01-01", keyring="local")
    assert "Jansen" not in str(caught.value)


# What is distrusted

GOOD = '{"kind":"key_destroyed","scope":"00112233445566aa","v":1}'
AT = "2025-12-15T12:00:00.000000Z"


def inserted(seq: object, at: str, kind: str, body: str) -> str:
    return f"INSERT INTO ledger VALUES ({seq}, '{at}', '{kind}', '{body}')"


@pytest.mark.parametrize(
    ("row", "error"),
    {
        "a good row": (inserted(2, AT, "key_destroyed", GOOD), None),
        "a gap": (inserted(3, AT, "key_destroyed", GOOD), LedgerCorrupt),
        "time runs back": (inserted(2, "2025-12-15T11:59:59.999999Z", "key_destroyed", GOOD), LedgerCorrupt),
        "time without microseconds": (inserted(2, "2025-12-15T12:00:00Z", "key_destroyed", GOOD), LedgerCorrupt),
        "time in other digits": (inserted(2, "2025-12-15T12:00:00.0Z", "key_destroyed", GOOD), LedgerCorrupt),
        "no JSON": (inserted(2, AT, "key_destroyed", "{"), LedgerCorrupt),
        "no object": (inserted(2, AT, "key_destroyed", "[]"), LedgerCorrupt),
        "a space": (inserted(2, AT, "key_destroyed", GOOD.replace(":", ": ")), LedgerCorrupt),
        "another order": (
            inserted(2, AT, "key_destroyed", '{"scope":"00112233445566aa","kind":"key_destroyed","v":1}'),
            LedgerCorrupt,
        ),
        "a key twice": (inserted(2, AT, "key_destroyed", GOOD.replace('"v":1', '"v":1,"v":1')), LedgerCorrupt),
        "another kind beside it": (inserted(2, AT, "key_created", GOOD), LedgerCorrupt),
        "a field too many": (inserted(2, AT, "key_destroyed", GOOD.replace('"v"', '"u":1,"v"')), LedgerCorrupt),
        "a field too few": (inserted(2, AT, "key_destroyed", '{"kind":"key_destroyed","v":1}'), LedgerCorrupt),
        "a value out of bounds": (inserted(2, AT, "key_destroyed", GOOD.replace("00112", "Piet ")), LedgerCorrupt),
        "bytes for text": (f"INSERT INTO ledger VALUES (2, '{AT}', 'key_destroyed', x'00')", LedgerCorrupt),
        "an unknown kind": (inserted(2, AT, "moved", '{"kind":"moved","v":1}'), LedgerTooNew),
        "an unknown version": (inserted(2, AT, "key_destroyed", GOOD.replace('"v":1', '"v":2')), LedgerTooNew),
        "about nothing": (
            inserted(2, AT, "refused", '{"delivery_id":"00112233445566ab","error":"E","kind":"refused","v":1}'),
            LedgerCorrupt,
        ),
    }.values(),
)
def test_a_row_that_is_not_ours_stops_the_reader(
    ledger: Ledger, tmp_path: Path, row: str, error: type[RodError] | None
) -> None:
    ledger.append(make.approved())
    fresh = reopened(tmp_path)
    tamper(tmp_path, row)
    for reader in (ledger, fresh):
        if error is None:
            assert reader.state().keys == {DELIVERY: "destroyed"}
            continue
        with pytest.raises(error) as caught:
            reader.state()
        assert "Piet" not in str(caught.value)
        with pytest.raises(error):
            reader.append(make.announced())


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM ledger WHERE seq = 2", "UPDATE ledger SET at = '2025-12-15T12:00:00.000001Z' WHERE seq = 2"],
)
def test_a_ledger_that_lost_or_changed_its_newest_entry_is_noticed(
    ledger: Ledger, tmp_path: Path, statement: str
) -> None:
    ledger.append(make.announced(), make.approved())
    tamper(tmp_path, statement)
    with pytest.raises(LedgerCorrupt, match=r"Entry 2 .* gone or has changed"):
        ledger.append(make.announced("2026-08"))


def test_the_database_is_append_only(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(make.approved())
    before = rows(tmp_path)
    connection = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    for statement in (
        "UPDATE ledger SET at = 'x'",
        "DELETE FROM ledger",
        inserted(3, AT, "key_destroyed", GOOD),
        inserted(1, AT, "key_destroyed", GOOD),
        inserted(1, AT, "key_destroyed", GOOD).replace("INSERT", "INSERT OR REPLACE"),
        inserted(-1, AT, "key_destroyed", GOOD),
    ):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    connection.close()
    assert rows(tmp_path) == before


# The clock


def test_a_small_step_back_is_levelled(ledger: Ledger, set_clock: SetClock) -> None:
    ledger.append(make.approved())
    set_clock.move(minutes=-5)
    (entry,) = ledger.append(make.approved())
    assert entry.at == make.NOON
    set_clock.move(minutes=6)
    (entry,) = ledger.append(make.approved())
    assert entry.at == make.NOON + timedelta(minutes=1)


def test_a_clock_that_ran_back_stops_processing_but_not_erasure(ledger: Ledger, set_clock: SetClock) -> None:
    delivery = make.received(ledger)
    (raw,) = ledger.state().intakes[delivery].raw
    set_clock.move(minutes=-5, microseconds=-1)
    with pytest.raises(LedgerClock):
        ledger.append(make.approved())
    erased = CopyErased(copy_id=raw, versions=1, uploads=0, ground="purged")
    with pytest.raises(LedgerClock):
        ledger.append(erased, make.approved())
    entries = ledger.append(KeyDestroyed(scope=delivery), erased)
    assert {entry.at for entry in entries} == {make.NOON}


def test_a_clock_without_a_zone_is_no_clock(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", SetClock(datetime(2025, 12, 15)))  # noqa: DTZ001
    with pytest.raises(LedgerClock):
        ledger.append(make.approved())


# The address


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "mysql://rod:Geheim77@h/d",
        "postgresql+nosuch://rod:Geheim77@h/d",
        "postgresql+psycopg2://rod:Geheim77@h:port/d",
        "Geheim77",
    ],
)
def test_an_address_that_cannot_hold_a_ledger(url: str) -> None:
    with pytest.raises(LedgerUrl) as caught:
        Ledger(url, SetClock())
    assert "Geheim77" not in str(caught.value)


def test_a_file_that_cannot_be_or_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(LedgerDatabase, match="SQLITE_CANTOPEN"):
        Ledger(f"sqlite:///{tmp_path / 'nowhere' / 'ledger.db'}", SetClock())
    (tmp_path / "ledger.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(LedgerDatabase, match="SQLITE_NOTADB"):
        reopened(tmp_path)


def test_a_new_file_that_another_process_makes_at_this_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two who change the mode of a new file at once: SQLite refuses one of them without waiting."""
    asked: list[str] = []

    class Beaten(sqlite3.Connection):
        def execute(self, statement: str, *rest: object) -> sqlite3.Cursor:
            asked.append(statement)
            if "journal_mode" in statement and len(asked) < 4:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_BUSY, "SQLITE_BUSY"
                raise error
            return super().execute(statement, *rest)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3.dbapi2, "connect", lambda *of, **more: connect(*of, **more, factory=Beaten))
    make.received(reopened(tmp_path))
    assert asked[:4] == ["PRAGMA journal_mode = WAL"] * 4
    monkeypatch.undo()
    assert "2025-12" in reopened(tmp_path).state().deliveries


# What a process has read already


def test_a_ledger_goes_on_from_what_the_process_has_read(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, reading = f"sqlite:///{tmp_path / 'ledger.db'}", Reading()
    make.received(ledger)
    assert Ledger(url, SetClock(), reading).state() == ledger.state()
    known = ledger.state().seq
    ledger.append(make.announced("2026-08"))
    numbers = decoding(monkeypatch)
    after = Ledger(url, SetClock(), reading)
    assert (after.state(), after.tree_head()) == (ledger.state(), ledger.tree_head())
    assert numbers == [known + 1]
    after.append(make.announced("2026-12"))
    del numbers[:]
    assert Ledger(url, SetClock(), reading).state().deliveries.keys() == {"2025-12", "2026-08", "2026-12"}
    assert numbers == []


def test_another_copy_in_its_place_is_read_from_its_beginning(ledger: Ledger, tmp_path: Path) -> None:
    """An older one was put back: the object that read the newer one says so, the next one sees what is there."""
    url, reading = f"sqlite:///{tmp_path / 'ledger.db'}", Reading()
    make.received(ledger)
    old = (tmp_path / "ledger.db").read_bytes()
    ledger.append(make.announced("2026-08"))
    newer = Ledger(url, SetClock(), reading)
    assert "2026-08" in newer.state().deliveries
    for opened in (ledger, newer):
        opened.close()
    (tmp_path / "ledger.db").write_bytes(old)
    for left in ("ledger.db-wal", "ledger.db-shm"):
        (tmp_path / left).unlink(missing_ok=True)
    with pytest.raises(LedgerCorrupt, match="is gone or has changed"):
        newer.state()
    now = Ledger(url, SetClock(), reading)
    assert (now.state(), now.tree_head()) == ((fresh := reopened(tmp_path)).state(), fresh.tree_head())
    assert now.state().deliveries.keys() == {"2025-12"}
    with pytest.raises(LedgerCorrupt):
        newer.state()
