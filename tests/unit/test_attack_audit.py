"""The audit: what fails, for whom, over which deliveries; and that nothing leaves without one."""

import ast
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rod_pipeline.disclosure.attack import Audit, ReaderAudit, Rules, audit
from rod_pipeline.disclosure.attack.programs import Answer, Floats, Part, Solver, Whole
from rod_pipeline.disclosure.attack.system import Bounds, Ints
from tests.support.attacking import List, cross
from tests.support.national_list import leaves, national_list

PLAIN, OUTCOME = Rules(), Rules(outcomes=("diploma",))


def schools(**counts: tuple[int, ...]) -> List:
    """Institutions by course: each the counts of courses X, Y, .."""
    return cross(
        {
            (("instellingscode", school), ("opleiding", "XYZ"[number])): n
            for school, courses in counts.items()
            for number, n in enumerate(courses)
            if n
        }
    )


def diplomas(made: dict[str, tuple[int, int]]) -> List:
    """Courses by diploma: yes and no; a side without anybody is printed as 0."""
    both = {
        (("diploma", side), ("opleiding", course)): n
        for course, two in made.items()
        for side, n in zip("JN", two, strict=True)
    }
    return cross({leaf: n for leaf, n in both.items() if n}, "diploma")


def key(school: str, course: str) -> str:
    return f"n|instellingscode={school}|opleiding={course}"


def of(outcome: Audit, reader: str | None) -> ReaderAudit:
    return next(one for one in outcome.readers if one.reader == reader)


def looked(
    made: List, hidden: set[str], rules: Rules = PLAIN, readers: tuple[str, ...] = (), **more: pl.DataFrame
) -> Audit:
    return audit(made.frame(), **made.tables(hidden), readers=readers, rules=rules, **more)


def test_a_school_that_knows_its_own_students_knows_those_of_the_other() -> None:
    made = schools(A=(3, 40), B=(4, 30), C=(20, 25))
    hidden = {key("A", "X"), key("B", "X"), key("A", "Y"), key("B", "Y")}
    outcome = looked(made, hidden, readers=("A", "B", "C"))
    assert of(outcome, None).clean
    assert of(outcome, "A").exact == (key("B", "X"),)
    assert of(outcome, "B").exact == (key("A", "X"),)
    assert of(outcome, "C").clean
    assert not outcome.clean


def test_a_school_knows_its_own_cells_exactly_also_where_its_total_is_hidden() -> None:
    """At least 3 of its own in X would leave 1 to 4 of the other; just 3 leaves 4."""
    made = schools(A=(3, 40), B=(4, 30), C=(20, 25))
    hidden = {key(school, course) for school in "AB" for course in "XY"}
    hidden |= {"n|instellingscode=A", "n|instellingscode=B"}
    assert of(looked(made, hidden, readers=("A",)), "A").exact == (key("B", "X"),)


def test_three_schools_protect_each_other_from_each() -> None:
    made = schools(A=(3, 40), B=(4, 30), C=(4, 25))
    hidden = {key(school, course) for school in "ABC" for course in "XY"}
    assert looked(made, hidden, readers=("A", "B", "C")).clean


def test_a_printed_total_that_leaves_few_others_is_a_small_count_to_one_reader() -> None:
    made = schools(A=(50, 60), B=(0, 60), C=(3, 60))
    hidden = {key(school, course) for school in "AC" for course in "XY"}
    outcome = looked(made, hidden, readers=("A", "B", "C"))
    assert "n|opleiding=X" in of(outcome, "A").exact
    assert "n|opleiding=X" not in of(outcome, "C").exact


def test_nobody_on_one_side_of_an_outcome_is_small_in_a_small_group() -> None:
    made = diplomas({"X": (0, 12), "Y": (30, 31), "Z": (0, 45)})
    outcome = looked(made, set(), OUTCOME)
    assert of(outcome, None).exact == ("n|diploma=J|opleiding=X",)
    assert looked(made, set()).clean


