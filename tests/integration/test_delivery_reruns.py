"""Run again: twice, after an outage, at the same time, after a new announcement, and under a new contract."""

import json
import os
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from rod_pipeline import contracts
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.announcing import AlreadyStored
from rod_pipeline.intake.parsing import parse
from rod_pipeline.ledger.lease import Busy
from rod_pipeline.marts.database import open_database
from rod_pipeline.marts.declared import marts_on
from rod_pipeline.orchestration.launching import failures
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.store.seaweed import LocalStore
from rod_pipeline.store.vault import Vault
from rod_pipeline.synthetic.pleio_server import StandIn
from rod_pipeline.synthetic.population import Population
from tests.support.leaks import deliver
from tests.support.pausing import paused
from tests.support.pipeline import Bench, delivery, discrepancies, remember, stored_tables

SMALL = Population(seed=8, scale=0.0005)
PACKAGED = Path(contracts.__file__).parent


@pytest.fixture(scope="module")
def good() -> bytes:
    return delivery("2025-12", population=SMALL)


def same(tables: Mapping[str, pl.DataFrame], expected: Mapping[str, pl.DataFrame]) -> bool:
    return tables.keys() == expected.keys() and all(table.equals(expected[name]) for name, table in tables.items())


def environment(bench: Bench) -> dict[str, str]:
    return {**os.environ, **bench.environment()}


def test_a_second_run_finds_what_is_there_and_builds_the_marts_anew(
    workshop: Bench, undisturbed: Mapping[str, pl.DataFrame]
) -> None:
    before = workshop.intake("2025-12")
    with workshop.system() as system:
        seen = system.ledger.state().seq
        assert workshop.walk("2025-12") == []
        done = Counter(entry.event.kind for entry in system.ledger.entries(after=seen))
    # The seven marts, and the database.
    copies = {"copy_registered": 8, "copy_verified": 8, "copy_erased": 8}
    assert done == copies | {"mart_built": 7, "database_built": 1, "key_created": 1, "key_destroyed": 1}
    after = workshop.intake("2025-12")
    assert (after.raw, after.parsed, after.tables, after.verdict) == (
        before.raw,
        before.parsed,
        before.tables,
        before.verdict,
    )
    assert same(stored_tables(workshop, "2025-12"), undisturbed)
    assert discrepancies(workshop) == []


def test_what_is_stored_is_not_announced_over(
    workshop: Bench, good: bytes, undisturbed: Mapping[str, pl.DataFrame]
) -> None:
    with pytest.raises(AlreadyStored):
        workshop.announce("2025-12", good)
    assert same(stored_tables(workshop, "2025-12"), undisturbed)
    assert discrepancies(workshop) == []


def test_two_runs_of_one_delivery_at_once(
    workshop: Bench, good: bytes, undisturbed: Mapping[str, pl.DataFrame]
) -> None:
    """One works, the other hears that it is being worked on, and may try later: transient."""
    workshop.announce("2025-12-r2", good)
    with paused(environment(workshop), "2025-12-r2", before="doorstroom") as first:
        (told,) = workshop.walk("2025-12-r2")
        assert told.startswith(f"[{Busy.code}]")
        assert Busy.kind == "transient"
        assert first.finish() == []
    assert same(stored_tables(workshop, "2025-12-r2"), undisturbed)
    assert workshop.walk("2025-12-r2") == []
    assert discrepancies(workshop) == []


def test_two_builds_of_the_mart_database_at_once(
    workshop: Bench, good: bytes, undisturbed: Mapping[str, pl.DataFrame]
) -> None:
    """Else the one that takes over would erase the other while it is still being written."""
    for key in ("2025-12-r3", "2025-12-r4"):
        workshop.announce(key, good)
    with paused(environment(workshop), "2025-12-r3", before="save") as first:
        (told,) = workshop.walk("2025-12-r4")
        assert told.startswith(f"[{Busy.code}]")
        assert workshop.intake("2025-12-r4").stage == "stored"
        assert first.finish() == []
    with workshop.system() as system:
        generation = system.ledger.state().generation
    both = {workshop.intake(key).delivery_id for key in ("2025-12-r3", "2025-12-r4")}
    assert generation is not None and both <= set(generation.deliveries), "it began again with the one that came"
    for key in ("2025-12-r3", "2025-12-r4"):
        assert workshop.walk(key) == []
    with workshop.system() as system, open_database(system, "tester", "beheer") as connection:
        found = {key for (key,) in connection.execute("select distinct levering from studentaantallen").fetchall()}
    assert {"2025-12-r3", "2025-12-r4"} <= found
    assert discrepancies(workshop) == []


@pytest.mark.parametrize("order", ["old ends first", "new ends first"])
def test_announced_anew_while_a_run_works_on_the_old(
    workshop: Bench, good: bytes, undisturbed: Mapping[str, pl.DataFrame], order: str
) -> None:
    """The old run can't store any more, and nothing of it stays, whoever is the last to let go."""
    key = {"old ends first": "2025-12-r5", "new ends first": "2025-12-r6"}[order]
    workshop.announce(key, good)
    with paused(environment(workshop), key, before="diplomas") as old:
        workshop.announce(key, good)
        if order == "new ends first":
            assert workshop.walk(key) == []
        assert any("superseded" in told for told in old.finish())
    if order == "old ends first":
        assert workshop.walk(key) == []
    assert same(stored_tables(workshop, key), undisturbed)
    assert discrepancies(workshop) == []


