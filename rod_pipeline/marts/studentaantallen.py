"""Student counts on 1 October.

Belongs here: the definition of the mart ``studentaantallen``. Does not belong here: where it is stored, who may see it.
The definition is the one that OCW, the MBO Raad and CBS share for the 1-cijferbestand: every student counts once, by
the main enrolment on the reference date of 1 October.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from rod_pipeline.contracts.model import FileKind


@dataclass(frozen=True)
class MartColumn:
    """A column of a mart: what it means and which columns of ``inschrijvingen`` it comes from."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    description: str
    sources: tuple[str, ...]


NAME = "studentaantallen"
SOURCE_FILE: FileKind = "inschrijvingen"
CONTRACTS: Mapping[FileKind, tuple[int, ...]] = MappingProxyType({SOURCE_FILE: (1,)})
"""The contract versions that the formula was written for."""
FORMULA = (
    "studenten = rows with peildatum 1 October and hoofdinschrijving_mbo = J, per group; "
    "studenten_instelling = the same with hoofdinschrijving_instelling = J, so that a student with main enrolments at "
    "two institutions counts at both; extranei (leerweg EX) are their own leerweg and can be left out."
)
SOURCE = (
    "besluit 55352791, annex 1: 29.54.01 and 29.54.03 (hoofdinschrijving, peildatum 1 oktober); counting rule of the "
    "1-cijferbestand mbo (DUO open data, 'deelnemers_inst_kwal_wgdln_lftcat_mbo')"
)
PURPOSES = ("onderzoek", "verantwoording")

_GROUP: tuple[MartColumn, ...] = (
    MartColumn("schooljaar", pl.String, "School year, as 2025-2026", ("schooljaar",)),
    MartColumn("status", pl.String, "V provisional, D final", ("status",)),
    MartColumn("instellingscode", pl.String, "BRIN of the institution", ("instellingscode",)),
    MartColumn("opleidingscode", pl.String, "Recognised programme (crebo)", ("opleidingscode",)),
    MartColumn("code_bc", pl.String, "Occupation cluster (BC)", ("code_bc",)),
    MartColumn("code_sg", pl.String, "Subgroup (SG)", ("code_sg",)),
    MartColumn("code_hg", pl.String, "Main group (HG)", ("code_hg",)),
    MartColumn("sectorkamer", pl.String, "Sector chamber of SBB", ("sectorkamer",)),
    MartColumn("niveau", pl.String, "Level of the programme", ("niveau",)),
    MartColumn("leerweg", pl.String, "BOL, BBL and others", ("leerweg",)),
    MartColumn("leeftijdsgroep", pl.String, "Age group on 1 October", ("leeftijdsgroep_1okt",)),
)
_FLAGS = ("peildatum", "sectornummer")
COLUMNS: tuple[MartColumn, ...] = (
    *_GROUP,
    MartColumn("studenten", pl.Int64, "Students, each counted once in the country", ("hoofdinschrijving_mbo", *_FLAGS)),
    MartColumn(
        "studenten_instelling",
        pl.Int64,
        "Students, each counted once per institution",
        ("hoofdinschrijving_instelling", *_FLAGS),
    ),
)

_MAIN = pl.col("hoofdinschrijving_mbo") | pl.col("hoofdinschrijving_instelling")
_PEILDATUM = pl.col("peildatum")
LEFT_OUT: Mapping[str, pl.Expr] = MappingProxyType(
    {
        "no_peildatum": _PEILDATUM.is_null(),
        "other_peildatum": (_PEILDATUM.dt.month() != 10) | (_PEILDATUM.dt.day() != 1),
        "main_enrolment_not_told": _MAIN.is_null(),
        "no_main_enrolment": ~_MAIN,
    }
)
"""Why a row does not count: the first reason that holds for it. A row without any counts."""
TOTALS: Mapping[str, str] = MappingProxyType(
    {"studenten": "hoofdinschrijving_mbo", "studenten_instelling": "hoofdinschrijving_instelling"}
)
"""The columns of numbers, with the flag of the rows that each adds up."""


def accounts(inschrijvingen: pl.LazyFrame) -> pl.LazyFrame:
    """What becomes of the rows of ``inschrijvingen``: one row: ``read``, the reasons of ``LEFT_OUT``, and ``TOTALS``.

    Written apart from the formula, so that a row that the formula loses shows.
    """
    reason = pl.coalesce(pl.when(holds).then(pl.lit(name)) for name, holds in LEFT_OUT.items())
    return inschrijvingen.with_columns(reason.alias("__reason")).select(
        pl.len().alias("read"),
        *((pl.col("__reason") == name).sum().alias(name) for name in LEFT_OUT),
        *((pl.col("__reason").is_null() & pl.col(flag)).sum().alias(name) for name, flag in TOTALS.items()),
    )


def studentaantallen(inschrijvingen: pl.LazyFrame) -> pl.LazyFrame:
    """Count the students of one delivery.

    ``inschrijvingen`` is the validated, typed table of one delivery. The result has the columns ``COLUMNS``, one row
    per group that has a student, sorted by group. It holds counts under five: restricted, never published as it is.
    """
    on_first_of_october = (_PEILDATUM.dt.month() == 10) & (_PEILDATUM.dt.day() == 1)
    return (
        inschrijvingen.filter(on_first_of_october)
        .filter(_MAIN)
        .group_by([pl.col(c.sources[0]).cast(pl.String).alias(c.name) for c in _GROUP])
        .agg(
            pl.col("hoofdinschrijving_mbo").sum().cast(pl.Int64).alias("studenten"),
            pl.col("hoofdinschrijving_instelling").sum().cast(pl.Int64).alias("studenten_instelling"),
        )
        .sort([c.name for c in _GROUP], nulls_last=True)
    )
