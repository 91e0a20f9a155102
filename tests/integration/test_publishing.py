"""A release: only what was audited, immutable, readable by everybody."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from assets.publishing import published, releasing
from rod_pipeline.errors import BlockedError
from rod_pipeline.ledger.events import CopyRegistered
from rod_pipeline.ledger.lease import Busy
from rod_pipeline.ledger.rules import IllegalEvent
from rod_pipeline.marts.database import build_database
from rod_pipeline.orchestration.packaging import PUBLISHED
from rod_pipeline.orchestration.resources import NothingPersonal, Rod
from rod_pipeline.publishing import files, register
from rod_pipeline.publishing.proposal import (
    AuditMissing,
    AuditOfOther,
    AuditUnclean,
    Proposal,
    SmallCountPrinted,
    digest_of,
)
from rod_pipeline.publishing.register import Told
from rod_pipeline.publishing.release import NoSuchRelease, find, get, publish, read_tables
from rod_pipeline.publishing.shape import shaped
from rod_pipeline.publishing.words import Undocumented
from rod_pipeline.system import System
from tests.support.ledger import NOON
from tests.support.pipeline import UNDISTURBED, Bench, Workshops
from tests.support.publishing import TABLES, Said, Table, disclosing


@pytest.fixture(scope="module")
def bench(workshops: Workshops) -> Bench:
    return workshops.current()


@pytest.fixture
def system(bench: Bench) -> Iterator[System]:
    with bench.system() as system:
        yield system


def materialized(bench: Bench, asset: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    resources = {"rod": Rod(home=str(bench.home)), "io_manager": NothingPersonal()}
    return dg.materialize([asset], resources=resources, raise_on_error=False)


# By disclosure control itself, before any release of a stand-in for it.
def test_a_small_delivery_is_published_and_the_report_tells_what_that_cost(bench: Bench, tmp_path: Path) -> None:
    done = materialized(bench, published)
    (check,) = done.get_asset_check_evaluations()
    assert check.passed
    (made,) = done.asset_materializations_for_node("publishing__published")
    with bench.system() as system:
        release, files = get(system, tmp_path)
        tables = read_tables(system, release)
    told = tables["afscherming"]
    offered = told.filter("aangeboden")
    assert {"studentaantallen_landelijk", "jaarresultaat_landelijk", "stromen_landelijk_soort"} <= set(offered["tabel"])
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
    materialized(bench, published)
    with bench.system() as system:
        *_, release = system.ledger.state().releases.values()
        assert {one.name: one.sha256 for one in release.event.tables} == before
        assert read_tables(system, release)["gewijzigd"].is_empty()


def test_two_lines_give_any_published_table(system: System, tmp_path: Path) -> None:
    publish(system, disclosing(UNDISTURBED))
    get(system, tmp_path)

    connection = duckdb.connect(tmp_path / "published.duckdb", read_only=True)
    table = connection.table("studentaantallen_instelling_niveau")

    assert table.columns == ["schooljaar", "instellingscode", "niveau", "aantal", "afgeschermd", "status", "levering"]
    tables = {name for (name,) in connection.sql("select tabel from tabellen").fetchall()}
    assert {one.name for one in TABLES} | {"jaarresultaat_instelling_percentage"} <= tables
    assert set(connection.sql("select distinct status, levering from studentaantallen_totaal").fetchall()) == {
        ("V", UNDISTURBED)
    }
    said = connection.sql("select regels, definitie, teken from uitgave").fetchall()
    assert said == [("1.0", 1, "x")]
    _every_column_is_described(connection)
    _open_files_agree(connection, tmp_path, tables)


def _every_column_is_described(connection: duckdb.DuckDBPyConnection) -> None:
    undescribed = connection.sql(
        """
        select table_name, column_name from duckdb_columns()
        where comment is null and table_name in (select tabel from tabellen)
        union all select table_name, null from duckdb_tables() where comment is null
        """
    ).fetchall()
    assert undescribed == []
    missing = connection.sql(
        """
        select table_name, column_name from duckdb_columns() where table_name in (select tabel from tabellen)
        except select tabel, kolom from gegevensboek where label <> '' and omschrijving <> ''
        """
    ).fetchall()
    assert missing == []


def _open_files_agree(connection: duckdb.DuckDBPyConnection, folder: Path, tables: set[str]) -> None:
    assert {file.stem for file in (folder / "csv").iterdir()} == tables
    for name in tables:
        rows = sorted(map(str, connection.table(name).fetchall()))
        parquet = pl.read_parquet(folder / "parquet" / f"{name}.parquet")
        assert rows == sorted(map(str, parquet.rows()))
        text = pl.read_csv(folder / "csv" / f"{name}.csv", separator=";", infer_schema=False)
        figures = [column for column in ("aantal", "percentage") if column in text.columns]
        hidden = text.filter(pl.col("afgeschermd") == "J")
        assert hidden.height == parquet["afgeschermd"].sum()
        for figure in figures:
            assert set(hidden[figure].unique()) <= {"x"}
            assert "x" not in set(text.filter(pl.col("afgeschermd") == "N")[figure])


def test_no_percentage_tells_more_than_both_its_counts(system: System, tmp_path: Path) -> None:
    publish(system, disclosing(UNDISTURBED))
    get(system, tmp_path)
    wrong = duckdb.connect(tmp_path / "published.duckdb", read_only=True).sql(
        """
        select p.* from jaarresultaat_instelling_percentage p
        left join jaarresultaat_instelling j on (j.schooljaar, j.instellingscode, j.niveau, j.succes)
            = (p.schooljaar, p.instellingscode, p.niveau, 'J')
        left join jaarresultaat_instelling n on (n.schooljaar, n.instellingscode, n.niveau, n.succes)
            = (p.schooljaar, p.instellingscode, p.niveau, 'N')
        where p.percentage is distinct from round(100 * j.aantal / (j.aantal + n.aantal), 1)
        or p.afgeschermd <> (j.aantal is null or n.aantal is null)
        """
    )
    assert wrong.fetchall() == []


def _unclean(proposal: Proposal) -> Proposal:
    return replace(proposal, audit=Said(False, digest_of(proposal.printed)))


def _unaudited(proposal: Proposal) -> Proposal:
    return replace(proposal, audit=None)


def _of_other_cells(proposal: Proposal) -> Proposal:
    return replace(proposal, audit=Said(True, digest_of(proposal.printed.head(5))))


def _one_figure_shown(proposal: Proposal) -> Proposal:
    """A table shows a figure that is hidden in the cells that were audited."""
    name = "studentaantallen_instelling"
    shown = proposal.tables[name].with_columns(pl.col("n").fill_null(7), pl.lit(False).alias("afgeschermd"))
    return replace(proposal, tables={**proposal.tables, name: shown})


def _a_table_more(proposal: Proposal) -> Proposal:
    name = "studentaantallen_extra"
    tables = {**proposal.tables, name: proposal.tables["studentaantallen_totaal"]}
    return replace(proposal, tables=tables)


def _a_row_more(proposal: Proposal) -> Proposal:
    name = "studentaantallen_totaal"
    more = proposal.tables[name].with_columns(pl.lit("2030-2031").alias("schooljaar"))
    return replace(proposal, tables={**proposal.tables, name: pl.concat([proposal.tables[name], more])})


def _a_small_count(proposal: Proposal) -> Proposal:
    """Printed in cells and table alike, and an audit that likes it."""
    name, hidden = "studentaantallen_instelling", pl.col("n").is_null()
    small = proposal.tables[name].with_columns(pl.when(hidden).then(3).otherwise("n").alias("n"), afgeschermd=False)
    cells = small.select(
        pl.format("studenten|instellingscode={}|schooljaar={}", "instellingscode", "schooljaar").alias("cell"), "n"
    )
    printed = pl.concat([proposal.printed.join(cells, on="cell", how="anti"), cells]).sort("cell")
    tables = {**proposal.tables, name: small}
    return replace(proposal, tables=tables, printed=printed, audit=Said(True, digest_of(printed)))


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        (_unaudited, AuditMissing),
        (_unclean, AuditUnclean),
        (_of_other_cells, AuditOfOther),
        (_one_figure_shown, AuditOfOther),
        (_a_table_more, AuditOfOther),
        (_a_row_more, AuditOfOther),
        (_a_small_count, SmallCountPrinted),
    ],
)
def test_what_was_not_found_safe_is_refused_and_nothing_is_written(
    system: System, spoil: Callable[[Proposal], Proposal], refusal: type[BlockedError]
) -> None:
    before = system.ledger.state().seq
    with pytest.raises(refusal):
        publish(system, disclosing(UNDISTURBED, spoil))
    assert system.ledger.state().seq == before
    assert refusal.kind == "blocked"


def test_what_nobody_described_is_not_published(system: System) -> None:
    def renamed(proposal: Proposal) -> Proposal:
        table = Table("studentaantallen_totaal", "studenten", ("jaartal",))
        frame = proposal.tables[table.name].rename({"schooljaar": "jaartal"})
        printed = frame.select(pl.format("studenten|jaartal={}", "jaartal").alias("cell"), "n")
        audit = Said(True, digest_of(printed))
        return replace(proposal, declared=(table,), tables={table.name: frame}, printed=printed, audit=audit)

    with pytest.raises(Undocumented, match="jaartal"):
        publish(system, disclosing(UNDISTURBED, renamed))


def test_the_next_run_knows_all_that_was_printed_before(system: System) -> None:
    known: list[Told | None] = []

    def looking(system: System, earlier: Told | None) -> Proposal:
        known.append(earlier)
        return disclosing(UNDISTURBED)(system, earlier)

    publish(system, looking)
    publish(system, looking)
    *_, before = known
    assert before is not None
    assert (before.cells.columns, before.sums.columns) == (list(register.SCHEMA), list(register.SUMS_SCHEMA))
    releases = before.cells["release"].unique().sort()
    last = before.cells.filter(release=releases[-1])
    proposal = disclosing(UNDISTURBED)(system, None)
    assert last.select("cell", "n").sort("cell").equals(proposal.printed.sort("cell"))
    assert last["status"].unique().to_list() == ["V"] and last["definition"].unique().to_list() == [1]
    assert before.sums.filter(release=releases[-1]).height == register.sums_of(proposal).height > 0
    now = register.earlier(system)
    assert now is not None
    assert now.cells["release"].unique().sort().to_list() == [*releases, f"{len(releases) + 1:06d}"]


def test_the_record_ties_the_release_to_its_audit_and_its_deliveries(system: System, tmp_path: Path) -> None:
    release = publish(system, disclosing(UNDISTURBED))
    event = release.event
    printed = disclosing(UNDISTURBED)(system, None).printed
    assert event.audited == digest_of(printed) == digest_of(printed.sample(fraction=1, shuffle=True, seed=1))
    assert event.deliveries == (system.ledger.state().deliveries[UNDISTURBED].delivery_id,)
    get(system, tmp_path, event.release)
    for table in event.tables:
        assert sha256((tmp_path / "csv" / f"{table.name}.csv").read_bytes()).hexdigest() == table.sha256


def test_a_release_is_never_edited_and_survives_a_new_mart_database(system: System, tmp_path: Path) -> None:
    release = publish(system, disclosing(UNDISTURBED)).event
    copy = system.ledger.state().copies[release.copies[0]]
    with pytest.raises(IllegalEvent, match="never edited"):
        system.ledger.append(
            CopyRegistered(
                copy_id="a" * 16,
                scope=release.release,
                zone="published",
                name="more",
                store=copy.store,
                object_key=f"published/{release.release}/more_{'a' * 16}",
            )
        )
    with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
        build_database(system, connection)
    found, written = get(system, tmp_path)
    assert found.event == release
    assert len(written) > 20


def test_a_build_that_fails_leaves_no_key_and_no_object(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> pl.DataFrame:
        raise Busy("The disk is full.", "Wait.")

    before = {scope for scope, key in system.ledger.state().keys.items() if key == "live"}
    with monkeypatch.context() as patch, pytest.raises(Busy):
        patch.setattr(register, "of", full)
        publish(system, disclosing(UNDISTURBED))
    state = system.ledger.state()
    assert {scope for scope, key in state.keys.items() if key == "live"} == before
    assert not [c for c in state.copies.values() if c.scope not in before and c.status != "erased"]


def made(system: System, proposal: Proposal) -> tuple[bytes, bytes]:
    about = files.Release("a" * 16, NOON, "1.0", 1, "b" * 64)
    tables = shaped(proposal)
    described = files.about_tables(tables, proposal, about, system.book)
    return files.database(tables, described), files.zipped_files(tables, described, about)


def test_the_same_proposal_gives_the_same_bytes_for_any_order_of_rows(system: System) -> None:
    proposal = disclosing(UNDISTURBED)(system, None)
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=3) for name, frame in proposal.tables.items()}
    other = replace(proposal, tables=shuffled, declared=tuple(reversed(proposal.declared)))
    assert made(system, proposal) == made(system, other)


def test_what_is_hidden_is_nowhere_in_the_files(system: System) -> None:
    """A masked value stays in Polars' memory, and DuckDB's bitpacking writes what lies beneath a null."""
    proposal = disclosing(UNDISTURBED)(system, None)

    def hiding(number: int) -> Proposal:
        hidden = pl.col("afgeschermd")
        tables = {
            name: frame.with_columns(pl.when(hidden).then(number).otherwise("n").alias("n")).with_columns(
                pl.when(hidden.not_()).then("n").alias("n")
            )
            for name, frame in proposal.tables.items()
        }
        return replace(proposal, tables=tables)

    assert made(system, hiding(3)) == made(system, hiding(4_000_000_007))


def test_a_release_that_there_isnt_is_told_of(system: System) -> None:
    with pytest.raises(NoSuchRelease):
        find(system, "0" * 16)


def test_the_asset_shows_tables_and_hidden_rows_and_a_check_that_passed(bench: Bench) -> None:
    done = materialized(bench, releasing(disclosing(UNDISTURBED)))
    (made,) = done.asset_materializations_for_node("publishing__published")
    with bench.system() as system:
        event = find(system).event
    assert made.metadata["release"].value == event.release
    assert made.metadata["rows hidden"].value == sum(table.hidden for table in event.tables)
    (check,) = done.get_asset_check_evaluations()
    assert (check.passed, check.asset_key) == (True, PUBLISHED)


def test_an_unclean_audit_fails_the_blocking_check_and_makes_no_release(bench: Bench) -> None:
    with bench.system() as system:
        before = len(system.ledger.state().releases)
    done = materialized(bench, releasing(disclosing(UNDISTURBED, _unclean)))
    assert not done.success
    assert done.asset_materializations_for_node("publishing__published") == []
    (check,) = done.get_asset_check_evaluations()
    assert not check.passed
    assert check.blocking
    assert "ROD-PUBLISH-02" in (check.description or "")
    with bench.system() as system:
        assert len(system.ledger.state().releases) == before
