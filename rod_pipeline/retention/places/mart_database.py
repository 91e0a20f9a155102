"""The mart database as a place: generations that mix the delivery with others.

Belongs here: doing away with every generation that holds the delivery, and building one without it. Does not belong
here: building (``marts.database``).

DuckDB doesn't erase, so a generation is never edited: its key is destroyed and its object erased, at once, and a new
one is built from the deliveries that live on. That the new one can't be built right now keeps no erasure from being
done: there is no mart database then until ``marts/database`` runs again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING, ClassVar

from rod_pipeline.errors import RodError, TransientError
from rod_pipeline.ledger.erasure import Counted, Method, Place, PlaceLeft, Subject
from rod_pipeline.ledger.lease import Busy
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.marts.database import FILE, LEASE, build_database, feeding
from rod_pipeline.store import scratch
from rod_pipeline.store.layout import ZONE_PREFIXES
from rod_pipeline.store.objects import ObjectStore

if TYPE_CHECKING:
    from rod_pipeline.system import System

_log = logging.getLogger(__name__)


class StillRead(TransientError):
    """Somebody still has a mart database open that holds the delivery, or builds one."""

    code = "ROD-PLACE-02"


class MartDatabase:
    """Generations with the delivery in them, in force or not, finished or not, and who still reads them."""

    place: ClassVar[Place] = "mart_database"
    method: ClassVar[Method] = "rebuilt_and_deleted"
    claims: ClassVar[tuple[str, ...]] = ()

    def __init__(self, system: System) -> None:
        self._system = system

    def inventory(self, subject: Subject) -> PlaceLeft:
        """Generations that have a living key, an object, or a reader; and database files that lie open in memory."""
        return self._found(subject, self._system.objects)

    def erase(self, subject: Subject, purge_id: str) -> tuple[Counted, ...]:
        """Destroy key and object of each such generation, wait for its readers, build a new one from what lives on.

        Raises ``StillRead`` when a reader or another build doesn't come to its end in time.
        """
        system, until = self._system, self._patience()
        with self._alone(LEASE, until):
            found = self.inventory(subject).counts
            state = system.ledger.state()
            for scope in self._there(state, subject, system.objects):
                system.vault.erase_scope(scope, "purged")
            scratch.sweep()
        for generation in self._holding(state, subject):
            with self._alone(generation, until):
                pass
        self._rebuild()
        return found

    def verify_absent(self, subject: Subject) -> PlaceLeft:
        """Over a connection of its own, while nobody builds. Raises ``StillRead`` when somebody doesn't come to an end.

        A run that takes in another delivery builds as well, and what isn't finished can't be told from what is left.
        """
        with self._alone(LEASE, self._patience()):
            return self._found(subject, ObjectStore(self._system.objects.settings))

    def _found(self, subject: Subject, store: ObjectStore) -> PlaceLeft:
        state = self._system.ledger.state()
        there = self._there(state, subject, store)
        there |= {generation for generation in self._holding(state, subject) if self._is_read(generation)}
        left = scratch.leftovers(scratch.tag(self._system.settings.home))
        files = sum(path.name.startswith(FILE) for path in (*left, *scratch.in_use()))
        return PlaceLeft(
            place=self.place, counts=(Counted(what="generations", n=len(there)), Counted(what="files", n=files))
        )

    def _there(self, state: LedgerState, subject: Subject, store: ObjectStore) -> set[str]:
        """The generations with the delivery, and the unfinished ones, of which a key, a copy or an object is there."""
        lasting = state.lasting
        databases = {copy.scope for copy in state.copies.values() if copy.zone == "database"}
        scopes = databases | {scope for scope in state.keys if scope not in state.intakes and scope not in lasting}
        meant = {scope for scope in scopes if scope not in state.generations} | set(self._holding(state, subject))
        traces = self._system.keyring.traces()
        there = {scope for scope in meant if state.keys.get(scope) == "live" or traces.get(scope)}
        for copy in state.copies.values():
            if copy.scope in meant - there and (copy.status != "erased" or store.size(copy.object_key) is not None):
                there.add(copy.scope)
        return there | store.occupied(ZONE_PREFIXES, meant - there)

    def _holding(self, state: LedgerState, subject: Subject) -> list[str]:
        return [one.generation for one in state.generations.values() if set(one.deliveries) & set(subject.intakes)]

    def _patience(self) -> float:
        """Until when readers and builds are waited for."""
        return monotonic() + 60 * self._system.settings.retention.drain_minutes

    def _is_read(self, generation: str) -> bool:
        try:
            with self._system.ledger.exclusive(generation):
                return False
        except Busy:
            return True

    def _rebuild(self) -> None:
        import duckdb

        state = self._system.ledger.state()
        living = {delivery.delivery_id for delivery in feeding(state)}
        in_force = state.generation
        if not living or (in_force is not None and set(in_force.deliveries) == living):
            return
        failure = None
        try:
            with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
                build_database(self._system, connection)
        except RodError as error:
            failure = error.code
        except Exception as error:  # whatever it is, the delivery is gone, and that has to get on record
            failure = type(error).__name__
        if failure is not None:
            _log.warning("No mart database could be built without what was erased (%s); marts/database will.", failure)

    @contextmanager
    def _alone(self, name: str, until: float) -> Iterator[None]:
        """Hold ``name`` as soon as nobody else does; raises ``StillRead`` when that takes too long."""
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(self._system.ledger.exclusive(name))
                    break
                except Busy:
                    if monotonic() >= until:
                        raise _still_read() from None
                sleep(0.2)
            yield


def _still_read() -> StillRead:
    return StillRead(
        "Somebody still reads a mart database with the delivery in it, or builds one."
        " Its key and its object are gone, or go at the next try.",
        "Close it (`rod open`, a notebook), or wait for marts/database to end; the purge goes on by itself.",
    )
