"""The arithmetic on masks and numbers, against references that go student by student and row by row."""

from collections.abc import Mapping, Sequence
from itertools import chain, combinations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.decree import load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.quality.deliveries import compared
from rod_pipeline.quality.differences import by_chance, changes_between, distance
from rod_pipeline.quality.history import Earlier
from rod_pipeline.quality.rekenregels import recomputed
from rod_pipeline.quality.tables import Tables, school_year
from tests.support.deliveries import CONTRACTS
from tests.support.soak import examples

YEARS = range(2020, 2024)
Row = Mapping[str, str | None]
FLAGS = (
    "heeft_diploma",
    "populatie_starter",
    "indicatie_startersresultaat",
    "populatie_diplomaresultaat",
    "populatie_jaarresultaat",
)
LEVELS = ("MBO-1", "MBO-2", "MBO-4")


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, str | None]]:
    """Rows of doorstroom of a few students, at most one for each student, institution and school year."""
    places = draw(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.sampled_from(["01AA", "02BB"]), st.sampled_from(YEARS)),
            max_size=14,
            unique=True,
        )
    )
    flag = st.sampled_from(["J", "J", "N", None])
    return [
        {
            "sectornummer": student,
            "instellingscode": brin,
            "schooljaar": school_year(year),
            "niveau": draw(st.sampled_from([*LEVELS, None])),
            "niveau_jaar2": draw(st.sampled_from([*LEVELS, None])),
            "in_door_uitstroom": draw(st.sampled_from(["I", "D", "D", "U", "T", None])),
            "leerweg": draw(st.sampled_from(["BOL", "BOL", "OVO", None])),
            **{name: draw(flag) for name in FLAGS},
        }
        for student, brin, year in places
    ]


def doorstroom(of: Sequence[Row]) -> Tables:
    names = [column.name for column in CONTRACTS["doorstroom"].columns]
    data = {name: [row.get(name) for row in of] for name in names}
    frame = pl.LazyFrame(data, schema=dict.fromkeys(names, pl.String))
    return Tables({"doorstroom": frame}, {"doorstroom": CONTRACTS["doorstroom"]})


def naive(of: Sequence[Row]) -> dict[str, tuple[int, int]]:
    """Rule by rule, student by student, year by year: how many are looked at and how many are wrong."""
    mbo = [row for row in of if row["niveau"]]

    def at(student: str, year: int, brin: str | None = None, letters: str = "IDU") -> list[Row]:
        return [
            row
            for row in mbo
            if (row["sectornummer"], row["schooljaar"]) == (student, school_year(year))
            and brin in (None, row["instellingscode"])
            and (row["in_door_uitstroom"] or "-") in letters
        ]

    counts = {
        rule: [0, 0]
        for rule in (
            "stroom",
            "niveau_jaar2",
            "populatie_starter",
            "startersresultaat",
            "populatie_diplomaresultaat",
            "populatie_jaarresultaat",
        )
    }

    def tell(rule: str, looked_at: bool, wrong: bool) -> None:
        counts[rule][0] += looked_at
        counts[rule][1] += wrong

    for student in {str(row["sectornummer"]) for row in mbo}:
        for year in YEARS[:-1]:
            now, later = at(student, year), at(student, year + 1)
            goes_on = any(row["in_door_uitstroom"] in ("I", "D") for row in now)
            as_before = any(row["in_door_uitstroom"] in ("D", "U") for row in later)
            as_new = any(row["in_door_uitstroom"] == "I" for row in later)
            wrong = (goes_on and not as_before) or (not goes_on and as_before and not as_new)
            tell("stroom", bool(now or later), wrong)
            told = {row["niveau_jaar2"] for row in now} - {None}
            levels = {row["niveau"] for row in later}
            tell("niveau_jaar2", bool(now and (told or later)), bool(told - levels or (now and levels and not told)))
    for row in mbo:
        student, brin = str(row["sectornummer"]), str(row["instellingscode"])
        year, letter = int(str(row["schooljaar"])[:4]), row["in_door_uitstroom"]
        stock = letter in ("I", "D", "U")
        view = row["niveau"] != "MBO-1" and row["leerweg"] == "BOL"
        was, stays = bool(at(student, year - 1, brin)), bool(at(student, year + 1, brin))
        diploma, starter, result, leaver, jaar = (row[name] == "J" for name in FLAGS)
        if YEARS[0] < year < YEARS[-1]:
            starts = view and not was
            wrong = (starter and not starts) or (stock and starts and not starter)
            tell("populatie_starter", starter or (view and stock), wrong)
        if year < YEARS[-1]:
            tell("startersresultaat", starter, result != (starter and (stays or diploma)))
            leaves = view and not stays
            wrong = (leaver and not leaves) or (stock and leaves and not leaver)
            tell("populatie_diplomaresultaat", leaver or (view and stock), wrong)
            tell("populatie_jaarresultaat", jaar or (view and stock), jaar != (leaver or (view and diploma)))
    return {f"rekenregels.{rule}": (looked_at, wrong) for rule, (looked_at, wrong) in counts.items()}


@examples(40, soak=1500)
@given(rows())
def test_masks_count_what_a_walk_over_students_and_years_counts(of: list[dict[str, str | None]]) -> None:
    results = {result.id: result for result in recomputed(doorstroom(of), frozenset(YEARS))}
    for rule, (looked_at, wrong) in naive(of).items():
        assert (results[rule].rows, results[rule].failed) == (looked_at, wrong), rule


