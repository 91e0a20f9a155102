"""What stands in the mart database: a table per mart, of all deliveries, and what is in force of each.

Belongs here: filling an empty database, and holding a saved one against the ledger. Does not belong here: building,
sealing and opening it (``database``), formulas (a module per mart), which figures are in force (``in_force``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from rod_pipeline.marts import groupings, in_force, loopbanen, studiesucces, waived
from rod_pipeline.marts.across import STROMEN, VIEWS
from rod_pipeline.marts.coded import STORED, create, create_coded, show
from rod_pipeline.marts.declared import MARTS
from rod_pipeline.marts.lookups import PERSON_YEAR
from rod_pipeline.marts.oordelen import OORDELEN, oordelen
from rod_pipeline.marts.reconciliation import lost

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from rod_pipeline.ledger.state import IntakeState, LedgerState
    from rod_pipeline.marts.definition import Described, Mart
    from rod_pipeline.system import System

EDITIONS, DELIVERIES = "edities", "leveringen"
_YEAR_ROWS = pl.Schema(
    (name, pl.String() if name in loopbanen.PERSON else pl.Categorical())
    for name in ("levering", *loopbanen.YEAR_COLUMNS)
)
"""The rows of careers while they are put together: codes as numbers, since there are millions of rows."""
_ABOUT_EDITIONS = {
    "mart": "The mart",
    "schooljaar": "School year that the figures are of",
    "status": "V provisional, D final",
    "levering": "The delivery that they come from",
    "moment": "When that delivery was provided",
    "geldt": "In force: the latest final figures of the school year, else the latest provisional ones",
    "laatste": "The latest figures of the school year with this status",
}


def fill(
    system: System, connection: DuckDBPyConnection, state: LedgerState, deliveries: Sequence[IntakeState]
) -> Mapping[str, int]:
    """Put the marts of ``deliveries`` into an empty database; returns the rows per table."""
    rows, editions = {}, [pl.DataFrame(schema=in_force.SCHEMA).drop("geldt", "laatste")]
    moments = moments_of(deliveries)
    for mart in MARTS:
        table = of_all(system, mart, deliveries)
        create_coded(connection, mart.name, table)
        show(connection, mart.name)
        rows[mart.name] = table.height
        editions.append(editions_of(mart.name, table, moments))
        if mart is studiesucces.MART:
            create(connection, OORDELEN.name, oordelen(in_force.speaking(table, editions[-1])))
    with understood(system, deliveries) as frames:
        told, rows[loopbanen.MART.name] = careers(connection, frames, moments)
    create(connection, EDITIONS, pl.concat([in_force.standing(pl.concat(editions)), told]))
    create(connection, DELIVERIES, _deliveries(system, deliveries))
    create(connection, waived.TABLE, waived.waivers_table(state, deliveries, system.clock.now()))
    create(connection, groupings.TABLE, groupings.groupings(system.settings.groupings))
    for mart in MARTS:
        connection.execute(actueel(mart.name))
    for view in VIEWS:
        connection.execute(f"create view {view.name} as {view.query}")
    connection.execute(";".join(_comments()))
    return rows


def moments_of(deliveries: Sequence[IntakeState]) -> pl.DataFrame:
    """When each delivery was provided: ``levering`` and ``moment``."""
    schema = {"levering": pl.String(), "moment": in_force.SCHEMA["moment"]}
    return pl.DataFrame([(d.key, d.moment) for d in deliveries], schema=schema, orient="row")


def of_all(system: System, mart: Mart, deliveries: Sequence[IntakeState]) -> pl.DataFrame:
    """A mart's tables of all deliveries that have it, one below the other."""
    names = [column.name for column in mart.columns]
    empty = pl.LazyFrame(schema={"levering": pl.String, **{column.name: column.dtype for column in mart.columns}})
    with ExitStack() as stack:
        tables = [
            stack.enter_context(system.vault.scan_table(d.marts[mart.name].copy_id)).select(
                pl.lit(d.key).alias("levering"), *names
            )
            for d in deliveries
            if mart.name in d.marts
        ]
        return pl.concat([empty, *tables]).collect()


