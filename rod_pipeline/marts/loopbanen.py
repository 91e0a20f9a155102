"""Careers: one row per student and school year over all living deliveries, with the step to the year after.

Belongs here: choosing a student's row of a year, and what the step from one year to the next is called. Does not belong
here: which delivery speaks for a year (``in_force``), where the rows rest. They are persons' rows of several deliveries
together, so they exist nowhere but inside a generation of the restricted database, and go with it.

*Switch* (a change of programme) can't be read from one row of doorstroom: it has the level of the next year, not the
programme. The omnummer is there so that a student can be followed over deliveries (BRO 29a, second paragraph).

- *vervolg*: ``mbo`` when there is a row of the next school year, ``uit mbo`` when others have one, ``onbekend`` when no
delivery tells of that year yet. - *stap*: ``opstroom`` to a higher level, ``afstroom`` to a lower one, ``gelijk``. All
students count here; the indicator opstroom of ``studiesucces`` has DUO's population. - *wissel*: the broadest thing
that changed: ``geen``, ``opleiding`` (another crebo in the same beroepsopleiding), ``BC``, ``SG``, ``HG``, or
``onbekend`` where a code is lacking. - *soort*: ``blijft`` in the programme, ``doorstroom`` to another programme with a
diploma of that year, ``switch`` to another programme without one, ``uitstroom`` out of mbo, ``onbekend``.
"""

from types import MappingProxyType

import polars as pl

from rod_pipeline.marts.coded import STORED
from rod_pipeline.marts.columns import IN_DOORSTROOM, STATUS
from rod_pipeline.marts.definition import Frames, Mart, dimension, yes_no
from rod_pipeline.marts.lookups import ONCE, with_once

ROWS = "loopbaanrijen"
"""The rows of the years in force, before the steps are worked out; a table that doesn't stay."""
PERSON = ("sectornummer",)
"""What is no code: stored as text."""
_LEVEL = pl.col("niveau")
_YEAR = (
    dimension("sectornummer", "Pseudonym of the student"),
    dimension("schooljaar", "School year"),
    STATUS,
    *IN_DOORSTROOM,
    dimension("letter", "I, D, U or T, as DUO says", "in_door_uitstroom"),
    dimension("diploma", "Whether the student has a diploma of that school year (J/N)", "heeft_diploma"),
)

YEAR_COLUMNS = tuple(column.name for column in _YEAR)

_STEP = (
    dimension("vervolg", "mbo, uit mbo, or onbekend: the 1 October after", "schooljaar", "sectornummer"),
    dimension("stap", "opstroom, afstroom or gelijk: the level a year later", "niveau"),
    dimension(
        "wissel",
        "The broadest that changed: geen, opleiding, BC, SG, HG; onbekend where a code is lacking",
        "kwalificatiecode_inschrijving",
        "code_bc",
        "code_sg",
        "code_hg",
    ),
    dimension(
        "soort", "blijft, doorstroom, switch, uitstroom or onbekend", "kwalificatiecode_inschrijving", "heeft_diploma"
    ),
    dimension("instelling_gewisseld", "Whether the institution is another one a year later (J/N)", "instellingscode"),
    dimension("vervolg_instellingscode", "BRIN a year later", "instellingscode"),
    dimension("vervolg_opleidingscode", "Programme a year later", "kwalificatiecode_inschrijving"),
    dimension("vervolg_sectorkamer", "Sector chamber a year later", "sector_inschrijving"),
    dimension("vervolg_niveau", "Level a year later", "niveau"),
)


def person_years(frames: Frames) -> pl.LazyFrame:
    """The rows of doorstroom as one per student, school year and status: columns up to ``diploma``."""
    mbo = with_once(frames["doorstroom"].filter(_LEVEL.is_not_null())).filter(ONCE)
    return mbo.with_columns(yes_no(pl.col("heeft_diploma")).alias("heeft_diploma")).select(
        pl.col(column.by).cast(pl.String).alias(column.name) for column in _YEAR
    )


