"""For analysts: restricted marts and person-level tables in a notebook, on the record and for a while.

Belongs here: two context managers for interactive use. Does not belong here: the one way in itself, which is
``marts.database`` and ``store.vault``; published tables, which anybody opens with DuckDB (``rod published get``).

What is opened may be traceable to persons. Each opening is an event in the ledger, with its purpose (voorschrift 3a);
what it is of is held, so that a purge waits for the block to end; after a tombstone nothing opens (DESIGN 14.17).
Don't keep what you read: a copy of it is under the same conditions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

import polars as pl

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.ledger.events import Accessed
from rod_pipeline.settings import Settings
from rod_pipeline.system import System

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Purpose = Literal["onderzoek", "verantwoording", "beheer"]


@contextmanager
def open_marts(purpose: Purpose, system: System | None = None) -> Iterator[DuckDBPyConnection]:
    """The restricted mart database, read-only and in memory, for as long as the block lasts.

    ``with rod_pipeline.open_marts(purpose="onderzoek") as marts: marts.sql("…")``. ``system``: another installation
    than the one of ``ROD_HOME``. Raises ``NoDatabaseYet``, ``Busy``, and what the vault raises.
    """
    from rod_pipeline.marts.database import open_database

    with ExitStack() as stack:
        opened = system or stack.enter_context(System.open(Settings.load()))
        yield stack.enter_context(open_database(opened, opened.actor(), purpose))


@contextmanager
def open_tables(key: str, purpose: Purpose, system: System | None = None) -> Iterator[Mapping[str, pl.LazyFrame]]:
    """The validated person-level tables of a living delivery by kind of file, for as long as the block lasts.

    Decrypted as they are read, in memory. Raises ``NothingLiving``, ``Busy``, ``DeliveryPurged`` and what the vault
    raises.
    """
    from rod_pipeline.packages.rows import living

    with ExitStack() as stack:
        opened = system or stack.enter_context(System.open(Settings.load()))
        (intake,) = stack.enter_context(living(opened, [DeliveryKey.parse(key)]))
        tables = {}
        for file, copy_id in intake.tables.items():
            opened.ledger.append(Accessed(actor=opened.actor(), purpose=purpose, copy_id=copy_id))
            tables[file] = stack.enter_context(opened.vault.scan_table(copy_id))
        yield tables
