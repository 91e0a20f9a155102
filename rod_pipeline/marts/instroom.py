"""Who comes into mbo, and with which vooropleiding.

Belongs here: the definition of the mart ``instroom``. Does not belong here: what becomes of them (``studiesucces``,
``loopbanen``). Whether somebody comes in is DUO's own flag (29.54.13); its letter T is not explained in the annex, so
rows with T are counted apart, as a value of a column, and whoever reads the mart decides. A student who comes in at two
institutions counts at both, and once in the country.
"""

from types import MappingProxyType

import polars as pl

from rod_pipeline.marts.columns import IN_DOORSTROOM, STATUS
from rod_pipeline.marts.definition import Frames, Mart, counted_by, dimension, number
from rod_pipeline.marts.lookups import (
    AT_INSTITUTION,
    PERSON_YEAR,
    TOLD,
    tally_once,
    with_main_enrolment,
    with_once,
)

_LETTER, _LEVEL = pl.col("in_door_uitstroom"), pl.col("niveau")
_MAIN_ENROLMENT = (
    "inschrijvingen.hoofdinschrijving_instelling",
    *(f"inschrijvingen.{key}" for key in AT_INSTITUTION),
)
_COLUMNS = (
    dimension("schooljaar", "School year in which they come in"),
    STATUS,
    *IN_DOORSTROOM,
    dimension("vooropleiding", "Category of the highest prior education", "categorie_hoogste_vooropleiding"),
    dimension(
        "vo_instelling",
        "BRIN of the school of the highest prior education in vo; empty where vo_instelling_verteld is N",
        "inschrijvingen.instelling_vooropleiding_vo",
        *_MAIN_ENROLMENT,
    ),
    dimension(
        "vo_instelling_verteld",
        "Whether the delivery tells of that school year where students came from (J/N)",
        "inschrijvingen.schooljaar",
        "inschrijvingen.status",
        by=TOLD,
    ),
    dimension("letter", "I came in; T is not explained by DUO: probably came and went", "in_door_uitstroom"),
    number("instroom", "Students, each counted once in the country", "in_door_uitstroom", *PERSON_YEAR),
    number("instroom_instelling", "Students, each counted once per institution", "in_door_uitstroom"),
)


def instroom(frames: Frames) -> pl.LazyFrame:
    """Count who came in, per vooropleiding."""
    came = with_once(frames["doorstroom"].filter(_LEVEL.is_not_null() & _LETTER.is_in(["I", "T"])))
    return counted_by(
        with_main_enrolment(came, frames, "instelling_vooropleiding_vo"),
        _COLUMNS,
        tally_once("instroom"),
        pl.len().cast(pl.Int64).alias("instroom_instelling"),
    )


MART = Mart(
    name="instroom",
    about="Students who come into mbo, per category of prior education and school of origin",
    file="doorstroom",
    contracts=MappingProxyType({"doorstroom": (1,), "inschrijvingen": (1,)}),
    formula=(
        "instroom_instelling = rows of doorstroom with a level and letter I or T; instroom = the same, one row per "
        "student and school year (the highest level, then the lowest crebo). The school of origin is that of the main "
        "enrolment at the institution (file inschrijvingen)."
    ),
    source=(
        "besluit 55352791, annex 1: 29.54.13 (I, D, U of T), 29.54.30, 29.54.19; CBS, instroom mbo. That T includes "
        "students who came in is an inference."
    ),
    columns=_COLUMNS,
    left_out=MappingProxyType(
        {
            "no_mbo": _LEVEL.is_null(),
            "letter_not_told": _LETTER.is_null(),
            "did_not_come_in": ~_LETTER.is_in(["I", "T"]),
        }
    ),
    totals=MappingProxyType({"instroom": pl.struct(PERSON_YEAR).n_unique(), "instroom_instelling": pl.len()}),
    table=instroom,
)
