"""The catalogue of faults: each is refused by what it names, loudly and wholly, and can be made good.

Every fault comes in as a delivery of its own in one installation. What a fault stops is then announced again as it
should have been, and what comes of that equals a delivery that nothing ever happened to.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import RefusedData, RodError
from rod_pipeline.intake.announcing import drop
from rod_pipeline.intake.refusing import refuse_by_decision
from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.store.layout import scope_prefixes
from rod_pipeline.store.objects import ObjectStore
from rod_pipeline.synthetic import breaking
from rod_pipeline.synthetic.faults import FAULTS
from rod_pipeline.synthetic.population import Population
from tests.support.pipeline import UNDISTURBED, Bench, delivery, discrepancies, stored_tables
from tests.support.soak import in_soak

SMALL = Population(seed=5, scale=0.001)
PASSWORD = "alleen-voor-tests"
KEYS = {fault: f"2025-12-r{number}" for number, fault in enumerate(FAULTS, start=2)}
PLANTED = {*breaking.bsns(300), *breaking.surnames(10), *breaking.addresses(200), *breaking.birthdays(500)}
GONE = "ROD-DELIVERY-03"
# One of each way to be stopped: by the archive, a file's structure or content, a rule on a file, on the whole, by what
# may not be there.
MADE_GOOD = (
    "wrong_password",
    "truncated_row",
    "unknown_codes",
    "control_totals_mismatch",
    "bsn_in_sectornummer",
)
# The others are stopped as one of these is. That each is refused by what it names is seen without an installation too
# (tests/unit/test_synthetic_faults.py).
REFUSED = ("html_instead", "zip_bomb", "no_header", "missing_file", "other_delivery", "mixed_status")
OTHERS = [fault for fault in FAULTS if fault not in {*MADE_GOOD, *REFUSED}]
RUN_TWICE = ("no_header", "missing_file", "html_instead")
"""A defect of a file, of the whole and of what lay in PLEIO: running again tells it no second time."""


def all_errors(of: type[RodError] = RodError) -> Iterator[type[RodError]]:
    for kind in of.__subclasses__():
        yield kind
        yield from all_errors(kind)


@pytest.fixture(scope="module")
def good() -> bytes:
    """The delivery that nothing is wrong with: the same for every key."""
    return delivery(UNDISTURBED, population=SMALL)


def broken(fault: str) -> tuple[bytes, str | None]:
    """A delivery with a fault, and the password that goes with it."""
    password = PASSWORD if FAULTS[fault].needs_password else None
    return delivery(UNDISTURBED, fault, SMALL, password), password


def reasons(told: list[str], intake: IntakeState) -> set[str]:
    """By which errors and blocking rules a delivery was refused; that it is gone then is no reason of its own."""
    codes = {code for text in told for code in re.findall(r"^\[(ROD-[A-Z]+-\d+)\]", text)} - {GONE}
    judged = [*intake.checks.values(), *([intake.verdict] if intake.verdict else [])]
    return codes | {f.rule for judgement in judged for f in judgement.findings if f.severity == "blocking"}


@pytest.mark.parametrize("fault", [*MADE_GOOD, *in_soak([*REFUSED, *OTHERS])])
def test_a_fault_is_refused_and_made_good(
    fault: str, workshop: Bench, good: bytes, undisturbed: Mapping[str, pl.DataFrame]
) -> None:
    first, untold = refused(fault, workshop, undisturbed)

    key = KEYS[fault]
    second = workshop.announce(key, good)
    assert workshop.walk(key) == []
    assert waiting(workshop, key) == untold
    assert workshop.intake(key).delivery_id == second
    assert not live_copies(workshop, first)
    assert not (workshop.home / "keys" / f"{first}.key").exists()
    tables = stored_tables(workshop, key)
    assert {name: table.equals(tables[name]) for name, table in undisturbed.items()} == dict.fromkeys(tables, True)
    assert discrepancies(workshop) == []


@pytest.mark.parametrize("fault", REFUSED)
def test_a_fault_is_refused(fault: str, workshop: Bench, undisturbed: Mapping[str, pl.DataFrame]) -> None:
    """That it can be made good is seen in every run of one of each kind; in a soak that all are, and can be."""
    refused(fault, workshop, undisturbed)


def refused(fault: str, workshop: Bench, undisturbed: Mapping[str, pl.DataFrame]) -> tuple[str, list[str]]:
    """Let a delivery with the fault come, and look at all that comes of it.

    Returns the id of its intake, and the notices that have to wait yet when a good one has come in its place.
    """
    key, (content, password) = KEYS[fault], broken(fault)
    first = workshop.announce(key, content, password=password)
    told = workshop.walk(key)
    intake = workshop.intake(key)

    why = reasons(told, intake)
    assert why, "it went through"
    assert why <= set(FAULTS[fault].expect)
    assert all("What to do: " in text for text in told)
    by_rule = why - {code for code in why if code.startswith("ROD-")}
    for rule in by_rule:
        assert any(re.search(rf"\w+: [\d,]+ of [\d,]+ .* break {re.escape(rule)}\n", text) for text in told)
    if FAULTS[fault].file is not None:
        assert any(FAULTS[fault].file in text for text in told)

    lies_in = {copy.zone for copy in live_copies(workshop, first)}
    refused_data = {error.code for error in all_errors(RefusedData)}
    notices = [file.read_text("utf-8") for file in (workshop.home / "notices").glob(f"{key}-m*.txt")]
    if why & refused_data:
        assert intake.stage == "refused"
        assert not lies_in
        assert not (workshop.home / "keys" / f"{first}.key").exists()
        assert not any(ObjectStore(workshop.store).inventory(prefix) for prefix in scope_prefixes(first))
        assert any("gegevens zijn aangetroffen die het besluit niet toestaat" in notice for notice in notices)
    else:
        assert intake.stage == ("failed" if by_rule else "received" if intake.raw else "announced")
        assert lies_in <= {"landing", "parsed"}
        defects = why - by_rule - {"ROD-ARCHIVE-02"}
        assert bool(notices) == bool(by_rule or defects)
        assert all(any(f"(code {code})" in notice for notice in notices) for code in defects)
        assert not any(re.search(r"\b[Rr]ecord \d", notice) for notice in notices)
    open_before = waiting(workshop, key)
    assert bool(open_before) == bool(notices)
    assert discrepancies(workshop) == []
    reports = [file.read_text("utf-8") for file in (workshop.home / "data_docs" / f"{key}-{first}").glob("*")]
    persons = {*undisturbed["inschrijvingen"]["sectornummer"], *PLANTED}
    assert not [value for text in (*told, *notices, *reports) for value in persons if value in text]

    if fault in RUN_TWICE:
        assert len(workshop.walk(key)) == len(told)
        assert waiting(workshop, key) == open_before

    # What couldn't be read needs no telling once it was read; a finding or a refusal still waits.
    return first, [] if not by_rule and not why & refused_data else open_before


def test_a_file_that_two_archives_share_is_a_double_one(workshop: Bench, good: bytes, tmp_path: Path) -> None:
    """Which of the two is the delivery's only DUO can say, also when they bear one name."""
    archives = [tmp_path / "een.zip", tmp_path / "twee.zip"]
    for archive in archives:
        archive.write_bytes(good)
    with workshop.system() as system:
        drop(system, DeliveryKey.parse("2026-08"), archives)
    (told,) = workshop.walk("2026-08")
    assert told.startswith("[ROD-FILE-22]")
    with workshop.system() as system:
        refuse_by_decision(system, DeliveryKey.parse("2026-08"))
    assert discrepancies(workshop) == []


