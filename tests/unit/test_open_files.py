"""Tables as CSV: what Dutch readers and their spreadsheets make of it."""

from datetime import date

import polars as pl

from rod_pipeline.publishing.files import as_csv
from rod_pipeline.publishing.zipping import zipped


def test_a_csv_reads_in_a_dutch_spreadsheet() -> None:
    frame = pl.DataFrame(
        {"code": ["a", None], "deel": [1.5, None], "waar": [True, None], "op": [date(2026, 1, 2), None]}
    )
    assert as_csv(frame) == b"code;deel;waar;op\r\na;1,5;J;2026-01-02\r\n;;;\r\n"


def test_a_hidden_count_is_one_sign() -> None:
    frame = pl.DataFrame({"aantal": [7, None], "percentage": [12.5, None], "afgeschermd": [False, True]})
    assert as_csv(frame) == b"aantal;percentage;afgeschermd\r\n7;12,5;N\r\nx;x;J\r\n"


def test_no_text_becomes_a_formula() -> None:
    frame = pl.DataFrame({"code": ["=1+1", "@sum", "+1", "-1", "25LH", "a=b"], "n": [-1, 2, 3, 4, 5, 6]})
    lines = as_csv(frame).decode().splitlines()[1:]
    assert lines == ["'=1+1;-1", "'@sum;2", "'+1;3", "'-1;4", "25LH;5", "a=b;6"]


def test_the_same_content_is_the_same_zip() -> None:
    assert zipped([("a.txt", b"1"), ("b.txt", b"2")]) == zipped([("a.txt", b"1"), ("b.txt", b"2")])
