"""A delivery moment from link to mart, on the real components."""

from collections.abc import Mapping

import dagster as dg
import polars as pl

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.announcing import drop
from rod_pipeline.marts.database import open_database
from rod_pipeline.marts.declared import MARTS
from rod_pipeline.marts.published import figures_in_force
from rod_pipeline.orchestration.describe_marts import SPEAKS
from tests.support.pipeline import Bench, delivery, stored_tables

TABLES = {"inschrijvingen", "diplomas", "doorstroom", "mbo_hbo", "technisch", *(mart.name for mart in MARTS)}


def test_a_delivery_goes_all_the_way(bench: Bench) -> None:
    bench.announce("2025-12")
    assert bench.run("2025-12") == []
    intake = bench.intake("2025-12")
    assert (intake.stage, intake.code) == ("stored", "ended:verified")
    tables = stored_tables(bench, "2025-12")
    assert set(tables) == TABLES
    assert all(tables[file].height == rows for file, rows in intake.rows.items())
    counted = tables["inschrijvingen"].filter(hoofdinschrijving_mbo=True).height
    assert tables["studentaantallen"]["studenten"].sum() == counted
    with bench.system() as system:
        with open_database(system, "tester", "beheer") as connection:
            (total,) = connection.execute("select sum(studenten) from studentaantallen").fetchone() or (0,)
            heights = {
                mart.name: connection.execute(f"select count(*) from {mart.name}_actueel").fetchone() for mart in MARTS
            }
            careers = connection.execute("select count(*), count(distinct sectornummer) from loopbanen").fetchone()
        offered = figures_in_force(system)
        state = system.ledger.state()
        held = {c.object_key for c in state.copies.values() if c.status == "verified"}
        assert not system.secrets.scopes(), "link and code die when the sealed files are verified"
    assert total == counted
    assert {name: (table.height,) for name, table in offered.items() if name in heights} == heights
    students = tables["doorstroom"].filter(pl.col("niveau").is_not_null()).select("sectornummer", "schooljaar")
    assert careers == (students.unique().height, students["sectornummer"].n_unique())
    assert bench.materialized("marts/studiesucces") == {"2025-12"}
    for mart in MARTS:
        shown = latest(bench, ["marts", mart.name])
        assert bench.instance is not None
        assert "| 2024-2025 | D |" in str(shown["school years"].value), mart.name
        (seen,) = bench.instance.fetch_observations(dg.AssetKey(["marts", mart.name]), limit=1).records
        assert seen.asset_observation is not None
        assert "| 2024-2025 | 2025-12 | D |" in str(seen.asset_observation.metadata[SPEAKS].value), mart.name
        assert f"{SPEAKS}: {mart.name}" in latest(bench, ["marts", "database"])
    assert set(bench.objects()) == held, "the store holds what the ledger says, and nothing else"


def latest(bench: Bench, asset: list[str]) -> Mapping[str, dg.MetadataValue]:
    """The metadata of an asset's latest materialization."""
    assert bench.instance is not None
    (record,) = bench.instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
    assert record.asset_materialization is not None
    return record.asset_materialization.metadata


def test_a_manual_drop_goes_the_same_way_to_the_same_tables(bench: Bench, tmp_path: object) -> None:
    bench.announce("2025-12")
    assert bench.walk("2025-12") == []
    by_link = stored_tables(bench, "2025-12")
    files = bench.home.parent / "downloaded.zip"
    files.write_bytes(delivery("2025-12"))
    with bench.system() as system:
        drop(system, DeliveryKey.parse("2025-12-r2"), [files])
    assert bench.intake("2025-12-r2").stage == "received"
    assert bench.walk("2025-12-r2") == []
    by_hand = stored_tables(bench, "2025-12-r2")
    assert {name: table.equals(by_hand[name]) for name, table in by_link.items()} == dict.fromkeys(TABLES, True)
