"""Marts go through protection and an audit by other code before anything of them is printed, release after release."""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl
import pytest

from rod_pipeline.disclosure import attack
from rod_pipeline.disclosure.protect import protect
from rod_pipeline.marts.declared import MARTS
from rod_pipeline.marts.published import OFFERED, editions, leaves
from rod_pipeline.publishing import disclosing, register
from rod_pipeline.publishing.cost import Cost, changes, coverage, split
from rod_pipeline.publishing.disclosing import propose
from rod_pipeline.publishing.proposal import AuditUnclean, Proposal, refuse_unsafe
from rod_pipeline.publishing.register import Told
from rod_pipeline.publishing.shape import shaped
from tests.support.synthetic import whole

FEW = ("studenten", "mbo_hbo", "uitkomsten")
DELIVERIES = ("a" * 16,)


def counted(delivery: str) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """Leaves of some measures of a delivery, and which status they have."""
    files = {kind: frame.lazy() for kind, frame in whole(delivery).items()}
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
    assert {"studentaantallen_instelling", "hbo_uitval_landelijk", "passend_diploma_landelijk"} <= set(first.tables)
    for table in shaped(first):
        assert table.frame["status"].null_count() == 0 and set(table.frame["levering"]) == {"2025-12"}, table.name


def test_a_figure_that_protects_another_can_not_be_printed_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit is of what would be printed: one hidden figure more in it, and nothing may leave."""
    counts, speaks = counted("2025-12")
    audit = attack.audit

    def told_more(truth: pl.DataFrame, printed: pl.DataFrame, *rest: object) -> attack.Audit:
        hidden = printed.filter(pl.col("n").is_null()).join(truth, on="cell").filter(pl.col("n_right") > 4)
        more = hidden.filter(pl.col("cell").str.contains("sectorkamer")).select("cell", more="n_right")
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
    refuse_unsafe(second)
    both = first.printed.join(second.printed, on="cell", suffix="_now")
    assert both.height > 300
    assert not both.filter(pl.col("n").is_null() & pl.col("n_now").is_not_null()).height
    gone = both.filter(pl.col("n").is_not_null() & pl.col("n_now").is_null())["cell"]
    assert second.cost.changed == tuple(gone.sort()) and changes(second).height == len(gone)
    third = propose(*counted("2026-08"), DELIVERIES, registered(first, second))
    assert third.printed.equals(second.printed)


def two_students_more(counts: Mapping[str, pl.DataFrame], year: str) -> dict[str, pl.DataFrame]:
    """The same figures with two students more in the largest cell of a school year."""
    students = counts["studenten"].sort("n", descending=True)
    first_of_year = pl.int_range(pl.len()).filter(pl.col("schooljaar") == year).first()
    more = students.with_columns(pl.when(pl.int_range(pl.len()) == first_of_year).then(pl.col("n") + 2).otherwise("n"))
    return {**counts, "studenten": more}


def test_a_correction_of_two_students_is_not_told_while_figures_are_provisional(
    first: Proposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, speaks = counted("2025-12")
    corrected, earlier = two_students_more(counts, "2025-2026"), registered(first)
    assert speaks.filter(measure="studenten", schooljaar="2025-2026")["status"].to_list() == ["V"]
    again = propose(corrected, speaks, DELIVERIES, earlier)
    refuse_unsafe(again)
    assert again.printed.equals(first.printed)

    monkeypatch.setattr(disclosing, "protect", lambda cells, rules, _, unseen: protect(cells, rules, None, unseen))
    with pytest.raises(AuditUnclean):
        refuse_unsafe(propose(corrected, speaks, DELIVERIES, earlier))


def test_what_would_be_mostly_hidden_is_given_up_and_told_with_its_reason(first: Proposal) -> None:
    told = coverage(first)
    by_name = {row["tabel"]: row for row in told.iter_rows(named=True)}
    assert set(by_name) == {one.name for one in OFFERED}
    assert set(told.filter("aangeboden")["tabel"]) == set(first.tables)
    assert by_name["studentaantallen_instelling_niveau"]["reden"] == "te veel aantallen zijn klein"
    assert by_name["instroom_landelijk"]["reden"] == "er zijn geen gegevens voor"
    assert told.filter(pl.col("aangeboden").not_())["reden"].null_count() == 0


def test_what_protection_cost_follows_from_printed_figures_alone(first: Proposal) -> None:
    """Other hidden counts give the same report; and where few cells are hidden nobody is told which sort they are."""
    other = replace(first, cost=Cost(not_offered=first.cost.not_offered))
    assert coverage(other).equals(coverage(first))
    shares = coverage(first).filter("aangeboden")
    assert shares.filter(tabel="studentaantallen_landelijk")["aandeel"].to_list() == [100.0]
    assert 50 < shares.filter(tabel="studentaantallen_instelling")["aandeel"].item() < 100
    seen = split(first.cost)
    assert seen["hidden"].sum() > 0 and seen["small"].null_count() < seen.height
    few = seen.filter(pl.col("small").is_not_null())
    assert (few["small"] >= 10).all() and (few["besides"] >= 10).all()
    assert few.filter(pl.col("small") + pl.col("besides") != pl.col("hidden")).is_empty()


def test_who_stays_has_no_outcome_as_a_leaver_and_needs_no_protection_of_it(first: Proposal) -> None:
    told = first.sums.filter(pl.col("cell").str.contains("verlater=N"))["cell"]
    assert len(told) and not told.str.contains("diploma=N|passend=J").any()
    with_diploma = first.sums.filter(cell="uitkomsten|diploma=J|jaarresultaat=J|schooljaar=2024-2025", sign=1)
    (parts,) = (
        set(first.sums.filter(equation=number, sign=-1)["cell"])
        for number in with_diploma["equation"]
        if first.sums.filter(equation=number)["cell"].str.contains(r"jaarresultaat=J.*verlater=").sum() == 2
    )
    assert len(parts) == 2 and any("verlater=N" in cell for cell in parts)


def test_leavers_who_got_their_diploma_years_ago_are_protected_too() -> None:
    """They are in the population of diplomaresultaat, not in that of jaarresultaat: then J and N are no halves."""
    counts, speaks = counted("2025-12")
    outcomes = counts["uitkomsten"]
    some = (pl.int_range(pl.len()) % 7 == 0) & (pl.col("verlater") == "J") & (pl.col("diploma") == "J")
    years_ago = pl.when(some).then(pl.lit("N")).otherwise("jaarresultaat").alias("jaarresultaat")
    by = [column for column in outcomes.columns if column != "n"]
    outcomes = outcomes.with_columns(years_ago).group_by(by).agg(pl.col("n").sum())
    proposal = propose({"uitkomsten": outcomes}, speaks, DELIVERIES, None)
    refuse_unsafe(proposal)
    assert proposal.sums["cell"].str.contains("jaarresultaat=N").any()
    assert "jaarresultaat_landelijk" in proposal.tables


SPEAKS = pl.DataFrame({"measure": "uitkomsten", "schooljaar": "2024-2025", "status": "V", "levering": "2025-12"})


def few_below_their_level() -> pl.DataFrame:
    """Twelve institutions, each with 60 leavers with a fitting diploma, 20 and more with another, but of one two."""
    codes = {"jaarresultaat": "J", "verlater": "J", "bekend": "J"}
    rows = [
        {"instellingscode": f"{number:02}AA", "diploma": diploma, "passend": fits, "n": count, **codes}
        for number in range(1, 13)
        for diploma, fits, count in (("J", "J", 60), ("J", "N", 2 if number == 1 else 20 + number), ("N", "N", 40))
    ]
    same = {"schooljaar": "2024-2025", "niveau": "MBO-3", "sectorkamer": "03", "bedrijfstakgroep": "zorg"}
    return pl.DataFrame(rows).with_columns(**{name: pl.lit(code) for name, code in same.items()})


def below(proposal: Proposal) -> list[int]:
    """Of each institution the leavers whose diploma doesn't fit, by subtraction of what two tables print."""
    diplomas, fitting = (
        proposal.tables[f"{name}_instelling"].filter(pl.col(outcome) == "J").drop_nulls("n")
        for name, outcome in (("diplomaresultaat", "diploma"), ("passend_diploma", "passend"))
    )
    both = diplomas.join(fitting, on=["schooljaar", "instellingscode"])
    return (both["n"] - both["n_right"]).to_list()


