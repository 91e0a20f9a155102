"""A backup with purged deliveries is put back: nothing runs and nothing is read until it is erased again, on record."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from rod_pipeline.errors import RodError
from rod_pipeline.intake.tidying import tidy
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention.engine import begin, carry_out, plan
from rod_pipeline.retention.evidence import find
from rod_pipeline.retention.places import revived
from rod_pipeline.retention.restoring import came_back, recover
from rod_pipeline.retention.rounds import make_round
from rod_pipeline.retention.watch import watch
from rod_pipeline.store.objects import ObjectStore
from rod_pipeline.store.vault import ErasedCameBack, TombstonedScope
from rod_pipeline.system import System
from tests.support.pipeline import PLACED, Bench, discrepancies
from tests.support.purging import Shifted, cheaply, generations_of, on_clock, remains
from tests.support.seaweed import content_of
from tests.support.soak import in_soak

PURGED, KEPT = "2025-12", "2026-08"
FOLDERS = ("keys", "secrets/codes", "data_docs")


@dataclass
class Backup:
    """What lay in an installation's bucket and folders; the ledger has a backup of its own."""

    objects: dict[str, bytes]
    folder: Path

    @classmethod
    def of(cls, bench: Bench, folder: Path) -> "Backup":
        store = ObjectStore(bench.store)
        for name in FOLDERS:
            if (bench.home / name).exists():
                shutil.copytree(bench.home / name, folder / name)
        return cls({key: content_of(store, key) for key in bench.objects()}, folder)

    def put_back(self, bench: Bench, *what: str) -> None:
        """Everything that is named and isn't there; as a restore that doesn't overwrite what is newer."""
        store = ObjectStore(bench.store)
        for key, content in self.objects.items() if "objects" in what else ():
            if store.size(key) is None:
                store.client.put_object(Bucket=store.settings.bucket, Key=key, Body=content)
        for name in (folder for folder in FOLDERS if folder in what and (self.folder / folder).exists()):
            shutil.copytree(self.folder / name, bench.home / name, dirs_exist_ok=True)


@dataclass
class House:
    bench: Bench
    clock: Shifted
    backup: Backup
    intake: str
    kept: str
    copies: list[str]
    generations: list[str]
    purge_id: str

    def opened(self) -> System:
        """As a new process would, after the restore."""
        return System.open(self.bench.settings, self.clock)


@pytest.fixture
def house(benches: Iterator[Bench], tmp_path: Path) -> House:
    bench, clock = next(benches), Shifted()
    with on_clock(bench, clock) as system:
        intake = cheaply(system, PURGED, PLACED[PURGED])
        kept = cheaply(system, KEPT, PLACED[KEPT])
        system.secrets.put(intake, "archive_password", b"password")
        copies = [copy.copy_id for copy in system.ledger.state().live_copies(intake)]
        backup = Backup.of(bench, tmp_path)
        generations = generations_of(system, intake)
        purge_id = begin(system, plan(system, [PURGED], "order", "o1"), "a1")
        carry_out(system, copy_register(system), purge_id)
    return House(bench, clock, backup, intake, kept, copies, generations, purge_id)


@pytest.mark.parametrize(
    "what", [("objects", *FOLDERS), ("keys",), *in_soak([(("objects",),), (("data_docs",),)])], ids="+".join
)
def test_what_a_backup_brings_back_is_found_and_erased_again_on_record(house: House, what: tuple[str, ...]) -> None:
    house.backup.put_back(house.bench, *what)
    assert remains(house.bench, house.intake, *house.generations) != []
    with house.opened() as system:
        assert came_back(system, copy_register(system)) == (PURGED,)
        (purge,) = recover(system, copy_register(system))
        assert (purge.keys, purge.plan.ground, purge.phase) == ((PURGED,), "restored", "verified")
        assert remains(house.bench, house.intake, *house.generations) == []
        assert came_back(system, copy_register(system)) == ()
        assert recover(system, copy_register(system)) == ()
        # The neighbour is whole.
        with system.vault.scan_table(system.ledger.state().deliveries[KEPT].tables["diplomas"]) as frame:
            assert frame.collect().height == 3
        house.clock.move(hours=25)
        assert make_round(system, copy_register(system)).errors == ()
        record = find(system, purge.purge_id).record
        assert record.ground.reason == "hervernietiging_na_herstel"
        assert record.ground.earlier_purges == (house.purge_id,)
        assert system.ledger.state().tombstones[PURGED].purge_id == house.purge_id


