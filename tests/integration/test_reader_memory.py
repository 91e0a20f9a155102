"""A file of any length is read in the same memory."""

import subprocess
import sys
from pathlib import Path

_READ = """
import io, sys
from rod_pipeline.intake.reader import read_table
from tests.support.memory import peak_mib
from tests.support.reader import contract

class Endless(io.RawIOBase):
    def __init__(self, blocks):
        block = b"".join(b"%d;waarde %d;x\\r\\n" % (i, i % 97) for i in range(40_000))
        self._left = [b"Aa;Bb;Cc\\r\\n"] + [block] * blocks
    def readable(self):
        return True
    def read(self, count=-1):
        if not self._left:
            return b""
        block = self._left[0]
        self._left[0] = block[count:]
        if not self._left[0]:
            self._left.pop(0)
        return block[:count]

class Nowhere:
    def write(self, data):
        return len(data)

table = read_table(Endless(int(sys.argv[1])), contract("aa", "bb", "cc"), chunk_bytes=2**20)
table.frame.sink_parquet(Nowhere())
print(table.finish().rows, peak_mib())
"""


def _read(blocks: int) -> tuple[int, int]:
    """Rows read and peak memory in MiB."""
    command, root = [sys.executable, "-c", _READ, str(blocks)], Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    rows, peak = done.stdout.split()
    return int(rows), int(peak)


def test_eight_times_the_rows_take_the_same_memory() -> None:
    few, least = _read(20)
    many, most = _read(160)
    assert (few, many) == (800_000, 6_400_000)
    assert most < least + 150
