"""What of the marts is offered for publication: leaves per measure, and the tables over them.

Belongs here: which counts are offered and by what. Does not belong here: protecting them (``disclosure``). Nothing here
is safe to publish: leaves are restricted, with counts under five.

A *measure* is a set of students of whom each counts once. What counts the same students is one measure, with a column
for what tells them apart, so that a cell is protected once wherever it stands: jaarresultaat, diplomaresultaat, passend
diploma are tables over one measure (``uitkomsten``). Figures are those in force: of each school year the delivery that
speaks for it (``in_force``). Why these tables and no others: ADR 34.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from rod_pipeline.marts import in_force
from rod_pipeline.marts.contents import careers_alone, editions_of, moments_of, of_all, understood
from rod_pipeline.marts.database import feeding, open_database
from rod_pipeline.marts.declared import MARTS
from rod_pipeline.marts.groupings import GROUP, REGION, grouped, groupings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from rod_pipeline.ledger.state import IntakeState
    from rod_pipeline.system import System

_GROUP = ("schooljaar", "instellingscode", "opleidingscode", "code_bc", "code_sg", "code_hg", "sectorkamer")
_COMMON = (*_GROUP, "niveau", "leerweg")
_YES, _NO = pl.lit("J"), pl.lit("N")


class Offered(NamedTuple):
    """One table that is offered: its measure, and the columns by which it counts.

    ``outcome``: the column of ``by`` whose sides, J and N, are an outcome. ``within``: further columns, of which the
    table has those with J alone. ``reads_as``: what people call it, where that is not the measure.
    """

    name: str
    measure: str
    by: tuple[str, ...]
    outcome: str | None = None
    within: tuple[str, ...] = ()
    reads_as: str = ""


class Nested(NamedTuple):
    """How outcomes of one measure lie in each other.

    ``outcomes``: from the outer to the inner one; the inner one tells something of who has the outer one. ``never``:
    codes that no leaf has together, by its definition.
    """

    outcomes: tuple[str, ...] = ()
    never: tuple[Mapping[str, str], ...] = ()


class Side(NamedTuple):
    """Cells of a measure: those with these codes. ``named``: what the other side calls a column that means the same."""

    measure: str
    codes: Mapping[str, str] = {}
    named: Mapping[str, str] = {}


class _Measure(NamedTuple):
    """Which mart a measure is of, its dimensions, and its parts: the values of extra columns, and what counts them."""

    mart: str
    by: tuple[str, ...]
    parts: tuple[tuple[Mapping[str, pl.Expr], pl.Expr], ...]


def _whole(number: str) -> tuple[tuple[Mapping[str, pl.Expr], pl.Expr], ...]:
    return (({}, pl.col(number)),)


def _two_sides(column: str, good: str, of: str) -> tuple[tuple[Mapping[str, pl.Expr], pl.Expr], ...]:
    return (({column: _YES}, pl.col(good)), ({column: _NO}, pl.col(of) - pl.col(good)))


def _first_year_in_hbo(
    direct: pl.Expr, entered: pl.Expr, known: pl.Expr, dropped: pl.Expr
) -> tuple[tuple[Mapping[str, pl.Expr], pl.Expr], ...]:
    """Who entered hbo, directly or not, by what is known of the first year there."""
    return tuple(
        ({"in_hbo": _YES, "direct": direct, "bekend": bekend, "uitval": uitval, "gevolgd": _FOLLOWED}, count)
        for bekend, uitval, count in (
            (_YES, _YES, dropped),
            (_YES, _NO, known - dropped),
            (_NO, _NO, entered - known),
        )
    )


_GRADUATED_LEAVER = (pl.col("verlater") == "J") & (pl.col("diploma") == "J")
_FITTING = _GRADUATED_LEAVER & (pl.col("passend") == "J")
"""A fitting diploma is told of leavers alone: of who stays it would be one figure more to protect."""
_ESTABLISHED = pl.when(_GRADUATED_LEAVER).then("categorie_bekend").otherwise(_YES)
"""Whether it can be told which level was expected: asked of leavers with a diploma alone (kwalificatiewinst)."""
_FOLLOWED = (
    pl.when((pl.col("met_hbo_diploma") == "J").any().over("schooljaar")).then(pl.lit("J")).otherwise(pl.lit("N"))
)
"""Whether anybody of that school year has a diploma of hbo yet. Of a year of which nobody can have one, that nobody of
a few has one would be a secret that all the world knows."""
_FLOWS = "stromen"
_MEASURES: Mapping[str, _Measure] = {
    "studenten": _Measure("studentaantallen", (*_COMMON, "leeftijdsgroep"), _whole("studenten")),
    "instroom": _Measure("instroom", (*_COMMON, "vooropleiding"), _whole("instroom")),
    "uitstroom": _Measure("uitstroom", (*_COMMON, "diploma", "reden"), _whole("uitstroom")),
    "gediplomeerden": _Measure("behaalde_diplomas", _COMMON, _whole("hoofddiplomas")),
    "diplomas": _Measure("behaalde_diplomas", _COMMON, _whole("diplomas")),
    "uitkomsten": _Measure(
        "uitkomsten",
        (*_COMMON, "jaarresultaat", "verlater", "diploma"),
        (
            ({"passend": _YES, "bekend": _ESTABLISHED}, pl.when(_FITTING).then("studenten").otherwise(0)),
            ({"passend": _NO, "bekend": _ESTABLISHED}, pl.when(_FITTING).then(0).otherwise("studenten")),
        ),
    ),
    "starters": _Measure(
        "studiesucces", _COMMON, _two_sides("succes", "startersresultaat_teller", "startersresultaat_noemer")
    ),
    "plaatsingen": _Measure(
        "studiesucces", _COMMON, _two_sides("passend", "passende_plaatsing_teller", "passende_plaatsing_noemer")
    ),
    "opstroom": _Measure("studiesucces", _COMMON, _two_sides("opstroom", "opstroom_teller", "opstroom_noemer")),
    "mbo_hbo": _Measure(
        "doorstroom_hbo",
        (*(name for name in _COMMON if name != "niveau"), "met_hbo_diploma"),
        (
            *_first_year_in_hbo(_YES, pl.col("direct"), pl.col("jaar1_bekend_direct"), pl.col("uitval_jaar1_direct")),
            *_first_year_in_hbo(
                _NO,
                pl.col("later"),
                pl.col("jaar1_bekend") - pl.col("jaar1_bekend_direct"),
                pl.col("uitval_jaar1") - pl.col("uitval_jaar1_direct"),
            ),
            (
                {"in_hbo": _NO, "direct": _NO, "bekend": _NO, "uitval": _NO, "gevolgd": _NO},
                pl.col("gediplomeerden") - pl.col("direct") - pl.col("later"),
            ),
        ),
    ),
    _FLOWS: _Measure(_FLOWS, ("schooljaar", "instellingscode", "van", "naar", "soort", "stap"), _whole("studenten")),
}
NESTED: Mapping[str, Nested] = {
    "uitkomsten": Nested(
        ("diploma", "passend"),
        (
            {"jaarresultaat": "N", "verlater": "N"},
            {"verlater": "N", "passend": "J"},
            {"diploma": "N", "passend": "J"},
            {"verlater": "N", "bekend": "N"},
            {"diploma": "N", "bekend": "N"},
        ),
    ),
    "mbo_hbo": Nested(
        ("in_hbo", "direct", "uitval", "met_hbo_diploma"),
        (
            {"in_hbo": "N", "gevolgd": "J"},
            {"in_hbo": "N", "met_hbo_diploma": "J"},
            {"gevolgd": "N", "met_hbo_diploma": "J"},
            {"in_hbo": "N", "direct": "J"},
            {"in_hbo": "N", "bekend": "J"},
            {"in_hbo": "N", "uitval": "J"},
            {"bekend": "N", "uitval": "J"},
        ),
    ),
}
"""The measures of which several results are told."""
_WITH, _WITHOUT = "uit mbo, met diploma", "uit mbo, zonder diploma"
_LEVEL = {"van": "niveau"}
BETWEEN: tuple[tuple[Side, Side], ...] = (
    (Side("diplomas"), Side("gediplomeerden")),
    (Side("gediplomeerden"), Side("uitkomsten", {"jaarresultaat": "J", "diploma": "J"})),
    (Side("diplomas"), Side("uitkomsten", {"jaarresultaat": "J", "diploma": "J"})),
    (Side("uitkomsten", {"jaarresultaat": "J"}), Side("uitstroom")),
    (Side("uitkomsten", {"verlater": "J"}), Side("uitstroom")),
    (Side("uitkomsten", {"verlater": "J", "diploma": "J", "niveau": "MBO-4"}), Side("mbo_hbo")),
    (Side("uitstroom", {"diploma": "J", "niveau": "MBO-4"}), Side("mbo_hbo")),
    (Side("uitstroom", {"diploma": "J"}), Side("mbo_hbo")),
    (Side("studenten"), Side("instroom")),
    (Side("studenten"), Side("uitkomsten", {"jaarresultaat": "J"})),
    (Side("studenten"), Side("uitkomsten", {"verlater": "J"})),
    (Side("plaatsingen"), Side("studenten")),
    (Side("plaatsingen"), Side("instroom")),
    (Side("plaatsingen"), Side("uitkomsten", {"jaarresultaat": "J"})),
    (Side("plaatsingen"), Side("uitkomsten", {"verlater": "J"})),
    (Side("plaatsingen"), Side("opstroom")),
    (Side(_FLOWS, named=_LEVEL), Side("plaatsingen")),
    (Side(_FLOWS, {"naar": _WITH}, _LEVEL), Side("uitstroom", {"diploma": "J"})),
    (Side(_FLOWS, {"naar": _WITHOUT}, _LEVEL), Side("uitstroom", {"diploma": "N"})),
    (Side(_FLOWS, {"soort": "uitstroom"}, _LEVEL), Side("uitstroom")),
    (Side(_FLOWS, {"stap": "opstroom"}, _LEVEL), Side("opstroom", {"opstroom": "J"})),
)
"""Measures that count the same students, or of which the one counts some of the other: the difference is a count too.

