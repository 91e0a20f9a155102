"""Marts over deliveries: views in the restricted database, over the figures that are in force.

Belongs here: their definitions in SQL. Does not belong here: what they count (the marts of a delivery, ``loopbanen``),
which delivery speaks (``in_force``). A view holds nothing: it is gone when the database is, and never disagrees with
the tables beside it.
"""

from dataclasses import dataclass

from rod_pipeline.marts.columns import at_programme
from rod_pipeline.marts.definition import Described
from rod_pipeline.marts.groupings import TABLE as GROUPINGS


def _group_of(alias: str, kind: str, column: str) -> str:
    return (
        f"left join {GROUPINGS} {alias} on {alias}.soort = '{kind}' and {alias}.code = c.{column} "
        f"and c.schooljaar >= {alias}.vanaf and ({alias}.tot is null or c.schooljaar < {alias}.tot)"
    )


_GROUPS_OF = " ".join(
    _group_of(*one)
    for one in (
        ("o", "opleiding", "opleidingscode"),
        ("k", "sectorkamer", "sectorkamer"),
        ("i", "instelling", "instellingscode"),
    )
)
_CELL = ("instellingscode", "opleidingscode", "sectorkamer", "niveau", "leerweg")
_CELLS = ", ".join(_CELL)
_MEASURES = (
    ("studenten", "studentaantallen", "studenten"),
    ("instroom", "instroom", "instroom"),
    ("uitstroom", "uitstroom", "uitstroom"),
    ("gediplomeerden", "behaalde_diplomas", "hoofddiplomas"),
)
"""Measures that share these dimensions: name, mart, column."""
_CHANGING = (
    *_MEASURES,
    *(
        (f"{result}_{part}", "studiesucces", f"{result}_{part}")
        for result in ("jaarresultaat", "diplomaresultaat", "startersresultaat")
        for part in ("noemer", "teller")
    ),
)
"""Measures of which provisional and final figures are compared: those, and what institutions are judged by."""


@dataclass(frozen=True, kw_only=True)
class View(Described):
    """A view, by its query."""

    query: str


def _counted(name: str) -> str:
    return ", ".join(f"{column if name == one else 0} as {one}" for one, _, column in _MEASURES)


def _in_force(name: str, mart: str) -> str:
    return f"select schooljaar, status, levering, {_CELLS}, {_counted(name)} from {mart}_actueel"


def _by_status(name: str, mart: str, column: str) -> str:
    return f"""
    select '{name}' as maat, t.schooljaar, {", ".join(f"t.{one}" for one in _CELL)},
           b.levering_voorlopig, b.levering_definitief,
           case when t.status = 'V' then t.{column} else 0 end as voorlopig,
           case when t.status = 'D' then t.{column} else 0 end as definitief
    from {mart} t
    join beide b on b.mart = '{mart}' and b.schooljaar is not distinct from t.schooljaar
    where (t.status = 'V' and t.levering = b.levering_voorlopig)
       or (t.status = 'D' and t.levering = b.levering_definitief)
    """


