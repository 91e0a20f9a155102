"""The marts once more, as SQL on bare DuckDB: what anybody would write who has the files and a DuckDB shell.

Belongs here: the queries that ``tests.performance.marts`` measures our marts against, each with the same result. Does
not belong here: accounts of rows, sealing, what the ledger is told.
"""

from collections.abc import Sequence

import duckdb

from rod_pipeline.marts import loopbanen
from rod_pipeline.marts.across import VIEWS
from rod_pipeline.marts.coded import STORED, create
from rod_pipeline.marts.groupings import TABLE, groupings
from rod_pipeline.marts.norms import EXPECTED_LEVEL

_CATEGORIES = ", ".join(f"'{category}'" for category in EXPECTED_LEVEL)
_DOORSTROOM = """schooljaar, status, instellingscode, kwalificatiecode_inschrijving as opleidingscode, code_bc, code_sg,
       code_hg, sector_inschrijving as sectorkamer, niveau, leerweg"""
_ONCE = """row_number() over (partition by sectornummer, schooljaar, status
           order by niveau desc nulls last, kwalificatiecode_inschrijving nulls last, instellingscode nulls last) = 1"""
_PROGRAMME = """programma as (
    select kwalificatiecode_inschrijving as crebo, min(code_bc) as code_bc, min(code_sg) as code_sg,
           min(code_hg) as code_hg
    from doorstroom where kwalificatiecode_inschrijving is not null group by 1)"""


def _main(column: str) -> str:
    return f"""main as (
        select sectornummer, schooljaar, status, instellingscode, min({column}) as {column}
        from inschrijvingen where hoofdinschrijving_instelling group by 1, 2, 3, 4),
    verteld as (select distinct schooljaar, status from inschrijvingen)"""


def _flow(name: str, letters: str, by: str, column: str, alias: str) -> str:
    return f"""
    with rijen as (
        select *, {_ONCE} as een from doorstroom where niveau is not null and in_door_uitstroom in ({letters})),
    {_main(column)}
    select r.* exclude (een, sectornummer), m.{column} as {alias},
           case when v.schooljaar is null then 'N' else 'J' end as {alias}_verteld,
           count(*) filter (een) as {name}, count(*) as {name}_instelling
    from (select {_DOORSTROOM}, {by}, in_door_uitstroom as letter, een, sectornummer from rijen) r
    left join main m using (sectornummer, schooljaar, status, instellingscode)
    left join verteld v using (schooljaar, status)
    group by all
    """


_YES = "case when {0} then 'J' when not {0} then 'N' end"
_RESULTS = {
    "jaarresultaat": ("populatie_jaarresultaat", "heeft_diploma"),
    "diplomaresultaat": ("populatie_diplomaresultaat", "heeft_diploma"),
    "starters": ("populatie_starter", "indicatie_startersresultaat"),
    "passende_plaatsing": ("passende_plaatsing is not null", "passende_plaatsing"),
    "passend_diploma": ("populatie_diplomaresultaat", "passend_diploma"),
    "kwalificatiewinst": (
        f"populatie_diplomaresultaat and heeft_diploma and categorie_hoogste_vooropleiding in ({_CATEGORIES})",
        "passend_diploma",
    ),
    "opstroom": ("populatie_opstroom", "indicatie_opstroom"),
}
_SUMS = [f"{name}_{part}" for name in _RESULTS for part in ("noemer", "teller")]
_GROUP = "instellingscode, opleidingscode, code_bc, code_sg, code_hg, sectorkamer, niveau, leerweg"