def test_an_outage_of_the_store_and_re_execution_from_the_failure(
    tmp_path: Path, good: bytes, undisturbed: Mapping[str, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store goes away between two tables; once it is back, "Re-execute from failure" does the rest."""
    remember(monkeypatch)
    server, config = LocalStore(tmp_path / "store"), {"execution": {"config": {"retries": {"disabled": {}}}}}
    (tmp_path / "dagster").mkdir()
    with server, StandIn() as pleio, dg.instance_for_test(temp_dir=str(tmp_path / "dagster")) as instance:
        bench = Bench(tmp_path / "home", server.start(), pleio, instance)
        for name, value in bench.environment().items():
            monkeypatch.setenv(name, value)
        bench.announce("2025-12", good)
        instance.add_dynamic_partitions(DELIVERY, ["2025-12"])
        write, stopped = Vault.write_table, []

        def outage(vault: Vault, scope: str, zone: str, name: str, frame: pl.LazyFrame) -> object:
            if (zone, name) == ("validated", "doorstroom") and not stopped:
                stopped.append(True)
                server.stop()
            return write(vault, scope, zone, name, frame)  # type: ignore[arg-type]

        monkeypatch.setattr(Vault, "write_table", outage)
        job, tags = dg.reconstructable(deliver), {"dagster/partition": "2025-12"}
        with dg.execute_job(job, instance, tags=tags, run_config=config) as first:
            assert not first.success
        (told,) = failures(instance, first.run_id)
        assert told.startswith("[ROD-STORE-")
        assert bench.intake("2025-12").stage == "validated"

        server.start()
        again = dg.ReexecutionOptions.from_failure(first.run_id, instance)
        with dg.execute_job(job, instance, tags=tags, run_config=config, reexecution_options=again) as second:
            assert second.success
            steps = {event.step_key for event in second.all_events if event.is_step_success}
        assert steps == {"eea_delivery", "marts_of_delivery", "marts__database"}
        assert same(stored_tables(bench, "2025-12"), undisturbed)
        assert discrepancies(bench) == []


def next_version(bench: Bench, kind: str, *changes: tuple[str, str], number: int = 2) -> None:
    """Put a second or later version of a contract where the settings look for it."""
    folder = bench.home.parent / "contracts"
    if not folder.exists():
        settings = bench.home / "rod.toml"
        settings.write_text(f'contracts = "{folder}"\n{settings.read_text("utf-8")}', "utf-8")
    (folder / kind).mkdir(parents=True, exist_ok=True)
    text = (PACKAGED / kind / "1.toml").read_text("utf-8")
    named = [mart.name for mart in marts_on(kind)]  # type: ignore[arg-type]
    for old, new in (("version = 1\n", f"version = {number}\nmarts = {named}\n"), *changes):
        assert text.count(old) == 1
        text = text.replace(old, new)
    tomllib.loads(text)
    (folder / kind / f"{number}.toml").write_text(text, "utf-8")


def test_a_lawful_rename_goes_through_under_the_next_contract(
    bench: Bench, undisturbed: Mapping[str, pl.DataFrame]
) -> None:
    """Without a new download: what came lies sealed, and is read anew."""
    bench.announce("2025-12", delivery("2025-12", "renamed_column", SMALL))
    (told,) = bench.walk("2025-12")
    assert "'Leerroute (nieuw)'" in told
    intake = bench.intake("2025-12")
    next_version(
        bench,
        "inschrijvingen",
        ('header = "MBO Opleiding Leerweg"', 'header = "Leerroute (nieuw)"\nfield = "MBO Opleiding Leerweg"'),
    )
    assert bench.walk("2025-12") == []
    after = bench.intake("2025-12")
    assert (after.delivery_id, after.raw) == (intake.delivery_id, intake.raw)
    assert {file: table.contract for file, table in after.parsed.items()}["inschrijvingen"] == 2
    assert same(stored_tables(bench, "2025-12"), undisturbed)
    assert discrepancies(bench) == []


def test_a_table_that_was_read_under_an_older_contract_is_replaced(bench: Bench) -> None:
    """Found wanting, then the contract and its list learn the value that they did not know: read and judged anew."""
    bench.announce("2025-12", delivery("2025-12", "unknown_codes", SMALL))
    (told,) = bench.walk("2025-12")
    assert "inschrijvingen.leerweg.values" in told
    before = bench.intake("2025-12")
    next_version(bench, "inschrijvingen")
    known = (PACKAGED / "value_lists" / "leerweg.toml").read_text("utf-8")
    (bench.home.parent / "contracts" / "value_lists").mkdir()
    (bench.home.parent / "contracts" / "value_lists" / "leerweg.toml").write_text(with_value(known, "CBL"), "utf-8")
    assert bench.walk("2025-12") == []
    after = bench.intake("2025-12")
    with bench.system() as system:
        copies = system.ledger.state().copies
    assert copies[before.parsed["inschrijvingen"].copy_id].status == "erased"
    assert after.parsed["diplomas"] == before.parsed["diplomas"]
    assert "CBL" in stored_tables(bench, "2025-12")["inschrijvingen"]["leerweg"]
    assert discrepancies(bench) == []
    # Stored, it stays as it is; and whoever looks is told the version that it was read by, not the newest.
    next_version(bench, "inschrijvingen", number=3)
    with bench.system() as system:
        assert parse(system, DeliveryKey.parse("2025-12"), "inschrijvingen").contract.version == 2


def with_value(value_list: str, value: str) -> str:
    """A value list with one value more."""
    listed = tomllib.loads(value_list)
    lines = [f"{name} = {json.dumps(content)}" for name, content in listed.items() if name not in ("values", "labels")]
    return "\n".join([*lines, f"values = {json.dumps([*listed['values'], value])}"])
