"""What a release told and hid is counted again from the deliveries of then, where they say what was told."""

import polars as pl
import pytest

from rod_pipeline.publishing import between, keys, past
from rod_pipeline.publishing.disclosing import propose
from rod_pipeline.publishing.past import Counts, recounted, told_anew
from rod_pipeline.publishing.register import Told
from tests.unit.test_between import DELIVERIES, PLACES, YEAR, at_places, graduates, registered, speaks, tables

NAMES = ("jaarresultaat_instelling", "gediplomeerden_instelling", "diplomas_instelling", "instroom_instelling")
MEASURES = ("uitkomsten", "gediplomeerden", "diplomas", "instroom")
ELSEWHERE = 7
"""Students of whom it isn't known at which institution they are."""


@pytest.fixture(scope="module")
def then() -> Counts:
    nowhere = pl.DataFrame({"instellingscode": [None], "n": [ELSEWHERE], "schooljaar": [YEAR]}, strict=False)
    students = pl.concat([at_places([300] * 12), nowhere.cast({"instellingscode": pl.String})])
    return {**graduates(), "instroom": students}, speaks(*MEASURES)


@pytest.fixture(scope="module")
def told(then: Counts) -> Told:
    found = registered(propose(*then, DELIVERIES, None, tables(*NAMES)))
    assert found is not None and found.cells["n"].null_count()
    return found


def named(told: Told) -> set[str]:
    return {*told.cells["cell"], *told.sums["cell"]}


def test_all_that_was_told_and_hidden_is_counted_again(told: Told, then: Counts) -> None:
    truth, own = recounted(told, lambda release: then if release == "000001" else None)
    assert set(truth["cell"]) == named(told) and set(truth["release"]) == {"000001"}
    assert any(between.APART in cell for cell in truth["cell"])
    printed = told.cells.drop_nulls("n").join(truth, on="cell", suffix="_true")
    assert printed.filter(pl.col("n") != pl.col("n_true")).is_empty()
    added = told.sums.join(truth, on="cell").group_by("equation").agg(left=(pl.col("sign") * pl.col("n")).sum())
    assert set(added["left"]) == {0}
    whole = truth.filter(keys.MEASURE.str.contains(between.APART, literal=True).not_())
    of = whole.join(own.group_by("cell").agg(pl.col("n").sum()), on="cell", suffix="_own", how="left")
    assert of.filter(pl.col("n") != pl.col("n_own").fill_null(0)).is_empty() and not own["reader"].null_count()
    differ = truth.join(whole, on="cell", how="anti").with_columns(keys.code("instellingscode").alias("reader"))
    differ = differ.drop_nulls("reader").join(own, on=["cell", "reader"], how="left", suffix="_own")
    assert differ.height and differ.filter(pl.col("n").ne_missing(pl.col("n_own"))).is_empty()


def test_an_institution_knows_that_it_had_nobody_in_a_cell_of_its_own(told: Told, then: Counts) -> None:
    empty = f"uitkomsten|diploma=J|instellingscode={PLACES[0]}|jaarresultaat=N|schooljaar={YEAR}"
    line = told.cells.head(1).with_columns(cell=pl.lit(empty), n=pl.lit(0, pl.Int64))
    _, own = recounted(Told(line, told.sums.clear()), lambda _: then)
    assert own.select("cell", "reader", "n").rows() == [(empty, PLACES[0], 0)]


def test_what_speaks_with_another_status_is_known_under_its_name_of_now(told: Told, then: Counts) -> None:
    """Differences as well; of what speaks as it did nothing is asked."""
    final = speaks(*MEASURES, status="D")
    anew = told_anew(told, final, lambda _: then)
    assert set(anew["cell"].str.replace(r"\|status=D", "")) == named(told)
    assert anew["cell"].str.contains("|status=D", literal=True).all()
    truth, _ = recounted(told, lambda _: then)
    same = anew.with_columns(keys.without(keys.STATUS).alias("cell")).join(truth, on=["cell", "n"])
    assert same.height == anew.height == truth.height
    some = pl.concat([speaks(*MEASURES[:3]), speaks("instroom", status="D")])
    assert set(told_anew(told, some, lambda _: then)["cell"].str.extract(r"^([^|]*)")) == {"instroom"}


def _another_figure(then: Counts) -> Counts:
    leaves, status = then
    more = leaves["diplomas"].with_columns(pl.col("n") + (pl.col("instellingscode") == PLACES[5]))
    return {**leaves, "diplomas": more}, status


def _another_status(then: Counts) -> Counts:
    return then[0], then[1].with_columns(
        status=pl.when(pl.col("measure") == "diplomas").then(pl.lit("D")).otherwise("status")
    )


def _another_measure(then: Counts) -> Counts:
    return {name: leaves for name, leaves in then[0].items() if name != "diplomas"}, then[1]


def _no_such_column(then: Counts) -> Counts:
    return {**then[0], "diplomas": then[0]["diplomas"].drop("instellingscode")}, then[1]


@pytest.mark.parametrize("other", [_another_figure, _another_status, _another_measure, _no_such_column])
def test_nothing_is_said_of_what_is_not_as_it_was_told(other: object, told: Told, then: Counts) -> None:
    """Nor of what sums connect with it; what stands apart is known."""
    truth, own = recounted(told, lambda _: other(then))  # type: ignore[operator]
    apart = {cell for cell in named(told) if cell.startswith("instroom|")}
    assert set(truth["cell"]) == set(own["cell"]) == apart != set()


def test_sums_that_do_not_hold_are_not_those_of_then(told: Told, then: Counts) -> None:
    """However well each figure agrees: one part of a sum is missing in the register."""
    part = told.sums.filter(keys.MEASURE == "uitkomsten", sign=-1).head(1)
    sums = told.sums.join(part, on=["equation", "cell"], how="anti")
    assert sums.height == told.sums.height - 1
    truth, _ = recounted(Told(told.cells, sums), lambda _: then)
    assert set(truth["cell"].str.extract(r"^([^|]*)")) == {"instroom"}


def test_a_release_of_which_no_delivery_lives_is_not_known(told: Told) -> None:
    truth, own = recounted(told, lambda _: None)
    assert (truth.schema, own.schema) == (pl.Schema(past.TRUTH), pl.Schema(past.OWN))
    assert truth.is_empty() and own.is_empty()