@contextmanager
def understood(system: System, deliveries: Sequence[IntakeState]) -> Iterator[Mapping[str, pl.LazyFrame]]:
    """Doorstroom of the deliveries of which every mart is built: of those it is known that tables are understood."""
    with ExitStack() as stack:
        yield {
            d.key: stack.enter_context(system.vault.scan_table(d.tables[loopbanen.MART.file]))
            for d in deliveries
            if all(one.name in d.marts for one in MARTS)
        }


def careers(
    connection: DuckDBPyConnection, frames: Mapping[str, pl.LazyFrame], moments: pl.DataFrame
) -> tuple[pl.DataFrame, int]:
    """Put ``loopbanen`` in a database: of each school year the rows of the delivery that speaks for it.

    ``frames``: doorstroom of each delivery; ``moments`` as ``moments_of``. Returns the editions and the number of rows.
    """
    mart = loopbanen.MART
    standing = in_force.standing(editions_of(mart.name, _years(frames), moments))
    years = [pl.DataFrame(schema=_YEAR_ROWS)]
    for key, frame in frames.items():
        speaks = standing.filter(pl.col("geldt") & (pl.col("levering") == key)).select("schooljaar", "status")
        if not speaks.is_empty():
            years.append(_person_years(key, frame, speaks))
    create_coded(connection, loopbanen.ROWS, pl.concat(years), text=loopbanen.PERSON)
    connection.execute(f"create table {STORED}.{mart.name} as {loopbanen.STEPS}")
    connection.execute(f"drop table {STORED}.{loopbanen.ROWS}")
    show(connection, mart.name)
    return standing, sum(one.height for one in years)


@contextmanager
def careers_alone(frames: Mapping[str, pl.LazyFrame], moments: pl.DataFrame) -> Iterator[DuckDBPyConnection]:
    """A database in memory with ``loopbanen`` of these deliveries and the view ``stromen``; as for ``careers``."""
    import duckdb

    with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
        careers(connection, frames, moments)
        connection.execute(f"create view {STROMEN.name} as {STROMEN.query}")
        yield connection