def test_a_hidden_side_may_be_nobody() -> None:
    made = diplomas({"X": (0, 12), "Y": (9, 31), "Z": (20, 45)})
    sides = {f"n|diploma={side}|opleiding={course}" for side in "JN" for course in "XY"}
    assert looked(made, sides, OUTCOME).clean
    assert looked(made, sides - {"n|diploma=J|opleiding=Y"}, OUTCOME).contradicts == ()
    assert not looked(made, sides - {"n|diploma=J|opleiding=Y", "n|diploma=N|opleiding=Y"}, OUTCOME).clean


def earlier(release: str = "2025-12", **cells: int | None) -> pl.DataFrame:
    rows = [(release, f"n|opleiding={course}", n) for course, n in cells.items()]
    return pl.DataFrame(rows, {"release": pl.String, "cell": pl.String, "n": pl.Int64}, orient="row")


def courses(**counts: int) -> List:
    return cross({(("opleiding", course),): n for course, n in counts.items()})


def successive(
    now: List,
    then: List,
    hidden: set[str],
    rules: Rules,
    hidden_now: set[str] | None = None,
    reader: str | None = None,
) -> Audit:
    """Two deliveries with the same cells hidden in both, or others now; of the earlier one only what was printed is
    left."""
    tables, before = now.tables(hidden if hidden_now is None else hidden_now), then.tables(hidden & set(then.truth))
    sums = pl.concat(
        [tables["sums"].with_columns(release=pl.lit("")), before["sums"].with_columns(release=pl.lit("2025-12"))]
    )
    told = before["printed"].select(pl.lit("2025-12").alias("release"), "cell", "n")
    return audit(now.frame(), tables["printed"], sums, tables["own"], [reader], rules, told)


@pytest.mark.parametrize(("drift", "clean"), [(0, False), (1, False), (2, True), (4, True)])
def test_what_was_printed_before_tells_as_far_as_a_reader_trusts_it(drift: int, clean: bool) -> None:
    """X was 6 and is 6, hidden with Y of 3: 9 together."""
    made = courses(X=6, Y=3, Z=40)
    hidden = {"n|opleiding=X", "n|opleiding=Y"}
    assert looked(made, hidden).clean
    outcome = looked(made, hidden, Rules(drift=drift), earlier=earlier(X=6))
    assert outcome.clean is clean
    assert outcome.earlier == ("2025-12",)
    if drift == 0:
        assert of(outcome, None).exact == ("n|opleiding=Y",)


def test_a_table_printed_elsewhere_has_a_drift_of_its_own() -> None:
    made = courses(X=6, Y=3, Z=40)
    outside = earlier("duo", X=6).with_columns(drift=pl.lit(0))
    assert not looked(made, {"n|opleiding=X", "n|opleiding=Y"}, earlier=outside).clean


def test_a_reader_who_thinks_that_less_moved_than_did_is_wrong_and_not_informed() -> None:
    made = courses(X=6, Y=2, Z=40)
    outcome = looked(made, {"n|opleiding=X", "n|opleiding=Y"}, Rules(drift=1), earlier=earlier(X=16))
    assert outcome.contradicts == ()
    assert outcome.clean is False
    assert of(outcome, None).narrow == ("n|opleiding=Y",)


def test_how_far_a_figure_moved_is_no_bound_that_tells_it() -> None:
    """X was 16 and is 6: were ten what a reader thinks at most, he would know that of the 9 three at most are Y."""
    made = courses(X=6, Y=3, Z=40)
    assert looked(made, {"n|opleiding=X", "n|opleiding=Y"}, earlier=earlier(X=16)).clean


def test_what_was_hidden_before_and_is_printed_now_is_looked_at_too() -> None:
    made = courses(X=5, Y=30)
    outcome = looked(made, set(), Rules(drift=1), earlier=earlier(X=None))
    assert of(outcome, None).narrow == ("2025-12: n|opleiding=X",)
    assert looked(made, set(), Rules(drift=4), earlier=earlier(X=None)).clean


