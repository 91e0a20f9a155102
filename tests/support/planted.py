"""A delivery in which every row says whose it is: for looking whether one of them gets to somebody else."""

from collections.abc import Mapping

import polars as pl

from tests.support.leaks import edited
from tests.support.marked import as_edits, marked

INSTITUTIONS: tuple[str, str] = ("01HB", "29FC")
"""The two largest of the planted delivery."""


def planted(content: bytes) -> bytes:
    """A delivery in which every pseudonym is a marker, and each row of enrolments has a mark of its institution."""
    frames = marked()
    enrolments = frames["inschrijvingen"]
    marks = pl.format("{}X{}", *[pl.col("instellingscode").replace_strict(marks_of(enrolments)).cast(pl.String)] * 2)
    return edited(
        content, as_edits({**frames, "inschrijvingen": enrolments.with_columns(marks.alias("onderwijslocatie"))})
    )


def marks_of(enrolments: pl.DataFrame) -> Mapping[str, int]:
    """The number that stands, twice, in the mark of each institution."""
    return {code: 900 + number for number, code in enumerate(enrolments["instellingscode"].unique().sort())}
