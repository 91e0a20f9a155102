"""Measuring how two tables of the same kind differ: rows that changed, and shares of values that moved.

Belongs here: the measures, in bounded memory. Does not belong here: which tables are compared and what is too much
(``deliveries``).

Two tables are joined by numbers, never by values: every row becomes a number for its key and one for its contents. Each
is a sum over columns of the value's hash times an odd number of the column's own, 64 bits, drawn anew in each process;
without a factor, two columns that change alike would cancel out. Equal rows have equal numbers; that two different ones
among ten million have so too happens once in some hundred thousand runs. Between two passes the numbers of changed rows
are held, nothing else.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from math import pi, sqrt
from operator import add

import polars as pl

from rod_pipeline.contracts.model import Column, ColumnType, FileKind
from rod_pipeline.quality import deliveries_rules as rules
from rod_pipeline.quality.changes import Change, Drift, tellable
from rod_pipeline.quality.tables import Tables, school_year, value
from rod_pipeline.quality.values import present

_YEARS = "schooljaar"
"""The value list of school years: every year brings others, which is no drift."""
_NOT_COMPARED = ("prikdatum", "status", "peildatum")
"""Technical columns that say when a row was extracted, not what it holds."""
_COLUMNS_AT_ONCE, _ROWS_AT_ONCE = 16, 500_000
"""Columns that are compared in one pass, and changed rows of which it is told in which: so much memory is meant for."""
_SEED = secrets.randbits(62)
_FACTORS = tuple(secrets.randbits(64) | 1 for _ in range(256))


def changes_between(file: FileKind, new: Tables, old: Tables, facts: pl.DataFrame, before: str) -> list[Change]:
    """What became of the rows of each school year that both deliveries have.

    ``facts``: year, rows, status, rows_before, status_before of those school years; ``before``: the key of the earlier
    delivery. A key that stands more than once in a table counts as so many rows added or removed as it stands more
    often or less often, and as one changed row when its rows together differ.
    """
    key, columns = _compared(file, new, old)
    if facts.is_empty() or not key or not new.has(file, *key) or not old.has(file, *key):
        return []
    years = [school_year(year) for year in facts["year"]]
    passes: list[pl.DataFrame] = []
    moved = pl.DataFrame({"schooljaar": years})
    for start in range(0, max(len(columns), 1), _COLUMNS_AT_ONCE):
        some = columns[start : start + _COLUMNS_AT_ONCE]
        sides = [_numbered(file, tables, other, key, some, years) for tables, other in ((old, new), (new, old))]
        passes.append(_rows_of(sides))
        keys = passes[-1]["keys"].explode().drop_nulls()
        moved = moved.join(_columns_of(sides, some, keys), on="schooljaar", how="left")
    # A row may have changed in the columns of several passes.
    changed = pl.concat(passes).explode("keys").drop_nulls("keys").group_by("schooljaar").agg(pl.col("keys").n_unique())
    rows = passes[0].drop("keys").join(changed.rename({"keys": "changed"}), on="schooljaar", how="left").fill_null(0)
    by_year = {row["schooljaar"]: row for row in rows.iter_rows(named=True)}
    nothing = {"added": 0, "removed": 0, "changed": 0}
    return [
        _change(file, before, fact, by_year.get(school_year(fact["year"]), nothing), moved)
        for fact in facts.iter_rows(named=True)
    ]


def _rows_of(sides: Sequence[pl.LazyFrame]) -> pl.DataFrame:
    """Per school year, rows that one side alone has, and the numbers of the keys whose contents differ."""
    differ = (pl.col("old") == pl.col("new")) & (pl.col("contents") != 0)
    surplus = pl.col("new").cast(pl.Int64) - pl.col("old").cast(pl.Int64)
    return (
        _paired(sides, ["contents"])
        .group_by("schooljaar")
        .agg(
            surplus.clip(lower_bound=0).sum().alias("added"),
            (-surplus).clip(lower_bound=0).sum().alias("removed"),
            pl.col("key").filter(differ).alias("keys"),
        )
        .collect(engine="streaming")
    )


def _change(
    file: FileKind, before: str, fact: Mapping[str, int], counts: Mapping[str, int], moved: pl.DataFrame
) -> Change:
    schooljaar = school_year(fact["year"])
    added, removed = tellable(counts["added"]), tellable(counts["removed"])
    if added is None or removed is None:
        added = removed = None
    of_year = moved.filter(schooljaar=schooljaar).drop("schooljaar")
    per_column = of_year.row(0, named=True) if of_year.height else {}
    return Change(
        file=file,
        schooljaar=schooljaar,
        before=before,
        status_before=str(fact["status_before"]),
        status=str(fact["status"]),
        rows_before=fact["rows_before"],
        rows=fact["rows"],
        added=added,
        removed=removed,
        changed=tellable(counts["changed"]),
        columns=tuple((name, tellable(count)) for name, count in per_column.items() if count),
    )


def _compared(file: FileKind, new: Tables, old: Tables) -> tuple[list[str], list[str]]:
    """The columns that make a row the same row, and those that are compared: what both contracts have as one type."""
    contract, earlier = new.contracts[file], {column.name: column.type for column in old.contracts[file].columns}
    key = [name for name in contract.key if name not in _NOT_COMPARED]
    common = [column.name for column in contract.columns if earlier.get(column.name) is column.type]
    return key, [name for name in common if name not in _NOT_COMPARED and name not in key]


def _numbered(
    file: FileKind, tables: Tables, other: Tables, key: Sequence[str], columns: Sequence[str], years: Sequence[str]
) -> pl.LazyFrame:
    """The rows of the school years as numbers: of the key, of each column, and of all columns together."""
    contract, same = tables.contracts[file], tables.contracts[file].dialect == other.contracts[file].dialect

    def hashed(name: str, number: int) -> pl.Expr:
        read = present(pl.col(name)) if same else value(contract.column(name), contract.dialect)
        return read.hash(_SEED) * pl.lit(_FACTORS[number % len(_FACTORS)], pl.UInt64)

    # The factors of the key are the same in every pass.
    each = {name: hashed(name, number) for number, name in enumerate(columns, len(key))}
    return (
        tables.frames[file]
        .filter(pl.col("schooljaar").is_in(years))
        .select(
            "schooljaar",
            reduce(add, [hashed(name, number) for number, name in enumerate(key)]).alias("key"),
            reduce(add, each.values(), pl.lit(0, pl.UInt64)).alias("contents"),
            *[expression.alias(name) for name, expression in each.items()],
        )
    )


def _paired(sides: Sequence[pl.LazyFrame], columns: Sequence[str]) -> pl.LazyFrame:
    """Per key how often each side has it; 0 in a column where what both sides have there is the same."""
    one, none = pl.lit(1, pl.UInt32), pl.lit(0, pl.UInt32)
    marked = [
        side.select("schooljaar", "key", *columns, old.alias("old"), new.alias("new"))
        for side, old, new in zip(sides, (one, none), (none, one), strict=True)
    ]
    return (
        pl.concat(marked).group_by("schooljaar", "key").agg(pl.col("old", "new").sum(), pl.col(columns).bitwise_xor())
    )


def _columns_of(sides: Sequence[pl.LazyFrame], columns: Sequence[str], keys: pl.Series) -> pl.DataFrame:
    """Per school year, in how many changed rows each column differs; so many rows at once as memory is meant for."""
    found = []
    for start in range(0, len(keys), _ROWS_AT_ONCE):
        some = pl.LazyFrame({"key": keys.slice(start, _ROWS_AT_ONCE)})
        pairs = _paired([side.join(some, on="key", how="semi") for side in sides], columns)
        found.append(
            pairs.group_by("schooljaar")
            .agg(pl.col("new").filter(pl.col(name) != 0).cast(pl.Int64).sum().alias(name) for name in columns)
            .collect(engine="streaming")
        )
    if not found:
        return pl.DataFrame(schema={"schooljaar": pl.String, **dict.fromkeys(columns, pl.Int64)})
    return pl.concat(found).group_by("schooljaar").agg(pl.col(columns).sum())


def drifts_between(file: FileKind, new: tuple[Tables, str], old: tuple[Tables, str], before: str) -> list[Drift]:
    """How far each column moved from one school year of the earlier table to one of the new table.

    Columns with a list of values (but of school years), booleans and those of the breakdowns are compared by value, all
    others by whether they are filled.
    """
    (tables, schooljaar), (earlier, schooljaar_before) = new, old
    _, columns = _compared(file, tables, earlier)
    names = [*columns, *(name for name in tables.contracts[file].breakdowns.values() if name not in columns)]
    names = [name for name in names if tables.has(file, name) and earlier.has(file, name)]
    now, then = (_values(file, one, year, names) for one, year in (new, old))
    return [
        Drift(
            file=file,
            column=name,
            before=before,
            schooljaar_before=schooljaar_before,
            schooljaar=schooljaar,
            distance=distance(then[name], now[name]),
            allowed=rules.DRIFT + rules.CHANCE * by_chance(then[name], now[name]),
        )
        for name in names
        if then[name] and now[name]
    ]


Shares = Mapping[str | None, int]
"""Rows per value; None for a missing one."""


def _values(file: FileKind, tables: Tables, schooljaar: str, names: Sequence[str]) -> Mapping[str, Shares]:
    contract = tables.contracts[file]
    rows = tables.frames[file].filter(pl.col("schooljaar") == schooljaar)
    counted = pl.collect_all(
        [
            rows.select(_category(contract.column(name), tables, file).alias("value"))
            .group_by("value")
            .agg(pl.len().alias("rows"))
            for name in names
        ],
        engine="streaming",
    )
    return {name: dict(frame.iter_rows()) for name, frame in zip(names, counted, strict=True)}


def _category(column: Column, tables: Tables, file: FileKind) -> pl.Expr:
    contract = tables.contracts[file]
    listed = column.values not in (None, _YEARS)
    few = column.type is ColumnType.BOOLEAN or listed or column.name in contract.breakdowns.values()
    if few:
        return value(column, contract.dialect).cast(pl.String)
    return pl.when(present(pl.col(column.name)).is_not_null()).then(pl.lit("filled"))


def distance(one: Shares, other: Shares) -> float:
    """Total variation between two distributions: half of the sum of the differences of their shares, 0 to 1."""
    return sum(abs(p - q) for p, q in _paired_shares(one, other)) / 2


def by_chance(one: Shares, other: Shares) -> float:
    """The distance to expect between two samples of these sizes from one and the same distribution."""
    sizes = 1 / sum(one.values()) + 1 / sum(other.values())
    whole = sum(one.values()) + sum(other.values())
    pooled = ((one.get(name, 0) + other.get(name, 0)) / whole for name in {*one, *other})
    return sum(sqrt(2 / pi * share * (1 - share) * sizes) for share in pooled) / 2


def _paired_shares(one: Shares, other: Shares) -> Iterator[tuple[float, float]]:
    first, second = sum(one.values()), sum(other.values())
    for name in {*one, *other}:
        yield one.get(name, 0) / first, other.get(name, 0) / second