_FOLLOWS, _STEPS = "'mbo', 'uit mbo', 'onbekend'", "'opstroom', 'afstroom', 'gelijk'"
_CHANGES = "'geen', 'opleiding', 'BC', 'SG', 'HG', 'onbekend'"
_KINDS = "'blijft', 'doorstroom', 'switch', 'uitstroom', 'onbekend'"
STEPS = f"""
with jaren as (select *, try_cast(left(schooljaar, 4) as integer) as jaar from {STORED}.{ROWS}),
verteld as (select distinct jaar from jaren where jaar is not null),
stappen as (
    select a.levering, {", ".join(f"a.{column.name}" for column in _YEAR)},
           case when b.sectornummer is not null then 'mbo' when v.jaar is not null then 'uit mbo' else 'onbekend'
           end as vervolg,
           case when b.niveau > a.niveau then 'opstroom' when b.niveau < a.niveau then 'afstroom'
                when b.niveau = a.niveau then 'gelijk' end as stap,
           case when b.sectornummer is null then null
                when b.opleidingscode = a.opleidingscode then 'geen'
                when b.opleidingscode is null or a.opleidingscode is null then 'onbekend'
                when b.code_bc = a.code_bc then 'opleiding'
                when b.code_sg = a.code_sg then 'BC'
                when b.code_hg = a.code_hg then 'SG'
                when b.code_hg <> a.code_hg then 'HG'
                else 'onbekend' end as wissel,
           case when b.instellingscode is null then null when b.instellingscode = a.instellingscode then 'N'
                else 'J' end as instelling_gewisseld,
           b.instellingscode as vervolg_instellingscode, b.opleidingscode as vervolg_opleidingscode,
           b.sectorkamer as vervolg_sectorkamer, b.niveau as vervolg_niveau
    from jaren a
    left join jaren b on b.sectornummer = a.sectornummer and b.jaar = a.jaar + 1
    left join verteld v on v.jaar = a.jaar + 1
)
select levering, {", ".join(column.name for column in _YEAR)}, vervolg::enum({_FOLLOWS}) as vervolg,
       stap::enum({_STEPS}) as stap, wissel::enum({_CHANGES}) as wissel,
       (case when vervolg = 'uit mbo' then 'uitstroom'
             when vervolg = 'onbekend' or wissel = 'onbekend' then 'onbekend'
             when wissel = 'geen' then 'blijft'
             when diploma = 'J' then 'doorstroom'
             when diploma = 'N' then 'switch'
             else 'onbekend' end)::enum({_KINDS}) as soort,
       instelling_gewisseld::enum('J', 'N') as instelling_gewisseld, vervolg_instellingscode, vervolg_opleidingscode,
       vervolg_sectorkamer, vervolg_niveau
from stappen
"""
"""The careers, from ``ROWS``: a query."""

MART = Mart(
    name="loopbanen",
    about="Careers: one row per student and school year over all living deliveries, with the step to the next year",
    file="doorstroom",
    contracts=MappingProxyType({"doorstroom": (1,)}),
    formula=(
        "rows of doorstroom with a level, of each school year from the delivery that speaks for it, one per student "
        "(the highest level, then the lowest crebo, then the institution's code); the step is to the row of the same "
        "sectornummer in the next school year. soort: blijft = same crebo; doorstroom = another crebo with a diploma "
        "of the year; switch = another crebo without one; uitstroom = no row while others have one."
    ),
    source=(
        "besluit 55352791, considerations d and e (door-, op-, afstroom and switch) and annex 1: 29.02.10, 06.05.20, "
        "06.05.30, 29.54.26 up to 29.54.28; BRO 29a, second paragraph (following in time). The words for the kinds of "
        "steps are ours: DUO defines in-, door- and uitstroom only."
    ),
    columns=(*_YEAR, *_STEP),
    left_out=MappingProxyType({"no_mbo": _LEVEL.is_null()}),
    totals=MappingProxyType({}),
    table=person_years,
)
