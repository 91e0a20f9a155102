"""A ledger lives longer than any version of this software: what was ever written stays readable, byte for byte.

``vectors/ledger/events.jsonl`` holds the body of an event a line, each kind and version in each shape that it was
written in. Lines are only ever added. Who changes what an existing kind holds finds here that it needs a new ``v``.
"""

from itertools import groupby
from pathlib import Path

import pytest
from pydantic_core import from_json

from rod_pipeline.ledger.rows import BEFORE, KNOWN, Row, canonical, decoded

BODIES = (Path(__file__).parent / "vectors/ledger/events.jsonl").read_text("ascii").splitlines()


def kind_of(body: str) -> str:
    return str(from_json(body)["kind"])


@pytest.mark.parametrize("kind", [kind for kind, _ in groupby(BODIES, kind_of)])
def test_what_was_ever_written_reads_as_it_was_written(kind: str) -> None:
    for body in (each for each in BODIES if kind_of(each) == kind):
        entry = decoded(Row(1, "2025-12-15T12:00:00.000000Z", kind, body), BEFORE)
        assert canonical(entry.event) == body


def test_each_kind_and_version_has_been_kept() -> None:
    """A new one adds its line here; one that is here is never forgotten by the software."""
    assert {(kind_of(body), from_json(body)["v"]) for body in BODIES} == KNOWN
