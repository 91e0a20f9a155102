"""What the UI shows about tables and findings.

Belongs here: contracts and reports put into Dagster's metadata. Counts and codes only: what is written here
stays in Dagster's storage. Does not belong here: what a rule or a column means (``contracts``, ``expectations``,
``marts``).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from rod_pipeline.contracts.model import Column, ColumnType, Contract, FileKind
from rod_pipeline.ledger.events import TerritoryApproved
from rod_pipeline.ledger.vocabulary import MomentBasis
from rod_pipeline.quality.report import MOST_IN_FULL, CheckReport, RuleResult, percent
from rod_pipeline.quality.runbook import PAGE, address
from rod_pipeline.quality.verdict import Outcome

ABOUT: Mapping[FileKind, str] = {
    "inschrijvingen": "Enrolments: who was enrolled where, for which programme, from when until when",
    "diplomas": "Diplomas and certificates that were earned",
    "doorstroom": "Flows: one row per student and school year, with the populations and indicators of studiesucces",
    "mbo_hbo": "Graduates of mbo level 4 and what became of them in hbo",
    "technisch": "Technical data: reference dates, status, and the control totals that DUO gives",
}
_BASES: Mapping[MomentBasis, str] = {
    "dispatch": "when it was sent",
    "placed": "when DUO placed it",
    "first_download": "when its first byte came in",
    "ingestion": "when it was handed over",
}
_GROUNDS = {"eea": "in the EEA", "adequacy": "adequacy decision", "local_declaration": "by signed declaration"}

# What would end a cell of a table, or make a link or a picture of a text.
_MARKS = re.compile(r"[\\|\[\]<>]")
_ESCAPED = r"\\\g<0>"
_TYPES: Mapping[ColumnType, str] = {
    ColumnType.CODE: "string",
    ColumnType.PSEUDONYM: "string",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.INTEGER: "int64",
    ColumnType.DECIMAL: "float64",
    ColumnType.DATE: "date",
}


def column_schema(contract: Contract, *, typed: bool) -> dg.TableSchema:
    """The columns of a contract, each with the rubriek of the decree that allows it."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=_TYPES[column.type] if typed else "string",
                description=_about(column),
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in contract.columns
        ]
    )


def _about(column: Column) -> str:
    return f"{column.header} ({column.ground}){': ' + column.description if column.description else ''}"


def sealed(size: int, *digests: str) -> dict[str, dg.MetadataValue]:
    """How many bytes of ciphertext lie in the store, and their SHA-256, in groups so that a page can break it."""
    grouped = [" ".join(digest[at : at + 16] for at in range(0, len(digest), 16)) for digest in digests]
    return {
        "bytes sealed": dg.MetadataValue.int(size),
        "sha-256 of what is sealed": dg.MetadataValue.text("; ".join(grouped)),
    }


def instant(at: datetime, basis: MomentBasis | None = None) -> str:
    """A moment as people in the Netherlands read it, and what makes it the moment."""
    why = "" if basis is None else f", {_BASES[basis]}"
    return f"{at.astimezone(ZoneInfo('Europe/Amsterdam')):%Y-%m-%d %H:%M} (Amsterdam){why}"


def place(approval: TerritoryApproved) -> str:
    """A store with the country that the guard proved, and on what ground."""
    return f"{approval.store} at {approval.host}, {approval.country} ({_GROUNDS[approval.basis]})"


def check_metadata(delivery: str, outcome: Outcome) -> dict[str, dg.MetadataValue]:
    """What was judged for a verdict, and where the whole report lies. As text: Dagster would plot every number."""
    report = outcome.report
    shown: dict[str, dg.MetadataValue] = {
        "delivery": dg.MetadataValue.text(delivery),
        "rules": dg.MetadataValue.text(f"{len(report.results)}, of which {len(report.broken)} broken"),
        "rows": dg.MetadataValue.text(", ".join(f"{file} {rows:,}" for file, rows in report.rows.items())),
        "report": dg.MetadataValue.path(str(outcome.pages.report)),
        "picture of the delivery": dg.MetadataValue.path(str(outcome.pages.picture)),
    }
    if report.broken:
        shown["runbook"] = dg.MetadataValue.text(PAGE)
        shown["table of what is broken"] = dg.MetadataValue.md(_broken_table(report))
    if outcome.notice is not None:
        shown["drafted notice to DUO"] = dg.MetadataValue.path(str(outcome.notice))
        shown["clock of the notice"] = dg.MetadataValue.text(outcome.waits)
    return shown


def verdict_text(report: CheckReport) -> str:
    """The verdict: what is broken on how much of what, since when and where, what the rule says, what to do.

    Paragraphs without marks: one page of the UI shows a check's description as Markdown, another as it is.
    """
    subject = report.subject[:1].upper() + report.subject[1:]
    verdict = "passed" if report.passed else "is refused"
    broken = f"{len(report.broken)} of {len(report.results)} rules broken" if report.broken else "every rule holds"
    told = [_in_full(result) for result in report.broken[:MOST_IN_FULL]]
    if len(report.broken) > MOST_IN_FULL:
        told.append(f"And {len(report.broken) - MOST_IN_FULL} more, which stand in the report and in the table.")
    if report.unjudged:
        told.append(f"Not judged, for want of something to hold it against: {len(report.unjudged)} of these rules.")
    # An exclamation mark before a bracket would make a picture of it, that the UI fetches.
    return "\n\n".join([f"{subject} {verdict}: {broken}.", *told]).replace("![", "! [")


def _in_full(result: RuleResult) -> str:
    told = " ".join(f"{label}: {text if text.endswith('.') else f'{text}.'}" for label, text in result.told())
    return f"{result.said()} ({result.severity}). {told}"


def _broken_table(report: CheckReport) -> str:
    head = ("severity", "file", "broken", "of", "share", "since", "rule", "what it says", "where", "likely cause")
    lines = [_line((*head, "what to do", "runbook")), "|---|---|---:|---:|---:|---|---|---|---|---|---|---|"]
    for result in report.broken:
        where = "; ".join(f"{label.lower()}: {text}" for label, text in result.where())
        counted = (f"{result.failed:,}", f"{result.rows:,} {result.unit}", percent(result.share))
        cells = (result.severity, result.file, *counted, result.since or "new", f"`{result.id}`", result.sentence)
        lines.append(_line((*cells, where, result.rule.cause, result.remedy, address(result.id))))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_MARKS.sub(_ESCAPED, ' '.join(cell.split())) for cell in cells)} |"
