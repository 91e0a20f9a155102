"""What a mart looks up for a row that it counts: things that stand in another file, or in the rows beside it.

Belongs here: choosing the one row that is meant, so that a lookup never multiplies what is counted. Does not belong
here: what is counted (a module per mart). Choice among enrolments: the highest niveau, then the lowest crebo
(Inspectie, "Definitie indicatoren", 31-05-2024, as in the annex' hoofdinschrijving); then the institution's code.
"""

import polars as pl

from rod_pipeline.contracts.model import FileKind
from rod_pipeline.marts.definition import Frames

PERSON_YEAR = ("sectornummer", "schooljaar", "status")
AT_INSTITUTION = (*PERSON_YEAR, "instellingscode")
ENROLMENT_FILE: FileKind = "inschrijvingen"
ONCE = "__once"
TOLD = "__told"


def with_main_enrolment(rows: pl.LazyFrame, frames: Frames, *columns: str) -> pl.LazyFrame:
    """``rows`` with ``columns`` of the main enrolment of that student at that institution on the 1 October before.

    They are null where there is none. ``TOLD`` (J/N) says whether the file has that school year in that status at
    all: inschrijvingen goes less far back than doorstroom.
    """
    enrolments = frames[ENROLMENT_FILE].filter(pl.col("hoofdinschrijving_instelling"))
    # There is one per student, institution and 1 October (29.54.01). If there were two, the rows must not double.
    main = enrolments.group_by(AT_INSTITUTION).agg(pl.col(name).min() for name in columns)
    told = frames[ENROLMENT_FILE].select("schooljaar", "status", pl.lit("J").alias(TOLD)).unique()
    return (
        rows.join(main, on=AT_INSTITUTION, how="left", nulls_equal=True)
        .join(told, on=["schooljaar", "status"], how="left", nulls_equal=True)
        .with_columns(pl.col(TOLD).fill_null("N"))
    )


def with_programme(rows: pl.LazyFrame, frames: Frames, code: str) -> pl.LazyFrame:
    """``rows`` with ``code_bc``, ``code_sg`` and ``code_hg`` of the programme in column ``code``, as doorstroom has it.

    Null where nobody was enrolled in that programme in the years of doorstroom.
    """
    known = (
        frames["doorstroom"]
        .filter(pl.col("kwalificatiecode_inschrijving").is_not_null())
        .group_by(pl.col("kwalificatiecode_inschrijving").alias(code))
        .agg(pl.col("code_bc").min(), pl.col("code_sg").min(), pl.col("code_hg").min())
    )
    return rows.join(known, on=code, how="left")


def with_once(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows of doorstroom with ``ONCE``: true for one row per student and school year, whatever the institutions.

    Few students have more than one row, so only theirs are put in order. The order of the rows is not kept.
    """
    several = rows.group_by(PERSON_YEAR).len().filter(pl.col("len") > 1).select(PERSON_YEAR)
    alone = rows.join(several, on=PERSON_YEAR, how="anti", nulls_equal=True).with_columns(pl.lit(True).alias(ONCE))
    chosen = (
        rows.join(several, on=PERSON_YEAR, how="semi", nulls_equal=True)
        .sort(
            "niveau",
            "kwalificatiecode_inschrijving",
            "instellingscode",
            descending=[True, False, False],
            nulls_last=True,
            maintain_order=True,
        )
        .with_columns(pl.struct(PERSON_YEAR).is_first_distinct().alias(ONCE))
    )
    return pl.concat([alone, chosen])


def tally_once(name: str) -> pl.Expr:
    """How many students a group counts, each once in the country."""
    return pl.col(ONCE).sum().cast(pl.Int64).alias(name)
