"""The next release is audited beside what was told before, with what that was counted from while it lives."""

from collections.abc import Iterator, Mapping

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rod_pipeline.disclosure.cells import CellList
from rod_pipeline.disclosure.policy import Policy
from rod_pipeline.disclosure.protect import Protected, protect
from rod_pipeline.disclosure.published import Published
from rod_pipeline.marts.database import feeding
from rod_pipeline.marts.published import figures_in_force, figures_of
from rod_pipeline.publishing import auditing, disclosing, keys
from rod_pipeline.publishing.disclosing import disclose
from rod_pipeline.publishing.past import Counted, recounted
from rod_pipeline.publishing.register import Told
from rod_pipeline.publishing.release import publish
from rod_pipeline.system import System
from tests.support.pipeline import UNDISTURBED, Bench, Workshops

NEXT = "2026-08"
Figures = Mapping[str, pl.DataFrame]


@pytest.fixture(scope="module")
def bench(workshops: Workshops) -> Bench:
    return workshops.current()


@pytest.fixture(scope="module")
def before(bench: Bench) -> Figures:
    """The figures of the first delivery, which is published; another one has come since."""
    with bench.system() as system:
        figures = figures_in_force(system)
        publish(system, disclose)
    bench.announce(NEXT)
    assert bench.walk(NEXT) == []
    return figures


@pytest.fixture
def system(bench: Bench, before: Figures) -> Iterator[System]:
    with bench.system() as system:
        yield system


def same(one: Figures, other: Figures) -> None:
    assert set(one) == set(other)
    for name, frame in one.items():
        assert_frame_equal(frame, other[name], check_row_order=False, check_column_order=False)


def test_the_figures_of_then_are_those_of_the_deliveries_of_then(system: System, before: Figures) -> None:
    first, second = feeding(system.ledger.state())
    assert (first.key, second.key) == (UNDISTURBED, NEXT)
    same(figures_of(system, [first]), before)
    same(figures_of(system, [first, second]), figures_in_force(system))


def test_all_that_was_told_before_is_known_while_its_delivery_lives(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Told, pl.DataFrame]] = []
    bound: list[pl.DataFrame] = []

    def looking(told: Told, counted: Counted) -> tuple[pl.DataFrame, pl.DataFrame]:
        truth, own = recounted(told, counted)
        asked.append((told, truth))
        return truth, own

    def protecting(cells: CellList, policy: Policy, earlier: Published | None, unseen: frozenset[str]) -> Protected:
        assert earlier is not None
        bound.append(earlier.then)
        return protect(cells, policy, earlier, unseen)

    monkeypatch.setattr(auditing, "recounted", looking)
    monkeypatch.setattr(disclosing, "protect", protecting)
    publish(system, disclose)
    ((told, truth),) = asked
    cells = pl.concat([told.cells.select("release", "cell"), told.sums.select("release", "cell")]).unique()
    assert cells.height and cells.join(truth, on=["release", "cell"], how="anti").is_empty()
    final = cells.filter(pl.col("cell").str.starts_with("studenten|") & pl.col("cell").str.contains("2025-2026"))
    names = final.select(keys.extended(keys.STATUS, pl.lit("D")).alias("cell"))
    assert final.height and all(names.join(then, on="cell", how="anti").is_empty() for then in bound)
