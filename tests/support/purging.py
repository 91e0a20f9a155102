"""Purges: states folded from a few lines, and a real installation whose time the test sets.

``Story`` writes the history of one purge as entries, without a ledger and so without its rules. What works on a whole
installation stands below it: ``on_clock`` opens it on a clock that can be moved, ``deliver`` takes a delivery all the
way, ``remains`` looks for what is left of one anywhere.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from rod_pipeline.clock import Clock, SystemClock
from rod_pipeline.deliveries import DeliveryKey, new_id
from rod_pipeline.installation import make_installation
from rod_pipeline.intake.announcing import announce
from rod_pipeline.ledger.erasure import (
    OUTSIDE,
    Attested,
    Counted,
    Drained,
    ErasureDeclared,
    Ground,
    Inventoried,
    Place,
    PlaceErased,
    PlaceLeft,
    PurgePlanned,
    Subject,
    Tombstoned,
)
from rod_pipeline.ledger.events import (
    Announced,
    AnyEvent,
    Checked,
    Entry,
    MartBuilt,
    Parsed,
    Received,
    Stored,
    Validated,
)
from rod_pipeline.ledger.purges import PLACES, PurgeState
from rod_pipeline.ledger.state import LedgerState, fold
from rod_pipeline.marts import studentaantallen
from rod_pipeline.marts.database import build_database, open_database
from rod_pipeline.settings import Settings
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.objects import ObjectStore
from rod_pipeline.system import System
from tests.support.backend import settings_of
from tests.support.ledger import DIGEST, NOON, SetClock
from tests.support.pipeline import CODE, Bench
from tests.support.seaweed import declared

PURGE = "f" * 16


class Story:
    """A history in the making. ``now`` is the instant of the next entry; ``state`` what it all adds up to."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now
        self.state = LedgerState()

    def tell(self, *events: AnyEvent, **later: float) -> "Story":
        """Events that happen ``later`` (as in ``timedelta``), all at one instant."""
        self.now += timedelta(**later)
        for event in events:
            self.state = fold(self.state, Entry(seq=self.state.seq + 1, at=self.now, event=event))
        return self

    @property
    def purge(self) -> PurgeState:
        """The newest purge."""
        return list(self.state.purges.values())[-1]

    def announced(self, key: str, moment: datetime | None) -> "Story":
        """A delivery of which nothing is known but its moment."""
        n = len(self.state.intakes)
        basis: Any = None if moment is None else "placed"
        return self.tell(
            Announced(delivery_id=f"{n:016x}", key=key, channel="pleio", files=1, moment=moment, moment_basis=basis)
        )

    def planned(
        self,
        *keys: str,
        ground: Ground = "term",
        deadline: datetime | None = None,
        purge_id: str = PURGE,
        **later: float,
    ) -> "Story":
        """The plan of a purge."""
        subjects = tuple(
            Subject(key=key, intakes=tuple(i.delivery_id for i in self.state.intakes_of(key)), deadline=deadline)
            for key in keys
        )
        order = "o1" if ground in ("order", "withdrawal") else None
        return self.tell(
            PurgePlanned(purge_id=purge_id, ground=ground, subjects=subjects, plan=DIGEST, order=order, actor="a1"),
            **later,
        )

    def tombstoned(self, **later: float) -> "Story":
        """Tombstones on every delivery of the newest purge."""
        return self.tell(*(Tombstoned(purge_id=self.purge.purge_id, key=key) for key in self.purge.keys), **later)

    def drained(self, **later: float) -> "Story":
        """Nobody works on them any more."""
        return self.tell(Drained(purge_id=self.purge.purge_id), **later)

    def erased(self, *places: Place, n: int = 0, **later: float) -> "Story":
        """Places emptied of every delivery, all of them unless some are named; ``n`` copies were found in each."""
        counts = (Counted(what="copies", n=n),) if n else ()
        return self.tell(
            *(
                PlaceErased(purge_id=self.purge.purge_id, key=key, place=place, method="file_deleted", counts=counts)
                for key in self.purge.keys
                for place in places or PLACES
            ),
            **later,
        )

    def looked(
        self,
        round_: str,
        *keys: str,
        until: datetime | None = None,
        left: Mapping[str, int] | None = None,
        **later: float,
    ) -> "Story":
        """Inventories of the named deliveries (all, when none is named). ``until`` is the end of the last backup."""
        return self.tell(
            *(
                Inventoried.model_validate(
                    {"purge_id": self.purge.purge_id, "key": key, "round": round_, "places": _places(left or {}, until)}
                )
                for key in keys or self.purge.keys
            ),
            **later,
        )

    def to_second(self, *keys: str, deadline: datetime | None = None, ground: Ground = "term") -> "Story":
        """A purge up to a second inventory that found nothing, all at one instant."""
        return self.planned(*keys, ground=ground, deadline=deadline).tombstoned().drained().erased().looked("second")

    def declared(
        self, erased_at: datetime, party: str = "processor", package: str | None = None, **later: float
    ) -> "Story":
        """Somebody else's word that they erased."""
        return self.tell(
            ErasureDeclared.model_validate(
                {
                    "purge_id": self.purge.purge_id,
                    "party": party,
                    "package_id": package,
                    "reference": "r1",
                    "erased_at": erased_at,
                    "actor": "a1",
                }
            ),
            **later,
        )

    def attested(self, **later: float) -> "Story":
        """The certificate that the inventories give."""
        serial = 1 if self.purge.attested is None else self.purge.attested.serial + 1
        return self.tell(
            Attested(purge_id=self.purge.purge_id, serial=serial, outcome=self.purge.outcome, record=DIGEST), **later
        )


