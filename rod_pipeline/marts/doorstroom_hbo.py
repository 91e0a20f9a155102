"""From mbo level 4 to hbo: at once or later, and what became of them there.

Belongs here: the definition of the mart ``doorstroom_hbo``. Does not belong here: what the hbo itself counts.
Doorstroom mbo-hbo is defined over leavers with a level-4 diploma, direct only (informatie-encyclopedie.nl, 004117df);
who comes after a year or more is counted beside it. Dropout in the first year is known from the second 1 October on, so
it has a denominator of its own.
"""

from types import MappingProxyType

import polars as pl

from rod_pipeline.marts.columns import CLUSTERS_LOOKED_UP, LEERWEG, STATUS
from rod_pipeline.marts.definition import Frames, Mart, counted_by, dimension, number, tally, yes_no
from rod_pipeline.marts.lookups import with_programme

_DIPLOMA_LEVEL = pl.col("mbo_hoogste_diploma_niveau")
_LEVEL_4 = _DIPLOMA_LEVEL == "MBO-4"


def _year(column: str) -> pl.Expr:
    return pl.col(column).str.slice(0, 4).cast(pl.Int64, strict=False)


_ENTERED = pl.col("hbo_instroom_studiejaar").is_not_null()
_NEXT_YEAR = _year("hbo_instroom_studiejaar") == _year("mbo_uitstroom_schooljaar") + 1
_DIRECT = (_ENTERED & _NEXT_YEAR & (pl.col("hbo_onderbrekingsduur") == 0)).fill_null(False)
_LATER = _ENTERED & ~_DIRECT
_DROPPED = pl.col("hbo_schooljaren_tot_uitval")
_KNOWN = _ENTERED & ((pl.col("hbo_verblijfsduur") > 1) | _DROPPED.is_not_null())
_CERTIFIED = _ENTERED & pl.col("hbo_hoogste_diploma_niveau").is_not_null()
_WITH_DIPLOMA = "__with_diploma"
_NUMBERS: tuple[tuple[str, str, pl.Expr, tuple[str, ...]], ...] = (
    ("gediplomeerden", "Leavers with a level-4 diploma", _LEVEL_4, ("mbo_hoogste_diploma_niveau",)),
    (
        "direct",
        "Of them, in hbo on the next 1 October",
        _DIRECT,
        ("hbo_instroom_studiejaar", "mbo_uitstroom_schooljaar", "hbo_onderbrekingsduur"),
    ),
    ("later", "Of them, in hbo after a year or more", _LATER, ("hbo_instroom_studiejaar", "hbo_onderbrekingsduur")),
    (
        "jaar1_bekend",
        "Of those in hbo: whose first year there has ended",
        _KNOWN,
        ("hbo_verblijfsduur", "hbo_schooljaren_tot_uitval"),
    ),
    (
        "uitval_jaar1",
        "Of those: dropped out in the first year",
        _KNOWN & (_DROPPED == 1),
        ("hbo_schooljaren_tot_uitval",),
    ),
    (
        "jaar1_bekend_direct",
        "Of those in hbo on the next 1 October: whose first year there has ended",
        _KNOWN & _DIRECT,
        ("hbo_verblijfsduur", "hbo_schooljaren_tot_uitval", "hbo_onderbrekingsduur"),
    ),
    (
        "uitval_jaar1_direct",
        "Of those: dropped out in the first year",
        _KNOWN & _DIRECT & (_DROPPED == 1),
        ("hbo_schooljaren_tot_uitval", "hbo_onderbrekingsduur"),
    ),
    (
        "hbo_diploma",
        "Of those in hbo: with a diploma there so far",
        _CERTIFIED,
        ("hbo_hoogste_diploma_niveau",),
    ),
)
_COLUMNS = (
    dimension("schooljaar", "School year of leaving mbo"),
    STATUS,
    dimension("instellingscode", "BRIN of the mbo institution"),
    dimension("opleidingscode", "Programme (crebo) of the highest diploma", "mbo_hoogste_diploma_opleiding_code"),
    *CLUSTERS_LOOKED_UP,
    dimension("sectorkamer", "Sector of the mbo programme", "mbo_opleiding_sector"),
    LEERWEG,
    dimension("hbo_sector", "Sector in the first year of hbo; empty for who is not in hbo", "hbo_jaar1_sector"),
    dimension(
        "met_hbo_diploma",
        "Whether they have a diploma of hbo so far (J/N); N for who is not in hbo",
        "hbo_hoogste_diploma_niveau",
        "hbo_instroom_studiejaar",
        by=_WITH_DIPLOMA,
    ),
    *(number(name, about, *sources) for name, about, _, sources in _NUMBERS),
)


def doorstroom_hbo(frames: Frames) -> pl.LazyFrame:
    """Count level-4 leavers, and what became of them in hbo."""
    leavers = with_programme(frames["mbo_hbo"].filter(_LEVEL_4), frames, "mbo_hoogste_diploma_opleiding_code")
    leavers = leavers.with_columns(yes_no(_CERTIFIED).alias(_WITH_DIPLOMA))
    return counted_by(leavers, _COLUMNS, *(tally(holds, name) for name, _, holds, _ in _NUMBERS))


MART = Mart(
    name="doorstroom_hbo",
    about="Leavers with a level-4 diploma: direct and later progression to hbo, dropout in its first year, diploma",
    file="mbo_hbo",
    contracts=MappingProxyType({"mbo_hbo": (1,), "doorstroom": (1,)}),
    formula=(
        "gediplomeerden = rows with mbo_hoogste_diploma_niveau MBO-4; direct = hbo_instroom_studiejaar is the year "
        "after mbo_uitstroom_schooljaar and hbo_onderbrekingsduur 0; later = any other entry; jaar1_bekend = entrants "
        "with hbo_verblijfsduur over 1 or a known dropout; uitval_jaar1 = hbo_schooljaren_tot_uitval 1 among them; "
        "jaar1_bekend_direct and uitval_jaar1_direct = the same among direct; "
        "hbo_diploma = entrants with a level of a hbo diploma; met_hbo_diploma = J for them."
    ),
    source=(
        "informatie-encyclopedie.nl, 004117df (doorstroom mbo-hbo); besluit 55352791, annex 1: 29.55.47, 29.55.49, "
        "29.55.50, 29.55.51, 29.74.18, 29.74.21, 29.75.08; Vereniging Hogescholen (dropout in the first year)"
    ),
    columns=_COLUMNS,
    left_out=MappingProxyType({"level_not_told": _DIPLOMA_LEVEL.is_null(), "no_level_4_diploma": ~_LEVEL_4}),
    totals=MappingProxyType({name: holds.sum() for name, _, holds, _ in _NUMBERS}),
    table=doorstroom_hbo,
)
