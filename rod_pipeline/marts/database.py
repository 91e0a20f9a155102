"""The mart database: one DuckDB file over all living deliveries, built anew, never edited.

Belongs here: building a generation and opening one. Does not belong here: what stands in it (``contents``).

DuckDB leaves deleted bytes in its file whatever is asked of it, so a generation is immutable: it is built in memory,
sealed under a key of its own, and takes over by one event in the ledger; the generation before it is erased, key first.
Between building and sealing the file stands in a folder in memory (tmpfs) that belongs to this process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rod_pipeline.deliveries import new_id
from rod_pipeline.errors import PermanentError, RodError, TransientError
from rod_pipeline.ledger.events import Accessed, DatabaseBuilt
from rod_pipeline.marts import contents, loopbanen, waived
from rod_pipeline.marts.memory import open_in_memory
from rod_pipeline.store.scratch import memory_folder

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from rod_pipeline.ledger.state import IntakeState, LedgerState
    from rod_pipeline.system import System


class NoDatabaseYet(PermanentError):
    """Nobody has built a mart database so far."""

    code = "ROD-MART-01"


def _none(system: System) -> NoDatabaseYet:
    state = system.ledger.state()
    if state.tombstones and state.generations:
        stone = max(state.tombstones.values(), key=lambda stone: stone.at)
        return NoDatabaseYet(
            f"The mart database went with {stone.key}, which is erased (tombstone {stone.purge_id}).",
            "When other deliveries are kept it is being rebuilt without it: try again in a minute.",
        )
    return NoDatabaseYet("There is no mart database yet.", "Wait until the first delivery has gone through.")


class BuiltMeanwhile(TransientError):
    """Two builds ran at the same time; this one rests on deliveries that have changed since."""

    code = "ROD-MART-02"


@dataclass(frozen=True)
class Generation:
    """What a build gave: its id, the deliveries in it (keys), rows per table, size of the sealed file in bytes.

    ``per_delivery``: rows of the marts per delivery, counted again in the file; ``waivers``: per delivery that rests on
    any, what was waived, in words.
    """

    generation: str
    deliveries: tuple[str, ...]
    rows: Mapping[str, int]
    size: int
    per_delivery: Mapping[str, int]
    waivers: Mapping[str, list[str]]


LEASE = "mart_database"
"""Whoever builds a generation, or erases those with a certain delivery, holds this."""
FILE = "restricted.duckdb"
_TRIES = 5
_COMPRESSION = "uncompressed"


def feeding(state: LedgerState) -> tuple[IntakeState, ...]:
    """The deliveries that a generation is built from: stored, not corrected, with marts built; oldest first."""
    living = [d for d in state.deliveries.values() if d.stage == "stored" and d.corrected_by is None and d.marts]
    return tuple(sorted(living, key=lambda d: d.key))


def build_database(system: System, connection: DuckDBPyConnection) -> Generation:
    """Build a new generation with an empty in-memory ``connection``, seal it, let it take over, erase the one before.

    When a delivery comes or goes meanwhile, it begins again. Runs again without harm. Raises ``Busy`` while somebody
    else builds, ``BuiltMeanwhile`` when deliveries keep coming and going, ``RowsLost`` when it hasn't each row and each
    total that the marts of the deliveries have.
    """
    # One at a time: whoever takes over erases every other generation, also one that is still being built.
    with system.ledger.exclusive(LEASE):
        retire(system)
        for _ in range(_TRIES - 1):
            try:
                return _build(system, connection)
            except BuiltMeanwhile:
                _begin_anew(connection)
        return _build(system, connection)


def _begin_anew(connection: DuckDBPyConnection) -> None:
    """Give the connection an empty database, in memory, instead of the one that it has."""
    (before,) = connection.execute("select current_database()").fetchone() or ("memory",)
    anew = f"build_{new_id()}"
    connection.execute(f"attach ':memory:' as {anew}; use {anew}; detach \"{before}\"")


def _build(system: System, connection: DuckDBPyConnection) -> Generation:
    state = system.ledger.state()
    deliveries = feeding(state)
    generation = new_id()
    try:
        rows = contents.fill(system, connection, state, deliveries)
    except RodError:
        # No delivery is held meanwhile: an erasure waits for nobody. Its tables can't be read from then on.
        _still_feeding(system.ledger.state(), deliveries)
        raise
    system.vault.create_key(generation)
    try:
        with memory_folder() as folder:
            file = folder / FILE
            _save(connection, file)
            in_it = contents.reconciled(connection, file, deliveries, rows[loopbanen.MART.name])
            with system.vault.write_raw(generation, "database", "restricted") as writer, file.open("rb") as built:
                while block := built.read(1 << 20):
                    writer.write(block)
        _take_over(system, generation, writer.copy.copy_id, deliveries, in_it)
    except BaseException:
        system.vault.erase_scope(generation, "unfinished")
        raise
    retire(system)
    keys = tuple(d.key for d in deliveries)
    told = {d.key: waived.in_words(waived.of(state, ids)) for d in deliveries if (ids := waived.named_by(d))}
    return Generation(generation, keys, rows, writer.copy.size, dict(zip(keys, in_it, strict=True)), told)


def _take_over(
    system: System, generation: str, copy_id: str, deliveries: Sequence[IntakeState], rows: tuple[int, ...]
) -> None:
    ids = tuple(d.delivery_id for d in deliveries)
    built = DatabaseBuilt(generation=generation, copy_id=copy_id, deliveries=ids, rows=rows)
    system.ledger.append(built, when=lambda state: _still_feeding(state, deliveries))


def _still_feeding(state: LedgerState, deliveries: Sequence[IntakeState]) -> None:
    if _basis(feeding(state)) != _basis(deliveries):
        raise BuiltMeanwhile(
            "A delivery came or went while the mart database was being built.", "Run marts/database again."
        )


def _basis(deliveries: Sequence[IntakeState]) -> set[tuple[str, str]]:
    return {(d.delivery_id, built.copy_id) for d in deliveries for built in d.marts.values()}


def retire(system: System) -> int:
    """Erase every generation that isn't the current one, and what a killed build left; returns how many.

    Call it only while nobody builds.
    """
    state = system.ledger.state()
    current = state.generation.generation if state.generation else None
    databases = {c.scope for c in state.copies.values() if c.zone == "database" and c.status != "erased"}
    keys = {scope for scope, key in state.keys.items() if key == "live" and scope not in state.intakes}
    keys -= state.lasting
    old = sorted((databases | keys) - {current})
    for scope in old:
        system.vault.erase_scope(scope, "rebuilt")
    return len(old)


@contextmanager
def open_database(system: System, actor: str, purpose: str) -> Iterator[DuckDBPyConnection]:
    """The current generation, read-only and in memory, for as long as the block lasts.

    This is the one way to restricted marts (DESIGN 14.17); each opening is an event in the ledger with its purpose. The
    generation is held, shared, until the block ends: a purge waits for its readers. When a new generation takes over
    before this one is open, that one is opened. Raises ``NoDatabaseYet`` and what the vault raises.
    """
    with ExitStack() as stack:
        yield _opened(system, actor, purpose, stack)


def _opened(system: System, actor: str, purpose: str, stack: ExitStack) -> DuckDBPyConnection:
    for _ in range(_TRIES):
        current = system.ledger.state().generation
        if current is None:
            raise _none(system)
        event = Accessed.model_validate({"actor": actor, "purpose": purpose, "copy_id": current.copy_id})
        with ExitStack() as attempt:
            try:
                attempt.enter_context(system.ledger.shared(current.generation))
                system.ledger.append(event)
                sealed = attempt.enter_context(system.vault.open_raw(current.copy_id))
                connection = attempt.enter_context(open_in_memory(sealed))
            except RodError:
                if system.ledger.state().generation == current:
                    raise
                continue
            stack.push(attempt.pop_all())
            return connection
    raise BuiltMeanwhile("New mart databases kept taking over while one was being opened.", "Open it again.")


def _save(connection: DuckDBPyConnection, file: Path) -> None:
    # Where a value is null, compression writes whatever lay in that memory before: of another delivery perhaps, of one
    # that is erased since. Without it a null is written as one fixed value.
    connection.execute(f"set force_compression = '{_COMPRESSION}'")
    connection.execute(f"attach '{file}' as generation")
    (current,) = connection.execute("select current_database()").fetchone() or ("memory",)
    connection.execute(f'copy from database "{current}" to generation')
    connection.execute("checkpoint generation")
    connection.execute("detach generation")
