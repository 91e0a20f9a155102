"""What the log commits to: the canonical form of a row."""

from datetime import UTC, datetime

import pytest
import rfc8785
from pydantic_core import from_json

from rod_pipeline.ledger.events import Announced, CopyVerified, Entry
from rod_pipeline.ledger.log import LedgerCorrupt
from rod_pipeline.ledger.rows import BEFORE, canonical, corrupt, decoded, leaf_bytes, written
from tests.support import ledger as make

ENTRY = Entry(seq=1, at=datetime(2025, 12, 15, 12, 0, 0, 7, tzinfo=UTC), event=make.announced(delivery_id="0" * 16))


def test_a_leaf_is_the_row_in_canonical_form() -> None:
    row = written(ENTRY)
    parts = {"seq": 1, "at": "2025-12-15T12:00:00.000007Z", "kind": "announced", "body": from_json(row.body)}
    assert leaf_bytes(ENTRY) == leaf_bytes(row) == rfc8785.dumps(parts)


def test_what_is_written_is_read_back() -> None:
    assert decoded(written(ENTRY), BEFORE) == ENTRY


def test_the_leaf_changes_with_every_part_of_the_row() -> None:
    row = written(ENTRY)
    other = [row._replace(seq=2), row._replace(at=row.at.replace("7Z", "8Z")), row._replace(kind="received")]
    leaves = {leaf_bytes(each) for each in (row, *other, row._replace(body=row.body.replace("pleio", "drop")))}
    assert len(leaves) == 5


def test_a_number_that_no_reader_of_json_is_sure_of_is_no_event() -> None:
    """RFC 8785 rests on IEEE 754 doubles: integers are exact up to 2**53 - 1."""
    largest = CopyVerified(copy_id="0" * 16, size=2**53 - 1, sha256=make.DIGEST)
    assert str(2**53 - 1) in canonical(largest)
    too_large = largest.model_copy(update={"size": 2**53})
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical(too_large)


def test_the_order_of_names_and_the_space_between_them_are_not_free() -> None:
    row = written(ENTRY)
    for body in (row.body.replace(":", ": ", 1), row.body.replace("{", '{"v":1,', 1).replace(',"v":1}', "}")):
        assert from_json(body) == from_json(row.body)
        with pytest.raises(LedgerCorrupt):
            decoded(row._replace(body=body), BEFORE)


def test_a_corrupt_ledger_stops_everything_until_a_person_decides() -> None:
    assert corrupt("It is not what it was.").kind == "blocked"
    assert isinstance(ENTRY.event, Announced)


@pytest.mark.parametrize(
    "body",
    [
        f'{{"copy_id":"{"1" * 16}","delivery_id":"{"0" * 16}","kind":"mart_built","mart":"m","rows":3,"v":1}}',
        f'{{"copy_id":"{"1" * 16}","deliveries":["{"0" * 16}"],"generation":"{"2" * 16}",'
        '"kind":"database_built","v":1}',
        f'{{"copy_id":"{"1" * 16}","delivery_id":"{"0" * 16}","file":"diplomas","findings":[],"kind":"checked",'
        '"outcome":"passed","rules":3,"v":1}',
    ],
)
def test_an_event_of_before_a_field_came_reads_as_it_was_written(body: str) -> None:
    """And the field can't be written while it says nothing, or one event would have two forms."""
    kind = from_json(body)["kind"]
    row = written(ENTRY)._replace(kind=kind, body=body)
    assert canonical(decoded(row, BEFORE).event) == body
    for nothing in ('"rows":null', '"totals":[]', '"rows":[]'):
        with pytest.raises(LedgerCorrupt):
            decoded(row._replace(body=body.replace(',"v":1}', f',{nothing},"v":1}}')), BEFORE)
