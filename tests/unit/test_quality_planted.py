"""For each rule over a whole delivery a fault is planted in a clean one, and found with exactly the right count."""

from collections.abc import Callable
from functools import cache

import polars as pl
import pytest

from rod_pipeline.contracts.model import FileKind
from rod_pipeline.quality import CheckReport
from rod_pipeline.quality.rulebook import rules_of_deliveries
from tests.support.deliveries import CONTRACTS, Found, earlier, judged, made, put, some, students

KEY, LAST, SHARED, MIDDLE = "2026-12", "2026-2027", "2025-2026", "2023-2024"
"""The delivery that is broken; its provisional school year, the one it shares with the delivery before and that every
file has, and one of doorstroom alone."""
Expected = tuple[FileKind | str, int]
PLANTED: dict[str, Callable[[Found], Expected]] = {}
MBO = pl.col("niveau").is_not_null()


def plants(rule: str) -> Callable[[Callable[[Found], Expected]], Callable[[Found], Expected]]:
    def register(planter: Callable[[Found], Expected]) -> Callable[[Found], Expected]:
        PLANTED[rule] = planter
        return planter

    return register


def fresh() -> Found:
    return dict(made(KEY))


@cache
def clean() -> CheckReport:
    return judged(made(KEY), KEY, (earlier("2026-08", made("2026-08")), earlier("2025-12", made("2025-12"))))


def rules() -> set[str]:
    breakdowns = [name for contract in CONTRACTS.values() for name in contract.breakdowns]
    return {rule.id for rule in rules_of_deliveries(breakdowns)}


def test_every_rule_has_a_planted_fault_and_every_rule_is_judged() -> None:
    assert rules() == set(PLANTED)
    assert {result.id for result in clean().results} == set(PLANTED)
    assert clean().broken == () and clean().unjudged == ()


def test_every_rule_says_what_it_looks_at_and_why_it_breaks() -> None:
    for result in clean().results:
        assert result.rule.cause and result.rule.layer not in ("value", "row"), result.id
        assert result.id.startswith(("files.", "deliveries.", "rekenregels.")) == (
            result.rule.layer in ("files", "deliveries", "rekenregels")
        ), result.id


# The form of a delivery, and its tables


@plants("delivery.files.complete")
def _(found: Found) -> Expected:
    del found["mbo_hbo"]
    return "delivery", 1


@plants("delivery.prikdatum.same")
def _(found: Found) -> Expected:
    put(found, "doorstroom", range(1, 8), prikdatum="30-11-2026")
    return "doorstroom", 7


@plants("delivery.prikdatum.window")
def _(found: Found) -> Expected:
    put(found, "diplomas", range(1, 5), prikdatum="31-08-2026")
    return "diplomas", 4


@plants("delivery.status.same")
def _(found: Found) -> Expected:
    put(found, "inschrijvingen", some(found["inschrijvingen"], 6, schooljaar=LAST), status="D")
    return "inschrijvingen", 6


@plants("delivery.schooljaar.scope")
def _(found: Found) -> Expected:
    put(found, "doorstroom", range(1, 4), schooljaar="2015-2016")
    return "doorstroom", 3


@plants("delivery.instelling.funded")
def _(found: Found) -> Expected:
    brin, count = found["inschrijvingen"]["instellingscode"].value_counts(sort=True).row(0)
    put(found, "inschrijvingen", pl.col("instellingscode") == brin, bekostigbaar="N")
    return "inschrijvingen", count


@plants("delivery.totals.known")
def _(found: Found) -> Expected:
    extra = found["technisch"].head(2).with_columns(uitsplitsing=pl.lit("regio"))
    found["technisch"] = pl.concat([found["technisch"], extra])
    return "technisch", 2


def _total_off(breakdown: str) -> Callable[[Found], Expected]:
    def planted(found: Found) -> Expected:
        line = found["technisch"].filter(bestand="doorstroom", uitsplitsing=breakdown)["_row"].head(2).to_list()
        put(found, "technisch", line, aantal="999999")
        return "doorstroom", 2

    return planted


for name in ("totaal", "niveau", "leerweg", "instelling"):
    plants(f"delivery.totals.{name}")(_total_off(name))


@plants("inschrijvingen.hoofdinschrijving_mbo.present")
def _(found: Found) -> Expected:
    rows = some(found["inschrijvingen"], 3, hoofdinschrijving_mbo="J", schooljaar=SHARED)
    theirs = pl.col("sectornummer").is_in(students(found["inschrijvingen"], rows)) & (pl.col("schooljaar") == SHARED)
    put(found, "inschrijvingen", theirs, hoofdinschrijving_mbo="N")
    return "inschrijvingen", 3


