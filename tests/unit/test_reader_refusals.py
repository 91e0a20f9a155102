"""Each way in which a file can differ from its contract has an error of its own, with the record and no value."""

import io
from typing import Any

import pytest

from rod_pipeline.errors import RefusedData, RodError
from rod_pipeline.intake import refusals
from rod_pipeline.intake.reader import read_table
from rod_pipeline.intake.refusals import shown_headers, shown_name
from tests.support.reader import contract, read, write_csv

ROWS = [["geheim1", "b", None], ["geheim2", "", "c"]]


def refused(data: bytes, error: type[RodError], *columns: str, **dialect: Any) -> str:
    by = contract(*(columns or ("aa", "bb", "cc")), dialect=dialect)
    for chunk in (1, 7, 2**20) if len(data) < 1000 else (2**16, 2**20):
        with pytest.raises(error) as caught:
            read(data, by, chunk_bytes=chunk)
    text = str(caught.value)
    assert "geheim" not in text
    assert type(caught.value) is error
    return text


def test_an_empty_file_is_told_from_a_file_without_rows() -> None:
    assert "0 bytes" in refused(b"", refusals.FileIsEmpty)
    refused(b"\xef\xbb\xbf", refusals.FileIsEmpty, bom=True)
    refused(b"Aa;Bb;Cc\r\n", refusals.NoRows)
    refused(b"Aa;Bb;Cc", refusals.NoRows)
    refused(b"Aa;Bb;Cc\r\nSLR;0\r\n", refusals.NoRows, control_record="SLR")


def test_bytes_that_the_encoding_does_not_have_are_refused_with_their_record() -> None:
    assert "record 2" in refused(b"Aa;Bb;Cc\n1;2;3\n1;\xe9;geheim\n", refusals.WrongEncoding)
    assert "header" in refused(b"Aa;B\xe9;Cc\n1;2;3\n", refusals.WrongEncoding)
    assert "record 1" in refused(b"Aa;Bb;Cc\n1;\x81;3\n", refusals.WrongEncoding, encoding="cp1252")


def test_utf8_under_a_contract_of_cp1252_is_not_read_as_gibberish() -> None:
    data = "Aa;Bb;Cc\n1;2;3\n4;geheimé;6\n".encode()
    assert "record 2" in refused(data, refusals.WrongEncoding, encoding="cp1252")
    refused(b"\xef\xbb\xbfAa;Bb;Cc\n1;2;3\n", refusals.WrongEncoding, encoding="cp1252")


def test_odd_letters_that_happen_to_be_utf8_are_read_once_the_file_is_known_to_be_cp1252() -> None:
    data = "Aa;Bb\n1;é\n2;Ã©\n".encode("cp1252")
    frame, _ = read(data, contract("aa", "bb", dialect={"encoding": "cp1252"}), chunk_bytes=11)
    assert frame.rows() == [(1, "1", "é"), (2, "2", "Ã©")]


def test_utf16_is_named() -> None:
    assert "UTF-16" in refused("Aa;Bb;Cc\n1;2;3\n".encode("utf-16"), refusals.WrongEncoding)


def test_a_byte_order_mark_must_be_there_when_declared_and_only_then() -> None:
    refused(b"\xef\xbb\xbfAa;Bb;Cc\n1;2;3\n", refusals.WrongByteOrderMark)
    refused(b"Aa;Bb;Cc\n1;2;3\n", refusals.WrongByteOrderMark, bom=True)


def test_nul_bytes_are_refused() -> None:
    assert "record 1" in refused(b"Aa;Bb;Cc\n1;geheim\0;3\n", refusals.HasNulBytes)


@pytest.mark.parametrize("row", [b"1;2", b"1;2;3;4", b"1;2;3;", b"1", b'1;"2;2";3;4'])
@pytest.mark.parametrize("end", [b"\n", b"", b"\r\n"])
def test_a_record_of_the_wrong_width_is_refused(row: bytes, end: bytes) -> None:
    text = refused(b"Aa;Bb;Cc\n1;2;3\n" + row + end, refusals.WrongColumnCount)
    assert "Record 2" in text
    assert "3 columns" in text
    assert ("truncated" in text) == (end == b"")


def test_a_byte_order_mark_within_the_file_belongs_to_a_value() -> None:
    frame, _ = read("Aa;Bb\n\ufeffx;\ufeff\n".encode(), contract("aa", "bb"))
    assert frame.rows() == [(1, "\ufeffx", "\ufeff")]


