"""Who leaves mbo, with or without a diploma, and why.

Belongs here: the definition of the mart ``uitstroom``. Does not belong here: leaving one institution for another (the
populations of ``studiesucces``), what comes after mbo (``doorstroom_hbo``). Whether somebody leaves is DUO's own flag
(29.54.13), with its unexplained T apart. The diploma is the one of that school year: somebody who earns it after
leaving left without one. The reason is what the institution registered at the main enrolment there.
"""

from types import MappingProxyType

import polars as pl

from rod_pipeline.marts.columns import IN_DOORSTROOM, STATUS
from rod_pipeline.marts.definition import Frames, Mart, counted_by, dimension, number, yes_no
from rod_pipeline.marts.lookups import AT_INSTITUTION, PERSON_YEAR, TOLD, tally_once, with_main_enrolment, with_once

_LETTER, _LEVEL = pl.col("in_door_uitstroom"), pl.col("niveau")
_MAIN_ENROLMENT = (
    "inschrijvingen.hoofdinschrijving_instelling",
    *(f"inschrijvingen.{key}" for key in AT_INSTITUTION),
)
_COLUMNS = (
    dimension("schooljaar", "School year in which they leave"),
    STATUS,
    *IN_DOORSTROOM,
    dimension("diploma", "Whether they have a diploma of that school year (J/N)", "heeft_diploma"),
    dimension(
        "reden",
        "Registered reason of leaving; empty where reden_verteld is N",
        "inschrijvingen.reden_uitstroom",
        *_MAIN_ENROLMENT,
    ),
    dimension(
        "reden_verteld",
        "Whether the delivery tells the reasons of that school year (J/N)",
        "inschrijvingen.schooljaar",
        "inschrijvingen.status",
        by=TOLD,
    ),
    dimension("letter", "U left; T is not explained by DUO: probably came and went", "in_door_uitstroom"),
    number("uitstroom", "Students, each counted once in the country", "in_door_uitstroom", *PERSON_YEAR),
    number("uitstroom_instelling", "Students, each counted once per institution", "in_door_uitstroom"),
)


def uitstroom(frames: Frames) -> pl.LazyFrame:
    """Count who left, per reason and diploma."""
    left = with_once(frames["doorstroom"].filter(_LEVEL.is_not_null() & _LETTER.is_in(["U", "T"])))
    return counted_by(
        with_main_enrolment(left, frames, "reden_uitstroom").with_columns(
            yes_no(pl.col("heeft_diploma")).alias("heeft_diploma")
        ),
        _COLUMNS,
        tally_once("uitstroom"),
        pl.len().cast(pl.Int64).alias("uitstroom_instelling"),
    )


MART = Mart(
    name="uitstroom",
    about="Students who leave mbo, per diploma and registered reason",
    file="doorstroom",
    contracts=MappingProxyType({"doorstroom": (1,), "inschrijvingen": (1,)}),
    formula=(
        "uitstroom_instelling = rows of doorstroom with a level and letter U or T; uitstroom = the same, one row per "
        "student and school year (the highest level, then the lowest crebo); diploma = heeft_diploma of that row; "
        "reden = reden_uitstroom of the main enrolment at the institution (file inschrijvingen)."
    ),
    source=(
        "besluit 55352791, annex 1: 29.54.13 (I, D, U of T), 29.74.09, 05.03.60; reasons: BWBR0027035. That T "
        "includes students who left is an inference."
    ),
    columns=_COLUMNS,
    left_out=MappingProxyType(
        {
            "no_mbo": _LEVEL.is_null(),
            "letter_not_told": _LETTER.is_null(),
            "did_not_leave": ~_LETTER.is_in(["U", "T"]),
        }
    ),
    totals=MappingProxyType({"uitstroom": pl.struct(PERSON_YEAR).n_unique(), "uitstroom_instelling": pl.len()}),
    table=uitstroom,
)
