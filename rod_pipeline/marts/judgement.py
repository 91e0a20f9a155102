"""The Inspectie's judgement of results: norms, and when there is none.

Belongs here: applying the norms to numerators and denominators. Does not belong here: the norms (``norms.toml``), the
counting (``studiesucces``). Source: Inspectie van het Onderwijs, "Definitie indicatoren" (31-05-2024).

A result is judged at levels 2 to 4, of students in bol, bol-dt, bbl or ex (``norms.LEERWEGEN``; whoever adds up leaves
the others out). It isn't when its denominator is under twelve, nor a jaarresultaat or diplomaresultaat of exactly 0 or
100 %. Two of three at or above the norm make
``voldoende``; with two not judged there is no judgement. Of two judged results both have to reach the norm: "two of
three" can't be reached otherwise.
"""

import polars as pl

from rod_pipeline.marts.norms import NORM, NOT_AT_THE_ENDS, SMALLEST

_ENOUGH = 2


def judgement(results: pl.DataFrame) -> pl.DataFrame:
    """``results`` with a verdict per result and one over all.

    ``results`` has ``niveau`` and, for each of the three results, ``<result>_noemer`` and ``<result>_teller``, summed
    to the group that is to be judged; add ``cohorten`` and a startersresultaat over fewer than three cohorts isn't
    judged. Added are ``<result>_oordeel``: ``hoog``, ``voldoende``, ``onvoldoende`` or null (not judged), and
    ``oordeel``: ``voldoende``, ``onvoldoende`` or null (no judgement).
    """
    judged = results.with_columns(_verdict(name, results.columns).alias(f"{name}_oordeel") for name in NORM)
    verdicts = [pl.col(f"{name}_oordeel") for name in NORM]
    known = pl.sum_horizontal(verdict.is_not_null() for verdict in verdicts)
    reached = pl.sum_horizontal(verdict.is_in(["hoog", "voldoende"]).fill_null(False) for verdict in verdicts)
    return judged.with_columns(
        pl.when(known < _ENOUGH)
        .then(None)
        .when(reached >= _ENOUGH)
        .then(pl.lit("voldoende"))
        .otherwise(pl.lit("onvoldoende"))
        .alias("oordeel")
    )


def _verdict(name: str, columns: list[str]) -> pl.Expr:
    of, good = pl.col(f"{name}_noemer"), pl.col(f"{name}_teller")
    judged = (of >= SMALLEST) & pl.col("niveau").is_in(list(NORM[name]["voldoende"]))
    if name in NOT_AT_THE_ENDS:
        judged &= (good > 0) & (good < of)
    if name == "startersresultaat" and "cohorten" in columns:
        judged &= pl.col("cohorten") == "3"
    verdict = (
        pl.when(good * 100 >= of * _norm(name, "voldoende")).then(pl.lit("voldoende")).otherwise(pl.lit("onvoldoende"))
    )
    if "hoog" in NORM[name]:
        verdict = pl.when(good * 100 >= of * _norm(name, "hoog")).then(pl.lit("hoog")).otherwise(verdict)
    return pl.when(judged).then(verdict)


def _norm(name: str, which: str) -> pl.Expr:
    return pl.col("niveau").replace_strict(dict(NORM[name][which]), default=None, return_dtype=pl.Int64)
