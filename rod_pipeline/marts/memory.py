"""Where a DuckDB file stands open for reading: in anonymous memory only.

Belongs here: read-only opening of a file that never touches a disk. Does not belong here: what the file holds, where it
is built (``store.scratch``). The rule is DESIGN 14.1; an encrypted volume that has been proved to be one would do as
well, and comes when somebody needs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@contextmanager
def open_in_memory(stream: BinaryIO) -> Iterator[DuckDBPyConnection]:
    """Open the DuckDB file that ``stream`` gives, read-only, from anonymous memory."""
    import duckdb

    handle = os.memfd_create("rod-database", os.MFD_CLOEXEC)
    try:
        while block := stream.read(1 << 20):
            os.write(handle, block)
        with duckdb.connect(f"/proc/self/fd/{handle}", read_only=True) as connection:
            # Nothing is to be spilled to disk, and no query may write a file or reach the network.
            connection.execute("set temp_directory = ''")
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
            yield connection
    finally:
        os.close(handle)
