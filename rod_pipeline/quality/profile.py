"""What the parts of a delivery look like, in numbers that may be seen: what its picture is drawn from.

Belongs here: the profile of a file (rows per school year, missing values per column), the tally of rules, and keeping
them beside the pages. Does not belong here: judging (``validate``, ``delivery``), drawing (``picture``).

A part is kept unsealed beside the pages, so it holds nothing that a page may not show: "n of N rows have no value in
this column" is no cell of a table (DESIGN 14.10), and all else obeys the floor of five. The picture of a later delivery
is drawn beside it without reading a table again. It is erased with the pages, made anew whenever the check runs again,
and no source for anything else.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from rod_pipeline.contracts.model import Contract
from rod_pipeline.quality.changes import Change, Drift, floored
from rod_pipeline.quality.report import CheckReport
from rod_pipeline.quality.suite import Layer, Severity
from rod_pipeline.quality.totals import SCHOOL_YEAR, Total


class _Model(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class FileProfile(_Model):
    """``years``: rows per school year, None where it may not be told. ``missing``: per column, in the order of the
    contract, the rows without a value."""

    rows: int
    years: Mapping[str, int | None]
    missing: Mapping[str, int]


class Tally(_Model):
    """How the rules of one layer and severity came out: how many were ``judged``, and of those are ``broken``, among
    them the ``waived``; ``unjudged`` had nothing to look at."""

    layer: Layer
    severity: Severity
    judged: int
    broken: int
    waived: int
    unjudged: int


class Part(_Model):
    """What the picture needs of one part of a delivery: a kind of file, or the files together.

    ``copies``: the parsed tables that it rests on; it speaks of the delivery only while those are in force. ``broken``:
    each broken rule in a line, worst first.
    """

    v: Literal[1] = 1
    name: str
    copies: tuple[str, ...]
    passed: bool
    rules: tuple[Tally, ...]
    broken: tuple[tuple[Severity, str], ...] = ()
    profile: FileProfile | None = None
    totals: tuple[Total, ...] = ()
    changes: tuple[Change, ...] = ()
    drifts: tuple[Drift, ...] = ()

    @classmethod
    def of(cls, name: str, copies: Iterable[str], report: CheckReport, profile: FileProfile | None = None) -> Self:
        """The part that a report is on."""
        return cls(
            name=name,
            copies=tuple(copies),
            passed=report.passed,
            rules=_tallied(report),
            broken=tuple((result.severity, result.said()) for result in report.broken),
            profile=profile,
            totals=report.totals,
            changes=report.changes,
            drifts=report.drifts,
        )

    def write(self, folder: Path) -> None:
        """Keep it in the folder of the delivery's pages."""
        (folder / f"{self.name}.json").write_text(self.model_dump_json(), "utf-8")

    @classmethod
    def read(cls, folder: Path, name: str) -> Self | None:
        """The part of this name as it was kept; None where there is none, or one that this version can't read."""
        try:
            return cls.model_validate_json((folder / f"{name}.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None


def profiled(frame: pl.LazyFrame, contract: Contract) -> FileProfile:
    """The profile of one file's lossless table (all String, technical names), in two streaming passes."""
    names = [column.name for column in contract.columns]
    # Neither null nor empty: half the work of turning empty into null first.
    filled = frame.select((pl.col(name) != "").sum() for name in names).collect(engine="streaming")
    years = frame.group_by("schooljaar").agg(pl.len()).collect(engine="streaming")
    counted: Counter[str] = Counter()
    for year, rows in years.iter_rows():
        # What isn't the name of a school year is a value of a row.
        counted[year if SCHOOL_YEAR.fullmatch(year or "") else "no school year"] += rows
    return FileProfile(
        rows=counted.total(),
        years=floored(dict(sorted(counted.items()))),
        missing={name: counted.total() - int(rows) for name, rows in filled.row(0, named=True).items()},
    )


def _tallied(report: CheckReport) -> tuple[Tally, ...]:
    kinds = dict.fromkeys((result.rule.layer, result.severity) for result in report.results)
    tallies = []
    for layer, severity in kinds:
        own = [one for one in report.results if (one.rule.layer, one.severity) == (layer, severity)]
        broken = [one for one in own if not one.passed]
        judged = sum(one.judged for one in own)
        tallies.append(
            Tally(
                layer=layer,
                severity=severity,
                judged=judged,
                broken=len(broken),
                waived=sum(one.waived is not None for one in broken),
                unjudged=len(own) - judged,
            )
        )
    return tuple(tallies)