@examples(20, soak=600)
@given(rows())
def test_the_stock_identity_holds_in_numbers_wherever_no_student_breaks_it(of: list[dict[str, str | None]]) -> None:
    """stock(J) - U(J) + I(J+1) = stock(J+1), of students with one row a year."""
    one = {(row["sectornummer"], row["schooljaar"]): row for row in of if row["niveau"]}
    (flow,) = [r for r in recomputed(doorstroom(list(one.values())), frozenset(YEARS)) if r.id == "rekenregels.stroom"]

    def count(year: int, letters: str) -> int:
        return sum(
            row["schooljaar"] == school_year(year) and (row["in_door_uitstroom"] or "-") in letters
            for row in one.values()
        )

    off = [count(y, "IDU") - count(y, "U") + count(y + 1, "I") - count(y + 1, "IDU") for y in YEARS[:-1]]
    assert sum(map(abs, off)) <= flow.failed


pseudonyms = st.sets(st.sampled_from("abcdefghij"))


@examples(20, soak=600)
@given(pseudonyms, pseudonyms)
def test_students_are_found_again_as_sets_are_intersected(then: set[str], now: set[str]) -> None:
    def side(who: set[str]) -> dict[str, pl.LazyFrame]:
        year = school_year(2024)
        people = {"sectornummer": sorted(who), "schooljaar": [year] * len(who)}
        total = {
            "bestand": ["diplomas"], "schooljaar": [year], "status": ["D"], "prikdatum": ["01-12-2025"],
            "uitsplitsing": ["totaal"], "aantal": [str(len(who))],
        }  # fmt: skip
        frames = {}
        for kind, data in (("diplomas", people), ("technisch", total)):
            names = [column.name for column in CONTRACTS[kind].columns]
            known = pl.LazyFrame(data, schema=dict.fromkeys(data, pl.String))
            frames[kind] = known.with_columns(pl.lit(None, pl.String).alias(n) for n in names if n not in data)
        return frames

    contracts = {kind: CONTRACTS[kind] for kind in ("diplomas", "technisch")}
    facts = pl.DataFrame(
        {"file": ["diplomas"], "year": [2024], "status": ["D"], "prikdatum": [20251201], "rows": [len(now)]}
    )
    before = Earlier.of(DeliveryKey.parse("2025-12"), side(then), contracts)
    found = compared(Tables(side(now), contracts), DeliveryKey.parse("2026-08"), facts, [before], load_decree())
    results = {result.id: result for result in found.results if result.file == "diplomas"}
    lost = len(then - now)
    for rule, least in (("deliveries.students.linked", 0.5), ("deliveries.students.found_again", 0.95)):
        expected = lost if len(then) - lost < least * len(then) else 0
        assert (results[rule].rows, results[rule].failed) == (len(then), expected)


content = st.dictionaries(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from([2023, 2024])),
    st.tuples(*[st.sampled_from(["J", "N", None])] * 3),
    max_size=10,
)
COLUMNS = ("hoofddiploma", "techniek_diploma", "bekostigbaar")


@examples(25, soak=800)
@given(content, content)
def test_changes_are_those_of_dictionaries(
    then: Mapping[tuple[str, int], Row], now: Mapping[tuple[str, int], Row]
) -> None:
    def side(of: Mapping[tuple[str, int], Sequence[str | None]]) -> Tables:
        data: dict[str, list[str | None]] = {"sectornummer": [], "schooljaar": [], **{name: [] for name in COLUMNS}}
        for (who, year), values in of.items():
            for name, value in zip(data, (who, school_year(year), *values), strict=True):
                data[name].append(value)
        known = pl.LazyFrame(data, schema=dict.fromkeys(data, pl.String))
        names = [column.name for column in CONTRACTS["diplomas"].columns]
        frame = known.with_columns(pl.lit("-").alias(name) for name in names if name not in data)
        return Tables({"diplomas": frame}, {"diplomas": CONTRACTS["diplomas"]})

    def told(count: int) -> int | None:
        return count if count == 0 or count >= 5 else None

    facts = pl.DataFrame(
        {"year": [2023, 2024], "rows": [0, 0], "rows_before": [0, 0], "status": ["D"] * 2, "status_before": ["V"] * 2}
    )
    for change in changes_between("diplomas", side(now), side(then), facts, "2025-12"):
        a, b = (
            {who: values for (who, year), values in of.items() if school_year(year) == change.schooljaar}
            for of in (then, now)
        )
        added, removed = len(b.keys() - a.keys()), len(a.keys() - b.keys())
        hidden = told(added) is None or told(removed) is None
        assert (change.added, change.removed) == ((None, None) if hidden else (added, removed))
        both = a.keys() & b.keys()
        assert change.changed == told(sum(a[who] != b[who] for who in both))
        differ = {name: sum(a[who][n] != b[who][n] for who in both) for n, name in enumerate(COLUMNS)}
        assert dict(change.columns) == {name: told(count) for name, count in differ.items() if count}


shares = st.dictionaries(st.sampled_from([None, "a", "b", "c"]), st.integers(1, 500), min_size=1)


@given(shares, shares)
def test_total_variation_is_the_largest_difference_over_all_events(
    one: Mapping[str | None, int], other: Mapping[str | None, int]
) -> None:
    values = sorted({*one, *other}, key=str)
    events = chain.from_iterable(combinations(values, size) for size in range(len(values) + 1))

    def probability(of: Mapping[str | None, int], event: Sequence[str | None]) -> float:
        return sum(of.get(value, 0) for value in event) / sum(of.values())

    largest = max(abs(probability(one, event) - probability(other, event)) for event in events)
    assert abs(distance(one, other) - largest) < 1e-9
    assert by_chance(one, other) >= 0 and abs(by_chance(one, other) - by_chance(other, one)) < 1e-12