def test_two_results_over_the_same_students_give_no_small_count_by_subtraction(monkeypatch: pytest.MonkeyPatch) -> None:
    results = [one for one in OFFERED if one.measure == "uitkomsten" and set(one.by) & {"instellingscode"}]
    tables = [one for one in results if "niveau" not in one.by and one.name != "kwalificatiewinst_instelling"]
    proposal = propose({"uitkomsten": few_below_their_level()}, SPEAKS, DELIVERIES, None, tables)
    refuse_unsafe(proposal)
    assert set(proposal.tables) == {one.name for one in tables}
    assert not set(below(proposal)) & {1, 2, 3, 4}

    monkeypatch.setattr(disclosing, "meeting", lambda *_: ())
    assert 2 in below(propose({"uitkomsten": few_below_their_level()}, SPEAKS, DELIVERIES, None, tables))


def test_a_table_that_is_not_offered_any_more_keeps_no_newer_table_from_being_printed() -> None:
    counts = {"uitkomsten": few_below_their_level()}
    named = {one.name: one for one in OFFERED}
    old, stays, new = (
        named[f"{name}_instelling"] for name in ("passend_diploma", "diplomaresultaat", "kwalificatiewinst")
    )
    first = propose(counts, SPEAKS, DELIVERIES, None, [old, stays])
    second = propose(counts, SPEAKS, DELIVERIES, registered(first), [stays, new])
    refuse_unsafe(second)
    assert set(second.tables) == {stays.name, new.name}
    assert second.tables[stays.name].equals(first.tables[stays.name])
    assert second.tables[new.name]["n"].null_count() <= 2 < second.tables[new.name].height