Who has a diploma without being in the population of jaarresultaat earned it after leaving; who left the institution and
not mbo went to another one. ADR 48 says what the other pairs differ by.
"""
_STEPS = f"""
select schooljaar, status, levering, instellingscode, niveau as van,
       coalesce(vervolg_niveau, case diploma when 'J' then '{_WITH}' else '{_WITHOUT}' end) as naar, soort,
       case when vervolg_niveau > niveau then 'opstroom' when vervolg_niveau < niveau then 'afstroom'
            when vervolg_niveau = niveau then 'gelijk' else 'uit mbo' end as stap,
       sum(aantal)::bigint as studenten
from (
    select *, unnest([blijft, doorstroom, switch, uitstroom]) as aantal,
           unnest(['blijft', 'doorstroom', 'switch', 'uitstroom']) as soort
    from stromen
) as stappen
where aantal > 0
group by all
"""


def leaves(tables: Mapping[str, pl.DataFrame], groups: pl.DataFrame | None = None) -> dict[str, pl.DataFrame]:
    """Per measure its leaves: String dimensions and ``n`` (Int64, over 0), unique per combination, sorted.

    ``tables``: marts by name, each with the figures of one edition per school year (``figures_in_force``); ``groups``:
    the groupings of the installation, by default the packaged ones (``groupings``). Restricted.
    Of ``starters`` a school year stands for the three cohorts up to it, so the leaves of neighbouring years share
    students; only opbrengstjaren of which all three cohorts are there have any. A measure whose mart isn't among
    ``tables`` has none.
    """
    known = {name: measure for name, measure in _MEASURES.items() if measure.mart in tables}
    groups = groupings() if groups is None else groups
    return {name: grouped(_leaves(tables[measure.mart], name, measure), groups) for name, measure in known.items()}


def _leaves(table: pl.DataFrame, name: str, measure: _Measure) -> pl.DataFrame:
    if name == "starters":
        table = table.filter(pl.col("cohorten") == "3")
    extra = list(measure.parts[0][0])
    parts = [
        table.select(*measure.by, *(value.alias(column) for column, value in values.items()), count.alias("n"))
        for values, count in measure.parts
    ]
    by = [*measure.by, *extra]
    summed = pl.concat(parts).group_by(by).agg(pl.col("n").sum().cast(pl.Int64)).filter(pl.col("n") > 0)
    return summed.sort(by, nulls_last=True)


def editions(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Per measure and school year the status and the delivery (``levering``) of its figures, sorted."""
    return pl.concat(
        tables[measure.mart]
        .select(pl.lit(name).alias("measure"), "schooljaar", "status", "levering")
        .unique()
        .sort("schooljaar", nulls_last=True)
        for name, measure in _MEASURES.items()
        if measure.mart in tables
    )