def test_a_long_record_does_not_make_up_for_a_short_one() -> None:
    assert "Record 1 has 2 values" in refused(b"Aa;Bb;Cc\n1;2\n1;2;3;4\n", refusals.WrongColumnCount)
    assert "Record 1 has 4 values" in refused(b"Aa;Bb;Cc\n1;2;3;4\n1;2\n", refusals.WrongColumnCount)


@pytest.mark.parametrize(
    "row", [b'1;"geheim;3', b'1;ge"heim;3', b'1;"ge"heim;3', b'1;"geheim" ;3', b'1; "geheim";3', b'"1;2;3\n4;5;6']
)
def test_quotes_that_do_not_enclose_a_value_are_refused(row: bytes) -> None:
    assert "record 1" in refused(b"Aa;Bb;Cc\n" + row + b"\n7;8;9\n", refusals.BadQuoting)


def test_without_quoting_a_quote_is_a_character() -> None:
    frame, _ = read(b'Aa;Bb\n"1;2"\n', contract("aa", "bb", dialect={"quote": ""}))
    assert frame.rows() == [(1, '"1', '2"')]


def test_values_and_records_have_a_limit() -> None:
    refused(b"Aa;Bb;Cc\n1;" + b"x" * 70_000 + b";3\n", refusals.TooLong)
    refused(b"Aa;Bb;Cc\n1;" + b"x" * 2_000_000 + b";3\n", refusals.TooLong)


def test_blank_lines_are_refused_wherever_they_stand() -> None:
    assert "Record 2" in refused(b"Aa;Bb;Cc\n1;2;3\n\n4;5;6\n", refusals.BlankRecord)
    assert "Record 2" in refused(b"Aa;Bb;Cc\r\n1;2;3\r\n\r\n", refusals.BlankRecord)
    assert "Record 2" in refused(b"Aa\n1\n\n2\n", refusals.BlankRecord, "aa")


def test_a_lone_carriage_return_is_no_line_end() -> None:
    assert "record 2" in refused(b"Aa;Bb;Cc\n1;2;3\n4;5;6\r7;8;9\n", refusals.LoneCarriageReturn)


def test_both_line_ends_are_accepted_and_counted() -> None:
    _, report = read(b"Aa;Bb\r\n1;2\n3;4\r\n", contract("aa", "bb"))
    assert (report.crlf_ends, report.lf_ends, report.final_newline) == (2, 1, True)


def test_a_missing_header_is_not_quoted() -> None:
    assert "0 of the 3" in refused(b"geheim;Jansen;Utrecht\n1;2;3\n", refusals.MissingHeader)


def test_missing_columns_are_all_named() -> None:
    text = refused(b"Aa;Cc\n1;2\n", refusals.WrongColumns, "aa", "bb", "cc", "dd")
    assert "missing: 'Bb', 'Dd'" in text


def test_undeclared_columns_are_all_named_and_the_data_is_not_kept() -> None:
    text = refused(b"Aa;Bb;Cc;Schoenmaat;Kleur haar\n1;2;3;4;5\n", refusals.UndeclaredColumns)
    assert "not declared: 'Schoenmaat', 'Kleur haar'" in text
    assert issubclass(refusals.UndeclaredColumns, RefusedData)


def test_an_undeclared_column_beside_a_missing_one_may_be_a_rename_and_waits() -> None:
    text = refused(b"Aa;Bb;Kleur haar\n1;2;3\n", refusals.WrongColumns)
    assert "not declared: 'Kleur haar'; missing: 'Cc'" in text
    assert not issubclass(refusals.WrongColumns, RefusedData)


def test_an_undeclared_header_that_may_be_a_value_is_not_shown() -> None:
    """The line end after the header is lost, so the first record is part of it."""
    assert "#4 (not shown), #5 (not shown)" in refused(
        b"Aa;Bb;Cc;geheim;123456782\n1;2;3;4;5\n", refusals.UndeclaredColumns
    )


def test_a_double_column_is_named() -> None:
    assert "double: 'Aa'" in refused(b"Aa;Bb;Cc;Aa\n1;2;3;4\n", refusals.WrongColumns)


def test_the_prefix_of_the_header_is_taken_off_and_required() -> None:
    frame, _ = read(b"#Aa;Bb\n1;2\n", contract("aa", "bb", dialect={"header_prefix": "#"}))
    assert frame.columns == ["_row", "aa", "bb"]
    refused(b"Aa;Bb\n1;2\n", refusals.MissingHeader, "aa", "bb", header_prefix="#")


