"""Which delivery speaks for which school year.

Belongs here: that one rule, for whoever needs it: the database's views ``…_actueel``, the careers over deliveries, what
is published. Does not belong here: anything else about deliveries.

The rule: of a school year the latest final figures are in force; as long as there are none, the latest provisional
ones. Latest is by the moment of provision; of two with the same moment, by the key of the delivery. A correction waits
for a person: as long as what it corrects is there it isn't in force (DESIGN 14.8). The rule is applied per mart,
because the files don't go equally far back: doorstroom still tells of a year that inschrijvingen has dropped.
"""

import polars as pl

EDITION = ("schooljaar", "status", "levering")
"""What names an edition: figures of a school year, as provisional or final, from a delivery."""
SCHEMA = pl.Schema(
    {
        "mart": pl.String(),
        "schooljaar": pl.String(),
        "status": pl.String(),
        "levering": pl.String(),
        "moment": pl.Datetime("us", "UTC"),
        "geldt": pl.Boolean(),
        "laatste": pl.Boolean(),
    }
)


RULE = (
    "of a school year the latest final figures, else the latest provisional ones; latest by moment of provision; "
    "a correction only once it is accepted"
)


def finality() -> pl.Expr:
    """The rank of a row's ``status``: 0 final, 1 provisional, 2 not told; the lowest is in force."""
    status = pl.col("status")
    return pl.when(status == "D").then(0).when(status == "V").then(1).otherwise(2)


def standing(editions: pl.DataFrame) -> pl.DataFrame:
    """``editions`` with ``geldt`` (in force for its mart and school year) and ``laatste`` (the latest of its status).

    ``editions`` has a row for each mart, school year, status and delivery (``levering``, with its ``moment``). Each
    mart and school year, an unknown one too, has exactly one edition in force. Sorted; columns as ``SCHEMA``.
    """
    newest_first = editions.sort(
        "mart", "schooljaar", _waits(), finality(), "moment", "levering", descending=[False] * 4 + [True] * 2
    )
    first = pl.int_range(pl.len()) == 0
    return newest_first.with_columns(
        first.over("mart", "schooljaar").alias("geldt"), first.over("mart", "schooljaar", "status").alias("laatste")
    ).select(SCHEMA.names())


def _waits() -> pl.Expr:
    """Whether an edition is of a correction that nobody accepted: accepting it erases what it corrects."""
    moment = pl.col("levering").str.slice(0, len("JJJJ-MM"))
    revision = pl.col("levering").str.extract(r"-r(\d+)$").cast(pl.UInt16).fill_null(1)
    return revision > revision.min().over("mart", "schooljaar", moment)


def speaking(table: pl.DataFrame, editions: pl.DataFrame) -> pl.DataFrame:
    """The rows of a mart's ``table`` that are in force; ``editions``: what ``standing`` takes, of that mart."""
    speaks = standing(editions).filter("geldt").select(EDITION)
    return table.join(speaks, on=EDITION, how="semi", nulls_equal=True)