def test_sums_of_an_earlier_delivery_count_as_well() -> None:
    """X and Y were 7 together, and are 9 with W now: to who thinks that nothing moved, W is 2."""
    now, then = courses(W=2, X=3, Y=4, Z=40), courses(X=3, Y=4, Z=40)
    hidden = {"n|opleiding=W", "n|opleiding=X", "n|opleiding=Y"}
    assert looked(now, hidden).clean
    assert of(successive(now, then, hidden, Rules(drift=0)), None).exact == ("n|opleiding=W",)
    assert successive(now, then, hidden, Rules(drift=2)).clean


def test_what_grew_since_it_was_hidden_and_is_forgotten_contradicts_nobody() -> None:
    """Of the earlier delivery nothing but what was printed is left; X went from 3 to 20, more than a reader thinks."""
    now, then = courses(X=20, Y=30, Z=40), courses(X=3, Y=6, Z=40)
    outcome = successive(now, then, {"n|opleiding=X", "n|opleiding=Y"}, Rules())
    assert outcome.contradicts == ()


def test_what_was_hidden_and_is_gone_from_a_long_list_can_be_anything() -> None:
    """It stands in no sum and in no table of now: nothing limits it."""
    made = national_list(leaves(2_000, 6, 3, 12, 5, 2))
    then = pl.DataFrame({"release": ["2025-12"], "cell": ["n|opleidingscode=99999"]}).with_columns(
        n=pl.lit(None, pl.Int64)
    )
    nothing = made.truth.with_columns(n=pl.lit(None, pl.Int64))
    assert nothing.height > 100
    assert audit(made.truth, nothing, made.sums, made.own, made.readers[:1], Rules(), then).clean


