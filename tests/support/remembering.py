"""Equal deliveries are made once, and equal tables judged by equal rules once, in a whole run of the tests.

Both are functions of what goes in, and by far the slowest steps of a small delivery: a test about something else learns
nothing from doing them anew. Nor from the four hundred descriptions in each mart database, which a remembering process
leaves out. What was made or judged lies in a folder that conftest.py makes for the run and names in
the environment (``FOLDER``), so that its workers and the processes that tests start share it. Without that folder
nothing is remembered.

``remember`` is for tests, ``remember_always`` for a process of its own. Tests of rules and of what a judgement says
use ``remember_rows`` at most. Imports no more than it needs: commands that a page shows start with it.
"""

import hashlib
import io
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    import pytest

FOLDER = "TESTS_REMEMBER_IN"
_Patch = Callable[[object, str, object], None]
_rows: dict[tuple[object, ...], "list[pl.DataFrame]"] = {}


def known(kind: str, asked: bytes, make: Callable[[], Any]) -> Any:
    """What ``make`` gave when first asked this in the run of the tests; makes it when it wasn't.

    ``asked``: everything that the answer depends on. The answer is pickled.
    """
    folder = os.environ.get(FOLDER)
    if folder is None:
        return make()
    kept = Path(folder) / f"{kind}-{hashlib.sha256(asked).hexdigest()}"
    try:
        return pickle.loads(kept.read_bytes())
    except FileNotFoundError:
        pass
    answer = make()
    draft = kept.with_suffix(f".{os.getpid()}")
    draft.write_bytes(pickle.dumps(answer))
    # Two that made it at once made the same.
    draft.replace(kept)
    return answer


def remember(monkeypatch: "pytest.MonkeyPatch") -> None:
    """Remember for as long as ``monkeypatch`` lasts."""
    _remember(monkeypatch.setattr)


def remember_rows(monkeypatch: "pytest.MonkeyPatch") -> None:
    """Remember the rows of deliveries alone, in this process, for as long as ``monkeypatch`` lasts."""
    _remember_rows(monkeypatch.setattr)


def remember_always() -> None:
    """Remember for as long as this process lasts."""
    _remember(setattr)


def _remember(patch: _Patch) -> None:
    from rod_pipeline.marts import contents

    _remember_rows(patch)
    _remember_reports(patch)
    patch(contents, "_comments", lambda: iter(()))


def _remember_rows(patch: _Patch) -> None:
    from rod_pipeline.synthetic import delivery as synthetic

    make = synthetic.iter_file

    def rows(kind: Any, key: Any, population: Any, book: Any, totals: Any) -> "Iterator[pl.DataFrame]":
        if totals is not None:
            return make(kind, key, population, book, totals)
        if (kind, key, population) not in _rows:
            _rows[kind, key, population] = list(make(kind, key, population, book, None))
        return iter(_rows[kind, key, population])

    patch(synthetic, "iter_file", rows)


def _remember_reports(patch: _Patch) -> None:
    from rod_pipeline.quality import verdict

    real, all_real = verdict.validate_file, verdict.validate_delivery

    def validate(frame: "pl.LazyFrame", contract: Any, suite: Any) -> Any:
        return known("report", _told(frame, contract, suite), lambda: real(frame, contract, suite))

    def validate_all(
        frames: Any, contracts: Any, key: Any, decree: Any, clock: Any, earlier: Any = (), book: Any = None
    ) -> Any:
        def judged() -> Any:
            return all_real(frames, contracts, key, decree, clock, earlier, book)

        if earlier or book is None:
            return judged()
        tables = b"".join(kind.encode() + _told(frames[kind], contracts[kind]) for kind in frames)
        lists = "".join(book.lists_digest(contract) for contract in contracts.values())
        about = f"{key} {clock.now():%Y-%m-%d} {sorted(contracts)} {decree.model_dump_json()} {lists}"
        return known("verdict", tables + about.encode(), judged)

    patch(verdict, "validate_file", validate)
    patch(verdict, "validate_delivery", validate_all)


def _told(frame: "pl.LazyFrame", *models: Any) -> bytes:
    table = io.BytesIO()
    frame.collect().write_ipc(table)
    return table.getvalue() + b"".join(model.model_dump_json().encode() for model in models)
