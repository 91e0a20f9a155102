"""Purges against everything that can happen meanwhile: a state machine over the real engine, ledger, vault and store.

Two engines, deliveries that come, are replaced, corrected, held, read and re-announced, erasures that stop anywhere,
late writers, backups that are put back, time that passes. After every step the laws below are held against what lies
in the bucket, in the keyring and in the ledger; a history ends with rounds until everything that is due is gone.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rod_pipeline.deliveries import DeliveryKey, new_id
from rod_pipeline.errors import RodError
from rod_pipeline.ledger.erasure import Attested, Inventoried, PurgePlanned, Tombstoned, Withdrawn
from rod_pipeline.ledger.events import Accessed, CopyRegistered, CopyVerified, DatabaseBuilt, Entry, KeyCreated
from rod_pipeline.marts.database import build_database
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention import decisions
from rod_pipeline.retention.engine import begin, carry_out, plan
from rod_pipeline.retention.register import CopyRegister
from rod_pipeline.retention.restoring import recover
from rod_pipeline.retention.rounds import certify, make_round
from rod_pipeline.retention.withdrawal import withdraw
from rod_pipeline.store import probe, scratch
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.keyring import KeyGone
from tests.support.pipeline import store_environment
from tests.support.purging import Simulated, cheaply, installation
from tests.support.seaweed import content_of
from tests.support.soak import examples

KEYS = ("2025-12", "2025-12-r2", "2026-08")
NEIGHBOUR = "2026-12"
keys = st.sampled_from(KEYS)


class Stopped(BaseException):
    """The process ended here: no error that anybody catches."""


class Stopping:
    """A place that ends the process before or after the ``n``-th thing it does."""

    def __init__(self, real: Any, left: list[int]) -> None:
        self.real, self.left, self.place, self.method = real, left, real.place, real.method

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            self._count()
            result = getattr(self.real, name)(*arguments)
            self._count()
            return result

        return watched

    def _count(self) -> None:
        self.left[0] -= 1
        if self.left[0] == 0:
            raise Stopped


class Purging(RuleBasedStateMachine):
    """One installation; ``first`` and ``second`` are two processes that work on it."""

    store: StoreSettings
    lasting = True

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="purging-"))
        self.first = installation(self.folder / "home", self.store)
        self.clock = self.first.clock
        self.second = Simulated(self.first.settings, self.clock)
        self.backup: dict[str, bytes] = {}
        self.stolen: list[str] = []
        self.seq = 0
        self.neighbour = cheaply(self.first, NEIGHBOUR, self.clock.now(), "stored")
        cheaply(self.first, KEYS[0], self.clock.now(), "database")

    def teardown(self) -> None:
        try:
            self.everything_due_goes()
        finally:
            shutil.rmtree(self.folder)

    # What people and runs do

    @rule(key=keys, upto=st.sampled_from(["announced", "received", "parsed", "stored", "database"]))
    def come(self, key: str, upto: str) -> None:
        """A delivery is announced, or announced anew, and taken some way."""
        state = self.first.ledger.state()
        try:
            cheaply(self.first, key, self.clock.now(), upto)
        except RodError:
            return
        assert key not in state.tombstones and state.standing is None

    @rule(key=keys, zone=st.sampled_from(["parsed", "marts"]))
    def write(self, key: str, zone: str) -> None:
        """A run that was already going on writes a table of it, by the other process."""
        for intake in self.second.ledger.state().intakes_of(key):
            try:
                self.second.vault.write_table(intake.delivery_id, zone, "diplomas", pl.LazyFrame({"a": ["x"]}))  # type: ignore[arg-type]
            except RodError:
                continue
            assert intake.tombstone is None

    @rule(key=keys)
    def read(self, key: str) -> None:
        """Everything that ever was of it, by both processes."""
        for system in (self.first, self.second):
            state = system.ledger.state()
            for copy in state.copies.values():
                intake = state.intakes.get(copy.scope)
                if intake is not None and intake.key == key and copy.zone != "landing":
                    try:
                        with system.vault.scan_table(copy.copy_id) as frame:
                            frame.collect()
                    except RodError:
                        continue
                    assert intake.tombstone is None, "a tombstoned delivery was read"

    @rule()
    def rebuild(self) -> None:
        """The asset ``marts/database`` runs."""
        with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
            self.attempt(build_database, self.second, connection)

    @rule(beyond=st.booleans(), key=keys, days=st.integers(1, 90))
    def hold(self, key: str, beyond: bool, days: int) -> None:
        until = self.clock.now() + timedelta(days=days)
        more = {"order": "o1", "until": until, "beyond_term": beyond, "set_by": "a1", "approved_by": "a2"}
        self.attempt(lambda: decisions.hold(self.first, DeliveryKey.parse(key), **more))  # type: ignore[arg-type]

    @rule()
    def accept(self) -> None:
        self.attempt(decisions.accept, self.first, DeliveryKey.parse(KEYS[1]), "a1")

    @precondition(lambda self: self.first.ledger.state().purges)
    @rule(data=st.data())
    def declare(self, data: st.DataObject) -> None:
        purge = data.draw(st.sampled_from(sorted(self.first.ledger.state().purges)))
        decisions.declare_erased(
            self.first, purge, package_id=None, reference="b1", erased_at=self.clock.now(), actor="a1"
        )

    @rule(days=st.sampled_from([0.5, 1, 1, 30, 7 * 365.25 - 3, 7 * 365.25]))
    def time_passes(self, days: float) -> None:
        self.clock.move(days=days)

    # What engines do

    @rule(second=st.booleans())
    def round(self, second: bool) -> None:
        make_round(self.second if second else self.first, self.register(second))

    @rule(second=st.booleans(), after=st.integers(1, 60))
    def interrupted_round(self, second: bool, after: int) -> None:
        """Everything that is due, by a process that ends in the middle of it."""
        with self.stopping(second, after) as register:
            make_round(self.second if second else self.first, register)

    @rule(key=keys, after=st.integers(1, 60))
    def order(self, key: str, after: int) -> None:
        """Somebody has it erased on an order, and that stops somewhere."""
        with self.stopping(False, after) as register:
            purge_id = self.attempt(lambda: begin(self.first, plan(self.first, [key], "order", "o1"), "a1"))
            if purge_id is not None:
                self.attempt(carry_out, self.first, register, purge_id)

    @precondition(lambda self: self.first.ledger.state().purges)
    @rule(data=st.data(), second=st.booleans())
    def push(self, data: st.DataObject, second: bool) -> None:
        """Somebody asks for any step of any purge, whether its time has come or not."""
        system, register = self.second if second else self.first, self.register(second)
        purge_id = data.draw(st.sampled_from(sorted(system.ledger.state().purges)))
        self.attempt(data.draw(st.sampled_from([carry_out, certify])), system, register, purge_id)

    @precondition(lambda self: self.lasting)
    @rule(after=st.none() | st.integers(1, 60))
    def withdraw(self, after: int | None) -> None:
        with self.stopping(True, after or 10**9) as register:
            self.attempt(withdraw, self.second, register, "o9", "a1")

    # What comes back

    @rule()
    def back_up(self) -> None:
        objects, folder = self.first.objects, self.first.settings.home / "keys"
        found = {f"o/{key}": content_of(objects, key) for key in self.in_bucket()}
        found |= {f"k/{file.name}": file.read_bytes() for file in folder.glob("*.key")}
        self.backup = found

    @precondition(lambda self: self.backup)
    @rule(marks=st.booleans(), recovered=st.booleans())
    def restore(self, marks: bool, recovered: bool) -> None:
        """What isn't there is put back: objects and keys, over the marks of destroyed keys or without them."""
        objects, folder = self.first.objects, self.first.settings.home / "keys"
        for name, content in self.backup.items():
            kind, _, key = name.partition("/")
            if kind == "k" and not (folder / key).exists():
                (folder / key).write_bytes(content)
                if not marks:
                    (folder / key).with_suffix(".gone").unlink(missing_ok=True)
            elif kind == "o" and objects.size(key) is None:
                objects.client.put_object(Bucket=objects.settings.bucket, Key=key, Body=content)
        # The processes are started anew after a restore.
        self.first, self.second = (Simulated(self.first.settings, self.clock) for _ in range(2))
        if recovered:
            self.attempt(recover, self.first, self.register(False))

    @precondition(lambda self: self.first.ledger.state().tombstones)
    @rule(data=st.data(), kind=st.sampled_from(["version", "upload", "key", "draft", "secret"]))
    def plant(self, data: st.DataObject, kind: str) -> None:
        """A writer that was thought dead leaves something of a delivery that is being erased, or was."""
        state = self.first.ledger.state()
        scope = data.draw(st.sampled_from(sorted(i.delivery_id for i in state.intakes.values() if i.tombstone)))
        client, bucket, home = self.first.objects.client, self.first.objects.settings.bucket, self.first.settings.home
        name = f"parsed/{scope}/late_{new_id()}"
        if kind == "version":
            client.put_object(Bucket=bucket, Key=name, Body=b"late")
        elif kind == "upload":
            client.create_multipart_upload(Bucket=bucket, Key=name)
        elif kind == "secret":
            self.first.secrets.put(scope, "links", b"[]")
        else:
            file = f".{scope}.key.{new_id()[:8]}" if kind == "draft" else f"{scope}.key"
            (home / "keys" / file).write_bytes(b"late")

    # The laws

    @invariant()
    def history_obeys_the_laws(self) -> None:
        for entry in self.first.ledger.entries(after=self.seq):
            self.seq = entry.seq
            self.obeys(entry)

    @invariant()
    def the_neighbour_is_untouched(self) -> None:
        state = self.first.ledger.state()
        if NEIGHBOUR in state.tombstones:
            return
        with self.first.ledger._database.reading():
            pass
        stored = {copy.object_key for copy in state.live_copies(self.neighbour)}
        assert stored and stored <= set(self.in_bucket())
        assert self.first.keyring.exists(self.neighbour)

    @invariant()
    def what_is_under_a_tombstone_has_no_living_generation(self) -> None:
        state = self.first.ledger.state()
        if state.generation is not None:
            assert not [d for d in state.generation.deliveries if state.intakes[d].tombstone]

    def obeys(self, entry: Entry) -> None:
        """The laws of one entry, from what the entries before it say, without the rules of the ledger."""
        event, past = entry.event, [each.event for each in self.first.ledger.entries() if each.seq < entry.seq]
        stones = {each.key for each in past if isinstance(each, Tombstoned)}
        key_of = {i.delivery_id: i.key for i in self.first.ledger.state().intakes.values()}
        scope_of = {each.copy_id: each.scope for each in past if isinstance(each, CopyRegistered)}
        match event:
            case CopyRegistered() | KeyCreated():
                assert key_of.get(event.scope) not in stones, "written after the tombstone"
            case CopyVerified() | Accessed():
                assert key_of.get(scope_of[event.copy_id]) not in stones, "written or read after the tombstone"
            case DatabaseBuilt():
                assert not stones & {key_of[delivery] for delivery in event.deliveries}
            case PurgePlanned():
                self.is_due(event, entry, past)
            case Attested():
                self.is_true(event, past)
            case _:
                pass

    def is_due(self, event: PurgePlanned, entry: Entry, past: list[Any]) -> None:
        """Nothing is erased that isn't due: by its term, a withdrawal, a correction, an order, or its tombstone."""
        stones = {each.key for each in past if isinstance(each, Tombstoned)}
        for subject in event.subjects:
            if event.ground == "term":
                assert subject.deadline is not None and subject.deadline - timedelta(days=2) <= entry.at
            elif event.ground == "withdrawal":
                assert any(isinstance(each, Withdrawn) for each in past)
            elif event.ground == "superseded":
                assert subject.key in {each.supersedes for each in past if each.kind == "accepted"}
            elif event.ground == "restored":
                assert subject.key in stones
            assert event.ground != "order" or event.order is not None
            assert subject.key != NEIGHBOUR or event.ground in ("withdrawal", "term", "restored")

    def is_true(self, event: Attested, past: list[Any]) -> None:
        """The newest second and late inventories of each delivery say what the certificate says, in their order."""
        (planned,) = [each for each in past if isinstance(each, PurgePlanned) and each.purge_id == event.purge_id]
        for subject in planned.subjects:
            own = [
                each
                for each in past
                if isinstance(each, Inventoried) and (each.purge_id, each.key) == (event.purge_id, subject.key)
            ]
            late, before = own[-1], [each for each in own if each.round == "second"]
            assert late.round == "late" and before, "no late inventory after a second one"
            if event.outcome != "ONVOLLEDIG":
                assert not sum(place.left for place in late.places)
                assert not sum(place.left for place in before[-1].places if place.in_house)

    # How it is done

    def attempt(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """What a caller sees as one of our errors is an answer; anything else is a bug."""
        try:
            return step(*arguments)
        except RodError:
            return None

    def register(self, second: bool) -> CopyRegister:
        return copy_register(self.second if second else self.first)

    @contextmanager
    def stopping(self, second: bool, after: int) -> Iterator[CopyRegister]:
        """The register of a process that ends at the ``after``-th thing that a place does; it is started anew."""
        left = [after]
        try:
            yield CopyRegister(Stopping(place, left) for place in self.register(second))
        except Stopped:
            fresh = Simulated(self.first.settings, self.clock)
            if second:
                self.second = fresh
            else:
                self.first = fresh

    def in_bucket(self) -> list[str]:
        found = self.first.objects.inventory("")
        names = {key for key, _ in (*found.versions, *found.markers, *found.uploads)}
        return sorted(name for name in names if not name.startswith("probe/"))

    def everything_due_goes(self) -> None:
        """Recovery and rounds, with the waits between: what has a tombstone is gone, and its certificate is true."""
        self.attempt(recover, self.first, self.register(False))
        for _ in range(6):
            done = make_round(self.first, self.register(False))
            self.history_obeys_the_laws()
            self.clock.move(days=1, minutes=1)
            assert [error for error in done.errors if error.code not in ("ROD-RETENTION-06",)] == []
        state = self.first.ledger.state()
        gone = [i.delivery_id for i in state.intakes.values() if i.tombstone is not None]
        assert [name for name in self.in_bucket() if any(scope in name for scope in gone)] == []
        traces = self.first.keyring.traces()
        for scope in gone:
            assert not traces.get(scope) and not self.first.secrets.count(scope)
            with pytest.raises(KeyGone):
                self.first.keyring.get(scope)
        for purge in state.purges.values():
            assert purge.attested is not None and purge.attested.outcome == purge.outcome
            only_others = {p.place for s in purge.late.values() for p in s.inventory.places if p.left}
            assert only_others <= {"processor"}
        if NEIGHBOUR not in state.tombstones:
            self.the_neighbour_is_untouched()
            with self.first.vault.scan_table(state.deliveries[NEIGHBOUR].tables["diplomas"]) as frame:
                assert frame.collect().height == 3
        scratch.clear()


@pytest.mark.parametrize("lasting", [True, False], ids=["with withdrawals", "without"])
def test_no_history_breaks_a_promise(seaweed: StoreSettings, monkeypatch: pytest.MonkeyPatch, lasting: bool) -> None:
    for name, value in store_environment(seaweed).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Purging, "store", seaweed, raising=False)
    monkeypatch.setattr(Purging, "lasting", lasting)
    # The bucket is new each time, its server is not: its promises were proved once.
    monkeypatch.setattr(probe, "prove", lambda objects: None)
    run_state_machine_as_test(
        Purging,
        settings=settings(
            examples(4, soak=100),
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
