"""Two measures over the same students give no small count by subtraction; what one hides the other doesn't print."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import polars as pl
import pytest

from rod_pipeline.disclosure import attack, policy
from rod_pipeline.disclosure.cells import CellList
from rod_pipeline.disclosure.protect import CannotProtect, protect
from rod_pipeline.marts.declared import MARTS
from rod_pipeline.marts.published import BETWEEN, OFFERED, Offered, Side, editions, leaves
from rod_pipeline.publishing import between, disclosing, register
from rod_pipeline.publishing.disclosing import propose
from rod_pipeline.publishing.offering import Reason, worth_protecting
from rod_pipeline.publishing.proposal import AuditUnclean, Proposal, refuse_unsafe
from tests.support.synthetic import whole

YEAR = "2024-2025"
DELIVERIES = ("a" * 16,)
NAMED = {one.name: one for one in OFFERED}
PLACES = [f"{number:02}AA" for number in range(1, 13)]
Counts = dict[str, pl.DataFrame]


def tables(*names: str) -> list[Offered]:
    return [NAMED[name] for name in names]


def speaks(*measures: str, status: str = "V") -> pl.DataFrame:
    return pl.DataFrame({"measure": measures}).with_columns(
        schooljaar=pl.lit(YEAR), status=pl.lit(status), levering=pl.lit("2025-12")
    )


def at_places(counts: Sequence[int], **codes: str) -> pl.DataFrame:
    """Leaves of each institution: so many with these codes."""
    return pl.DataFrame({"instellingscode": PLACES, "n": counts}).with_columns(
        schooljaar=pl.lit(YEAR), **{name: pl.lit(code) for name, code in codes.items()}
    )


def graduates() -> Counts:
    """Of each institution 60 to 71 stand with a diploma in the jaarresultaat; 20 more earned it after leaving, of the
    first two, and as many have a second diploma."""
    inside, after = range(60, 72), [2, *[20] * 11]
    main = [one + other for one, other in zip(inside, after, strict=True)]
    codes = {"jaarresultaat": "J", "verlater": "J", "passend": "N", "bekend": "J"}
    return {
        "uitkomsten": pl.concat(
            [at_places(list(inside), diploma="J", **codes), at_places([30] * 12, diploma="N", **codes)]
        ),
        "gediplomeerden": at_places(main),
        "diplomas": at_places([one + other for one, other in zip(main, after, strict=True)]),
    }


def apart(proposal: Proposal, one: str, other: str) -> set[int]:
    """By how much two tables differ, per institution where both are printed."""
    first, second = (
        frame.filter(pl.col("diploma") == "J") if "diploma" in frame.columns else frame
        for frame in (proposal.tables[one].drop_nulls("n"), proposal.tables[other].drop_nulls("n"))
    )
    both = first.join(second, on=["schooljaar", "instellingscode"])
    assert both.height > 6
    return set((both["n"] - both["n_right"]).to_list())


PAIRS = pytest.mark.parametrize(
    ("one", "other"),
    [("gediplomeerden_instelling", "jaarresultaat_instelling"), ("diplomas_instelling", "gediplomeerden_instelling")],
)


@PAIRS
def test_two_measures_over_the_same_students_give_no_small_count(
    one: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, told = graduates(), speaks("uitkomsten", "gediplomeerden", "diplomas")
    proposal = propose(counts, told, DELIVERIES, None, tables(one, other))
    refuse_unsafe(proposal)
    assert not apart(proposal, one, other) & {1, 2, 3, 4}

    monkeypatch.setattr(between, "BETWEEN", ())
    assert 2 in apart(propose(counts, told, DELIVERIES, None, tables(one, other)), one, other)


def test_the_audit_knows_of_the_difference_whatever_protection_did(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_its_own(cells: CellList, rules: policy.Policy, *rest: object) -> object:
        """Protection as if each measure were alone."""
        of = cells.sums.with_columns(measure=pl.col("cell").str.extract(r"^([^|]*)"))
        alone = of.filter(pl.col("measure").n_unique().over("equation") == 1).drop("measure")
        shown = cells.cells.filter(~pl.col("cell").str.contains("~", literal=True))
        kept = protect(CellList(shown, alone, cells.own), rules)
        rest_of = cells.cells.join(shown, on="cell", how="anti").select("cell", "n", state=pl.lit("withheld"))
        return type(kept)(pl.concat([kept.cells, rest_of]).sort("cell"), kept.report)

    monkeypatch.setattr(disclosing, "protect", of_its_own)
    names = ("jaarresultaat_instelling", "gediplomeerden_instelling")
    with pytest.raises(AuditUnclean, match="gediplomeerden~uitkomsten"):
        refuse_unsafe(propose(graduates(), speaks("uitkomsten", "gediplomeerden"), DELIVERIES, None, tables(*names)))


def steps(few: int) -> Counts:
    """Who leaves mbo, twice: as uitstroom, and as steps. Of level 4 with a diploma but a few."""
    levels = [("MBO-2", "J", 90), ("MBO-2", "N", 60), ("MBO-3", "J", 80), ("MBO-3", "N", 70)]
    levels += [("MBO-4", "J", few), ("MBO-4", "N", 40)]
    left = pl.DataFrame(levels, schema=["niveau", "diploma", "n"], orient="row").with_columns(schooljaar=pl.lit(YEAR))
    left = left.join(pl.DataFrame({"instellingscode": PLACES[:4], "deel": [1, 1, 1, 0]}), how="cross")
    left = left.with_columns(n=pl.when(pl.col("deel") == 0).then(pl.col("n") % 3).otherwise(pl.col("n") // 3))
    left = left.filter(pl.col("n") > 0).drop("deel").with_columns(sectorkamer=pl.lit("03"))
    with_diploma = pl.when(pl.col("diploma") == "J").then(pl.lit("uit mbo, met diploma"))
    moved = left.select(
        "schooljaar",
        "instellingscode",
        van="niveau",
        naar=with_diploma.otherwise(pl.lit("uit mbo, zonder diploma")),
        soort=pl.lit("uitstroom"),
        stap=pl.lit("uit mbo"),
        n="n",
    )
    stays = moved.filter(pl.col("naar").str.contains("met")).with_columns(
        naar="van", soort=pl.lit("blijft"), stap=pl.lit("gelijk"), n=pl.lit(100, pl.Int64)
    )
    return {"uitstroom": left, "stromen": pl.concat([moved, stays])}


def test_what_is_told_twice_is_hidden_twice() -> None:
    names = ("uitstroom_met_diploma_landelijk", "uitstroom_met_diploma_landelijk_niveau", "stromen_landelijk")
    proposal = propose(steps(3), speaks("uitstroom", "stromen"), DELIVERIES, None, tables(*names))
    refuse_unsafe(proposal)
    left = proposal.tables["uitstroom_met_diploma_landelijk_niveau"].select("niveau", "diploma", "n")
    moved = proposal.tables["stromen_landelijk"].filter(pl.col("naar").str.starts_with("uit"))
    side = pl.when(pl.col("naar").str.contains("met")).then(pl.lit("J")).otherwise(pl.lit("N"))
    both = left.join(moved.select(pl.col("van").alias("niveau"), side.alias("diploma"), "n"), on=["niveau", "diploma"])
    assert both.height == 6 and both["n"].null_count() >= 2
    assert both.filter(pl.col("n").ne_missing(pl.col("n_right"))).is_empty()


def test_a_table_that_would_tell_small_differences_is_given_up_beforehand() -> None:
    counts = graduates()
    close = {**counts, "diplomas": counts["gediplomeerden"].with_columns(pl.col("n") + 2)}
    kept, given_up = worth_protecting(
        tables("gediplomeerden_instelling", "diplomas_instelling"), close, (), policy.load()
    )
    assert [one.name for one in kept] == ["gediplomeerden_instelling"]
    assert [one.reason for one in given_up] == [Reason.TOO_SMALL_TOGETHER]


def registered(proposal: Proposal) -> register.Told | None:
    return register.told([(register.of(proposal), register.sums_of(proposal))])


def test_a_year_that_stands_as_it_was_told_is_held_to_the_difference_of_then() -> None:
    """A provisional year that was corrected stands as told; a measure that is new beside it is told of another year."""
    names = ("jaarresultaat_instelling", "gediplomeerden_instelling")
    counts, told = graduates(), speaks("uitkomsten", "gediplomeerden", "diplomas")
    first = propose(counts, told, DELIVERIES, None, tables(*names))
    main = counts["gediplomeerden"]
    corrected = {**counts, "gediplomeerden": main.with_columns(n=pl.col("n") + pl.int_range(pl.len()) % 2)}
    again = propose(corrected, told, DELIVERIES, registered(first), tables(*names, "diplomas_instelling"))
    refuse_unsafe(again)
    for name in names:
        assert again.tables[name].equals(first.tables[name])
    final = speaks("uitkomsten", "gediplomeerden", "diplomas", status="D")
    definitive = propose(corrected, final, DELIVERIES, registered(again), tables(*names, "diplomas_instelling"))
    refuse_unsafe(definitive)
    assert not apart(definitive, *reversed(names)) & {1, 2, 3, 4}


@PAIRS
def test_an_institution_that_takes_off_its_own_finds_no_few_either(one: str, other: str) -> None:
    """The attacker, of the printed tables alone and a difference that he thinks of himself, as every reader."""
    counts, told = graduates(), speaks("uitkomsten", "gediplomeerden", "diplomas")
    proposal = propose(counts, told, DELIVERIES, None, tables(one, other))
    printed: Mapping[str, int | None] = dict(proposal.printed.select("cell", "n").rows())
    place = PLACES[0]
    ours = [cell for cell in printed if f"instellingscode={place}" in cell and "diploma=N" not in cell]
    assert len(ours) == 2 and any(printed[cell] is None for cell in ours)
    assert proposal.audit is not None and proposal.audit.clean
    found = attack.attack(
        proposal.printed,
        proposal.sums,
        pl.DataFrame(schema={"cell": pl.String, "reader": pl.String, "n": pl.Int64}),
        [None],
    )
    rest = found.filter(pl.col("cell").str.contains("~") & pl.col("cell").str.contains(place))
    assert (
        rest.height == 1 and rest.filter(pl.col("high").is_null() | (pl.col("high") - pl.col("low") >= 3)).height == 1
    )


MEASURES = ("studenten", "instroom", "uitstroom", "uitkomsten", "gediplomeerden", "diplomas", "plaatsingen", "mbo_hbo")


@pytest.fixture(scope="module")
def small_delivery() -> Proposal:
    """All that a small delivery tells of measures that count the same students."""
    files = {kind: frame.lazy() for kind, frame in whole("2025-12").items()}
    marts = {one.name: one.table(files).collect().with_columns(levering=pl.lit("2025-12")) for one in MARTS}
    counts = {name: frame for name, frame in leaves(marts).items() if name in MEASURES}
    return propose(counts, editions(marts), DELIVERIES, None)


def added_up(proposal: Proposal, side: Side, by: tuple[str, ...]) -> dict[tuple[str, ...], set[int]]:
    """What a reader has of a side, from each table that tells it: per group the printed figures added up."""
    found: dict[tuple[str, ...], set[int]] = {}
    for table in proposal.declared:
        known = {*table.by, *(column for column, _ in table.within)}
        if table.measure != side.measure or not {*by, *side.codes} <= known:
            continue
        if not set(table.within) <= set(side.codes.items()):
            continue
        codes = {column: code for column, code in side.codes.items() if column in table.by}
        frame = proposal.tables[table.name].filter(**codes)
        sums = frame.group_by(by).agg(pl.col("n").sum(), pl.col("n").null_count().alias("hidden"))
        for *group, n, hidden in sums.iter_rows():
            if not hidden:
                found.setdefault(tuple(group), set()).add(n)
    return found


def test_a_reader_who_subtracts_table_from_table_finds_no_few(small_delivery: Proposal) -> None:
    refuse_unsafe(small_delivery)
    assert {"diplomas_landelijk", "hbo_uitval_landelijk", "uitstroom_met_diploma_landelijk"} <= set(
        small_delivery.tables
    )
    compared = 0
    for pair in (pair for pair in BETWEEN if {side.measure for side in pair} <= set(MEASURES)):
        for column in ((), ("niveau",), ("sectorkamer",), ("instellingscode",), ("diploma",)):
            one, other = (added_up(small_delivery, side, ("schooljaar", *column)) for side in pair)
            for group in one.keys() & other.keys():
                differ = {abs(first - second) for first in one[group] for second in other[group]}
                assert not differ & {1, 2, 3, 4}, (pair, group)
                compared += len(differ)
    assert compared > 20


@pytest.mark.parametrize(
    "pair", BETWEEN, ids=[f"{number}-{one.measure}-{two.measure}" for number, (one, two) in enumerate(BETWEEN)]
)
def test_every_pair_is_told_together_somewhere(pair: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair whose columns no table has would never be held against each other, and nobody would notice."""
    monkeypatch.setattr(between, "BETWEEN", (pair,))
    for side in pair:
        told = between.levels(side.measure, OFFERED)
        assert told and all(set(side.codes) < set(level.by) and "schooljaar" in level.by for level in told)


