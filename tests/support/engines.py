"""What Dagster makes anew for each look at one of its SQLite files is made once in a process.

For each look it makes an engine of SQLAlchemy, which compiles each statement anew; and for each storage it imports all
of its migrations, to see that the newest is in force. Here an engine is kept for each file, and what the migrations are
for each folder of them. Engines have no connections of their own (``NullPool``), so nothing else changes.
"""

from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

_MOST = 16
_kept: dict[str, sa.Engine] = {}
_migrations: dict[str | None, ScriptDirectory] = {}
_read_migrations = ScriptDirectory.from_config


def keep_engines() -> None:
    """Keep them for as long as this process lives."""
    for module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        module.create_engine = _engine  # type: ignore[attr-defined]
    ScriptDirectory.from_config = staticmethod(_migrations_of)  # type: ignore[method-assign, assignment]


def _engine(url: str, **how: Any) -> sa.Engine:
    asked = repr((url, sorted(how.items(), key=lambda one: one[0])))
    engine = _kept.get(asked)
    if engine is None:
        while len(_kept) >= _MOST:
            _kept.pop(next(iter(_kept)), None)
        engine = _kept[asked] = sa.create_engine(url, **how)
    return engine


def _migrations_of(config: Config) -> ScriptDirectory:
    folder = config.get_main_option("script_location")
    if folder not in _migrations:
        _migrations[folder] = _read_migrations(config)
    return _migrations[folder]
