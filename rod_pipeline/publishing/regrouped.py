"""Refusing figures by groups that were made otherwise than when the school year was told.

Belongs here: holding the groupings of now against those of earlier releases. Does not belong here: what groups there
are (``marts.groupings``).

A bedrijfstakgroep with one programme more than before gives that programme away: the figure of now less the figure of
then. No list of cells has that difference, since the group of then isn't in it any more. So a school year that was told
by groups keeps them; a new indeling begins with a school year that wasn't told yet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from rod_pipeline.errors import BlockedError

_MEMBER = ("indeling", "soort", "code", "groep")


class Regrouped(BlockedError):
    """A school year that was told by groups would be told by other groups."""

    code = "ROD-PUBLISH-07"


def refuse_regrouped(now: pl.DataFrame, then: pl.DataFrame, told: Mapping[str, Collection[str]]) -> None:
    """Raise ``Regrouped`` when a school year that a release told by groups has other groups now.

    ``now`` and ``then``: groupings (``groupings.SCHEMA``), those of now and of that release; ``told``: the school years
    that it told, by grouping.
    """
    for of, years in sorted(told.items()):
        changed = [year for year in sorted(years) if not _of_year(now, of, year).equals(_of_year(then, of, year))]
        if changed:
            raise Regrouped(
                f"The {of} of {', '.join(changed)} was published with other members than it has now.",
                "Put the members of those school years back in the file of the grouping, and let the change begin in "
                "an indeling of a later school year; see docs/explanation/marts.md.",
            )


def _of_year(table: pl.DataFrame, of: str, year: str) -> pl.DataFrame:
    """Who belonged to which group in a school year, sorted."""
    valid = table.filter(
        pl.col("indeling") == of, pl.col("vanaf") <= year, pl.col("tot").is_null() | (pl.col("tot") > year)
    )
    return valid.select(_MEMBER).sort(pl.all())