_ABOUT = {column.name: column.description for column in at_programme()}
_ABOUT_CELL = {name: _ABOUT[name] for name in _CELL}
STROMEN = View(
    name="stromen",
    about="Steps from one school year to the next: door-, op-, afstroom and switch, per from and to",
    formula=(
        "students = rows of loopbanen per group; doorstroom, switch, uitstroom by soort; opstroom, afstroom by stap; "
        "the latter two also count students with doorstroom or switch."
    ),
    source="loopbanen; besluit 55352791, considerations d and e",
    columns={
        "schooljaar": "School year from which the step is",
        "status": "V provisional, D final, of that school year",
        "levering": "The delivery that speaks for that school year",
        **_ABOUT_CELL,
        **{name: _ABOUT[name] for name in ("code_bc", "code_sg", "code_hg")},
        "diploma": "With a diploma of that school year (J/N)",
        "wissel": "The broadest that changed: geen, opleiding, BC, SG, HG, onbekend",
        "instelling_gewisseld": "To another institution (J/N)",
        "vervolg_sectorkamer": "Sector chamber a year later",
        "vervolg_niveau": "Level a year later",
        "studenten": "Students",
        "blijft": "In the same programme a year later",
        "doorstroom": "In another programme, with a diploma of that school year",
        "switch": "In another programme, without a diploma of that school year",
        "opstroom": "On a higher level",
        "afstroom": "On a lower level",
        "uitstroom": "Not in mbo a year later",
        "onbekend": "The next year isn't told yet, or a code is lacking",
    },
    query=f"""
select schooljaar, status, levering, {_CELLS}, code_bc, code_sg, code_hg, diploma, wissel, instelling_gewisseld,
       vervolg_sectorkamer, vervolg_niveau, count(*) as studenten,
       count(*) filter (soort = 'blijft') as blijft, count(*) filter (soort = 'doorstroom') as doorstroom,
       count(*) filter (soort = 'switch') as switch, count(*) filter (stap = 'opstroom') as opstroom,
       count(*) filter (stap = 'afstroom') as afstroom, count(*) filter (soort = 'uitstroom') as uitstroom,
       count(*) filter (soort = 'onbekend') as onbekend
from loopbanen group by all
""",
)
TREND = View(
    name="trend",
    about="Students, instroom, uitstroom, graduates through the years, per bedrijfstakgroep, sector chamber and region",
    formula=(
        "the figures in force of studentaantallen (studenten), instroom (instroom), uitstroom (uitstroom) and "
        "behaalde_diplomas (hoofddiplomas), each student once in the country; the group is that of the crebo, else of "
        "the sector chamber."
    ),
    source="besluit 55352791, consideration c; groups and regions: the table indelingen, with its source",
    columns={
        "schooljaar": "School year",
        "status": "V provisional, D final",
        "levering": "The delivery that speaks for the figures in this row",
        "bedrijfstakgroep": "Cluster of programmes",
        "aangenomen": "J: the cluster is our own assumption",
        "regio": "Region of the institution; null as long as nobody filled regios.toml",
        **_ABOUT_CELL,
        "studenten": "Students on 1 October",
        "instroom": "Students who come in",
        "uitstroom": "Students who leave",
        "gediplomeerden": "Graduates",
    },
    query=f"""
with cijfers as (
    {" union all ".join(_in_force(name, mart) for name, mart, _ in _MEASURES)}
)
select c.schooljaar, c.status, c.levering, coalesce(o.naam, k.naam) as bedrijfstakgroep,
       coalesce(o.aangenomen, k.aangenomen) as aangenomen, i.naam as regio, {", ".join(f"c.{name}" for name in _CELL)},
       {", ".join(f"sum(c.{name})::bigint as {name}" for name, _, _ in _MEASURES)}
from cijfers c {_GROUPS_OF}
group by all
""",
)
VOORLOPIG_DEFINITIEF = View(
    name="voorlopig_definitief",
    about="What changed between the latest provisional and the latest final figures, per cell",
    formula="verschil = definitief - voorlopig, of school years that have both; a cell that one lacks counts 0.",
    source="besluit 55352791, annex 1, technical data (status of the delivery)",
    columns={
        "maat": "Measure: " + ", ".join(name for name, _, _ in _CHANGING),
        "schooljaar": "School year",
        **_ABOUT_CELL,
        "levering_voorlopig": "The delivery of the provisional figures",
        "levering_definitief": "The delivery of the final figures",
        "voorlopig": "Provisional count",
        "definitief": "Final count",
        "verschil": "Final less provisional",
    },
    query=f"""
with beide as (
    select mart, schooljaar, max(levering) filter (status = 'V') as levering_voorlopig,
           max(levering) filter (status = 'D') as levering_definitief
    from edities where laatste group by all
    having levering_voorlopig is not null and levering_definitief is not null
),
cellen as ({" union all ".join(_by_status(*measure) for measure in _CHANGING)})
select maat, schooljaar, {_CELLS}, levering_voorlopig, levering_definitief, sum(voorlopig)::bigint as voorlopig,
       sum(definitief)::bigint as definitief, (sum(definitief) - sum(voorlopig))::bigint as verschil
from cellen group by all
having sum(voorlopig) > 0 or sum(definitief) > 0
""",
)
VIEWS: tuple[View, ...] = (STROMEN, TREND, VOORLOPIG_DEFINITIEF)
