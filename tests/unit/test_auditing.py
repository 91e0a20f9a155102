"""The audit shows the attacker what was told before with its own sums; nothing is told otherwise a second time."""

import polars as pl
import pytest

from rod_pipeline.disclosure import attack
from rod_pipeline.publishing.auditing import audited, changed_years
from rod_pipeline.publishing.register import SCHEMA, SUMS_SCHEMA, Told

RULES = attack.Rules()
YEAR = "schooljaar=2024-2025"
WHOLE, ENTREE, OTHERS = f"studenten|{YEAR}", f"studenten|niveau=1|{YEAR}", f"studenten|niveau=2|{YEAR}"
SUM = pl.DataFrame(
    {"equation": [0, 0, 0], "cell": [WHOLE, ENTREE, OTHERS], "sign": [1, -1, -1]},
    schema_overrides={"equation": pl.UInt32, "sign": pl.Int8},
)
NOBODY = pl.DataFrame(schema={"cell": pl.String, "reader": pl.String, "n": pl.Int64})


def cells(*figures: int | None) -> pl.DataFrame:
    """The whole and its two parts."""
    return pl.DataFrame({"cell": [WHOLE, ENTREE, OTHERS], "n": figures}, schema={"cell": pl.String, "n": pl.Int64})


def told(*releases: tuple[int | None, int | None, int | None], status: str = "V", sums: bool = True) -> Told:
    labels = [pl.lit(f"{number:06d}").alias("release") for number in range(len(releases))]
    every = [
        cells(*figures).select(label, "cell", "n", definition=pl.lit(1, pl.Int64), status=pl.lit(status))
        for label, figures in zip(labels, releases, strict=True)
    ]
    added = [SUM.head(3 if sums else 0).select(label, *list(SUMS_SCHEMA)[1:]) for label in labels]
    return Told(pl.concat(every).select(list(SCHEMA)), pl.concat(added))


def clean(
    truth: pl.DataFrame, printed: pl.DataFrame, status: str, earlier: Told | None, sums: pl.DataFrame = SUM
) -> bool:
    speaks = pl.DataFrame({"measure": ["studenten"], "schooljaar": ["2024-2025"], "status": [status]})
    return not audited(truth, printed, sums, NOBODY, speaks, RULES, earlier)


def test_what_was_hidden_may_not_follow_from_what_is_printed_now() -> None:
    """Then 1 + 7 = 8 with both parts hidden; now the second is 11: within four of that it was 7, so the first was 1.

    The first release's own sum says so; without it, nothing does.
    """
    printed, before = cells(13, 2, 11).tail(1), told((8, None, None))
    then = Told(before.cells.head(2), before.sums)
    assert not clean(printed, printed, "D", then, SUM.clear())
    assert clean(printed, printed, "D", Told(then.cells, before.sums.clear()), SUM.clear())


def test_hidden_once_is_hidden_for_ever() -> None:
    truth = cells(60, 20, 40)
    assert clean(truth, truth, "D", None)
    assert not clean(truth, truth, "D", told((60, None, None)))


@pytest.mark.parametrize(("status", "ok"), [("V", False), ("D", True)])
def test_a_provisional_figure_stays_until_the_definitive_one(status: str, ok: bool) -> None:
    """62 instead of 60 tells of two students."""
    assert clean(cells(62, 22, 40), cells(62, 22, 40), status, told((60, 20, 40))) is ok


def test_a_year_that_is_told_again_as_it_was_tells_nothing_new() -> None:
    same, other = cells(60, None, None), cells(61, None, None)
    assert changed_years(same, told((60, None, None))).is_empty()
    assert changed_years(same, told((61, None, None), (60, None, None))).is_empty()
    for printed, before in ((other, same), (cells(60, 20, 40), same), (same, cells(60, 20, 40))):
        assert changed_years(printed, told(tuple(before["n"]))).rows() == [("studenten", "2024-2025")]
    assert changed_years(same.head(1), told((60, 20, 40))).height == 1


def test_a_count_of_one_to_four_is_found_without_any_past() -> None:
    assert not clean(cells(60, 3, 57), cells(60, None, 57), "V", None)
    assert clean(cells(60, 3, 57), cells(60, None, None), "V", None)


def test_hidden_figures_that_stand_in_no_sum_are_looked_at() -> None:
    """Among more than a handful: the search begins around each."""
    keys = [f"studenten|instellingscode={number:02d}AA|{YEAR}" for number in range(200)]
    truth = pl.DataFrame({"cell": keys, "n": [3] * 200}, schema={"cell": pl.String, "n": pl.Int64})
    printed = truth.with_columns(n=pl.lit(None, pl.Int64))
    assert clean(truth, printed, "V", None, SUM.clear())


