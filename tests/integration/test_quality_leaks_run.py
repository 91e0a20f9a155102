"""Markers that break every rule go through the real Dagster, and are in no file that any of it wrote.

One delivery is good but for its pseudonyms, which are markers; the next, of a later moment, breaks every rule of every
file; a third passes file by file and is refused as a whole, beside the first one. They run in a process of their own,
as in production. Then every file is read, byte by byte: Dagster's storage and compute logs, pages, pictures, notices as
text and PDF, the ledger, scratch folders and the store.
"""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rod_pipeline.contracts.model import FILE_KINDS
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.synthetic.pleio_server import StandIn
from tests.support.leaks import MARKER, Table, edited, hits, run_all
from tests.support.marked import CODE_LIKE, as_edits, marked, spoilt, within_the_decree
from tests.support.pdf import streams_of, text_of
from tests.support.pipeline import Bench, delivery
from tests.support.rules import expectations, is_about_rows

# In every run markers break every rule without Dagster (test_quality_leaks), and some of them with it
# (test_delivery_leaks).
pytestmark = pytest.mark.soak
STAGES = {"2025-12": "stored", "2026-08": "failed", "2026-08-r2": "failed"}


@dataclass(frozen=True)
class Aftermath:
    """What is left when all runs are over."""

    bench: Bench
    dagster: Path
    temporary: Path
    seaweed: Path
    terminal: str
    sent: tuple[bytes, ...]

    @property
    def home(self) -> Path:
        return self.bench.home


def totals_marked(rows: Table) -> None:
    """Control totals about values that are markers: each file passes, the delivery as a whole doesn't."""
    column = rows[0].index("Waarde")
    for number, row in enumerate([row for row in rows[1:] if row[column]][:7]):
        row[column] = f"{MARKER}{number}"


@pytest.fixture(scope="module")
def aftermath(
    tmp_path_factory: pytest.TempPathFactory, seaweed: StoreSettings, seaweed_folder: Path
) -> Iterator[Aftermath]:
    folder = tmp_path_factory.mktemp("rules")
    dagster, temporary = folder / "dagster", folder / "tmp"
    for made in (dagster, temporary):
        made.mkdir()
    (dagster / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    later = edited(delivery("2026-08"), as_edits(marked("2026-08")))
    sent = (
        edited(delivery("2025-12"), as_edits(marked("2025-12"))),
        edited(later, as_edits(within_the_decree(spoilt("2026-08")))),
        edited(later, {"technisch": totals_marked}),
    )
    with StandIn() as pleio, pytest.MonkeyPatch.context() as patch:
        bench = Bench(folder / "home", seaweed, pleio)
        for name, value in bench.environment().items():
            patch.setenv(name, value)
        for key, content in zip(STAGES, sent, strict=True):
            bench.announce(key, content)
        environment = {**os.environ, "DAGSTER_HOME": str(dagster), "TMPDIR": str(temporary)}
        terminal = run_all(environment, [{"key": key} for key in STAGES])
        yield Aftermath(bench, dagster, temporary, seaweed_folder, terminal, sent)


def test_the_rules_did_fail_on_the_markers(aftermath: Aftermath) -> None:
    """Else there is nothing to find."""
    assert {key: aftermath.bench.intake(key).stage for key in STAGES} == STAGES
    assert aftermath.bench.intake("2025-12").verdict is not None
    checks = aftermath.bench.intake("2026-08").checks
    assert all(check.lists for check in checks.values()), "by which value lists is on record"
    broken = {finding.rule for check in checks.values() for finding in check.findings}
    about_rows = {rule for kind in FILE_KINDS for rule, each in expectations(kind).items() if is_about_rows(each)}
    assert len(broken & about_rows) > 0.95 * len(about_rows) > 400, sorted(about_rows - broken)
    verdict = aftermath.bench.intake("2026-08-r2").verdict
    assert verdict is not None
    assert any(finding.rule.startswith("delivery.totals.") for finding in verdict.findings)


def test_the_markers_are_in_what_was_sent(aftermath: Aftermath, tmp_path: Path) -> None:
    """And would be found in a file that holds them."""
    for number, content in enumerate(aftermath.sent):
        (tmp_path / f"{number}.zip").write_bytes(content)
    assert hits([tmp_path], [MARKER]) == ["0.zip", "1.zip", "2.zip"]
    assert hits([tmp_path], [CODE_LIKE]) == ["1.zip"]


@pytest.mark.parametrize("place", ["dagster", "home", "temporary", "seaweed"])
def test_no_marker_stands_in_any_file(aftermath: Aftermath, place: str) -> None:
    assert hits([getattr(aftermath, place)], [MARKER, CODE_LIKE]) == []
    assert MARKER not in aftermath.terminal


def test_the_places_that_were_looked_at_hold_what_they_should(aftermath: Aftermath) -> None:
    """An empty folder would hold no marker either."""
    docs = aftermath.home / "data_docs"
    assert {page.name for page in docs.glob("2026-08-r2-*/*")} >= {"delivery.html", "delivery.json", "picture.html"}
    assert "delivery.totals." in next(docs.glob("2026-08-r2-*/picture.html")).read_text("utf-8")
    notices = list((aftermath.home / "notices").iterdir())
    assert {".txt", ".pdf"} <= {notice.suffix for notice in notices}
    rule = next(iter(aftermath.bench.intake("2026-08").checks["diplomas"].findings)).rule
    assert rule in everything_in_databases(aftermath.dagster), "the events and checks of Dagster"
    assert any(path.suffix == ".err" for path in aftermath.dagster.rglob("*")), "compute logs"


def test_no_marker_is_packed_into_a_notice_or_a_database(aftermath: Aftermath) -> None:
    """What is compressed in a file is looked at as well."""
    for pdf in (aftermath.home / "notices").glob("*.pdf"):
        assert MARKER.encode() not in streams_of(pdf.read_bytes())
        assert text_of(pdf.read_bytes())
        assert MARKER not in text_of(pdf.read_bytes())
    for folder in (aftermath.dagster, aftermath.home):
        assert MARKER not in everything_in_databases(folder)


def everything_in_databases(folder: Path) -> str:
    """Every cell of every table of every SQLite database under a folder, as text."""
    found = []
    for path in folder.rglob("*.db"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
                found += [str(row) for row in database.execute(f'select * from "{table}"')]
    return "\n".join(found)
