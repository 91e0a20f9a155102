"""Outcomes: graduates and leavers, by what is said of them together.

Belongs here: the definition of the mart ``uitkomsten``: the populations of jaarresultaat and diplomaresultaat with
their outcomes crossed. Does not belong here: the results themselves (``studiesucces``), what may be published of them.

``studiesucces`` has a numerator and a denominator for each result, but several results count the same students: the
leavers without a diploma stand in jaarresultaat and in diplomaresultaat. Protection has to know that such cells are one
and the same, or one of them gives the other away; so what is published of these results is added up from here.
"""

from types import MappingProxyType

import polars as pl

from rod_pipeline.marts.columns import IN_DOORSTROOM, STATUS
from rod_pipeline.marts.definition import Frames, Mart, counted_by, dimension, number, yes_no
from rod_pipeline.marts.norms import EXPECTED_LEVEL

_LEVEL = pl.col("niveau")
_YEAR, _LEAVER = pl.col("populatie_jaarresultaat"), pl.col("populatie_diplomaresultaat")
_IN_EITHER = _YEAR.fill_null(False) | _LEAVER.fill_null(False)
_KNOWN, _CATEGORY = "__known", "categorie_hoogste_vooropleiding"
_FLAGS = ("populatie_jaarresultaat", "populatie_diplomaresultaat", "heeft_diploma", "passend_diploma")
_COLUMNS = (
    dimension("schooljaar", "School year of the 1 October at which the opbrengstjaar begins"),
    STATUS,
    *IN_DOORSTROOM,
    dimension("jaarresultaat", "In the population of jaarresultaat (J/N)", _FLAGS[0]),
    dimension("verlater", "In the population of diplomaresultaat: leaves the institution (J/N)", _FLAGS[1]),
    dimension("diploma", "Has a diploma (J/N)", _FLAGS[2]),
    dimension("passend", "The diploma is at or above the expected level (J/N)", _FLAGS[3]),
    dimension(
        "categorie_bekend", "Has a category of vooropleiding that the norm table knows (J/N)", _CATEGORY, by=_KNOWN
    ),
    number("studenten", "Students, each once per institution", "populatie_jaarresultaat", "populatie_diplomaresultaat"),
)


def uitkomsten(frames: Frames) -> pl.LazyFrame:
    """Count graduates and leavers by their populations and outcomes; a flag that isn't told is no."""
    rows = frames["doorstroom"].filter(_LEVEL.is_not_null()).filter(_IN_EITHER)
    flags = [yes_no(pl.col(flag).fill_null(False)).alias(flag) for flag in _FLAGS]
    known = yes_no(pl.col(_CATEGORY).is_in(list(EXPECTED_LEVEL)).fill_null(False)).alias(_KNOWN)
    return counted_by(rows.with_columns(*flags, known), _COLUMNS, pl.len().cast(pl.Int64).alias("studenten"))


MART = Mart(
    name="uitkomsten",
    about="Graduates and leavers per institution, programme, level and leerweg, by populations and outcomes together",
    file="doorstroom",
    contracts=MappingProxyType({"doorstroom": (1,)}),
    formula=(
        "studenten = rows of doorstroom in the population of jaarresultaat or diplomaresultaat, by both populations, "
        "heeft_diploma, passend_diploma and whether the category of vooropleiding is in the norm table."
    ),
    source="as studiesucces; besluit 55352791, annex 1: 29.74.07, 29.74.09, 29.74.10, 29.74.11, 29.54.30",
    columns=_COLUMNS,
    left_out=MappingProxyType({"no_mbo": _LEVEL.is_null(), "in_no_population": ~_IN_EITHER}),
    totals=MappingProxyType({"studenten": pl.len()}),
    table=uitkomsten,
)