def _places(left: Mapping[str, int], until: datetime | None) -> tuple[PlaceLeft, ...]:
    return tuple(
        PlaceLeft(
            place=place,
            counts=(Counted(what="copies", n=left[place]),) if place in left else (),
            until=until if place == "backups" else None,
        )
        for place in PLACES
    )


IN_HOUSE = tuple(place for place in PLACES if place not in OUTSIDE)


class Shifted:
    """This machine's clock, as far ahead as the test wants it."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def now(self) -> datetime:
        return SystemClock().now() + self.by

    def move(self, **by: float) -> None:
        self.by += timedelta(**by)


@contextmanager
def on_clock(bench: Bench, clock: Clock) -> Iterator[System]:
    """The installation, kept open on a clock of the test's own."""
    with System.open(bench.settings, clock) as system:
        bench._kept_open = system
        try:
            yield system
        finally:
            bench._kept_open = None


def seven_years_ago(clock: Clock, **later: float) -> datetime:
    """A moment whose term ends ``later`` than now (as in ``timedelta``)."""
    now = clock.now()
    return now.replace(year=now.year - 7, day=min(now.day, 28)) + timedelta(days=max(0, now.day - 28), **later)


def deliver(bench: Bench, key: str, content: bytes, moment: datetime | None = None) -> str:
    """Take a delivery all the way; returns the id of its intake."""
    announced(bench, key, content, moment)
    assert bench.walk(key) == []
    return bench.intake(key).delivery_id


def announced(bench: Bench, key: str, content: bytes, moment: datetime | None = None) -> str:
    """Announce a delivery that lies in PLEIO; returns the id of its intake."""
    link = bench.pleio.publish(content, CODE)
    with bench.system() as system:
        return announce(system, DeliveryKey.parse(key), [link], CODE, moment=moment)


def remains(bench: Bench, *scopes: str) -> list[str]:
    """Where something of these intakes or generations can still be found by name: in the bucket or the home folder.

    The ledger, marks of destroyed keys, letters and notices are about them; they are no copies.
    """
    found = [f"object {key}" for key in bench.objects() if any(scope in key for scope in scopes)]
    for path in sorted(bench.home.rglob("*")):
        about = path.suffix == ".gone" or path.parent.name in ("ledger.db.leases", "letters", "notices")
        if not about and any(scope in path.name for scope in scopes):
            found.append(f"file {path.name}")
    with bench.system() as system:
        if system.keyring.name != "local":
            found += [f"in the key server: {scope}.key" for scope in system.keyring.traces() if scope in scopes]
    return found