def entrants(diplomas: int) -> pl.DataFrame:
    """Of eight sectors in ten institutions: who went on to hbo, at once or later, and who has a diploma there."""
    rows = [
        {"sectorkamer": f"{sector:02}", "instellingscode": f"{place:02}AA", "direct": direct, "in_hbo": went, "n": n}
        | {"met_hbo_diploma": has, "bekend": went, "uitval": left, "gevolgd": went}
        for sector in range(1, 9)
        for place in range(1, 11)
        for went, direct, has, left, n in (
            ("J", "J", "N", "N", 9),
            ("J", "J", "N", "J", 8),
            ("J", "J", "J", "N", (diplomas if place == 1 else 0) if sector == 1 else 6),
            ("J", "N", "N", "N", 7),
            ("J", "N", "N", "J", 6),
            ("N", "N", "N", "N", 11),
        )
        if n
    ]
    return pl.DataFrame(rows).with_columns(schooljaar=pl.lit("2021-2022"))


def test_who_went_to_hbo_less_who_has_no_diploma_there_tells_no_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one sector three have a diploma of hbo: hidden, and so is what would tell it with the entrants."""
    hbo = [one for one in OFFERED if one.measure == "mbo_hbo" and not {*one.by} & {"instellingscode"}]
    speaks = pl.DataFrame({"measure": "mbo_hbo", "schooljaar": "2021-2022", "status": "V", "levering": "2025-12"})
    proposal = propose({"mbo_hbo": entrants(3)}, speaks, DELIVERIES, None, hbo)
    refuse_unsafe(proposal)
    assert {"hbo_diploma_landelijk", "hbo_diploma_landelijk_sectorkamer"} <= set(proposal.tables)
    sides = proposal.tables["hbo_diploma_landelijk_sectorkamer"].pivot(
        "met_hbo_diploma", index="sectorkamer", values="n"
    )
    went = proposal.tables["doorstroom_hbo_ooit_landelijk_sectorkamer"].filter(in_hbo="J").drop_nulls("n")
    both = sides.join(went, on="sectorkamer")
    assert both.height > 4 and sides.filter(sectorkamer="01")["J"].to_list() == [None]
    assert not set((both["n"] - both["N"]).drop_nulls()) & {1, 2, 3, 4}

    monkeypatch.setattr(disclosing, "meeting", lambda *_: ())
    with pytest.raises(AuditUnclean):
        refuse_unsafe(propose({"mbo_hbo": entrants(3)}, speaks, DELIVERIES, None, hbo))