def test_a_solver_that_errs_makes_no_audit_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it answers breaks the sums: so nothing is shown, and what isn't shown isn't clean."""

    def wrong(_: Solver, part: Part, at: Ints, direction: Ints, most: Ints) -> Floats:
        moved = np.zeros(len(part.unknowns))
        moved[at] = 9.0 * direction
        return moved

    def wrong_too(_: Whole, bounds: Bounds, fit: Ints, target: int, direction: int, *, whole: bool = False) -> Answer:
        moved = np.zeros(len(fit))
        moved[target] = 9.0 * direction
        return Answer(9.0, True, moved)

    made = schools(A=(3, 40, 9), B=(14, 30, 9), C=(20, 25, 9))
    hidden = {key(school, course) for school in "ABC" for course in "XYZ"}
    assert looked(made, hidden).clean
    monkeypatch.setattr(Solver, "together", wrong)
    monkeypatch.setattr(Whole, "furthest", wrong_too)
    assert of(looked(made, hidden), None).unresolved == (key("A", "X"),)


def test_what_can_only_move_together_with_others_is_shown_with_them_and_limited_by_them() -> None:
    """In each row and column two are hidden, so all four move at once: A in X as far up as the others go down."""
    hidden = {key(school, course) for school in "AB" for course in "XY"}
    assert looked(schools(A=(3, 40, 9), B=(34, 4, 9)), hidden).clean
    assert looked(schools(A=(3, 2, 9), B=(34, 30, 9)), hidden).clean
    outcome = looked(schools(A=(2, 2, 9), B=(2, 30, 9)), hidden)
    assert of(outcome, None).narrow == (key("A", "X"), key("A", "Y"), key("B", "X"))


def test_cells_of_an_earlier_delivery_that_hold_nobody_but_his_own_tell_him_nothing() -> None:
    """Only A gives course X. It trusts what it knows of now, and so knows its own past within three values."""
    made = schools(A=(3, 40), B=(0, 25), C=(0, 12))
    hidden = {key("A", "X"), key("A", "Y"), "n|opleiding=X", "n|opleiding=Y"}
    before = made.tables(hidden)["printed"].select(pl.lit("2025-12").alias("release"), "cell", "n")
    tables = made.tables(hidden)
    sums = pl.concat([tables["sums"].with_columns(release=pl.lit(release)) for release in ("", "2025-12")])
    asked = (made.frame(), tables["printed"], sums, tables["own"], ["A"], Rules(drift=1), before)
    assert of(audit(*asked), "A").clean


def known_then(now: List, then: List, hidden: set[str], rules: Rules, reader: str | None = None) -> ReaderAudit:
    """What a reader has when ``hidden`` can be worked out from what was printed then, and the truth of then is gone."""
    return of(successive(now, then, hidden, rules, set(), reader), reader)


@pytest.mark.parametrize(("others", "clean"), [(40, True), (12, False)])
def test_that_nobody_of_many_had_a_diploma_then_tells_nothing_of_anybody(others: int, clean: bool) -> None:
    now, then = diplomas({"Y": (30, 31)}), diplomas({"X": (0, others), "Y": (30, 31)})
    assert known_then(now, then, {"n|diploma=J|opleiding=X"}, OUTCOME).clean is clean


@pytest.mark.parametrize(("mine", "clean"), [(30, True), (500, False)])
def test_of_a_figure_that_moved_on_an_institution_had_as_large_a_part(mine: int, clean: bool) -> None:
    """29 then, 508 now, of which it has ``mine``: with 30 it had two of the 29, with 500 perhaps all but one."""
    now, then = schools(A=(mine, 90), B=(508 - mine, 90)), schools(A=(2, 90), B=(27, 90))
    hidden = {key("A", "X"), key("B", "X"), "n|opleiding=X", "n|instellingscode=A", "n|instellingscode=B"}
    failing = known_then(now, then, hidden, PLAIN, "A").exact
    assert ("2025-12: n|opleiding=X" not in failing) is clean


@pytest.mark.parametrize(("mine", "clean"), [(7, True), (4, False)])
def test_who_is_alone_in_a_figure_that_has_not_moved_was_alone_in_it(mine: int, clean: bool) -> None:
    """Of then no table has institutions: only what he has in it now says who was in it."""
    now, then = schools(A=(mine, 90), B=(7 - mine, 90), C=(0, 90)), courses(X=7, Y=270)
    assert known_then(now, then, {"n|opleiding=X"}, PLAIN, "A").clean is clean


def test_revised_figures_are_told_by_key() -> None:
    outcome = looked(courses(X=20, Y=30), set(), earlier=earlier(X=18, Y=30))
    assert outcome.revised == ("n|opleiding=X",)
    assert outcome.clean


def test_a_school_with_more_than_there_are_contradicts() -> None:
    made = schools(A=(30, 40), B=(40, 30))
    tables = made.tables({key("A", "X"), key("B", "X"), key("A", "Y"), key("B", "Y")})
    own = tables["own"].with_columns(n=pl.when(pl.col("cell") == key("A", "X")).then(500).otherwise(pl.col("n")))
    outcome = audit(made.frame(), tables["printed"], tables["sums"], own, ["A", "B"], Rules())
    assert outcome.contradicts == ("A",)
    assert not outcome.clean


def test_the_record_is_json_and_holds_no_count_of_persons() -> None:
    made = courses(X=717, Y=3, Z=40)
    outcome = looked(made, {"n|opleiding=Y"})
    text = json.dumps(outcome.record(), sort_keys=True)
    assert json.loads(text)["clean"] is False
    assert "717" not in text and "760" not in text
    assert set(json.loads(text)["readers"][0]) == {"reader", "targets", "exact", "narrow", "unresolved"}


def test_masking_a_country_is_caught_and_every_reader_of_it_is_looked_at() -> None:
    made = national_list(leaves(60_000, 15, 5, 60, 20, 4))
    printed = made.truth.with_columns(n=pl.when(pl.col("n") >= 5).then(pl.col("n")))
    outcome = audit(made.truth, printed, made.sums, made.own, made.readers, Rules())
    public, *institutions = outcome.readers
    assert len(public.exact) > public.targets / 2
    assert [one.reader for one in institutions] == made.readers
    assert all(not one.unresolved for one in outcome.readers)
    assert not outcome.clean


def test_the_attacker_takes_nothing_from_the_protector() -> None:
    folder = Path("rod_pipeline/disclosure/attack")
    for file in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                ours = name.startswith("rod_pipeline")
                allowed = name.startswith("rod_pipeline.disclosure.attack") or name == "rod_pipeline.errors"
                assert allowed or not ours, f"{file.name} imports {name}"