QUERIES = {
    "studentaantallen": """
    select schooljaar, status, instellingscode, opleidingscode, code_bc, code_sg, code_hg, sectorkamer, niveau, leerweg,
           leeftijdsgroep_1okt as leeftijdsgroep, count(*) filter (hoofdinschrijving_mbo) as studenten,
           count(*) filter (hoofdinschrijving_instelling) as studenten_instelling
    from inschrijvingen
    where month(peildatum) = 10 and day(peildatum) = 1 and (hoofdinschrijving_mbo or hoofdinschrijving_instelling)
    group by all
    """,
    "instroom": _flow(
        "instroom",
        "'I', 'T'",
        "categorie_hoogste_vooropleiding as vooropleiding",
        "instelling_vooropleiding_vo",
        "vo_instelling",
    ),
    "uitstroom": _flow(
        "uitstroom", "'U', 'T'", f"{_YES.format('heeft_diploma')} as diploma", "reden_uitstroom", "reden"
    ),
    "studiesucces": f"""
    with eigen as (
        select {_DOORSTROOM}, try_cast(left(schooljaar, 4) as integer) as jaar,
               {
        ", ".join(
            f"count(*) filter ({of}) as {n}_noemer, count(*) filter (({of}) and {good}) as {n}_teller"
            for n, (of, good) in _RESULTS.items()
        )
    }
        from doorstroom where niveau is not null group by all
        having {" + ".join(f"{name}_noemer" for name in _RESULTS)} > 0),
    cohort as (
        select *, rang = min(rang) over (partition by schooljaar) as beste from (
            select distinct schooljaar, status, jaar, case status when 'D' then 0 when 'V' then 1 else 2 end as rang
            from eigen where starters_noemer > 0)),
    venster as (
        select c.schooljaar, c.status, t.schooljaar as naar_schooljaar, t.status as naar_status
        from cohort c cross join cohort t
        where (t.jaar = c.jaar and t.status is not distinct from c.status)
           or (c.beste and t.jaar - c.jaar between 1 and 2)),
    bekend as (select naar_schooljaar as schooljaar, naar_status as status, count(*) as n from venster group by 1, 2),
    alles as (
        select schooljaar, status, {_GROUP}, {", ".join(_SUMS)}, 0 as sr_noemer, 0 as sr_teller from eigen
        union all
        select v.naar_schooljaar, v.naar_status, {_GROUP}, {", ".join("0" for _ in _SUMS)}, e.starters_noemer,
               e.starters_teller
        from eigen e join venster v using (schooljaar, status) where e.starters_noemer > 0)
    select schooljaar, status, (try_cast(left(schooljaar, 4) as integer) + 1)::varchar as opbrengstjaar,
           coalesce(any_value(n), 0)::varchar as cohorten, {_GROUP}, {
        ", ".join(f"sum({s})::bigint as {s}" for s in _SUMS)
    },
           sum(sr_noemer)::bigint as startersresultaat_noemer, sum(sr_teller)::bigint as startersresultaat_teller
    from alles left join bekend using (schooljaar, status)
    group by schooljaar, status, {_GROUP}
    """,
    "uitkomsten": f"""
    select {_DOORSTROOM}, {
        ", ".join(
            f"case when {flag} then 'J' else 'N' end as {name}"
            for name, flag in (
                ("jaarresultaat", "populatie_jaarresultaat"),
                ("verlater", "populatie_diplomaresultaat"),
                ("diploma", "heeft_diploma"),
                ("passend", "passend_diploma"),
                ("categorie_bekend", f"categorie_hoogste_vooropleiding in ({_CATEGORIES})"),
            )
        )
    }, count(*) as studenten
    from doorstroom where niveau is not null and (populatie_jaarresultaat or populatie_diplomaresultaat)
    group by all
    """,
    "behaalde_diplomas": f"""
    with geldig as (
        select * from diplomas where coalesce(soort_diploma_mbo_studiejaar, '') <> '99'
        and (niveau_diploma is not null or hoofddiploma)),
    {_main("leerweg")}, {_PROGRAMME}
    select d.schooljaar, d.status, d.instellingscode, d.opleidingscode, p.code_bc, p.code_sg, p.code_hg,
           d.sectorkamer_diploma as sectorkamer, d.niveau_diploma as niveau, m.leerweg,
           count(*) filter (d.hoofddiploma) as hoofddiplomas, count(*) as diplomas
    from geldig d left join main m using (sectornummer, schooljaar, status, instellingscode)
    left join programma p on p.crebo = d.opleidingscode
    group by all
    """,
    "doorstroom_hbo": f"""
    with {_PROGRAMME},
    verlaters as (
        select *, hbo_instroom_studiejaar is not null as in_hbo,
               coalesce(try_cast(left(hbo_instroom_studiejaar, 4) as integer)
                   = try_cast(left(mbo_uitstroom_schooljaar, 4) as integer) + 1
                   and hbo_onderbrekingsduur = 0, false) as meteen
        from mbo_hbo where mbo_hoogste_diploma_niveau = 'MBO-4'),
    geteld as (
        select *, in_hbo and (hbo_verblijfsduur > 1 or hbo_schooljaren_tot_uitval is not null) as bekend from verlaters)
    select schooljaar, status, instellingscode, mbo_hoogste_diploma_opleiding_code as opleidingscode, code_bc, code_sg,
           code_hg, mbo_opleiding_sector as sectorkamer, leerweg, hbo_jaar1_sector as hbo_sector,
           case when in_hbo and hbo_hoogste_diploma_niveau is not null then 'J' else 'N' end as met_hbo_diploma,
           count(*) as gediplomeerden, count(*) filter (in_hbo and meteen) as direct,
           count(*) filter (in_hbo and not meteen) as later, count(*) filter (bekend) as jaar1_bekend,
           count(*) filter (bekend and hbo_schooljaren_tot_uitval = 1) as uitval_jaar1,
           count(*) filter (bekend and meteen) as jaar1_bekend_direct,
           count(*) filter (bekend and meteen and hbo_schooljaren_tot_uitval = 1) as uitval_jaar1_direct,
           count(*) filter (in_hbo and hbo_hoogste_diploma_niveau is not null) as hbo_diploma
    from geteld left join programma on crebo = mbo_hoogste_diploma_opleiding_code
    group by all
    """,
}
_CAREER = f"""
select '{{key}}' as levering, sectornummer, {_DOORSTROOM}, in_door_uitstroom as letter,
       {_YES.format("heeft_diploma")} as diploma
from doorstroom join spreekt using (schooljaar, status) where niveau is not null qualify {_ONCE}
"""
_STANDING = """
select *, row_number() over (partition by mart, schooljaar
    order by case status when 'D' then 0 when 'V' then 1 else 2 end, levering desc) = 1 as geldt,
    row_number() over (partition by mart, schooljaar, status order by levering desc) = 1 as laatste
from ({}) e
"""