@pytest.mark.parametrize("what", ["objects", *in_soak(["keys"])])
def test_until_then_nothing_is_read_or_written_not_even_of_others(house: House, what: str) -> None:
    house.backup.put_back(house.bench, what)
    with house.opened() as system:
        table = system.ledger.state().deliveries[KEPT].tables["diplomas"]
        with pytest.raises(ErasedCameBack), system.vault.scan_table(table):
            pass
        with pytest.raises(ErasedCameBack):
            system.vault.write_table(house.kept, "marts", "m", pl.LazyFrame({"a": [1]}))
        for copy in house.copies:
            with pytest.raises(RodError):
                system.vault.open_raw(copy)
        assert revived(system) == (PURGED,)
        assert any("is there again" in finding.what for finding in watch(system))
        recover(system, copy_register(system))
        with system.vault.scan_table(table) as frame:
            assert frame.collect().height == 3
        for copy in house.copies:
            with pytest.raises(TombstonedScope, match=house.purge_id):
                system.vault.open_raw(copy)


def test_a_process_that_was_there_before_the_restore_reads_nothing_of_it_either(house: House) -> None:
    with house.opened() as system:
        table = system.ledger.state().deliveries[KEPT].tables["diplomas"]
        with system.vault.scan_table(table) as frame:
            assert frame.collect().height == 3
        house.backup.put_back(house.bench, "objects", *FOLDERS)
        state = system.ledger.state()
        for copy in (*house.copies, *(state.generations[each].copy_id for each in house.generations)):
            with pytest.raises(TombstonedScope, match=house.purge_id):
                system.vault.open_raw(copy)


def test_a_keyring_that_lost_its_marks_still_makes_no_key(house: House) -> None:
    """An older keyring was put in the place of this one: the key is there, the mark of its end isn't."""
    shutil.rmtree(house.bench.home / "keys")
    house.backup.put_back(house.bench, "objects", "keys")
    with house.opened() as system:
        assert system.keyring.exists(house.intake)
        (purge,) = recover(system, copy_register(system))
        assert purge.phase == "verified"
        assert not system.keyring.exists(house.intake)
        assert remains(house.bench, house.intake, *house.generations) == []


def test_a_recovery_that_was_interrupted_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.backup.put_back(house.bench, "objects", *FOLDERS)

    class Stopped(BaseException):
        pass

    def stopped(*_: object, **__: object) -> None:
        raise Stopped

    with house.opened() as system, monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(type(system.objects), "erase", stopped)
        recover(system, copy_register(system))
    with house.opened() as system:
        purges = recover(system, copy_register(system))
        assert {purge.phase for purge in purges} == {"verified"}
        assert [p.plan.ground for p in system.ledger.state().purges.values()] == ["order", "restored"]
        assert remains(house.bench, house.intake, *house.generations) == []
        assert discrepancies(house.bench) == []


def sealed(bench: Bench, *scopes: str) -> list[str]:
    """Objects and keys that are there; the pages about a replaced intake stay until its delivery is purged."""
    return [name for name in remains(bench, *scopes) if name.startswith("object") or name.endswith(".key")]


def test_what_was_replaced_and_comes_back_is_erased_without_a_purge(benches: Iterator[Bench], tmp_path: Path) -> None:
    """A mart database of living deliveries that was rebuilt since, and an intake that was announced anew."""
    bench, clock = next(benches), Shifted()
    with on_clock(bench, clock) as system:
        first = cheaply(system, PURGED, PLACED[PURGED], "received")
        kept = cheaply(system, KEPT, PLACED[KEPT])
        (old,) = generations_of(system, kept)
        backup = Backup.of(bench, tmp_path)
        cheaply(system, PURGED, PLACED[PURGED])
        tidy(system)
        assert sealed(bench, first, old) == []
        backup.put_back(bench, "objects", *FOLDERS)
        assert sealed(bench, first) != [] and sealed(bench, old) != []
    with System.open(bench.settings, clock) as system:
        table = system.ledger.state().deliveries[KEPT].tables["diplomas"]
        with pytest.raises(ErasedCameBack), system.vault.scan_table(table):
            pass
        assert recover(system, copy_register(system)) == ()
        with system.vault.scan_table(table) as frame:
            assert frame.collect().height == 3
        assert sealed(bench, first, old) == []
        assert not system.ledger.state().tombstones