def figures_in_force(system: System) -> dict[str, pl.DataFrame]:
    """Each mart with the figures in force of all living deliveries, ``levering`` beside its columns. Restricted.

    With the steps from year to year (``stromen``), which exist in the restricted database alone: opening it is on
    record. Raises ``NoDatabaseYet`` and what the vault raises.
    """
    with open_database(system, system.actor(), "onderzoek") as connection:
        return {**dict(_in_force(system, feeding(system.ledger.state()))), _FLOWS: steps(connection)}


def figures_of(system: System, deliveries: Sequence[IntakeState]) -> dict[str, pl.DataFrame]:
    """As ``figures_in_force``, as if there were these deliveries alone. Raises what the vault raises."""
    moments = moments_of(deliveries)
    with understood(system, deliveries) as frames, careers_alone(frames, moments) as connection:
        return {**dict(_in_force(system, deliveries)), _FLOWS: steps(connection)}


def _in_force(system: System, deliveries: Sequence[IntakeState]) -> Iterator[tuple[str, pl.DataFrame]]:
    moments = moments_of(deliveries)
    for mart in MARTS:
        table = of_all(system, mart, deliveries)
        yield mart.name, in_force.speaking(table, editions_of(mart.name, table, moments))


def steps(connection: DuckDBPyConnection) -> pl.DataFrame:
    """Steps from one school year to the next, from a restricted database: ``schooljaar``, ``status``, ``levering``,
    ``instellingscode``, ``van``, ``naar``, ``soort``, ``stap``, ``studenten``. None of the newest year: nobody can know
    yet.
    """
    rows = connection.execute(_STEPS).fetchall()
    text = ("schooljaar", "status", "levering", "instellingscode", "van", "naar", "soort", "stap")
    return pl.DataFrame(rows, schema={**dict.fromkeys(text, pl.String), "studenten": pl.Int64}, orient="row")


