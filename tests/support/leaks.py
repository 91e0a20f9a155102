"""Looking for what may not be there: markers in a delivery, and every file in which they turn up.

``edited`` plants values in a synthetic delivery. ``hits`` looks for them in every file under some folders, byte by byte
and in the forms that software writes text in. As a process of its own (``python -m tests.support.leaks``, an order as
JSON on standard input) it runs deliveries through the real Dagster job as a run worker does, with output captured, and
can break a step by an error that quotes a marker.
"""

import base64
import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import dagster as dg
import polars as pl

from rod_pipeline.definitions import build_defs
from rod_pipeline.orchestration.partitions import DELIVERY
from rod_pipeline.settings import Settings
from tests.support.engines import keep_engines
from tests.support.remembering import remember_always

MARKER = "MERKTEKENx51c0"
CONTROL = "ONTSNAPTx93b7"
Table = list[list[str]]


def edited(content: bytes, edits: Mapping[str, Callable[[Table], None]]) -> bytes:
    """A delivery with the named kinds of file changed: header and rows as lists of texts. The zip has no compression.

    Uncompressed, so that whoever puts the zip somewhere in the clear puts the markers there.
    """
    source, target = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in source.namelist():
            rows = list(csv.reader(io.StringIO(source.read(name).decode("utf-8")), delimiter=";"))
            for kind, edit in edits.items():
                if f"_{kind}_" in name:
                    edit(rows)
            text = io.StringIO()
            csv.writer(text, delimiter=";", lineterminator="\r\n").writerows(rows)
            archive.writestr(name, text.getvalue().encode("utf-8"))
    return target.getvalue()


def with_marked_student(content: bytes) -> bytes:
    """The delivery with the pseudonym of one student replaced by the marker, wherever it stands."""
    found: list[str] = []

    def note(rows: Table) -> None:
        found.append(rows[1][rows[0].index("Sectornummer")])

    edited(content, {"inschrijvingen": note})

    def replace(rows: Table) -> None:
        for row in rows:
            row[:] = [MARKER if value == found[0] else value for value in row]

    return edited(content, dict.fromkeys(("inschrijvingen", "diplomas", "doorstroom", "mbo_hbo"), replace))


def forms(value: str) -> Iterator[bytes]:
    """The bytes that a text may have in a file: plain, in two bytes a letter, in hexadecimal, in base64 wherever."""
    plain = value.encode()
    yield from (plain, value.encode("utf-16-le"), plain.hex().encode(), plain.hex().upper().encode())
    for shift in range(3):
        # The letters that no neighbour has a share in.
        coded = base64.b64encode(b"\0" * shift + plain + b"\0" * 2)
        yield coded[-(-shift * 4 // 3) : (shift + len(plain)) * 4 // 3]


def hits(folders: Iterable[Path], values: Iterable[str], shapes: Iterable[str] = ()) -> list[str]:
    """Which files under the folders hold one of the values in any form, or one of the shapes as it is; by path.

    A file that is named so counts as well.
    """
    needles = {form for value in values for form in forms(value)} | {shape.encode() for shape in shapes}
    found = []
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if not file.is_file() or file.is_symlink():
                continue
            held = str(file).encode() + b"\n" + file.read_bytes()
            if any(needle in held for needle in needles):
                found.append(str(file.relative_to(folder)))
    return found


def deliver() -> dg.JobDefinition:
    """The real job, as a run worker loads it."""
    return build_defs(Settings.load()).resolve_job_def("deliver")


@dg.job(executor_def=dg.in_process_executor)
def careless() -> None:
    """A job that lets a value out everywhere that it can."""

    @dg.op
    def tell(context: dg.OpExecutionContext) -> None:
        print(CONTROL)  # noqa: T201
        print(CONTROL, file=sys.stderr)  # noqa: T201
        context.log.warning("%s", CONTROL)
        raise ValueError(CONTROL)

    tell()


def careless_job() -> dg.JobDefinition:
    return careless


@contextmanager
def sabotage(how: str | None) -> Iterator[None]:
    """Break building the mart by an error that nobody foresaw, and that quotes the marker."""
    if how is None:
        yield
        return

    def broken(*_: object) -> None:
        if how == "panic":
            raise pl.exceptions.PanicException(f"called `unwrap()` on {MARKER}")
        try:
            pl.Series("sectornummer", [MARKER]).cast(pl.Int64)
        except pl.exceptions.PolarsError as error:
            assert MARKER in str(error), "the library itself quotes the value"
            raise ValueError(f"row with {MARKER}") from error

    with mock.patch("assets.marts.build_marts", broken):
        yield


def run_all(environment: Mapping[str, str], runs: list[dict[str, object]]) -> str:
    """Run deliveries (``key``, perhaps ``sabotage``) in a process of its own; returns what it wrote to the terminal."""
    worker = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.support.leaks"],
        input=json.dumps(runs),
        env=dict(environment),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert worker.returncode == 0, worker.stdout[-3000:]
    return worker.stdout


def main() -> None:
    # By its own name, so that Dagster can find the jobs in it.
    from tests.support import leaks

    remember_always()
    keep_engines()
    with dg.DagsterInstance.get() as instance:
        for run in json.load(sys.stdin):
            key = str(run["key"])
            if key == "careless":
                dg.execute_job(dg.reconstructable(leaks.careless_job), instance, raise_on_error=False)
                continue
            instance.add_dynamic_partitions(DELIVERY, [key])
            with leaks.sabotage(run.get("sabotage")):
                job = dg.reconstructable(leaks.deliver)
                dg.execute_job(job, instance, tags={"dagster/partition": key}, raise_on_error=False)


if __name__ == "__main__":
    main()