def _years(frames: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """The school years and statuses of mbo students in tables of doorstroom, per delivery."""
    empty = pl.LazyFrame(schema=dict.fromkeys(in_force.EDITION, pl.String))
    told = [
        frame.filter(pl.col("niveau").is_not_null())
        .select("schooljaar", "status", pl.lit(key).alias("levering"))
        .unique()
        for key, frame in frames.items()
    ]
    return pl.concat([empty, *told]).collect(engine="streaming")


def _person_years(key: str, frame: pl.LazyFrame, speaks: pl.DataFrame) -> pl.DataFrame:
    """The rows of careers of the school years for which a delivery speaks, one per student and year."""
    mart = loopbanen.MART
    told = frame.join(speaks.lazy(), on=["schooljaar", "status"], how="semi", nulls_equal=True)
    students = told.filter(pl.col("niveau").is_not_null()).select(pl.struct(PERSON_YEAR).n_unique())
    table, known = pl.collect_all([mart.table({mart.file: told}), students], engine="streaming")
    if table.height != known.item():
        raise lost(f"{known.item()} students and school years of {key} became {table.height} rows of careers.")
    return table.select(pl.lit(key).alias("levering"), *loopbanen.YEAR_COLUMNS).cast(_YEAR_ROWS)


def editions_of(name: str, table: pl.DataFrame, moments: pl.DataFrame) -> pl.DataFrame:
    """The editions in a mart's table, for ``in_force``; ``moments``: when each ``levering`` was provided."""
    found = table.select(in_force.EDITION).unique().join(moments, on="levering", how="left")
    return found.select(pl.lit(name).alias("mart"), *in_force.EDITION, "moment")


def _deliveries(system: System, deliveries: Sequence[IntakeState]) -> pl.DataFrame:
    from rod_pipeline.retention.deadline import deadline

    return pl.DataFrame(
        [
            (d.key, d.moment, deadline(d.moment, system.decree.retention.years).date())
            for d in deliveries
            if d.moment is not None
        ],
        schema={"levering": pl.String, "moment": pl.Datetime("us", "UTC"), "wissen_voor": pl.Date},
        orient="row",
    )


def actueel(name: str) -> str:
    """The view of the figures in force of a mart: of each school year those of the delivery that speaks for it."""
    same = " and ".join(f"t.{column} is not distinct from e.{column}" for column in in_force.EDITION)
    return (
        f"create view {name}_actueel as select t.* from {name} t "
        f"join {EDITIONS} e on e.mart = '{name}' and e.geldt and {same}"
    )


def _comments() -> Iterator[str]:
    """The statements that say in the database what each table, view and column is."""
    for mart in (*MARTS, loopbanen.MART):
        columns = {"levering": "The delivery", **{column.name: column.description for column in mart.columns}}
        yield from _comment("view", mart.name, _told(mart), columns)
        if mart in MARTS:
            yield from _comment("view", f"{mart.name}_actueel", f"In force per school year. {_told(mart)}", columns)
    for view in VIEWS:
        yield from _comment("view", view.name, _told(view), view.columns)
    yield from _comment("table", OORDELEN.name, _told(OORDELEN), OORDELEN.columns)
    yield from _comment("table", EDITIONS, "Which delivery speaks for which school year, per mart", _ABOUT_EDITIONS)
    waivers = {name: told for name, (_, told) in waived.COLUMNS.items()}
    yield from _comment("table", waived.TABLE, waived.ABOUT, waivers)
    about = "Bedrijfstakgroepen and regions: maintained reference tables, each from a school year on"
    yield from _comment("table", groupings.TABLE, about, groupings.ABOUT)


def _told(what: Mart | Described) -> str:
    return (
        f"{what.about}. Formula: {what.formula} Source: {what.source} Purpose (voorschrift 3a): "
        f"{', '.join(what.purposes)}."
    )


def _comment(kind: str, name: str, about: str, columns: Mapping[str, str]) -> Iterator[str]:
    yield f"comment on {kind} {name} is '{_quoted(about)}'"
    yield from (f"comment on column {name}.{column} is '{_quoted(told)}'" for column, told in columns.items())


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def reconciled(
    connection: DuckDBPyConnection, file: Path, deliveries: Sequence[IntakeState], careers: int
) -> tuple[int, ...]:
    """The rows of each delivery in the file, once they and their totals are those that the ledger has of its marts.

    ``careers``: how many rows of ``loopbanen`` were put in.
    """
    connection.execute(f"attach '{file}' as reread (read_only)")
    for mart in MARTS:
        _agrees(connection, mart, deliveries)
    (known,) = connection.execute(f"select count(*) from reread.{DELIVERIES}").fetchone() or (0,)
    if known != len(deliveries):
        raise lost(f"The mart database holds rows of {known} deliveries; {len(deliveries)} were put in.")
    (found,) = connection.execute(f"select count(*) from reread.{STORED}.{loopbanen.MART.name}").fetchone() or (0,)
    if found != careers:
        raise lost(f"The mart database holds {found} rows of {loopbanen.MART.name}; {careers} were put in.")
    connection.execute("detach reread")
    names = {mart.name for mart in MARTS}
    return tuple(sum(built.rows for name, built in d.marts.items() if name in names) for d in deliveries)


def _agrees(connection: DuckDBPyConnection, mart: Mart, deliveries: Sequence[IntakeState]) -> None:
    """Refuse rows or totals of a mart in the saved file that aren't those of the deliveries, or that no view shows."""
    table = f"reread.{STORED}.{mart.name}"
    sums = "".join(f", coalesce(sum({name}), 0)" for name in mart.numbers)
    found = connection.execute(f"select levering, count(*){sums} from {table} group by levering").fetchall()
    there = {key: (rows, dict(zip(mart.numbers, totals, strict=True))) for key, rows, *totals in found}
    for delivery in deliveries:
        if (built := delivery.marts.get(mart.name)) is None:
            continue
        rows, totals = there.pop(delivery.key, (0, dict.fromkeys(mart.numbers, 0)))
        if rows != built.rows or any(totals[one.what] != one.amount for one in built.totals if one.what in totals):
            raise lost(
                f"Delivery {delivery.key} has {built.rows} rows of {mart.name}; the mart database holds other rows, "
                "or other totals."
            )
    if there:
        raise lost(f"The mart database holds rows of {mart.name} of deliveries that have none: {', '.join(there)}.")
    (unspoken,) = connection.execute(not_in_force(mart.name)).fetchone() or (0,)
    if unspoken:
        raise lost(f"{unspoken} school years of {mart.name} have no delivery in force in {mart.name}_actueel.")


def not_in_force(name: str) -> str:
    """How many school years of a mart have no figures in force, as a query."""
    return f"select count(*) from (select schooljaar from {name} except select schooljaar from {name}_actueel)"