_COUNTRY: Mapping[str, tuple[str, ...]] = {
    "landelijk": (),
    "landelijk_niveau": ("niveau",),
    "landelijk_sectorkamer": ("sectorkamer",),
    "landelijk_sectorkamer_niveau": ("sectorkamer", "niveau"),
}
_INSTITUTION: Mapping[str, tuple[str, ...]] = {"instelling": ("instellingscode",)}
_BY_LEVEL: Mapping[str, tuple[str, ...]] = {**_INSTITUTION, "instelling_niveau": ("instellingscode", "niveau")}
_OF_SECTOR: Mapping[str, tuple[str, ...]] = {"instelling_sectorkamer": ("instellingscode", "sectorkamer")}
_LEERWEG: Mapping[str, tuple[str, ...]] = {
    "landelijk_leerweg": ("leerweg",),
    "landelijk_niveau_leerweg": ("niveau", "leerweg"),
}
_PROGRAMME: Mapping[str, tuple[str, ...]] = {"landelijk_beroepsopleiding": ("sectorkamer", "code_bc")}
_BY_GROUP: Mapping[str, tuple[str, ...]] = {GROUP: (GROUP,), REGION: (REGION,)}
_BY_REGION: Mapping[str, tuple[str, ...]] = {
    f"{REGION}_niveau": (REGION, "niveau"),
    f"{REGION}_sectorkamer": (REGION, "sectorkamer"),
}
_SECTOR: Mapping[str, tuple[str, ...]] = {name: _COUNTRY[name] for name in ("landelijk", "landelijk_sectorkamer")}


