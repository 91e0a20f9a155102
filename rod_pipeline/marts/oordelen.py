"""Results of institutions beside the norms, the country and each other: percentages, judgement, rank.

Belongs here: the table ``oordelen`` of the mart database. Does not belong here: numerators and denominators
(``studiesucces``), the rule of judgement (``judgement``) and its norms (``norms.toml``).

A row is a result of an institution at a level in an opbrengstjaar, over the figures in force. As the Inspectie counts,
only students in bol, bol-dt, bbl or ex take part. A denominator under twelve is no basis for a judgement, and here for
no rank and no mean either. Ranks name nobody: a row says how its own institution stands among how many.
"""

import polars as pl

from rod_pipeline.marts.definition import Described
from rod_pipeline.marts.judgement import judgement
from rod_pipeline.marts.norms import LEERWEGEN, NORM, SMALLEST
from rod_pipeline.marts.studiesucces import RESULTS

_EDITION = ("schooljaar", "status", "levering", "opbrengstjaar", "cohorten")
_OF = (*_EDITION, "instellingscode", "niveau")
_LEVEL = [*_EDITION, "niveau", "resultaat"]

OORDELEN = Described(
    name="oordelen",
    about="Results per institution, level and opbrengstjaar beside the norm, the country and other institutions",
    formula=(
        "percentage = 100 x teller / noemer of studiesucces in force, over leerwegen bol, bol-dt, bbl and ex; "
        "landelijk = the same over all institutions; gemiddelde = mean of the percentages of institutions with a "
        "noemer of 12 or more; rang = 1 + the institutions among them with a higher percentage; oordeel = at or above "
        "the norm, of a noemer of 12 or more, levels 2 to 4, not at 0 or 100 % for jaarresultaat and "
        "diplomaresultaat, startersresultaat over three cohorts; eindoordeel = voldoende when two of the three are, "
        "none with two not judged."
    ),
    source=(
        "studiesucces; Inspectie van het Onderwijs, 'Definitie indicatoren en toelichting bestanden "
        "onderwijsresultaten bekostigd MBO' (31-05-2024). Mean and rank are ours, after the MBO Raad's benchmark."
    ),
    columns={
        "schooljaar": "School year of the 1 October at which the opbrengstjaar begins",
        "status": "V provisional, D final",
        "levering": "The delivery that speaks for that school year",
        "opbrengstjaar": "From 1 October of the year before up to 30 September of this year",
        "cohorten": "How many of the three cohorts of the startersresultaat the delivery has",
        "instellingscode": "BRIN of the institution",
        "niveau": "Level of the programme",
        "resultaat": "Result: " + ", ".join(RESULTS),
        "teller": "Numerator",
        "noemer": "Denominator",
        "percentage": "Percentage, one decimal",
        "norm_voldoende": "Norm for voldoende, percentage; empty where there is none",
        "norm_hoog": "Norm for hoog, percentage; empty where there is none",
        "oordeel": "hoog, voldoende or onvoldoende; empty: not judged",
        "landelijk": "Percentage over all institutions",
        "gemiddelde": "Mean of the percentages of institutions with a denominator of 12 or more",
        "rang": "Rank among these institutions, 1 the highest; empty under a denominator of 12",
        "instellingen": "How many institutions are ranked",
        "eindoordeel": "voldoende or onvoldoende over the three results together; empty: no judgement",
    },
)


def oordelen(results: pl.DataFrame) -> pl.DataFrame:
    """The table, from ``studiesucces`` in force with its ``levering``; sorted, columns as ``OORDELEN``."""
    sums = (
        results.filter(pl.col("leerweg").is_in(LEERWEGEN))
        .group_by(_OF)
        .agg(pl.col(f"{name}_{part}").sum() for name in RESULTS for part in ("teller", "noemer"))
    )
    judged = judgement(sums)
    good, of = pl.col("teller"), pl.col("noemer")
    return (
        pl.concat(_of(judged, name) for name in RESULTS)
        .filter(of > 0)
        .with_columns(
            (100 * good / of).round(1).alias("percentage"),
            (100 * good.sum().over(_LEVEL) / of.sum().over(_LEVEL)).round(1).alias("landelijk"),
            pl.when(of >= SMALLEST).then(good / of).alias("__share"),
        )
        .with_columns(
            (100 * pl.col("__share").mean().over(_LEVEL)).round(1).alias("gemiddelde"),
            pl.col("__share").rank("min", descending=True).over(_LEVEL).cast(pl.Int64).alias("rang"),
            pl.col("__share").count().over(_LEVEL).cast(pl.Int64).alias("instellingen"),
        )
        .select(*OORDELEN.columns)
        .sort(*_OF, "resultaat", nulls_last=True)
    )


def _of(judged: pl.DataFrame, name: str) -> pl.DataFrame:
    """One result, as rows of the table."""
    norms = NORM.get(name, {})
    return judged.select(
        *_OF,
        pl.lit(name).alias("resultaat"),
        *(pl.col(f"{name}_{part}").alias(part) for part in ("teller", "noemer")),
        *(
            pl.col("niveau")
            .replace_strict(dict(norms.get(which, {})), default=None, return_dtype=pl.Int64)
            .alias(f"norm_{which}")
            for which in ("voldoende", "hoog")
        ),
        (pl.col(f"{name}_oordeel") if norms else pl.lit(None, pl.String)).alias("oordeel"),
        pl.col("oordeel").alias("eindoordeel"),
    )
