"""Marts go through protection and an audit by other code before anything of them is printed, release after release."""

from dataclasses import replace

import polars as pl
import pytest

from rod_pipeline.disclosure import attack
from rod_pipeline.marts.declared import MARTS
from rod_pipeline.marts.published import editions, leaves
from rod_pipeline.publishing import register
from rod_pipeline.publishing.disclosing import propose
from rod_pipeline.publishing.proposal import AuditUnclean, Proposal, refuse_unsafe
from rod_pipeline.publishing.register import Told
from rod_pipeline.publishing.shape import shaped
from tests.support.synthetic import whole

FEW = ("studenten", "mbo_hbo")
DELIVERIES = ("a" * 16,)


def counted(delivery: str) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """Leaves of some measures of a delivery, and which status they have."""
    files = {kind: frame.lazy() for kind, frame in whole(delivery, 0.0125).items()}
    marts = {one.name: one.table(files).collect().with_columns(levering=pl.lit(delivery)) for one in MARTS}
    return {name: frame for name, frame in leaves(marts).items() if name in FEW}, editions(marts)


@pytest.fixture(scope="module")
def first() -> Proposal:
    return propose(*counted("2025-12"), DELIVERIES, None)


def registered(*proposals: Proposal) -> Told | None:
    return register.told([(register.of(one), register.sums_of(one)) for one in proposals])


def test_what_is_proposed_may_be_published(first: Proposal) -> None:
    refuse_unsafe(first)
    assert first.printed["n"].null_count() > 0 and not first.printed.filter(pl.col("n").is_between(1, 4)).height
    assert {"studentaantallen_instelling_niveau", "doorstroom_hbo_landelijk"} <= set(first.tables)
    for table in shaped(first):
        assert table.frame["status"].null_count() == 0 and set(table.frame["levering"]) == {"2025-12"}, table.name


def test_a_figure_that_protects_another_can_not_be_printed_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit is of what would be printed: one hidden figure more in it, and nothing may leave."""
    counts, speaks = counted("2025-12")
    audit = attack.audit

    def told_more(truth: pl.DataFrame, printed: pl.DataFrame, *rest: object) -> attack.Audit:
        hidden = printed.filter(pl.col("n").is_null()).join(truth, on="cell").filter(pl.col("n_right") > 4)
        more = hidden.filter(pl.col("cell").str.contains("instellingscode")).select("cell", more="n_right")
        known = printed.join(more, on="cell", how="left").select("cell", pl.coalesce("n", "more").alias("n"))
        return audit(truth, known, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(attack, "audit", told_more)
    with pytest.raises(AuditUnclean):
        refuse_unsafe(propose(counts, speaks, DELIVERIES, None))


def test_the_next_release_keeps_to_what_was_told(first: Proposal) -> None:
    earlier = registered(first)
    again = propose(*counted("2025-12"), DELIVERIES, earlier)
    assert again.printed.equals(first.printed)
    second = propose(*counted("2026-08"), DELIVERIES, earlier)
    refuse_unsafe(replace(second))
    both = first.printed.join(second.printed, on="cell", suffix="_now")
    assert both.height > 500
    assert not both.filter(pl.col("n").is_null() & pl.col("n_now").is_not_null()).height
