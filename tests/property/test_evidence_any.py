"""Laws of evidence: no bit of a bundle can change, no input fools or breaks the verifier, no record flatters."""

import io
import tempfile
from contextlib import redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import cast, get_args

from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.ledger.erasure import Place, PlaceLeft
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.retention.evidence import attest, find
from rod_pipeline.retention.evidence.verifieer import NEEDED, Examination, Key, Wrong, opened, stamp, unzipped, zipped
from rod_pipeline.system import System
from tests.support.evidence import MOMENT, Installation, at_the_end_of_the_term, counted, erased, signing_key
from tests.support.ledger import SetClock
from tests.support.soak import examples

KEY = Key(str(signing_key("bewijs.rod.example/grootboek").verifier))


def holds(bundle: bytes, key: Key) -> bool:
    examination = Examination(bundle, [key], [], [], None)
    with redirect_stdout(io.StringIO()):
        examination.run()
    return not examination.failed


@examples(40, soak=1500)
@given(st.data())
def test_no_bit_of_a_bundle_can_change(evidence_bundle: tuple[bytes, str], data: st.DataObject) -> None:
    bundle, vkey = evidence_bundle
    changed = bytearray(bundle)
    changed[data.draw(st.integers(0, len(bundle) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not holds(bytes(changed), Key(vkey))


@examples(20, soak=600)
@given(st.data())
def test_nothing_can_be_taken_out_of_a_bundle_or_put_into_it(
    evidence_bundle: tuple[bytes, str], data: st.DataObject
) -> None:
    bundle, vkey = evidence_bundle
    assert holds(bundle, Key(vkey))
    at = data.draw(st.integers(0, len(bundle) - 1))
    if data.draw(st.booleans()):
        changed = bundle[:at] + data.draw(st.binary(min_size=1, max_size=50)) + bundle[at:]
    else:
        changed = bundle[:at] + bundle[at + data.draw(st.integers(1, 2000)) :]
    assert not holds(changed, Key(vkey))


NAMES = st.sampled_from(["record.json", "LEESMIJ.txt", "boeking.json"])


@given(st.dictionaries(NAMES, st.binary()))
def test_a_bundle_holds_what_was_put_into_it(files: dict[str, bytes]) -> None:
    whole = {name: b"" for name in NEEDED} | files
    assert unzipped(zipped(list(whole.items()))) == whole


@given(st.binary(max_size=400))
def test_whatever_is_given_as_note_or_timestamp_is_refused(junk: bytes) -> None:
    for attempt in (
        lambda: opened(junk, [KEY]),
        lambda: opened(b"text\n\n" + junk, [KEY]),
        lambda: stamp(junk, b"data", [], []),
        lambda: unzipped(b"PK\x03\x04" + junk),
    ):
        try:
            attempt()
        except Wrong:
            continue
        raise AssertionError("junk was believed")


LEFT = st.dictionaries(st.sampled_from(get_args(Place)), st.integers(1, 9), max_size=3)


@examples(10, soak=250)
@given(left=LEFT, hours=st.integers(-100, 100))
def test_no_record_is_better_than_what_was_found(left: dict[Place, int], hours: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(Path(folder), SetClock())
        at_the_end_of_the_term(installation)
        installation.clock.time = deadline(MOMENT) + timedelta(hours=hours)
        found = {("2025-12", place): PlaceLeft(place=place, counts=counted(files=n)) for place, n in left.items()}
        plan = erased(installation, ["2025-12"], left=found)
        attest(cast(System, installation), plan.purge_id)
        record = find(cast(System, installation), plan.purge_id).record
    [delivery] = record.deliveries
    assert {each.place: each.counts[0].n for each in record.remaining} == left
    assert (record.outcome == "ONVOLLEDIG") == bool(left)
    assert (delivery.gone_at is None) == bool(left)
    seen = delivery.gone_at or record.time.swept_at
    assert record.late == (seen > deadline(MOMENT)) == (delivery.days_late is not None)
    assert (record.outcome == "TE_LAAT") == (record.late and not left)
    if delivery.days_late is not None:
        overdue = seen - deadline(MOMENT)
        assert timedelta(days=delivery.days_late - 1) < overdue <= timedelta(days=delivery.days_late)
    assert (record.category == "purge-CE") == ("backups" not in left)
    assert {place.place for place in record.places if place.late} == set(left)