def nobody_leaves() -> Counts:
    """Of level 3 the first institution has one student in the jaarresultaat: who stays, with a diploma. All others have
    leavers and stayers of each level, and some without a diploma."""
    codes = {"passend": "N", "bekend": "J", "jaarresultaat": "J"}
    some = [0, *range(40, 51)], [0, *range(20, 31)], [1, *range(30, 41)]
    return {
        "uitkomsten": pl.concat(
            at_places(counts, niveau=niveau, verlater=leaves, diploma=diploma, **codes)
            for niveau, more in (("MBO-2", 30), ("MBO-3", 0))
            for counts, leaves, diploma in zip(([n + more for n in one] for one in some), "JJN", "JNJ", strict=True)
        ).filter(pl.col("n") > 0)
    }


def test_a_table_that_gives_away_what_another_hides_is_given_up() -> None:
    """A row without leavers is a printed zero: then the one student has the diploma that who stays in the jaarresultaat
    has by definition, whatever is hidden."""
    names = ("diplomaresultaat_instelling_niveau", "jaarresultaat_instelling_niveau")
    proposal = propose(nobody_leaves(), speaks("uitkomsten"), DELIVERIES, None, tables(*names))
    refuse_unsafe(proposal)
    assert list(proposal.tables) == [names[0]]
    assert [(one.table.name, one.reason) for one in proposal.cost.not_offered] == [(names[1], Reason.TOO_HIDDEN)]

    alone = propose(nobody_leaves(), speaks("uitkomsten"), DELIVERIES, None, tables(names[1]))
    refuse_unsafe(alone)
    assert list(alone.tables) == [names[1]]


