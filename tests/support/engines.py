"""Dagster makes an engine of SQLAlchemy for each look at one of its SQLite files, which compiles each statement anew.

Here an engine is kept for each file, which is a fifth of what a run of a small delivery costs. It has no connections of
its own (``NullPool``), so nothing else changes.
"""

from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

_MOST = 16
_kept: dict[str, sa.Engine] = {}


def keep_engines() -> None:
    """Keep them for as long as this process lives."""
    for module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        module.create_engine = _engine  # type: ignore[attr-defined]


def _engine(url: str, **how: Any) -> sa.Engine:
    asked = repr((url, sorted(how.items(), key=lambda one: one[0])))
    engine = _kept.get(asked)
    if engine is None:
        while len(_kept) >= _MOST:
            _kept.pop(next(iter(_kept)), None)
        engine = _kept[asked] = sa.create_engine(url, **how)
    return engine