def build(connection: duckdb.DuckDBPyConnection, files: dict[str, dict[str, str]]) -> None:
    """Every mart of every delivery, careers over them, and the views. ``files``: per delivery and file a glob."""
    for number, (key, globs) in enumerate(files.items()):
        _look_at(connection, globs)
        for name, query in QUERIES.items():
            into = f"insert into {name}" if number else f"create table {name} as"
            connection.execute(f"{into} select '{key}' as levering, * from ({query})")
        told = f"select distinct schooljaar, status, '{key}' as levering from doorstroom where niveau is not null"
        connection.execute(f"{'insert into' if number else 'create table'} verteld {'' if number else 'as'} {told}")
    editions = [f"select distinct '{mart}' as mart, schooljaar, status, levering from {mart}" for mart in QUERIES]
    editions.append("select 'loopbanen', * from verteld")
    connection.execute(f"create table edities as {_STANDING.format(' union all '.join(editions))}")
    for number, (key, globs) in enumerate(files.items()):
        _look_at(connection, globs)
        connection.execute(
            "create or replace view spreekt as select schooljaar, status from edities "
            f"where mart = 'loopbanen' and geldt and levering = '{key}'"
        )
        rows = f"{STORED}.{loopbanen.ROWS}"
        into = f"insert into {rows}" if number else f"create schema {STORED}; create table {rows} as"
        connection.execute(f"{into} {_CAREER.format(key=key)}")
    connection.execute(f"create table loopbanen as {loopbanen.STEPS}")
    connection.execute(f"drop schema {STORED} cascade")
    create(connection, TABLE, groupings())
    for mart in QUERIES:
        connection.execute(
            f"create view {mart}_actueel as select t.* from {mart} t join edities e on e.mart = '{mart}' and e.geldt "
            "and e.schooljaar is not distinct from t.schooljaar and e.status is not distinct from t.status "
            "and e.levering = t.levering"
        )
    for view in VIEWS:
        connection.execute(f"create view {view.name} as {view.query}")


def _look_at(connection: duckdb.DuckDBPyConnection, globs: dict[str, str]) -> None:
    for file, glob in globs.items():
        connection.execute(f"create or replace view {file} as select * from read_parquet('{glob}')")


def asked(connection: duckdb.DuckDBPyConnection, views: Sequence[str]) -> None:
    """Every row of these views, worked out and thrown away."""
    for view in views:
        connection.execute(f"create or replace temp table uitgerekend as select * from {view}")
    connection.execute("drop table uitgerekend")