def test_a_table_that_was_told_before_can_not_be_given_up() -> None:
    names = ("diplomaresultaat_instelling_niveau", "jaarresultaat_instelling_niveau")
    next_year = {name: one.with_columns(schooljaar=pl.lit("2025-2026")) for name, one in nobody_leaves().items()}
    kept = {name: one.filter(pl.col("instellingscode") != PLACES[0]) for name, one in nobody_leaves().items()}
    first = propose(kept, speaks("uitkomsten"), DELIVERIES, None, tables(*names))
    assert list(first.tables) == sorted(names)
    both = {name: pl.concat([one, next_year[name]]) for name, one in kept.items()}
    years = pl.concat([speaks("uitkomsten"), speaks("uitkomsten").with_columns(schooljaar=pl.lit("2025-2026"))])
    with pytest.raises(CannotProtect, match="small counts can't be kept open") as refused:
        propose(both, years, DELIVERIES, registered(first), tables(*names))
    assert all("01AA" in cell and "2025-2026" in cell and "diploma=N" in cell for cell in refused.value.cells)


def everybody(first: int, last: int) -> Counts:
    """Students of each institution, some of them in the jaarresultaat: of level 2, ``first`` of the first one with a
    diploma (of level 3 as well), ``last`` of the last one without."""
    codes = {"verlater": "J", "passend": "N", "bekend": "J", "jaarresultaat": "J"}
    uitkomsten = [
        at_places(counts, diploma=diploma, niveau=niveau, **codes)
        for counts, diploma, niveau in (
            ([first, *range(61, 72)], "J", "MBO-2"),
            ([30] * 11 + [last], "N", "MBO-2"),
            ([first, *range(61, 72)], "J", "MBO-3"),
            ([30] * 12, "N", "MBO-3"),
        )
    ]
    studenten = [at_places(list(range(300, 312)), niveau=niveau) for niveau in ("MBO-2", "MBO-3")]
    return {"uitkomsten": pl.concat(uitkomsten).filter(pl.col("n") > 0), "studenten": pl.concat(studenten)}


