"""What is written of a mart database: codes that read as text, and nothing that isn't in its tables."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from rod_pipeline.marts import database
from rod_pipeline.marts.coded import create, create_coded, show


def test_codes_are_stored_as_numbers_and_read_as_text() -> None:
    frame = pl.DataFrame(
        {"who": ["s1", "s2", "s3"], "niveau": ["MBO-4", None, "it's"], "nothing": [None] * 3, "n": [1, 2, 3]}
    )
    with duckdb.connect(":memory:") as connection:
        create_coded(connection, "t", frame.cast({"nothing": pl.String}), text=("who",))
        show(connection, "t")
        assert connection.execute("from t where n = 1").fetchall() == [("s1", "MBO-4", None, 1)]
        assert connection.execute("select n from t where niveau = 'a code that is not there'").fetchall() == []
        assert connection.execute("select niveau from t order by niveau").fetchall() == [("MBO-4",), ("it's",), (None,)]
        shown = connection.execute("select column_name, column_type from (describe t)").fetchall()
        assert shown == [("who", "VARCHAR"), ("niveau", "VARCHAR"), ("nothing", "VARCHAR"), ("n", "BIGINT")]
        (kept,) = connection.execute("select typeof(niveau) from opslag.t limit 1").fetchone() or ("",)
        assert kept.startswith("ENUM")


def _masked(beneath: int) -> pl.DataFrame:
    """Counts of which many are null, with ``beneath`` in the memory under them."""
    counts = [5 + (7919 * row) % 395 for row in range(200_000)]
    # A sum with nothing leaves what was added to; what hides a value may leave anything.
    under = pl.Series([beneath if count % 5 == 0 else count for count in counts])
    return pl.DataFrame({"n": under + pl.Series([None if count % 5 == 0 else 0 for count in counts])})


def save(compression: str, beneath: int, file: Path) -> None:
    database._COMPRESSION = compression
    with duckdb.connect(":memory:", config={"threads": 1, "temp_directory": ""}) as connection:
        create(connection, "t", _masked(beneath))
        database._save(connection, file)


@pytest.mark.parametrize(("compression", "same"), [(database._COMPRESSION, True), ("auto", False)])
def test_what_lies_in_memory_under_a_null_is_not_written(tmp_path: Path, compression: str, same: bool) -> None:
    """The control: as DuckDB writes by itself, it is. What memory holds when it is given out is set (by glibc)."""
    for beneath, memory in ((3, "1"), (4_000_000_007, "200")):
        code = f"from pathlib import Path; from {__name__} import save; "
        code += f"save({compression!r}, {beneath}, Path({str(tmp_path / memory)!r}))"
        subprocess.run([sys.executable, "-c", code], env=os.environ | {"MALLOC_PERTURB_": memory}, check=True)
    assert ((tmp_path / "1").read_bytes() == (tmp_path / "200").read_bytes()) is same
