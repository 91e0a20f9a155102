"""Student counts on 1 October.

Belongs here: the definition of the mart ``studentaantallen``. Does not belong here: where it is stored, who may see it.
The definition is the one that OCW, the MBO Raad and CBS share for the 1-cijferbestand: every student counts once, by
the main enrolment on the reference date of 1 October.
"""

from types import MappingProxyType

import polars as pl

from rod_pipeline.marts.columns import STATUS, at_programme
from rod_pipeline.marts.definition import Frames, Mart, counted_by, dimension, number, tally

_FLAGS = ("peildatum", "sectornummer")
_COLUMNS = (
    dimension("schooljaar", "School year, as 2025-2026"),
    STATUS,
    *at_programme(),
    dimension("leeftijdsgroep", "Age group on 1 October", "leeftijdsgroep_1okt"),
    number("studenten", "Students, each counted once in the country", "hoofdinschrijving_mbo", *_FLAGS),
    number(
        "studenten_instelling", "Students, each counted once per institution", "hoofdinschrijving_instelling", *_FLAGS
    ),
)
_IN_COUNTRY, _AT_INSTITUTION = pl.col("hoofdinschrijving_mbo"), pl.col("hoofdinschrijving_instelling")
_MAIN = _IN_COUNTRY | _AT_INSTITUTION
_PEILDATUM = pl.col("peildatum")


def studentaantallen(frames: Frames) -> pl.LazyFrame:
    """Count the students of one delivery; the rows that count are those of main enrolments on 1 October."""
    on_first_of_october = (_PEILDATUM.dt.month() == 10) & (_PEILDATUM.dt.day() == 1)
    return counted_by(
        frames["inschrijvingen"].filter(on_first_of_october).filter(_MAIN),
        _COLUMNS,
        tally(_IN_COUNTRY, "studenten"),
        tally(_AT_INSTITUTION, "studenten_instelling"),
    )


MART = Mart(
    name="studentaantallen",
    about="Students on 1 October per school year, institution, programme, learning path, level and age group",
    file="inschrijvingen",
    contracts=MappingProxyType({"inschrijvingen": (1,)}),
    formula=(
        "studenten = rows with peildatum 1 October and hoofdinschrijving_mbo = J, per group; studenten_instelling = "
        "the same with hoofdinschrijving_instelling = J, so that a student with main enrolments at two institutions "
        "counts at both; extranei (leerweg EX) are their own leerweg and can be left out."
    ),
    source=(
        "besluit 55352791, annex 1: 29.54.01 and 29.54.03 (hoofdinschrijving, peildatum 1 oktober); counting rule of "
        "the 1-cijferbestand mbo (DUO open data, 'deelnemers_inst_kwal_wgdln_lftcat_mbo')"
    ),
    columns=_COLUMNS,
    left_out=MappingProxyType(
        {
            "no_peildatum": _PEILDATUM.is_null(),
            "other_peildatum": (_PEILDATUM.dt.month() != 10) | (_PEILDATUM.dt.day() != 1),
            "main_enrolment_not_told": _MAIN.is_null(),
            "no_main_enrolment": ~_MAIN,
        }
    ),
    totals=MappingProxyType({"studenten": _IN_COUNTRY.sum(), "studenten_instelling": _AT_INSTITUTION.sum()}),
    table=studentaantallen,
)
