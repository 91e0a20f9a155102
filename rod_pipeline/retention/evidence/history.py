"""What a record needs from the ledger beyond the state: what came before what, and when.

Belongs here: one pass over the entries that keeps the state and the few instants that the state forgets. Does not
belong here: what a record says (``record``), how it is made (``building``).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Self

from rod_pipeline.ledger.clocks import ClockSet
from rod_pipeline.ledger.erasure import ErasureAsked, ErasureDeclared
from rod_pipeline.ledger.events import CopyRegistered, Entry, KeyCreated, KeyDestroyed, TerritoryApproved
from rod_pipeline.ledger.state import LedgerState, fold

_AT_ONCE = 5000
Party = tuple[str, str | None]
"""The purge, and the package that a recipient has; None: the processor."""


@dataclass
class History:
    """Everything up to and including one entry of the ledger.

    ``key_created`` and ``first_copy`` map a scope to the number of the entry that first made its key or registered a
    copy of it, ``key_destroyed`` to the instant at which its key was last destroyed, ``approvals`` a store to every
    distinct approval of its place, ``asked`` and ``declared`` a party to when it was first asked and last declared.
    ``clock_set``: a person said that some entries were written by a clock that stood ahead.
    """

    state: LedgerState = field(default_factory=LedgerState)
    key_created: dict[str, int] = field(default_factory=dict)
    key_destroyed: dict[str, datetime] = field(default_factory=dict)
    first_copy: dict[str, int] = field(default_factory=dict)
    approvals: dict[str, list[TerritoryApproved]] = field(default_factory=dict)
    asked: dict[Party, datetime] = field(default_factory=dict)
    declared: dict[Party, tuple[ErasureDeclared, datetime]] = field(default_factory=dict)
    clock_set: bool = False

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """The history that ``entries`` tell, from the first entry of the ledger on."""
        return cls().read(entries)

    def read(self, entries: Iterable[Entry]) -> Self:
        """Go on with the entries that follow; returns itself."""
        rest = iter(entries)
        while some := tuple(islice(rest, _AT_ONCE)):
            for entry in some:
                self._note(entry)
            self.state = fold(self.state, *some)
        return self

    def _note(self, entry: Entry) -> None:
        match entry.event:
            case KeyCreated(scope=scope):
                self.key_created.setdefault(scope, entry.seq)
            case KeyDestroyed(scope=scope):
                self.key_destroyed[scope] = entry.at
            case CopyRegistered(scope=scope):
                self.first_copy.setdefault(scope, entry.seq)
            case TerritoryApproved() as approval:
                seen = self.approvals.setdefault(approval.store, [])
                if approval not in seen:
                    seen.append(approval)
            case ErasureAsked() as asked:
                self.asked.setdefault((asked.purge_id, asked.package_id), entry.at)
            case ErasureDeclared() as declared:
                self.declared[declared.purge_id, declared.package_id] = (declared, entry.at)
            case ClockSet():
                self._clock_set(entry.at)
            case _:
                pass

    def _clock_set(self, at: datetime) -> None:
        """What has a later time than this entry had happened by then (``ledger.clocks``)."""
        self.clock_set = True
        self.key_destroyed = {scope: min(known, at) for scope, known in self.key_destroyed.items()}
        self.asked = {party: min(known, at) for party, known in self.asked.items()}
        self.declared = {party: (event, min(known, at)) for party, (event, known) in self.declared.items()}
