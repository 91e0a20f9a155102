"""Not one value of a row comes out of validation, whatever goes wrong."""

import json
import logging
import traceback
from pathlib import Path

import polars as pl
import pytest

from expectations import suite_for
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS
from rod_pipeline.decree import load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.orchestration.describe import check_metadata, verdict_text
from rod_pipeline.quality import CheckReport, render_docs, validate_delivery, validate_file
from rod_pipeline.quality.checks import CheckImpossible, Missing, Present
from rod_pipeline.quality.counting import count
from rod_pipeline.quality.history import Earlier
from rod_pipeline.quality.notice import as_pdf, as_text
from rod_pipeline.quality.pages import TOGETHER, Pages
from rod_pipeline.quality.picture import Seen, render_picture
from rod_pipeline.quality.profile import Part, profiled
from rod_pipeline.quality.verdict import Outcome
from tests.support.leaks import MARKER
from tests.support.marked import CODE_LIKE, marked, spoilt
from tests.support.notice import letter_of
from tests.support.pdf import text_of
from tests.support.synthetic import LATER

BOOK = ContractBook.load()
KEY = DeliveryKey.parse("2025-12")


def everything(report: CheckReport, folder: Path) -> str:
    """Each form that a report takes: for people, for machines, for the ledger, and what is kept for a picture."""
    parts = {
        file: Part.of(file, [], report, profiled(spoilt()[file].lazy(), BOOK.get(file))) for file in FILE_KINDS
    } | {TOGETHER: Part.of(TOGETHER, [], report)}
    for part in parts.values():
        part.write(folder)
    seen = Seen(str(KEY), dict(report.rows), parts)
    outcome = Outcome(report, Pages(folder / "a.html", folder / "b.html"), None)
    letter = letter_of(*report.broken)
    return "\n".join(
        [
            repr(report),
            report.summary(),
            verdict_text(report),
            repr(check_metadata(str(KEY), outcome)),
            json.dumps(report.to_gx()),
            render_docs(report).decode(),
            render_picture(seen, [seen]).decode(),
            *(path.read_text() for path in folder.iterdir()),
            as_text(letter),
            text_of(as_pdf(letter, LATER.now())),
            *(finding.model_dump_json() for finding in report.findings()),
        ]
    )


def test_markers_that_break_every_rule_are_nowhere_in_what_comes_out(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    frames = {kind: frame.lazy() for kind, frame in spoilt().items()}
    contracts = {kind: BOOK.get(kind) for kind in FILE_KINDS}
    for kind, frame in spoilt().items():  # the control: the markers are in every column of every file
        for column in contracts[kind].columns:
            assert frame[column.name].str.contains(MARKER, literal=True).sum() >= 5, (kind, column.name)
    before = Earlier.of(DeliveryKey.parse("2025-08"), {k: f.lazy() for k, f in marked().items()}, contracts)
    reports = [validate_file(frames[kind], contracts[kind], suite_for(contracts[kind], BOOK)) for kind in FILE_KINDS]
    reports.append(validate_delivery(frames, contracts, KEY, load_decree(), LATER, [before], BOOK))
    rules = {result.id for report in reports[:-1] for result in report.results if result.unit == "rows"}
    broken = {result.id for report in reports for result in report.broken}
    assert len(rules & broken) > 0.95 * len(rules) > 400, sorted(rules - broken)
    assert {"delivery.totals.totaal", "delivery.prikdatum.same", "delivery.status.same"} <= broken
    assert len(broken - rules) > 20
    shown = everything(CheckReport.combined(f"delivery {KEY}", reports), tmp_path)
    written = capfd.readouterr()
    for text in (shown, caplog.text, written.out, written.err):
        assert MARKER not in text
        assert CODE_LIKE not in text


def test_an_error_of_the_engine_that_quotes_a_value_is_not_passed_on(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    contract = BOOK.get("diplomas")
    cells = {column.name: [f"geheim{row}" for row in range(7)] for column in contract.columns}
    broken = pl.LazyFrame(cells).with_columns(pl.col("geslacht").cast(pl.Int64).cast(pl.String))
    with pytest.raises(pl.exceptions.InvalidOperationError, match="geheim"):
        broken.collect()  # the control: Polars does quote it
    for judge in (
        lambda: count(broken, contract, [Missing("geslacht")]),
        lambda: count(broken, contract, [Missing("sectornummer", Present("geslacht"))]),
        lambda: validate_file(broken, contract, suite_for(contract, BOOK)),
        lambda: validate_delivery(
            {"diplomas": broken.with_columns(schooljaar=pl.col("geslacht"))},
            {"diplomas": contract},
            KEY,
            load_decree(),
            LATER,
        ),
    ):
        with pytest.raises(CheckImpossible) as caught:
            judge()
        assert "geheim" not in "".join(traceback.format_exception(caught.value))
    written = capfd.readouterr()
    assert "geheim" not in caplog.text + written.out + written.err