@plants("inschrijvingen.hoofdinschrijving_instelling.present")
def _(found: Found) -> Expected:
    frame = found["inschrijvingen"].filter(schooljaar=SHARED)
    loyal = frame.group_by("sectornummer").agg(pl.col("instellingscode").n_unique() == 1).filter("instellingscode")
    once = pl.col("sectornummer").is_in(loyal["sectornummer"].to_list())
    rows = some(found["inschrijvingen"], 3, once, hoofdinschrijving_instelling="J", schooljaar=SHARED)
    theirs = pl.col("sectornummer").is_in(students(found["inschrijvingen"], rows)) & (pl.col("schooljaar") == SHARED)
    put(found, "inschrijvingen", theirs, hoofdinschrijving_instelling="N")
    return "inschrijvingen", 3


# Files beside each other


def graduates(found: Found, count: int) -> list[int]:
    return some(found["doorstroom"], count, MBO, heeft_diploma="J", schooljaar=SHARED)


@plants("files.diploma.known")
def _(found: Found) -> Expected:
    who = students(found["doorstroom"], graduates(found, 3))
    found["diplomas"] = found["diplomas"].filter(~pl.col("sectornummer").is_in(who))
    return "doorstroom", 3


@plants("files.diploma.flagged")
def _(found: Found) -> Expected:
    put(found, "doorstroom", graduates(found, 4), heeft_diploma="N")
    return "diplomas", 4


@plants("files.mbo_hbo.diploma")
def _(found: Found) -> Expected:
    who = students(found["mbo_hbo"], some(found["mbo_hbo"], 3, schooljaar=SHARED))
    put(found, "diplomas", pl.col("sectornummer").is_in(who), niveau_diploma="MBO-3")
    return "mbo_hbo", 3


@plants("files.doorstroom.enrolled")
def _(found: Found) -> Expected:
    who = students(found["doorstroom"], some(found["doorstroom"], 3, MBO, schooljaar=SHARED))
    theirs = pl.col("sectornummer").is_in(who) & (pl.col("schooljaar") == SHARED)
    put(found, "inschrijvingen", theirs, instellingscode="99ZZ")
    return "doorstroom", 3


@plants("files.students.linked")
def _(found: Found) -> Expected:
    theirs = found["diplomas"].filter(pl.col("niveau_diploma").is_not_null())
    count = theirs.select("sectornummer", "schooljaar").n_unique()
    found["diplomas"] = found["diplomas"].with_columns(sectornummer="z" + pl.col("sectornummer"))
    return "diplomas", count


@plants("files.instelling.enrolled")
def _(found: Found) -> Expected:
    brin = found["diplomas"]["instellingscode"].value_counts(sort=True)["instellingscode"][0]
    put(found, "inschrijvingen", pl.col("instellingscode") == brin, instellingscode="99ZZ")
    return "diplomas", 1


def _attribute(column: str, value: str) -> Callable[[Found], Expected]:
    def planted(found: Found) -> Expected:
        crowded = pl.len().over("kwalificatiecode_inschrijving", "schooljaar") > 2
        rows = some(found["doorstroom"], 1, MBO, crowded, pl.col(column) != value)
        put(found, "doorstroom", rows, **{column: value})
        return "delivery", 1

    return planted


for name, column, value in (
    ("niveau", "niveau", "MBO-1"),
    ("sectorkamer", "sector_inschrijving", "09"),
    ("hoofdgroep", "code_hg", "hg002"),
    ("subgroep", "code_sg", "sg001"),
    ("beroepsopleiding", "code_bc", "bc001"),
):
    plants(f"files.opleiding.{name}")(_attribute(column, value))


# Deliveries beside each other


def _renamed(part: float) -> Callable[[Found], Expected]:
    def planted(found: Found) -> Expected:
        old = set(made("2026-08")["inschrijvingen"].filter(schooljaar=SHARED)["sectornummer"])
        gone = sorted(old)[: int(part * len(old))]
        theirs = pl.col("sectornummer").is_in(gone) & (pl.col("schooljaar") == SHARED)
        found["inschrijvingen"] = found["inschrijvingen"].with_columns(
            pl.when(theirs).then("z" + pl.col("sectornummer")).otherwise("sectornummer").alias("sectornummer")
        )
        missed = old - set(made(KEY)["inschrijvingen"].filter(schooljaar=SHARED)["sectornummer"])
        return "inschrijvingen", len(missed | set(gone))

    return planted


plants("deliveries.students.linked")(_renamed(0.6))
plants("deliveries.students.found_again")(_renamed(0.1))