def _over(
    measure: str, name: str, columns: Mapping[str, tuple[str, ...]], *outcome: str, within: tuple[str, ...] = ()
) -> list[Offered]:
    """A measure by each of ``columns``."""
    side = outcome[0] if outcome else None
    reads_as = name if side or within else ""
    return [
        Offered(f"{name}_{where}", measure, ("schooljaar", *by, *outcome), side, within, reads_as)
        for where, by in columns.items()
    ]


def _also(column: str) -> Mapping[str, tuple[str, ...]]:
    return {f"landelijk_{column}": (column,), f"landelijk_niveau_{column}": ("niveau", column)}


OFFERED: tuple[Offered, ...] = (
    *_over(
        "studenten",
        "studentaantallen",
        {
            **_COUNTRY,
            **_LEERWEG,
            **_also("leeftijdsgroep"),
            **_PROGRAMME,
            **_BY_LEVEL,
            **_OF_SECTOR,
            **_BY_GROUP,
            **_BY_REGION,
        },
    ),
    *_over("instroom", "instroom", {**_COUNTRY, **_LEERWEG, **_also("vooropleiding"), **_BY_LEVEL, **_BY_GROUP}),
    *_over("uitkomsten", "jaarresultaat", {**_COUNTRY, **_BY_LEVEL, **_BY_GROUP}, "diploma", within=("jaarresultaat",)),
    *_over("uitkomsten", "diplomaresultaat", {**_COUNTRY, **_BY_LEVEL, **_BY_GROUP}, "diploma", within=("verlater",)),
    *_over(
        "uitkomsten",
        "passend_diploma",
        {"landelijk": (), "landelijk_niveau": ("niveau",), **_SECTOR, **_INSTITUTION},
        "passend",
        within=("verlater",),
    ),
    *_over(
        "uitkomsten",
        "kwalificatiewinst",
        {"landelijk": (), "landelijk_niveau": ("niveau",), **_SECTOR, **_INSTITUTION},
        "passend",
        within=("verlater", "diploma", "bekend"),
    ),
    *_over("starters", "startersresultaat", {**_COUNTRY, **_BY_LEVEL, **_BY_GROUP}, "succes"),
    *_over("uitstroom", "uitstroom_met_diploma", {**_COUNTRY, **_INSTITUTION}, "diploma"),
    *_over("uitstroom", "uitstroom_reden", {"landelijk": ("reden",)}),
    *_over(
        "gediplomeerden",
        "gediplomeerden",
        {**_COUNTRY, **_LEERWEG, **_PROGRAMME, **_BY_LEVEL, **_OF_SECTOR, **_BY_GROUP},
    ),
    *_over("diplomas", "diplomas", {**_COUNTRY, **_INSTITUTION}),
    *_over("plaatsingen", "passende_plaatsing", {**_COUNTRY, **_INSTITUTION}, "passend"),
    *_over("opstroom", "opstroom", {**_COUNTRY, **_INSTITUTION}, "opstroom"),
    *_over("mbo_hbo", "doorstroom_hbo", {**_SECTOR, **_INSTITUTION}, "direct"),
    *_over("mbo_hbo", "doorstroom_hbo_ooit", _SECTOR, "in_hbo"),
    *_over("mbo_hbo", "hbo_uitval", {**_SECTOR, **_INSTITUTION}, "uitval", within=("bekend",)),
    *_over("mbo_hbo", "hbo_diploma", {**_SECTOR, **_INSTITUTION}, "met_hbo_diploma", within=("gevolgd",)),
    *_over(
        _FLOWS,
        "stromen",
        {
            "landelijk": ("van", "naar"),
            "landelijk_soort": ("van", "soort"),
            "landelijk_stap": ("van", "stap"),
            "landelijk_naar": ("naar",),
        },
    ),
)
"""The tables that are offered, in the order in which they are wanted; a row of each is a cell, and every dimension that
isn't named is a total."""
