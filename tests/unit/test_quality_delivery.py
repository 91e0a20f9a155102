"""The rules over files: a clean delivery breaks none, and each planted fault is counted exactly."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache

import polars as pl
import pytest

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FileKind
from rod_pipeline.decree import load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.quality import CheckReport, validate_delivery
from rod_pipeline.synthetic.population import Population
from tests.support.synthetic import At, tables, zipped

BOOK = ContractBook.load()
CONTRACTS = {kind: BOOK.get(kind) for kind in BOOK.files()}
KEY = "2025-12"
INTAKE = At(datetime(2025, 12, 3, 11, tzinfo=UTC))
Tables = dict[FileKind, pl.DataFrame]


@cache
def _clean(key: str, seed: int) -> Mapping[FileKind, pl.DataFrame]:
    return tables(zipped(key, Population(seed=seed, scale=0.002), BOOK), BOOK)


def clean(key: str = KEY, seed: int = 1) -> Tables:
    return dict(_clean(key, seed))


def judged(found: Mapping[FileKind, pl.DataFrame], key: str = KEY, at: At = INTAKE) -> CheckReport:
    frames = {kind: frame.lazy() for kind, frame in found.items()}
    return validate_delivery(frames, CONTRACTS, DeliveryKey.parse(key), load_decree(), at)


def broken(report: CheckReport) -> dict[tuple[str, str], tuple[int, int]]:
    return {(result.id, result.file): (result.failed, result.rows) for result in report.broken}


def change(kind: FileKind, rows: int | None, **values: str | None) -> Callable[[Tables], None]:
    """Sets values in the first ``rows`` rows of a file, or in all of them."""

    def planted(found: Tables) -> None:
        at = pl.lit(True) if rows is None else pl.int_range(pl.len()) < rows
        found[kind] = found[kind].with_columns(
            pl.when(at).then(pl.lit(value, dtype=pl.String)).otherwise(pl.col(name)).alias(name)
            for name, value in values.items()
        )

    return planted


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_clean_delivery_breaks_no_rule(seed: int) -> None:
    assert broken(judged(clean(seed=seed), at=INTAKE)) == {}


@pytest.mark.parametrize(
    ("key", "year", "month"),
    [("2026-08", 2026, 8), ("2026-12", 2026, 12), ("2028-08", 2028, 8), ("2025-12-r2", 2026, 2)],
)
def test_every_moment_has_clean_deliveries(key: str, year: int, month: int) -> None:
    assert broken(judged(clean(key), key, At(datetime(year, month, 20, tzinfo=UTC)))) == {}


def test_a_file_that_is_not_there_is_missed() -> None:
    found = clean()
    del found["diplomas"]
    assert broken(judged(found))[("delivery.files.complete", "delivery")] == (1, 5)


@pytest.mark.parametrize("kind", ["inschrijvingen", "diplomas", "doorstroom", "mbo_hbo", "technisch"])
def test_rows_of_another_prikdatum_are_counted_per_file(kind: FileKind) -> None:
    found = clean()
    change(kind, 4, prikdatum="30-11-2025")(found)
    assert broken(judged(found)) == {("delivery.prikdatum.same", kind): (4, found[kind].height)}


def test_rows_of_the_other_status_are_counted_per_file() -> None:
    found = clean()
    now = found["diplomas"].filter(schooljaar="2025-2026")["_row"].head(6).to_list()
    found["diplomas"] = found["diplomas"].with_columns(
        status=pl.when(pl.col("_row").is_in(now)).then(pl.lit("D")).otherwise(pl.col("status"))
    )
    assert broken(judged(found)) == {("delivery.status.same", "diplomas"): (6, found["diplomas"].height)}


def test_a_whole_file_of_the_other_status_disagrees_with_the_rest() -> None:
    found = clean()
    change("diplomas", None, status="D")(found)
    rows = found["diplomas"].height
    provisional = found["diplomas"].filter(schooljaar="2025-2026").height
    assert broken(judged(found)) == {("delivery.status.same", "diplomas"): (provisional, rows)}


@pytest.mark.parametrize(
    ("kind", "schooljaar", "allowed"),
    [
        ("inschrijvingen", "2021-2022", False),
        ("inschrijvingen", "2022-2023", True),
        ("inschrijvingen", "2025-2026", True),
        ("inschrijvingen", "2026-2027", False),
        ("inschrijvingen", "2024-2026", False),
        ("inschrijvingen", "2024/2025", True),
        ("inschrijvingen", "nonsense", False),
        ("mbo_hbo", "2021-2022", False),
        ("doorstroom", "2017-2018", True),
        ("doorstroom", "2016-2017", False),
    ],
)
def test_school_years_outside_the_decree_are_counted(kind: FileKind, schooljaar: str, allowed: bool) -> None:
    found = clean()
    change(kind, 5, schooljaar=schooljaar)(found)
    out = broken(judged(found)).get(("delivery.schooljaar.scope", kind))
    assert out == (None if allowed else (5, found[kind].height))


def test_a_control_total_about_a_school_year_outside_the_decree_is_counted() -> None:
    found = clean()
    change("technisch", 1, bestand="diplomas", schooljaar="2019-2020")(found)
    assert broken(judged(found))[("delivery.schooljaar.scope", "technisch")][0] == 1


@pytest.mark.parametrize(
    ("key", "prikdatum", "day", "fits"),
    [
        ("2025-12", "01-09-2025", (2025, 12, 3), True),
        ("2025-12", "31-08-2025", (2025, 12, 3), False),
        ("2025-12", "03-12-2025", (2025, 12, 3), True),
        ("2025-12", "04-12-2025", (2025, 12, 3), False),
        ("2025-12", "31-03-2026", (2027, 1, 1), True),
        ("2025-12", "01-04-2026", (2027, 1, 1), False),
        ("2025-12-r2", "01-04-2026", (2027, 1, 1), True),
        ("2026-08", "01-12-2025", (2027, 1, 1), False),
        ("2026-12", "01-08-2026", (2027, 1, 1), False),
        ("2025-12", "00-09-2025", (2025, 12, 3), True),
    ],
)
def test_a_prikdatum_belongs_to_its_moment(key: str, prikdatum: str, day: tuple[int, int, int], fits: bool) -> None:
    found = clean()
    for kind in found:
        change(kind, None, prikdatum=prikdatum)(found)
    rules = {rule for rule, _ in broken(judged(found, key, At(datetime(*day, 11, tzinfo=UTC))))}
    assert ("delivery.prikdatum.window" not in rules) == fits


def test_today_is_the_day_in_the_netherlands() -> None:
    found = clean()
    for kind in found:
        change(kind, None, prikdatum="04-12-2025")(found)
    just_after_midnight = At(datetime(2025, 12, 3, 23, 30, tzinfo=UTC))
    assert broken(judged(found, at=just_after_midnight)) == {}


def test_a_control_total_that_is_off_is_one_line_of_one_breakdown() -> None:
    found = clean()
    technisch = found["technisch"]
    line = technisch.filter(bestand="diplomas", uitsplitsing="niveau").row(0, named=True)["_row"]
    found["technisch"] = technisch.with_columns(
        pl.when(pl.col("_row") == line).then(pl.lit("99999")).otherwise(pl.col("aantal")).alias("aantal")
    )
    (rule,) = broken(judged(found))
    assert rule == ("delivery.totals.niveau", "diplomas")
    assert broken(judged(found))[rule][0] == 1


def test_lost_rows_show_in_every_breakdown_of_their_file() -> None:
    found = clean()
    found["doorstroom"] = found["doorstroom"].slice(1)
    counted = {rule: counts[0] for rule, counts in broken(judged(found)).items()}
    assert counted == {
        ("delivery.totals.totaal", "doorstroom"): 1,
        ("delivery.totals.leerweg", "doorstroom"): 1,
        ("delivery.totals.niveau", "doorstroom"): 1,
        ("delivery.totals.instelling", "doorstroom"): 1,
    }


def test_a_missing_control_total_and_one_for_nothing_both_disagree() -> None:
    found = clean()
    technisch = found["technisch"]
    of = (pl.col("bestand") == "diplomas") & (pl.col("uitsplitsing") == "totaal")
    found["technisch"] = technisch.filter(~of)
    assert broken(judged(found))[("delivery.totals.totaal", "diplomas")][0] == technisch.filter(of).height
    extra = technisch.filter(of).head(1).with_columns(schooljaar=pl.lit("2022-2023"), aantal=pl.lit("3"))
    found["technisch"] = pl.concat([technisch, extra])
    assert broken(judged(found))[("delivery.totals.totaal", "diplomas")][0] == 1


def test_control_totals_that_nobody_can_count_are_a_warning() -> None:
    found = clean()
    extra = found["technisch"].head(2).with_columns(uitsplitsing=pl.lit("regio"))
    found["technisch"] = pl.concat([found["technisch"], extra])
    report = judged(found)
    assert broken(report)[("delivery.totals.known", "technisch")][0] == 2
    assert {result.severity for result in report.broken} == {"warning"}


def test_students_without_a_main_enrolment_are_counted_as_students() -> None:
    found = clean()
    frame = found["inschrijvingen"]
    main = frame.filter((pl.col("hoofdinschrijving_mbo") == "J") & (pl.col("schooljaar") == "2025-2026"))
    students = main["sectornummer"].unique().sort().head(3).to_list()
    theirs = pl.col("sectornummer").is_in(students) & (pl.col("schooljaar") == "2025-2026")
    found["inschrijvingen"] = frame.with_columns(
        pl.when(theirs).then(pl.lit("N")).otherwise(pl.col("hoofdinschrijving_mbo")).alias("hoofdinschrijving_mbo")
    )
    (only,) = judged(found).broken
    assert (only.id, only.failed, only.unit) == ("inschrijvingen.hoofdinschrijving_mbo.present", 3, "students")


@pytest.mark.parametrize(
    ("begin", "end", "counts"),
    [
        ("01-10-2025", None, True),
        ("02-10-2025", None, False),
        ("01-08-2025", "01-10-2025", True),
        ("01-08-2025", "30-09-2025", False),
        ("01-08-2025", "00-10-2025", True),
    ],
)
def test_who_is_enrolled_on_the_peildatum_is_judged_first_and_last_day_included(
    begin: str, end: str | None, counts: bool
) -> None:
    found = clean()
    change(
        "inschrijvingen",
        1,
        sectornummer="zzzzzzzzzz",
        peildatum="01-10-2025",
        datum_inschrijving=begin,
        datum_uitschrijving_werkelijk=end,
        hoofdinschrijving_instelling="N",
        hoofdinschrijving_mbo="N",
    )(found)
    rules = {rule for rule, _ in broken(judged(found))}
    assert ("inschrijvingen.hoofdinschrijving_mbo.present" in rules) == counts
    assert ("inschrijvingen.hoofdinschrijving_instelling.present" in rules) == counts