def _shrunk(part: float) -> Callable[[Found], Expected]:
    def planted(found: Found) -> Expected:
        of_year = pl.col("schooljaar") == MIDDLE
        rows = found["doorstroom"].filter(of_year)
        found["doorstroom"] = pl.concat([found["doorstroom"].filter(~of_year), rows.head(int(part * rows.height))])
        return "doorstroom", 1

    return planted


plants("deliveries.rows.collapsed")(_shrunk(0.45))
plants("deliveries.rows.plausible")(_shrunk(0.85))


@plants("deliveries.columns.drift")
def _(found: Found) -> Expected:
    put(found, "inschrijvingen", pl.lit(True), geslacht="M")
    put(found, "inschrijvingen", pl.lit(True), reden_uitstroom=None)
    return "inschrijvingen", 2


@plants("deliveries.status.final")
def _(found: Found) -> Expected:
    put(found, "diplomas", pl.col("schooljaar") == SHARED, status="V")
    return "delivery", 1


@plants("deliveries.schooljaar.kept")
def _(found: Found) -> Expected:
    found["inschrijvingen"] = found["inschrijvingen"].filter(pl.col("schooljaar") != SHARED)
    return "delivery", 1


# The rekenregels


def _doorstroom(count: int, condition: pl.Expr, **values: str | None) -> Callable[[Found], Expected]:
    def planted(found: Found) -> Expected:
        put(found, "doorstroom", some(found["doorstroom"], count, MBO, condition, schooljaar=MIDDLE), **values)
        return "doorstroom", count

    return planted


def _is(column: str, value: str = "J") -> pl.Expr:
    return pl.col(column) == value


plants("rekenregels.stroom")(_doorstroom(3, _is("in_door_uitstroom", "D"), in_door_uitstroom="U"))
plants("rekenregels.niveau_jaar2")(
    _doorstroom(3, _is("in_door_uitstroom", "D") & _is("niveau_jaar2", "MBO-4"), niveau_jaar2="MBO-1")
)
plants("rekenregels.populatie_starter")(
    _doorstroom(3, _is("populatie_starter") & ~_is("in_door_uitstroom", "T"), populatie_starter="N")
)
plants("rekenregels.startersresultaat")(
    _doorstroom(3, _is("indicatie_startersresultaat"), indicatie_startersresultaat="N")
)
plants("rekenregels.populatie_diplomaresultaat")(
    _doorstroom(3, _is("populatie_diplomaresultaat") & ~_is("in_door_uitstroom", "T"), populatie_diplomaresultaat="N")
)
plants("rekenregels.populatie_jaarresultaat")(
    _doorstroom(3, _is("populatie_jaarresultaat"), populatie_jaarresultaat="N")
)
plants("rekenregels.opstroom")(_doorstroom(3, _is("indicatie_opstroom"), indicatie_opstroom="N"))
plants("rekenregels.passend_diploma")(_doorstroom(3, _is("passend_diploma"), passend_diploma="N"))


@plants("rekenregels.kwalificatiewinst")
def _(found: Found) -> Expected:
    leavers = found["doorstroom"].filter(_is("heeft_diploma") & _is("populatie_diplomaresultaat"))
    some_of_them = leavers["_row"].head(leavers.height // 10).to_list()
    put(found, "doorstroom", some_of_them, categorie_hoogste_vooropleiding=None)
    return "doorstroom", len(some_of_them)


LEVEL_3 = _is("niveau", "MBO-3") & (pl.col("schooljaar") == MIDDLE)


@plants("rekenregels.band.jaarresultaat")
def _(found: Found) -> Expected:
    put(found, "doorstroom", LEVEL_3, heeft_diploma="N")
    return "doorstroom", 1


@plants("rekenregels.band.diplomaresultaat")
def _(found: Found) -> Expected:
    put(found, "doorstroom", LEVEL_3, heeft_diploma="N")
    return "doorstroom", 1


@plants("rekenregels.band.startersresultaat")
def _(found: Found) -> Expected:
    """Every school year whose next one is known."""
    put(found, "doorstroom", _is("niveau", "MBO-3"), indicatie_startersresultaat="N")
    return "doorstroom", 5


@pytest.mark.parametrize("rule", sorted(PLANTED))
def test_what_is_planted_is_counted_exactly(rule: str) -> None:
    found = fresh()
    file, count = PLANTED[rule](found)
    report = judged(found, KEY, (earlier("2026-08", made("2026-08")), earlier("2025-12", made("2025-12"))))
    broken = {(result.id, result.file): result.failed for result in report.broken}
    assert broken.get((rule, str(file))) == count
