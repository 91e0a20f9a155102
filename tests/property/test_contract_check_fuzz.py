"""Whatever a received file holds: the check tells what differs, without a value, and the draft is a contract."""

import io
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.check import accepted, differences
from rod_pipeline.contracts.draft import draft
from rod_pipeline.contracts.model import Contract
from rod_pipeline.contracts.observe import Observation, observe
from rod_pipeline.decree import load_decree
from rod_pipeline.errors import RodError
from tests.support.reader import column, contract, read, write_csv
from tests.support.soak import examples

_BOOK = ContractBook.load()
_DECREE = load_decree()
_BY = contract(
    column("aa", "Eerste kolom", pattern="^[0-9]+$", nullable=False),
    column("bb", "Datum inschrijving", type="date"),
    column("cc", "Indicatie techniek", type="boolean"),
    column("dd", "Cijfer", type="decimal", minimum=1, maximum=10),
    column("ee", "Geslacht", values="geslacht"),
)
_HEADERS = [one.header for one in _BY.columns]
_ROWS = [[f"{i}7777{i}", f"0{i}-02-2024", "JN"[i % 2], f"{i},5", "MVO"[i % 3]] for i in range(1, 9)]
_FILES = tuple(
    write_csv(_ROWS, _BY.with_dialect(**dialect).dialect, _HEADERS if dialect.get("header", True) else None)
    for dialect in (
        {},
        {"separator": "|", "encoding": "cp1252", "control_record": "SLR"},
        {"separator": ",", "bom": True, "header_prefix": "#"},
        {"header": False, "separator": "\t", "newline": "\n"},
    )
)


def _observed(data: bytes) -> Observation | None:
    try:
        return observe(lambda: io.BytesIO(data), _BY, _BOOK)
    except RodError:
        return None


@examples(80, soak=5000)
@given(
    st.sampled_from(_FILES),
    st.lists(
        st.tuples(
            st.integers(0, 400),
            st.sampled_from(
                [b'"', b";", b"\n", b"\r", b"\0", b"\xff", b"", b"x", b'""', b"|", b"#", b"SLR", b"\xc3\xa9"]
            ),
        ),
        max_size=4,
    ),
    st.integers(0, 400),
)
def test_a_damaged_file_is_told_about_without_a_value(data: bytes, changes: list[tuple[int, bytes]], cut: int) -> None:
    for position, change in changes:
        at = position % len(data)
        data = data[:at] + change + data[at + 1 :]
    data = data[: len(data) - (cut % len(data) if cut > 300 else 0)]
    seen = _observed(data)
    if seen is None:
        return
    text = "\n".join((*differences(seen), *accepted(seen), draft(seen, _DECREE)))
    assert "7777" not in text
    drafted = tomllib.loads(draft(seen, _DECREE))
    # What the contract doesn't declare has no ground, and is no contract before a person gave it one.
    kept = [one for one in drafted["column"] if one.get("rubriek") != ""] if "column" in drafted else []
    if kept:
        key = [name for name in drafted["key"] if name in {one["name"] for one in kept}]
        contract = Contract.model_validate(drafted | {"column": kept, "key": key, "breakdowns": {}})
        assert {one.name for one in contract.columns} <= {one.name for one in _BY.columns}


@examples(15, soak=400)
@given(st.sampled_from(_FILES))
def test_by_its_draft_the_reader_takes_a_whole_file(data: bytes) -> None:
    seen = _observed(data)
    assert seen is not None
    drafted = Contract.model_validate(tomllib.loads(draft(seen, _DECREE)))
    frame, _ = read(data, drafted)
    assert frame.drop("_row").rows() == [tuple(row) for row in _ROWS]


def test_a_random_file_is_told_about() -> None:
    for data in (b"\n", b"\r\n\r\n", b" ", b";", b'"', b"#", b"\xff", b"SLR;1", b"a", b"\0", b";;;;\n", b'"a\n"b"'):
        _observed(data)