def test_a_year_that_stands_while_another_measure_is_told_anew_adds_up_as_it_did() -> None:
    """Of its parts one has nobody any more, others have fewer: what was told is of then, its sums are, and so is what
    an institution knows of itself."""
    names = ("jaarresultaat_instelling", "jaarresultaat_instelling_niveau", "studentaantallen_instelling_niveau")
    first = propose(everybody(60, last=30), speaks("uitkomsten", "studenten"), DELIVERIES, None, tables(*names))
    refuse_unsafe(first)
    now = everybody(57, last=0)
    more = now["studenten"].with_columns(pl.col("n") + pl.when(pl.col("niveau") == "MBO-3").then(7).otherwise(0))
    told = pl.concat([speaks("uitkomsten"), speaks("studenten", status="D")])
    second = propose({**now, "studenten": more}, told, DELIVERIES, registered(first), tables(*names))
    refuse_unsafe(second)
    for name in names:
        same = second.tables[name].equals(first.tables[name])
        assert same is name.startswith("jaarresultaat"), name


def test_sums_of_now_say_nothing_of_a_year_that_stands_as_it_was_told() -> None:
    """2023 was told otherwise, 2024 is told as it is; of 2025 a total is too large: a fault, and it stays one."""

    def of(year: str, *counts: int) -> dict[str, int]:
        names = (
            "studenten|schooljaar={}",
            "studenten|niveau=MBO-2|schooljaar={}",
            "studenten|niveau=MBO-3|schooljaar={}",
        )
        return dict(zip((name.format(year) for name in names), counts, strict=True))

    now = of("2023", 33, 12, 21) | of("2024", 30, 10, 20) | of("2025", 31, 10, 20)
    told = now | of("2023", 30, 10, 20)
    sums = [
        (number, cell, -1 if "niveau" in cell else 1)
        for number, year in enumerate(("2023", "2024", "2025"))
        for cell in of(year, 0, 0, 0)
    ]
    kinds = {"equation": pl.UInt32, "cell": pl.String, "sign": pl.Int8}
    own = pl.DataFrame(schema={"cell": pl.String, "reader": pl.String, "n": pl.Int64})
    cells, found = (pl.DataFrame({"cell": list(one), "n": list(one.values())}) for one in (now, told))
    whole = CellList(cells, pl.DataFrame(sums, schema=kinds, orient="row"), own)
    left = disclosing._of_now(whole, SimpleNamespace(cells=found))  # type: ignore[arg-type]
    assert set(left["equation"]) == {1, 2}