def test_with_a_header_the_order_of_columns_is_free() -> None:
    frame, report = read(b"Bb;Aa\n1;2\n", contract("aa", "bb"))
    assert frame.rows() == [(1, "2", "1")]
    assert report.reordered


def test_without_a_header_columns_go_by_position_and_their_number_is_checked() -> None:
    frame, _ = read(b"1;2\n", contract("aa", "bb", dialect={"header": False}))
    assert frame.rows() == [(1, "1", "2")]
    assert "Record 1" in refused(b"1;2;3\n", refusals.WrongColumnCount, "aa", "bb", header=False)


def test_the_closing_control_record_is_counted_and_is_no_row() -> None:
    frame, report = read(b"Aa;Bb\n1;2\n3;4\nSLR;2\n", contract("aa", "bb", dialect={"control_record": "SLR"}))
    assert frame.height == report.rows == report.control_count == 2
    text = refused(b"Aa;Bb\n1;2\nSLR;2\n", refusals.ControlRecordWrong, "aa", "bb", control_record="SLR")
    assert "counts 2" in text
    assert "holds 1" in text


@pytest.mark.parametrize(
    "last", [b"", b"3;4", b"SLR;x", b"SLR", b"SLR;2;2", b"XXX;2", b"SLR;-2", b"SLR;2\r5;6\n", b"SLR;2\r\r\n"]
)
def test_a_file_without_its_control_record_is_truncated(last: bytes) -> None:
    text = refused(b"Aa;Bb\n1;2\n3;4\n" + last, refusals.ControlRecordWrong, "aa", "bb", control_record="SLR")
    assert "truncated" in text


def test_values_are_kept_as_they_came() -> None:
    rows = [["0012", " x ", '"'], ["\t", "a\nb", "é"]]
    by = contract("aa", "bb", "cc")
    frame, _ = read(write_csv(rows, by.dialect, ["Aa", "Bb", "Cc"]), by)
    assert frame.drop("_row").rows() == [tuple(row) for row in rows]


def test_empty_and_quoted_empty_are_both_null() -> None:
    frame, _ = read(b'Aa;Bb\n"";\n', contract("aa", "bb"))
    assert frame.rows() == [(1, None, None)]


def test_a_frame_is_read_once_and_finished_only_at_its_end() -> None:
    table = read_table(io.BytesIO(b"Aa\n1\n2\n"), contract("aa"))
    with pytest.raises(refusals.RowsLost):
        table.finish()
    assert table.frame.collect().height == 2
    assert table.finish().rows == 2
    with pytest.raises(refusals.ReadTwice):
        table.frame.collect()


@pytest.mark.parametrize("last", [b"4;5\n", b"4;\xff;6\n", b"\n"])
def test_a_refusal_half_way_holds_on_to_nothing_of_the_file(last: bytes) -> None:
    table = read_table(
        io.BytesIO(b"Aa;Bb;Cc\n" + b"1;geheim;3\n" * 50 + last), contract("aa", "bb", "cc"), chunk_bytes=60
    )
    with pytest.raises(RodError) as caught:
        table.frame.collect(engine="streaming")
    assert caught.value.__context__ is None
    trace = caught.value.__traceback__
    while trace is not None:
        if "rod_pipeline" in trace.tb_frame.f_code.co_filename:
            assert "geheim" not in repr([*trace.tb_frame.f_locals.values(), vars(table), vars(table._records)])
        trace = trace.tb_next


def test_projection_filter_and_limit_reach_the_reader() -> None:
    data = b"Aa;Bb\n" + b"".join(b"%d;x\n" % i for i in range(100))
    by = contract("aa", "bb")
    stream = io.BytesIO(data)
    table = read_table(stream, by, chunk_bytes=50)
    assert table.frame.select("_row", "aa").head(3).collect().rows() == [(1, "0"), (2, "1"), (3, "2")]
    assert stream.tell() < len(data)
    table = read_table(io.BytesIO(data), by, chunk_bytes=50)
    assert table.frame.filter(aa="57").select("_row").collect().rows() == [(58,)]
    assert table.finish().rows == 100
    table = read_table(io.BytesIO(data), by, row_numbers=False)
    assert table.frame.collect().columns == ["aa", "bb"]


def test_names_from_outside_are_escaped_and_shortened() -> None:
    assert shown_name("a\n\x1b[31m.csv") == r"'a\n\x1b[31m.csv'"
    assert len(shown_name("x" * 500)) < 70
    assert shown_headers(["Oké naam (x)", "12"], [1]) == ["'Oké naam (x)'"]
    assert shown_headers(["x" * 90], [1]) == ["#1 (not shown)"]
