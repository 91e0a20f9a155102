"""PublicTable tables as people read them: with status and delivery, with percentages, each column described.

Belongs here: from a proposal to the tables of a release and their data dictionary. Does not belong here: files
(``files``), whether they may be published (``proposal``).

A percentage is worked out from printed counts alone, where both sides of an outcome are printed: it tells nothing that
they don't.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from rod_pipeline.contracts.book import ContractBook
from rod_pipeline.publishing.proposal import UNKNOWN, Proposal, Table
from rod_pipeline.publishing.revisions import NAME as REVISED
from rod_pipeline.publishing.revisions import revised
from rod_pipeline.publishing.words import Words, code_labels, words

SIGN = "x"
"""What stands in a csv where a count is hidden, whatever the reason."""
PERCENTAGE = "_percentage"
"""The ending of the name of a table with percentages."""


@dataclass(frozen=True)
class PublicTable:
    """One table as it is published. ``by``: the columns whose codes name a row. ``outcome``: see ``Table``."""

    name: str
    title: str
    about: str
    measure: str
    by: tuple[str, ...]
    frame: pl.DataFrame

    @property
    def hidden(self) -> int:
        """How many of its rows are hidden."""
        return int(self.frame["afgeschermd"].sum())


def shaped(proposal: Proposal) -> tuple[PublicTable, ...]:
    """The tables of a proposal, sorted by name, each outcome followed by its percentages; last what became of
    provisional figures. Raises ``Undocumented``."""
    declared = sorted(proposal.declared, key=lambda table: table.name)
    return (*(one for table in declared for one in _shaped(table, proposal)), *_revised(proposal))


def _revised(proposal: Proposal) -> Iterator[PublicTable]:
    """Provisional beside definitive figures, as soon as there are any."""
    if (frame := revised(proposal)) is not None:
        word = words().measure(REVISED)
        by = tuple(frame.columns[: frame.columns.index("voorlopig")])
        yield PublicTable(REVISED, word.label, f"{word.label}. {word.about}.", REVISED, by, frame)


def _shaped(table: Table, proposal: Proposal) -> Iterator[PublicTable]:
    known = words()
    measure = known.measure(table.known_as)
    frame = proposal.tables[table.name].select(
        *(pl.col(column).cast(pl.String).fill_null(UNKNOWN) for column in table.by),
        pl.col("n").cast(pl.Int64).alias("aantal"),
        pl.col("afgeschermd"),
    )
    title = known.title(table.known_as, table.by)
    yield PublicTable(
        table.name,
        title,
        f"{title}. {measure.about}.",
        table.known_as,
        table.by,
        _with_source(frame.sort(table.by), table, proposal),
    )
    if table.outcome is not None:
        rest = tuple(column for column in table.by if column != table.outcome)
        title = f"{known.title(table.known_as, rest)}, percentages"
        about = f"{title}. {measure.about}. {known.column('percentage').about}."
        percentages = _with_source(_percentages(frame, table.outcome, rest), table, proposal)
        yield PublicTable(f"{table.name}{PERCENTAGE}", title, about, table.known_as, rest, percentages)


def _percentages(frame: pl.DataFrame, outcome: str, by: tuple[str, ...]) -> pl.DataFrame:
    """Per group of ``by``: successes, total and their percentage, null unless both sides are printed."""
    side = pl.col("aantal").filter(pl.col(outcome).eq("J")).first()
    other = pl.col("aantal").filter(pl.col(outcome).eq("N")).first()
    # Without any ``by`` there is one group: the whole.
    grouped = (
        frame.with_columns(pl.lit("").alias("__all")).group_by("__all", *by).agg(side.alias("ja"), other.alias("nee"))
    )
    shown = pl.col("ja").is_not_null() & pl.col("nee").is_not_null() & (pl.col("ja") + pl.col("nee") > 0)
    total = pl.col("ja") + pl.col("nee")
    return grouped.select(
        *by,
        pl.when(shown).then("ja").alias("aantal_ja"),
        pl.when(shown).then(total).alias("aantal_totaal"),
        pl.when(shown).then((100 * pl.col("ja") / total).round(1)).alias("percentage"),
        shown.not_().alias("afgeschermd"),
    ).sort(by or "afgeschermd")


def _with_source(frame: pl.DataFrame, table: Table, proposal: Proposal) -> pl.DataFrame:
    """With the delivery that speaks for its school year, and whether that is provisional."""
    if "schooljaar" not in frame.columns:
        return frame
    speaks = proposal.speaks.filter(measure=table.measure).select("schooljaar", "status", "levering")
    return frame.join(speaks.unique("schooljaar", keep="first"), on="schooljaar", how="left", maintain_order="left")


def dictionary(tables: tuple[PublicTable, ...]) -> pl.DataFrame:
    """The data dictionary: a row for each column of each table, in Dutch. Raises ``Undocumented``."""
    rows = [
        (table.name, column, _TYPES[str(dtype)], word.label, word.about)
        for table in tables
        for column, dtype in table.frame.schema.items()
        if (word := words().column(column))
    ]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(("tabel", "kolom", "type", "label", "omschrijving"), pl.String), orient="row"
    )


_TYPES: Mapping[str, str] = {"String": "tekst", "Int64": "geheel getal", "Float64": "getal", "Boolean": "ja of nee"}


def codes(book: ContractBook, tables: tuple[PublicTable, ...], groups: pl.DataFrame) -> pl.DataFrame:
    """The labels of the codes in the columns of ``tables``; ``groups``: the groupings that they are by."""
    used = {column for table in tables for column in table.frame.columns}
    rows = [
        (column, code, label)
        for column, labels in sorted(code_labels(book).items())
        if column in used
        for code, label in labels.items()
    ]
    # The newest name of a group is its name.
    named = groups.sort("vanaf").group_by("indeling", "groep").agg(pl.col("naam").last()).sort(pl.all())
    rows += [row for row in named.rows() if row[0] in used]
    return pl.DataFrame(rows, schema=dict.fromkeys(("kolom", "code", "label"), pl.String), orient="row")


def catalogue(tables: tuple[PublicTable, ...]) -> pl.DataFrame:
    """What tables there are: name, title, description, measure, what it is by, rows, and how many are hidden."""
    rows = [
        (table.name, table.title, table.about, table.measure, ",".join(table.by), table.frame.height, table.hidden)
        for table in tables
    ]
    text = dict.fromkeys(("tabel", "titel", "omschrijving", "maat", "indeling"), pl.String)
    return pl.DataFrame(rows, schema={**text, "rijen": pl.Int64, "afgeschermd": pl.Int64}, orient="row")


def norms() -> pl.DataFrame:
    """The norms of the Inspectie: measure, level, percentage that is sufficient."""
    known: Words = words()
    rows = [(measure, level, norm) for measure, levels in known.norms.items() for level, norm in levels.items()]
    return pl.DataFrame(
        rows, schema={"maat": pl.String, "niveau": pl.String, "voldoende": pl.Float64}, orient="row"
    ).sort(pl.all())