def generations_of(system: System, scope: str) -> list[str]:
    """The mart databases that ever held an intake."""
    return [g.generation for g in system.ledger.state().generations.values() if scope in g.deliveries]


def database_content(system: System) -> dict[str, list[Any]]:
    """Every row of the mart database in force, by table, in order; without the tables' own ids."""
    with open_database(system, "tester", "beheer") as connection:
        names = [name for (name,) in connection.execute("select table_name from duckdb_tables() order by 1").fetchall()]
        return {name: connection.execute(f"select * from {name} order by all").fetchall() for name in names}


def cheaply(system: System, key: str, moment: datetime, upto: str = "database") -> str:
    """A delivery of a few bytes, sealed and on record as a real one, taken as far as ``upto``; returns its intake.

    The stages are those of a delivery: announced, received, parsed, stored, database. No file is read and no rule
    judges: what is erased doesn't depend on it.
    """
    stages = ("announced", "received", "parsed", "stored", "database")
    far, scope, vault = stages.index(upto), new_id(), system.vault
    system.secrets.put(scope, "links", b"[]")
    system.secrets.put(scope, "code", b"code")
    system.ledger.append(
        Announced(delivery_id=scope, key=key, channel="pleio", files=1, moment=moment, moment_basis="placed")
    )
    if far < 1:
        return scope
    vault.create_key(scope)
    with vault.write_raw(scope, "landing", "raw") as writer:
        writer.write(b"synthetic")
    system.ledger.append(
        Received(delivery_id=scope, copies=(writer.copy.copy_id,), moment=moment, moment_basis="placed")
    )
    docs = system.settings.home / "data_docs" / f"{key}-{scope}"
    docs.mkdir(parents=True)
    (docs / "index.html").write_text("counts", "utf-8")
    if far < 2:
        return scope
    frame = pl.LazyFrame({"a": ["synthetic"] * 3})
    copy = vault.write_table(scope, "parsed", "diplomas", frame)
    system.ledger.append(Parsed(delivery_id=scope, file="diplomas", contract=1, rows=3, copy_id=copy.copy_id))
    if far < 3:
        return scope
    typed = vault.write_table(scope, "validated", "diplomas", frame)
    system.ledger.append(
        Checked(delivery_id=scope, file="diplomas", copy_id=copy.copy_id, outcome="passed", rules=3),
        Validated(delivery_id=scope, outcome="passed", copies=(copy.copy_id,)),
        Stored(delivery_id=scope, copies=(typed.copy_id,), rows=(3,)),
    )
    system.secrets.forget(scope)
    mart = vault.write_table(scope, "marts", studentaantallen.MART.name, pl.LazyFrame(_ROW, schema=_SCHEMA))
    system.ledger.append(MartBuilt(delivery_id=scope, mart=studentaantallen.MART.name, copy_id=mart.copy_id, rows=1))
    if far < 4:
        return scope
    with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
        build_database(system, connection)
    return scope


_SCHEMA = {column.name: column.dtype for column in studentaantallen.MART.columns}
_ROW = {name: [None] for name in _SCHEMA}


class Simulated(System):
    """An installation on a clock of its own that the store agrees with: years can pass."""

    clock: SetClock

    def store_time(self) -> datetime | None:
        return self.clock.now()


def installation(home: Path, store: StoreSettings) -> Simulated:
    """A new installation with a bucket of its own on a server that runs, at noon of 15 December 2025."""
    bucket = f"t{new_id()}"
    ObjectStore(store.model_copy(update={"bucket": bucket})).ensure_bucket()
    make_installation(home, SetClock(), country="NL", site="test bench", declared_by="tester")
    declaration = declared(home, kek=bytes.fromhex((home / "secrets" / "kek").read_text("ascii")))
    (home / "rod.toml").write_text(
        settings_of(home)
        + f'[store]\nendpoint = "{store.endpoint}"\nbucket = "{bucket}"\ndeclaration = "{declaration}"\n'
        "[retention]\ndrain_minutes = 0\n"
    )
    return Simulated(Settings.load(home), SetClock())