@pytest.mark.parametrize("fault", ["bsn_column", *in_soak(["control_totals_mismatch", "unknown_codes"])])
def test_in_dagster_it_is_red_for_that_reason_and_green_when_made_good(fault: str, bench: Bench) -> None:
    """One that is erased; in a soak one that the verdict on the whole stops, and one that a check on a file stops."""
    bench.announce(UNDISTURBED, broken(fault)[0])
    told = bench.run(UNDISTURBED)
    why = reasons(told, bench.intake(UNDISTURBED))
    assert why
    assert why <= set(FAULTS[fault].expect)
    assert all(any(reason in text and "What to do: " in text for text in told) for reason in why)
    assert bench.materialized("eea/delivery/inschrijvingen") == set()
    bench.announce(UNDISTURBED, delivery(UNDISTURBED, population=SMALL))
    assert bench.run(UNDISTURBED) == []
    assert bench.materialized("eea/delivery/inschrijvingen") == {UNDISTURBED}
    assert discrepancies(bench) == []


def waiting(bench: Bench, key: str) -> list[tuple[str, int]]:
    """The notices about a delivery that nobody sent yet, and which draft of each."""
    with bench.system() as system:
        notices = system.ledger.state().notices.values()
        return [(notice.notice, notice.draft.draft) for notice in notices if notice.key == key and notice.waits]


def live_copies(bench: Bench, scope: str) -> tuple[object, ...]:
    with bench.system() as system:
        return system.ledger.state().live_copies(scope)
