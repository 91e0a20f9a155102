"""A small delivery is published by disclosure control itself, through Dagster, and what it cost is told."""

import re
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from assets.publishing import published
from rod_pipeline.orchestration.resources import NothingPersonal, Rod
from rod_pipeline.publishing.release import get, read_tables
from tests.support.pipeline import UNDISTURBED, Bench, Workshops, delivery


@pytest.fixture(scope="module")
def good() -> bytes:
    return delivery(UNDISTURBED)


@pytest.fixture(scope="module")
def bench(workshops: Workshops) -> Bench:
    return workshops.current()


def materialized(bench: Bench) -> dg.ExecuteInProcessResult:
    resources = {"rod": Rod(home=str(bench.home)), "io_manager": NothingPersonal()}
    return dg.materialize([published], resources=resources)


def test_a_small_delivery_is_published_and_the_report_tells_what_that_cost(bench: Bench, tmp_path: Path) -> None:
    done = materialized(bench)
    (check,) = done.get_asset_check_evaluations()
    assert check.passed
    (made,) = done.asset_materializations_for_node("publishing__published")
    with bench.system() as system:
        release, files = get(system, tmp_path)
        tables = read_tables(system, release)
    told = tables["afscherming"]
    offered = told.filter("aangeboden")
    assert {"studentaantallen_landelijk", "jaarresultaat_landelijk_niveau", "stromen_landelijk_soort"} <= set(
        offered["tabel"]
    )
    assert set(offered["tabel"]) == {name for name in tables if name in set(told["tabel"])}
    assert told.filter(pl.col("aangeboden").not_())["reden"].null_count() == 0
    page = (tmp_path / "afscherming.html").read_text("utf-8")
    for row in told.iter_rows(named=True):
        assert row["aangeboden"] or row["reden"] in page
    assert made.metadata["tables not offered"].value == told.height - offered.height
    for name in ("report: tables", "report: levels", "report: not offered"):
        assert re.search(r"\| studentaantallen_instelling|\| studenten ", str(made.metadata[name].value)), name
    with duckdb.connect(tmp_path / "published.duckdb", read_only=True) as connection:
        for table in offered["tabel"]:
            assert not connection.table(table).filter("aantal between 1 and 4").fetchall()
    assert {"afscherming.csv", "gewijzigd.csv"} <= {file.name for file in files}


def test_publishing_again_tells_the_same_and_takes_nothing_back(bench: Bench) -> None:
    with bench.system() as system:
        before = {one.name: one.sha256 for one in list(system.ledger.state().releases.values())[-1].event.tables}
    materialized(bench)
    with bench.system() as system:
        *_, release = system.ledger.state().releases.values()
        assert {one.name: one.sha256 for one in release.event.tables} == before
        assert read_tables(system, release)["gewijzigd"].is_empty()
