"""Any table in any dialect, cut into chunks anywhere, comes back as it was written."""

import random

from hypothesis import assume, given
from hypothesis import strategies as st

from rod_pipeline.contracts.model import Dialect
from rod_pipeline.errors import RodError
from tests.support.mutating import naive
from tests.support.reader import contract, read, write_csv
from tests.support.soak import examples

_CP1252 = bytes(byte for byte in range(32, 256) if byte not in (0x7F, 0x81, 0x8D, 0x8F, 0x90, 0x9D)).decode("cp1252")

dialects = st.builds(
    Dialect,
    separator=st.sampled_from([";", "|", ",", "\t"]),
    quote=st.sampled_from(['"', ""]),
    encoding=st.sampled_from(["utf-8", "cp1252"]),
    newline=st.sampled_from(["\r\n", "\n"]),
    header=st.booleans(),
    header_prefix=st.sampled_from(["", "#"]),
    control_record=st.sampled_from(["", "SLR"]),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Dialect, list[str], list[list[str | None]]]:
    dialect = draw(dialects)
    if dialect.encoding == "utf-8" and draw(st.booleans()):
        dialect = dialect.model_copy(update={"bom": True})
    if not dialect.quote:
        alphabet = st.sampled_from("aé0 '\".-x" if dialect.separator != "." else "a")
    elif dialect.encoding == "cp1252":
        alphabet = st.sampled_from(_CP1252 + "\n\r\t")
    else:
        alphabet = st.one_of(
            st.characters(exclude_categories=("Cs",), exclude_characters="\0"), st.sampled_from(';|,\t"\n\r é\ufeff')
        )
    values = st.one_of(st.none(), st.text(alphabet, min_size=1, max_size=8))
    width = draw(st.integers(1, 5))
    names = [f"kolom_{chr(97 + i)}" for i in range(width)]
    rows = draw(st.lists(st.lists(values, min_size=width, max_size=width), min_size=1, max_size=12))
    return dialect, names, rows


def _looks_like_utf8(data: bytes) -> bool:
    try:
        return not data.isascii() and data.decode("utf-8") is not None
    except UnicodeDecodeError:
        return False


@examples(80, soak=4000)
@given(tables(), st.integers(1, 64), st.booleans(), st.booleans(), st.randoms(use_true_random=False))
def test_any_table_comes_back(
    table: tuple[Dialect, list[str], list[list[str | None]]],
    chunk: int,
    final_newline: bool,
    quote_all: bool,
    shuffled: random.Random,
) -> None:
    dialect, names, rows = table
    by = contract(*names).with_dialect(**dialect.model_dump())
    order = list(names)
    if dialect.header:
        shuffled.shuffle(order)
    # A single empty value without quotes is a blank line, which is refused elsewhere.
    assume(len(names) > 1 or bool(dialect.quote) or all(row[0] for row in rows))
    written = [[row[names.index(name)] for name in order] for row in rows]
    headers = [name.capitalize() for name in order] if dialect.header else None
    # Python's writer leaves a carriage return unquoted, which is refused elsewhere.
    quote_all = quote_all or any("\r" in value for row in rows for value in row if value)
    data = write_csv(written, dialect, headers, final_newline=final_newline, quote_all=quote_all)
    # cp1252 whose every odd byte happens to be UTF-8 is taken for UTF-8, on purpose.
    assume(
        dialect.encoding == "utf-8"
        or not any(_looks_like_utf8(value.encode("cp1252")) for r in rows for value in r if value)
    )
    assume(not (dialect.encoding == "cp1252" and _looks_like_utf8(data)))
    frame, report = read(data, by, chunk_bytes=chunk)
    assert frame.columns == ["_row", *names]
    assert frame.get_column("_row").to_list() == list(range(1, len(rows) + 1))
    assert frame.select(names).rows() == [tuple(row) for row in rows]
    assert report.rows == len(rows)
    assert report.size == len(data)
    assert report.final_newline == final_newline
    assert report.control_count == (len(rows) if dialect.control_record else None)


@examples(80, soak=3000)
@given(
    dialects,
    st.lists(
        st.tuples(
            st.integers(0, 200),
            st.sampled_from([b'"', b";", b"|", b",", b"\t", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"", b"x", b'""']),
        ),
        max_size=3,
    ),
    st.integers(1, 80),
    st.integers(0, 200),
)
def test_a_damaged_file_is_refused_or_read_whole(
    dialect: Dialect, changes: list[tuple[int, bytes]], chunk: int, cut: int
) -> None:
    """Whatever happens to the bytes: an error of ours, or every record that Python's csv module finds; none is lost."""
    by = contract("aa", "bb", "cc").with_dialect(**dialect.model_dump())
    rows = [[f"é{i}", None, f"x;|,{i}\n" if dialect.quote and i % 3 else "y"] for i in range(8)]
    data = write_csv(rows, dialect, ["Aa", "Bb", "Cc"] if dialect.header else None)
    for position, change in changes:
        at = position % len(data)
        data = data[:at] + change + data[at + 1 :]
    data = data[: len(data) - (cut % len(data) if cut > 150 else 0)]
    try:
        frame, report = read(data, by, chunk_bytes=chunk)
    except RodError as error:
        assert "é" not in str(error)
        return
    records = naive(data, by)
    assert frame.height == report.rows == len(records)
    assert frame.get_column("_row").to_list() == list(range(1, len(records) + 1))
    assert frame.drop("_row").rows() == records


@examples(20, soak=600)
@given(tables(), st.integers(1, 64), st.integers(1, 64))
def test_the_cut_of_the_chunks_changes_nothing(
    table: tuple[Dialect, list[str], list[list[str | None]]], one: int, other: int
) -> None:
    dialect, names, rows = table
    assume(len(names) > 1 or bool(dialect.quote) or all(row[0] for row in rows))
    by = contract(*names).with_dialect(**dialect.model_dump())
    data = write_csv(rows, dialect, [name.capitalize() for name in names] if dialect.header else None)
    assert _outcome(data, by, one) == _outcome(data, by, other)


def _outcome(data: bytes, by: object, chunk: int) -> object:
    try:
        frame, report = read(data, by, chunk_bytes=chunk)  # type: ignore[arg-type]
    except RodError as error:
        return error.code
    return frame.rows(), report