def leaves(**levels: dict[str, int]) -> pl.DataFrame:
    """Students per level (``n1``, ``n2``) and institution."""
    rows = [(level[1:], place, n) for level, at in levels.items() for place, n in at.items() if n]
    frame = pl.DataFrame(rows, {"niveau": pl.String, "instellingscode": pl.String, "n": pl.Int64}, orient="row")
    return frame.with_columns(schooljaar=pl.lit("2024-2025"))


def own_of(counts: pl.DataFrame) -> pl.DataFrame:
    whole = counts.with_columns(cell=pl.lit(WHOLE))
    parts = counts.with_columns(cell=pl.format(f"studenten|niveau={{}}|{YEAR}", "niveau"))
    return pl.concat([whole, parts]).group_by("cell", reader="instellingscode").agg(pl.col("n").sum())


@pytest.mark.parametrize(
    ("then", "now", "of_then", "of_now", "gone", "known"),
    [
        pytest.param(
            Told(told((15, None, None)).cells.head(2), told((15, None, None)).sums),
            (None, None, 11),
            leaves(n1={"01AA": 6, "02AA": 2}, n2={"02AA": 7}),
            leaves(n1={"02AA": 60}, n2={"02AA": 11}),
            True,
            False,
            id="who had six of then, and nobody now, knows that eight at most leave two others",
        ),
        pytest.param(
            told((12, None, 7)),
            (None, None, 40),
            leaves(n1={"02AA": 5}, n2={"02AA": 7}),
            leaves(n1={"01AA": 50, "02AA": 16}, n2={"02AA": 40}),
            False,
            True,
            id="who had nobody then, and most now, knows five others",
        ),
    ],
)
def test_whose_the_students_were_is_known_of_a_delivery_that_lives(
    then: Told,
    now: tuple[int | None, int | None, int | None],
    of_then: pl.DataFrame,
    of_now: pl.DataFrame,
    gone: bool,
    known: bool,
) -> None:
    """Of one that is gone it is estimated by what is whose now, which can err either way."""
    own = own_of(of_now)
    truth = own.group_by("cell").agg(pl.col("n").sum())
    status = {"measure": ["studenten"], "schooljaar": ["2024-2025"]}
    final, before = pl.DataFrame({**status, "status": ["D"]}), pl.DataFrame({**status, "status": ["V"]})
    for counted, ok in ((None, gone), (({"studenten": of_then}, before), known)):
        found = audited(truth, cells(*now), SUM, own, final, RULES, then, lambda _, counted=counted: counted)  # type: ignore[misc, arg-type]
        assert (found == ()) is ok, found


def test_a_year_that_is_told_again_as_it_was_is_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at beside a measure that is told anew, for sums connect the two; only that one may have moved."""
    new, apart = f"instroom|{YEAR}", f"studenten~instroom~8|{YEAR}"
    tie = pl.DataFrame({"equation": [1, 1, 1], "cell": [WHOLE, new, apart], "sign": [1, -1, -1]}).cast(SUM.schema)
    before = told((60, None, None))
    line = before.cells.head(1)
    before = Told(pl.concat([before.cells, line.with_columns(cell=pl.lit(new), n=pl.lit(30, pl.Int64))]), before.sums)
    printed = pl.concat([cells(60, None, None), pl.DataFrame({"cell": [new], "n": [33]})])
    truth = pl.concat([cells(60, 20, 40), pl.DataFrame({"cell": [new, apart], "n": [33, 27]})])
    speaks = pl.DataFrame({"measure": ["studenten", "instroom"]}).with_columns(
        schooljaar=pl.lit("2024-2025"), status=pl.lit("D")
    )
    given: list[pl.DataFrame] = []
    audit = attack.audit

    def looking(*rest: object) -> attack.Audit:
        given.append(rest[-1])  # type: ignore[arg-type]
        return audit(*rest)  # type: ignore[arg-type]

    monkeypatch.setattr(attack, "audit", looking)
    assert audited(truth, printed, pl.concat([SUM, tie]), NOBODY, speaks, RULES, before) == ()
    (past,) = given
    assert dict(past.select("cell", "drift").iter_rows()) == {WHOLE: 0, ENTREE: 0, OTHERS: 0, new: RULES.drift}
