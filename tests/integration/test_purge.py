"""The purge of one delivery because its term ends, on a whole installation: gone everywhere, and nothing else is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import RodError
from rod_pipeline.intake.announcing import announce, drop, give_archive_password
from rod_pipeline.ledger.purges import PurgeState
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention.decisions import declare_erased
from rod_pipeline.retention.due import agenda
from rod_pipeline.retention.engine import CameBack, TooEarly, begin, conclude, plan, preview
from rod_pipeline.retention.evidence import NotAttested, attest, find
from rod_pipeline.retention.gate import DeliveryPurged
from rod_pipeline.retention.rounds import Round, make_round
from rod_pipeline.retention.watch import watch
from rod_pipeline.store.keyring import KeyGone
from rod_pipeline.store.vault import TombstonedScope
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support.pipeline import CODE, PLACED, Bench, delivery, discrepancies
from tests.support.pipeline import stored_tables as tables_of
from tests.support.purging import (
    Shifted,
    database_content,
    deliver,
    generations_of,
    on_clock,
    remains,
    seven_years_ago,
)

SMALL = Population(seed=11, scale=0.0005)
KEY, CORRECTION, LATER = "2025-12", "2025-12-r2", "2026-08"
NEIGHBOURS = (CORRECTION, LATER)


@dataclass
class House:
    """An installation in which one delivery was purged and two live on, and what was known before."""

    bench: Bench
    clock: Shifted
    system: System
    intake: str
    copies: tuple[str, ...]
    generations: list[str]
    there: list[str]
    tables: Mapping[str, Mapping[str, pl.DataFrame]]
    other_objects: list[str]
    round: Round

    @property
    def purge(self) -> PurgeState:
        (purge,) = self.system.ledger.state().purges.values()
        return purge

    @property
    def tombstone(self) -> str:
        return self.system.ledger.state().tombstones[KEY].purge_id


@pytest.fixture(scope="module")
def good() -> Mapping[str, bytes]:
    first, later = delivery(KEY, population=SMALL), delivery(LATER, population=SMALL)
    return {KEY: first, CORRECTION: first, LATER: later}


@pytest.fixture(scope="module")
def house(benches: Iterator[Bench], good: Mapping[str, bytes]) -> Iterator[House]:
    bench, clock = next(benches), Shifted()
    with on_clock(bench, clock) as system:
        intake = deliver(bench, KEY, good[KEY], seven_years_ago(clock, hours=36))
        for key in NEIGHBOURS:
            deliver(bench, key, good[key], PLACED[LATER])
        # Somebody's password lies there yet, and the validation pages.
        give_archive_password(system, DeliveryKey.parse(KEY), CODE)
        state = system.ledger.state()
        copies = tuple(copy.copy_id for copy in state.copies.values() if copy.scope == intake)
        generations = generations_of(system, intake)
        there = remains(bench, intake, *generations)
        tables = {key: tables_of(bench, key) for key in NEIGHBOURS}
        objects = bench.objects()
        others = [key for key in objects if not any(scope in key for scope in (intake, *generations))]
        done = make_round(system, copy_register(system))
        yield House(bench, clock, system, intake, copies, generations, there, tables, others, done)


def test_a_round_takes_what_is_due_to_its_second_inventory(house: House) -> None:
    assert house.round.errors == ()
    assert [(p.keys, p.plan.ground, p.phase) for p in house.round.purges] == [((KEY,), "term", "verified")]
    subject = house.purge.plan.subjects[0]
    assert (subject.intakes, subject.moment_basis) == ((house.intake,), "placed")
    assert subject.deadline is not None and house.purge.verified_at is not None
    assert house.purge.verified_at < subject.deadline
    assert house.purge.plan.clock_offset is not None and abs(house.purge.plan.clock_offset) <= 2


def test_nothing_of_it_is_left_anywhere(house: House) -> None:
    kinds = {name.split("/")[0].split(" ")[-1].split(".")[-1] for name in house.there}
    assert {"landing", "parsed", "validated", "marts", "key", "sealed"} <= kinds, "it really was there"
    assert remains(house.bench, house.intake, *house.generations) == []
    counted = {place: {c.what: c.n for c in event.counts} for (_, place), event in house.purge.erased.items()}
    assert counted["keys"] == {"keys": 1}
    assert counted["secrets"] == {"files": 1}
    # Of the earlier generations, each rebuilt meanwhile, only the newest was still there.
    assert counted["mart_database"]["generations"] == 1
    assert counted["objects"]["versions"] == len(house.copies)
    assert counted["reports"]["files"] > 0
    assert discrepancies(house.bench) == []


def test_its_neighbours_are_untouched(house: House) -> None:
    for key, before in house.tables.items():
        after = tables_of(house.bench, key)
        assert {name: table.equals(after[name]) for name, table in before.items()} == dict.fromkeys(before, True)
    assert set(house.other_objects) <= set(house.bench.objects())
    state = house.system.ledger.state()
    assert {state.deliveries[key].stage for key in NEIGHBOURS} == {"stored"}
    assert set(state.tombstones) == {KEY}


def test_the_mart_database_is_as_if_it_had_never_been_there(
    house: House, benches: Iterator[Bench], good: Mapping[str, bytes]
) -> None:
    never = next(benches)
    with on_clock(never, Shifted()) as system:
        for key in NEIGHBOURS:
            deliver(never, key, good[key], PLACED[LATER])
        assert database_content(house.system) == database_content(system)
    assert {row[0] for row in database_content(house.system)["leveringen"]} == set(NEIGHBOURS)


READS: Mapping[str, Any] = {
    "table": lambda house, copy: house.system.vault.scan_table(copy).__enter__(),
    "raw": lambda house, copy: house.system.vault.open_raw(copy),
    "copy": lambda house, copy: house.system.vault.copy(copy),
    "is there": lambda house, copy: house.system.vault.is_there(copy),
    "key": lambda house, copy: house.system.vault.create_key(house.intake),
    "write": lambda house, copy: house.system.vault.write_table(house.intake, "marts", "m", pl.LazyFrame({"a": [1]})),
    "write raw": lambda house, copy: house.system.vault.write_raw(house.intake, "landing", "raw").__enter__(),
}


@pytest.mark.parametrize("way", READS)
def test_every_way_into_the_vault_names_the_tombstone(house: House, way: str) -> None:
    for copy in house.copies:
        with pytest.raises(TombstonedScope, match=house.tombstone):
            READS[way](house, copy)


def test_its_generations_are_not_read_either(house: House) -> None:
    state = house.system.ledger.state()
    assert len(house.generations) == 3
    for generation in house.generations:
        with pytest.raises(TombstonedScope, match=house.tombstone):
            house.system.vault.open_raw(state.generations[generation].copy_id)


def test_the_keyring_says_gone(house: House) -> None:
    for scope in (house.intake, *house.generations):
        with pytest.raises(KeyGone):
            house.system.keyring.get(scope)


def test_whatever_would_bring_it_back_names_the_tombstone(
    house: House, tmp_path: Path, good: Mapping[str, bytes]
) -> None:
    key, before = DeliveryKey.parse(KEY), house.system.ledger.state()
    file = tmp_path / "files.zip"
    file.write_bytes(good[KEY])
    link = house.bench.pleio.publish(good[KEY], CODE)
    for attempt in (
        lambda: announce(house.system, key, [link], CODE),
        lambda: drop(house.system, key, [file]),
        lambda: give_archive_password(house.system, key, CODE),
        lambda: house.system.hold(key).__enter__(),
        lambda: house.system.intake(key),
    ):
        with pytest.raises(DeliveryPurged, match=f"{KEY} was erased on purpose .tombstone {house.tombstone}"):
            attempt()
    (told,) = house.bench.walk(KEY)
    assert told.startswith("[ROD-DELIVERY-07]") and house.tombstone in told
    assert house.system.ledger.state() == before
    assert remains(house.bench, house.intake) == []


def test_the_late_sweep_is_not_made_early_and_there_is_no_evidence_without_it(house: House) -> None:
    register = copy_register(house.system)
    with pytest.raises(TooEarly):
        conclude(house.system, register, house.purge.purge_id)
    with pytest.raises(NotAttested):
        attest(house.system, house.purge.purge_id)
    assert make_round(house.system, register) == Round((), ())


def test_then_it_is_swept_attested_and_mended(house: House) -> None:
    """In one test, because it goes on from there: late sweep, certificate, declaration, certificate."""
    house.clock.move(hours=24, minutes=1)
    done = make_round(house.system, copy_register(house.system))
    assert done.errors == ()
    assert house.purge.attested is not None
    # The processor hasn't said that it erased.
    assert (house.purge.attested.serial, house.purge.attested.outcome) == (1, "ONVOLLEDIG")
    assert make_round(house.system, copy_register(house.system)) == Round((), ())
    erased_at = house.purge.planned_at
    declare_erased(
        house.system, house.purge.purge_id, package_id=None, reference="brief-1", erased_at=erased_at, actor="a1"
    )
    assert make_round(house.system, copy_register(house.system)).errors == ()
    assert (house.purge.attested.serial, house.purge.attested.outcome) == (2, "VOLLEDIG")
    assert find(house.system, house.purge.purge_id).record.outcome == "VOLLEDIG"
    assert find(house.system, house.purge.purge_id, 1).record.outcome == "ONVOLLEDIG"
    todo = agenda(house.system.ledger.state(), house.clock.now(), house.system.decree, house.system.settings.retention)
    assert not todo
    assert [finding.what for finding in watch(house.system) if KEY in finding.what.split()] == []


def test_what_is_found_at_the_late_sweep_is_erased_and_waited_for_anew(
    benches: Iterator[Bench], good: Mapping[str, bytes]
) -> None:
    """Somebody's hand put an object back; and by then the term has ended, so that it is late."""
    bench, clock = next(benches), Shifted()
    with on_clock(bench, clock) as system:
        intake = deliver(bench, KEY, good[KEY], seven_years_ago(clock, hours=20))
        register = copy_register(system)
        make_round(system, register)
        (purge_id,) = system.ledger.state().purges
        bucket = system.objects.settings.bucket
        system.objects.client.put_object(Bucket=bucket, Key=f"validated/{intake}/back_{'0' * 16}", Body=b"sealed")
        clock.move(hours=25)
        with pytest.raises(CameBack):
            conclude(system, register, purge_id)
        assert remains(bench, intake) == []
        with pytest.raises(NotAttested):
            attest(system, purge_id)
        with pytest.raises(TooEarly):
            conclude(system, register, purge_id)
        clock.move(hours=25)
        assert make_round(system, register).errors == ()
        declare_erased(
            system, purge_id, package_id=None, reference="b1", erased_at=system.ledger.state().at, actor="a1"
        )
        assert make_round(system, register).errors == ()
        purge = system.ledger.state().purges[purge_id]
        assert purge.attested is not None and purge.attested.outcome == "TE_LAAT"


def test_a_plan_shows_what_would_go_and_changes_nothing(benches: Iterator[Bench], good: Mapping[str, bytes]) -> None:
    bench, clock = next(benches), Shifted()
    with on_clock(bench, clock) as system:
        deliver(bench, KEY, good[KEY], PLACED[LATER])
        before, objects = system.ledger.state(), bench.objects()
        shown = preview(copy_register(system), plan(system, [KEY], "order", "o1"))
        assert shown[KEY, "objects"].left > 10 and shown[KEY, "keys"].left == 1
        assert shown[KEY, "mart_database"].left == 1
        assert (system.ledger.state(), bench.objects()) == (before, objects)
        with pytest.raises(RodError, match="hasn't ended"):
            begin(system, plan(system, [KEY], "term"), "a1")
