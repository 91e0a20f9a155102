"""Diplomas: the main one of each graduate, and all of them.

Belongs here: the definition of the mart ``behaalde_diplomas``. Does not belong here: whether a leaver has one
(``uitstroom``, ``studiesucces``). DUO appoints one *hoofddiploma* per graduate and year (1-cijferbestand); a graduate
with two diplomas in a year counts once among the main ones, and twice among all. A certificate has no level and is no
diploma.
"""

from types import MappingProxyType

import polars as pl

from rod_pipeline.marts.columns import CLUSTERS_LOOKED_UP, STATUS
from rod_pipeline.marts.definition import Frames, Mart, counted_by, dimension, number, tally
from rod_pipeline.marts.lookups import AT_INSTITUTION, TOLD, with_main_enrolment, with_programme

_MAIN = pl.col("hoofddiploma")
_INVALID, _NO_LEVEL = pl.col("soort_diploma_mbo_studiejaar") == "99", pl.col("niveau_diploma").is_null()
_COLUMNS = (
    dimension("schooljaar", "School year in which the diploma was earned"),
    STATUS,
    dimension("instellingscode", "BRIN of the institution that gave it"),
    dimension("opleidingscode", "Recognised programme (crebo) of the diploma"),
    *CLUSTERS_LOOKED_UP,
    dimension("sectorkamer", "Sector chamber of SBB of the diploma", "sectorkamer_diploma"),
    dimension("niveau", "Level of the diploma", "niveau_diploma"),
    dimension(
        "leerweg",
        "Learning path of the main enrolment at the institution on the 1 October before; empty when there was none",
        "inschrijvingen.leerweg",
        "inschrijvingen.hoofdinschrijving_instelling",
        *(f"inschrijvingen.{key}" for key in AT_INSTITUTION),
    ),
    number(
        "hoofddiplomas",
        "Main diplomas: graduates, each counted once a year in the country",
        "hoofddiploma",
        "sectornummer",
        "soort_diploma_mbo_studiejaar",
    ),
    number("diplomas", "All diplomas, those beside a main one too", "niveau_diploma", "soort_diploma_mbo_studiejaar"),
)


def behaalde_diplomas(frames: Frames) -> pl.LazyFrame:
    """Count the diplomas of one delivery; certificates and invalid ones don't count."""
    valid = frames["diplomas"].filter(~_INVALID.fill_null(False)).filter(~_NO_LEVEL | _MAIN.fill_null(False))
    known = with_programme(with_main_enrolment(valid, frames, "leerweg"), frames, "opleidingscode").drop(TOLD)
    return counted_by(known, _COLUMNS, tally(_MAIN, "hoofddiplomas"), pl.len().cast(pl.Int64).alias("diplomas"))


MART = Mart(
    name="behaalde_diplomas",
    about="Diplomas per school year, institution, programme, level and learning path: main ones, and all",
    file="diplomas",
    contracts=MappingProxyType({"diplomas": (1,), "inschrijvingen": (1,), "doorstroom": (1,)}),
    formula=(
        "diplomas = rows with a level (a certificate has none) that are not invalid (soort diploma mbo studiejaar 99); "
        "hoofddiplomas = those with hoofddiploma = J. A diploma earned after leaving counts in the school year in "
        "which it was earned, without leerweg."
    ),
    source=(
        "besluit 55352791, annex 1: 07.05.10, 07.05.20, 29.74.04, 29.74.12 (hoofddiploma); CBS, Diplomambotab (one "
        "hoofddiploma per graduate). That a certificate has no level is an assumption."
    ),
    columns=_COLUMNS,
    left_out=MappingProxyType({"invalid": _INVALID, "certificate": _NO_LEVEL & ~_MAIN.fill_null(False)}),
    totals=MappingProxyType({"hoofddiplomas": _MAIN.sum(), "diplomas": pl.len()}),
    table=behaalde_diplomas,
)
