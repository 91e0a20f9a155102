"""A release: only what was audited, immutable, readable by everybody, still there after a purge."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pytest

from rod_pipeline.errors import BlockedError
from rod_pipeline.publishing import register
from rod_pipeline.publishing.proposal import (
    AuditMissing,
    AuditOfOther,
    AuditUnclean,
    Proposal,
    SmallCountPrinted,
    digest_of,
)
from rod_pipeline.publishing.release import get, publish
from tests.support.pipeline import UNDISTURBED, Bench, delivery
from tests.support.publishing import TABLES, Said, disclosing


@pytest.fixture(scope="module")
def good() -> bytes:
    return delivery(UNDISTURBED)


def test_two_lines_give_any_published_table(workshop: Bench, tmp_path: Path) -> None:
    with workshop.system() as system:
        release = publish(system, disclosing(UNDISTURBED))
        get(system, tmp_path, release.event.release)

    connection = duckdb.connect(tmp_path / "published.duckdb", read_only=True)
    table = connection.table("studentaantallen_instelling_niveau")

    assert table.columns == ["schooljaar", "instellingscode", "niveau", "aantal", "afgeschermd", "status", "levering"]
    names = {name for (name,) in connection.sql("select tabel from tabellen").fetchall()}
    assert {one.name for one in TABLES} < names
    print(connection.sql("from tabellen"), connection.sql("from gegevensboek limit 20"), connection.sql("from leveringen"), connection.sql("from uitgave"), connection.sql("from jaarresultaat_instelling_percentage"), connection.sql("from stromen_landelijk"))
    print(sorted(tmp_path.rglob("*")))
