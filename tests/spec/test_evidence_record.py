"""The record says what the standards and the decree ask for, and can say nothing else.

Sources: NIST SP 800-88 r1 appendix G (certificate of sanitization), Archiefbesluit 1995 article 8 (specification,
ground, manner), besluit 55352791 (3j, section 5). ``vectors/evidence/record.json`` is one record, byte for byte:
whoever changes what is derived from the ledger breaks the proof of every certificate that was handed out, and this
test.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from rod_pipeline.ledger.erasure import (
    DagsterGone,
    DagsterUsed,
    ErasureAsked,
    ErasureDeclared,
    HandedOver,
    HoldSet,
    PackageErased,
    PlaceLeft,
    Withdrawn,
)
from rod_pipeline.ledger.events import Accessed, CopyRegistered, Entry, KeyCreated
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.retention.evidence import Record, attest, schema
from rod_pipeline.retention.evidence.building import build_record
from rod_pipeline.retention.evidence.history import History
from rod_pipeline.system import System
from tests.support.evidence import (
    MOMENT,
    Installation,
    at_the_end_of_the_term,
    bundled,
    counted,
    erased,
    members,
    number,
    six_deliveries,
)
from tests.support.ledger import SetClock
from tests.support.pdf import streams_of, text_of

GOLDEN = Path(__file__).with_name("vectors") / "evidence" / "record.json"


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, SetClock())


def built(installation: Installation, purge_id: str, entries: list[Entry] | None = None) -> Record:
    return build_record(
        History.of(entries or installation.ledger.entries()),
        purge_id,
        decree=installation.decree,
        book=installation.book,
        origin=installation.origin,
        software="1.2.3",
        rules="ab" * 32,
    )


def test_a_whole_purge_gives_this_record_and_no_other(installation: Installation) -> None:
    at_the_end_of_the_term(installation)
    plan = erased(installation, ["2025-12"])
    assert built(installation, plan.purge_id).canonical() == GOLDEN.read_bytes()


def test_the_schema_has_no_free_string() -> None:
    def strings(node: Any) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            if node.get("type") == "string":
                yield node
            for value in node.values():
                yield from strings(value)
        elif isinstance(node, list):
            for value in node:
                yield from strings(value)

    found = list(strings(json.loads(schema())))
    assert len(found) > 20
    for each in found:
        bound = each.get("pattern", "")
        assert "const" in each or "enum" in each or each.get("format") == "date-time" or bound.startswith("^"), each
        assert not bound or (bound.endswith("$") and ".*" not in bound and "\\s" not in bound), each


def test_nothing_beyond_the_schema_gets_in() -> None:
    said = json.loads(GOLDEN.read_bytes())
    assert Record.model_validate(said).canonical() == GOLDEN.read_bytes()
    for where in (said, said["deliveries"][0], said["places"][0], said["ground"], said["keys"]["keys"][0]):
        where["remark"] = "vrije tekst"
        with pytest.raises(ValueError):
            Record.model_validate(said)
        del where["remark"]


def test_no_digest_of_data_is_in_it(installation: Installation) -> None:
    at_the_end_of_the_term(installation)
    plan = erased(installation, ["2025-12"])
    state = installation.ledger.state()
    said = built(installation, plan.purge_id).canonical().decode()
    for copy in state.copies.values():
        assert copy.sha256 is not None and copy.sha256 not in said
        assert copy.object_key not in said and copy.copy_id not in said


def test_no_person_is_in_it_but_roles(installation: Installation) -> None:
    at_the_end_of_the_term(installation)
    plan = erased(installation, ["2025-12"])
    record = built(installation, plan.purge_id)
    assert plan.actor not in json.dumps(json.loads(record.canonical())).split('"')
    assert len({record.check.eraser, record.check.verifier, record.check.signer}) == 3


def test_what_is_planted_in_the_ledger_comes_out_nowhere(installation: Installation) -> None:
    """Who acted, who received, what a copy is called and digests: none of it in any file of the bundle, the PDF's
    streams unpacked. What a record has to name, such as the reference of an order, does come out: the control."""
    at_the_end_of_the_term(installation)
    ledger, marker = installation.ledger, "MERKTEKENx51c0"
    hold = HoldSet(
        hold_id="00000000000000bb",
        key="2025-12",
        order="KENMERKx77",
        until=installation.clock.now() + timedelta(hours=1),
        beyond_term=False,
        set_by=f"{marker}-1",
        approved_by=f"{marker}-2",
    )
    package = HandedOver(
        package_id="00000000000000aa",
        keys=("2025-12",),
        recipient=marker,
        purpose="onderzoek",
        until=datetime(2034, 1, 1, tzinfo=UTC),
        actor=marker,
    )
    scope = ledger.state().deliveries["2025-12"].delivery_id
    copy = CopyRegistered(
        copy_id="00000000000000cc", scope=scope, zone="marts", name=marker, store="hoofd", object_key="marts/merkteken"
    )
    ledger.append(hold, package, copy, Accessed(actor=marker, purpose="beheer", copy_id=number(0x101)))
    installation.clock.move(hours=2)
    plan = erased(installation, ["2025-12"], order="KENMERKx78", actor=marker)
    attest(cast(System, installation), plan.purge_id)
    files = members(bundled(installation, plan)[0])
    everything = b"\n".join(files.values()) + streams_of(files["certificaat.pdf"])
    printed = text_of(files["certificaat.pdf"])
    assert b"KENMERKx77" in everything and "KENMERKx78" in printed, "the search finds what is there"
    for planted in (marker, "merkteken", "5e" * 32, "object_key", number(0x101), "00000000000000cc"):
        assert planted.encode() not in everything and planted not in printed, planted


def test_it_says_on_which_ground_and_when(installation: Installation) -> None:
    """Specification, ground and manner (Archiefbesluit 1995, article 8); deadline by 3j."""
    at_the_end_of_the_term(installation)
    plan = erased(installation, ["2025-12"])
    record = built(installation, plan.purge_id)
    assert (record.ground.decree, record.ground.article) == ("55352791", "3j")
    assert record.ground.reason == "termijn_verstreken"
    [delivery] = record.deliveries
    assert (delivery.key, delivery.rows, delivery.bytes) == ("2025-12", 5000, 12_345_678)
    assert delivery.deadline == deadline(MOMENT)
    assert delivery.school_years == (2022, 2025)
    assert {fields.file for fields in record.fields} == {file.file for file in delivery.files}
    assert "sectornummer" in record.fields[0].fields
    time = record.time
    steps = [time.planned_at, time.tombstoned_at, time.drained_at, time.erased_at, time.verified_at, time.swept_at]
    assert steps == sorted(steps)  # type: ignore[type-var]
    assert time.swept_at - (time.verified_at or time.swept_at) >= timedelta(hours=24)
    assert [(store.host, store.country) for store in record.stores] == [("s3.fr-par.scw.cloud", "FR")]


def test_a_withdrawal_goes_by_section_5_and_takes_all(installation: Installation) -> None:
    keys = six_deliveries(installation)
    installation.ledger.append(Withdrawn(order="OCW-2029-1", actor="a1"))
    plan = erased(installation, keys, ground="withdrawal", order="OCW-2029-1")
    record = built(installation, plan.purge_id)
    assert (record.ground.article, record.ground.reason, record.ground.order) == ("5", "intrekking", "OCW-2029-1")
    assert tuple(delivery.key for delivery in record.deliveries) == keys
    assert len(record.fields) == 5
    assert len(record.keys.keys) == 12


def test_complete_is_said_only_of_what_is_complete(installation: Installation) -> None:
    at_the_end_of_the_term(installation)
    plan = erased(installation, ["2025-12"])
    record = built(installation, plan.purge_id)
    assert record.outcome == "VOLLEDIG"
    assert (record.late, record.remaining) == (False, ())
    assert record.deliveries[0].days_before == 1 and record.deliveries[0].days_late is None


@pytest.mark.parametrize(
    ("after", "days"),
    [(timedelta(seconds=1), 1), (timedelta(days=1), 1), (timedelta(days=1, seconds=1), 2), (timedelta(days=31), 31)],
)
def test_too_late_is_said_in_days_that_began(installation: Installation, after: timedelta, days: int) -> None:
    at_the_end_of_the_term(installation)
    # From the start of a purge to its clean second inventory it takes this long.
    installation.clock.time = deadline(MOMENT) + after - timedelta(minutes=11, seconds=20)
    plan = erased(installation, ["2025-12"])
    record = built(installation, plan.purge_id)
    assert record.time.verified_at == deadline(MOMENT) + after
    assert record.outcome == "TE_LAAT" and record.late
    assert record.deliveries[0].days_late == days and record.deliveries[0].days_before is None


def test_incomplete_names_what_is_left_and_until_when(installation: Installation) -> None:
    at_the_end_of_the_term(installation)
    ends = datetime(2033, 1, 20, tzinfo=UTC)
    left = {
        ("2025-12", "backups"): PlaceLeft(place="backups", counts=counted(backups=2), until=ends),
        ("2025-12", "objects"): PlaceLeft(place="objects", counts=counted(versions=3, uploads=1)),
    }
    plan = erased(installation, ["2025-12"], left=left)  # type: ignore[arg-type]
    record = built(installation, plan.purge_id)
    assert record.outcome == "ONVOLLEDIG"
    assert [(each.place, each.until, sum(c.n for c in each.counts)) for each in record.remaining] == [
        ("objects", None, 4),
        ("backups", ends, 2),
    ]
    assert record.deliveries[0].gone_at is None and record.deliveries[0].days_before is None
    assert record.category == "clear", "a backup may still hold a key"
    assert "back_ups_lopen_af" in record.limits


def test_incomplete_past_the_deadline_is_late_too(installation: Installation) -> None:
    at_the_end_of_the_term(installation)
    installation.clock.move(days=10)
    left = {("2025-12", "objects"): PlaceLeft(place="objects", counts=counted(versions=1))}
    plan = erased(installation, ["2025-12"], left=left)  # type: ignore[arg-type]
    record = built(installation, plan.purge_id)
    assert record.outcome == "ONVOLLEDIG" and record.late
    assert record.deliveries[0].days_late == 10


HANDED = HandedOver(
    package_id="00000000000000aa",
    keys=("2025-12",),
    recipient="r-12",
    purpose="verantwoording",
    until=datetime(2034, 1, 1, tzinfo=UTC),
    actor="a1",
)


def test_a_package_that_nobody_answered_for_is_outstanding(installation: Installation) -> None:
    at_the_end_of_the_term(installation)
    ledger = installation.ledger
    ledger.append(HANDED)
    left = {("2025-12", "packages"): PlaceLeft(place="packages", counts=counted(hand_overs=1))}
    plan = erased(installation, ["2025-12"], left=left)  # type: ignore[arg-type]
    ledger.append(ErasureAsked(purge_id=plan.purge_id, party="recipient", package_id="00000000000000aa"))
    [package] = built(installation, plan.purge_id).packages
    assert (package.status, package.declared) == ("uitstaand", None) and package.asked_at is not None
    assert "r-12" not in built(installation, plan.purge_id).canonical().decode()
    ledger.append(
        ErasureDeclared(
            purge_id=plan.purge_id,
            party="recipient",
            package_id="00000000000000aa",
            reference="BRIEF-7",
            erased_at=installation.clock.now(),
            actor="a1",
        )
    )
    [package] = built(installation, plan.purge_id).packages
    assert package.status == "verklaard" and package.declared is not None and package.declared.reference == "BRIEF-7"


def test_a_word_from_before_the_purge_counts_and_is_told(installation: Installation) -> None:
    at_the_end_of_the_term(installation)
    word = installation.clock.now() - timedelta(days=30)
    said = PackageErased(package_id=HANDED.package_id, reference="BRIEF-6", erased_at=word, actor="a1")
    installation.ledger.append(HANDED, said)
    record = built(installation, erased(installation, ["2025-12"]).purge_id)
    [package] = record.packages
    assert (package.status, package.asked_at) == ("verklaard", None)
    assert package.declared is not None and package.declared.erased_at == word
    assert record.outcome == "VOLLEDIG" and "verklaring_van_derden" in record.limits


def test_purge_ce_is_claimed_only_when_keys_came_before_copies(installation: Installation) -> None:
    """NIST SP 800-88: cryptographic erase counts when all was encrypted before it was stored. ``destroy`` never is."""
    at_the_end_of_the_term(installation)
    plan = erased(installation, ["2025-12"])
    assert built(installation, plan.purge_id).category == "purge-CE"
    entries = list(installation.ledger.entries())
    # The ledger refuses such a history; a record made of it wouldn't claim more than it shows.
    late = [entry for entry in entries if isinstance(entry.event, KeyCreated)]
    moved = [entry.model_copy(update={"seq": 10_000 + entry.seq}) if entry in late else entry for entry in entries]
    assert built(installation, plan.purge_id, moved).category == "clear"
    assert b"destroy" not in schema().replace(b"destroyed", b"")


def test_a_storage_that_nobody_looked_through_is_told(installation: Installation) -> None:
    at_the_end_of_the_term(installation)
    storage = "00000000000000dd"
    installation.ledger.append(DagsterUsed(storage=storage))
    plan = erased(installation, ["2025-12"])
    assert "opslag_weg_verklaard" not in built(installation, plan.purge_id).limits
    installation.ledger.append(DagsterGone(storage=storage, actor="a"))
    assert built(installation, plan.purge_id).limits[-1] == "opslag_weg_verklaard"
