"""Not one value of a row comes out of validation, whatever goes wrong."""

import json
import logging
import traceback

import polars as pl
import pytest

from expectations import suite_for
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS, FileKind
from rod_pipeline.decree import load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.quality import CheckReport, render_docs, validate_delivery, validate_file
from rod_pipeline.quality.checks import CheckImpossible, Missing, Present, count
from rod_pipeline.quality.notice import as_pdf, as_text
from tests.support.notice import letter_of
from tests.support.pdf import text_of
from tests.support.synthetic import LATER

BOOK = ContractBook.load()
KEY = DeliveryKey.parse("2025-12")


def marked(kind: FileKind, rows: int = 7) -> pl.LazyFrame:
    """A table in which every cell is a marker of its own."""
    names = [column.name for column in BOOK.get(kind).columns]
    return pl.LazyFrame({name: [f"geheim~{kind}~{name}~{row}" for row in range(rows)] for name in names})


def everything(report: CheckReport) -> str:
    return "\n".join(
        [
            repr(report),
            report.summary(),
            json.dumps(report.to_gx()),
            render_docs(report).decode(),
            as_text(letter_of(*report.broken)),
            text_of(as_pdf(letter_of(*report.broken), LATER.now())),
            *(finding.model_dump_json() for finding in report.findings()),
        ]
    )


def test_markers_in_every_cell_are_nowhere_in_what_comes_out(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    frames = {kind: marked(kind) for kind in FILE_KINDS}
    contracts = {kind: BOOK.get(kind) for kind in FILE_KINDS}
    reports = [validate_file(frames[kind], contracts[kind], suite_for(contracts[kind], BOOK)) for kind in FILE_KINDS]
    reports.append(validate_delivery(frames, contracts, KEY, load_decree(), LATER))
    shown = everything(CheckReport.combined(f"delivery {KEY}", reports))
    assert sum(len(report.broken) for report in reports) > 150  # the rules did look at these cells
    written = capfd.readouterr()
    for text in (shown, caplog.text, written.out, written.err):
        assert "geheim" not in text


def test_an_error_of_the_engine_that_quotes_a_value_is_not_passed_on(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    contract = BOOK.get("diplomas")
    broken = marked("diplomas").with_columns(pl.col("geslacht").cast(pl.Int64).cast(pl.String))
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
