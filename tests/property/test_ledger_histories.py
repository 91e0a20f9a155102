"""Random histories: whatever is tried, in whatever order, only lawful histories get into the ledger.

The laws at the end are written a second time, from the promises and over the plain list of entries, without the state
that the rules look at.
"""

import shutil
import tempfile
from pathlib import Path

import rfc8785
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from rod_pipeline.ledger.events import (
    ADAPTER,
    Accessed,
    Announced,
    AnyEvent,
    Checked,
    CodeEnded,
    CopyErased,
    CopyRegistered,
    CopyVerified,
    DatabaseBuilt,
    Entry,
    Finding,
    KeyCreated,
    KeyDestroyed,
    MartBuilt,
    Parsed,
    QualityNotified,
    Received,
    Refused,
    Stored,
    Validated,
)
from rod_pipeline.ledger.log import Ledger, LedgerClock
from rod_pipeline.ledger.rules import IllegalEvent
from rod_pipeline.ledger.state import LedgerState, fold
from tests.support import ledger as make
from tests.support.soak import examples

# Few ids, so that events are about each other. A generation is a scope that is no delivery.
DELIVERIES = [f"{number:016x}" for number in range(1, 4)]
GENERATIONS = [f"{number:016x}" for number in range(16, 18)]
COPIES = [f"{number:016x}" for number in range(256, 276)]
FILES = ["diplomas", "doorstroom"]
ZONES = ["landing", "parsed", "validated", "marts", "database"]

deliveries = st.sampled_from(DELIVERIES)
scopes = st.sampled_from(DELIVERIES + GENERATIONS)
copies = st.sampled_from(COPIES)
files = st.sampled_from(FILES)


def finding(blocking: bool) -> Finding:
    return Finding(rule="r", file="diplomas", severity="blocking" if blocking else "warning", failed=1, rows=1)


class Histories(RuleBasedStateMachine):
    """Two ledger objects on one file: one appends, the other looks now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = make.SetClock()
        url = f"sqlite:///{self.folder / 'ledger.db'}"
        self.writer, self.reader = Ledger(url, self.clock), Ledger(url, self.clock)

    def teardown(self) -> None:
        entries = list(self.reader.entries())
        assert self.writer.state() == self.reader.state() == fold(LedgerState(), *entries)
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
        for number, entry in enumerate(entries):
            body = rfc8785.dumps(entry.event.model_dump(mode="json"))
            assert rfc8785.dumps(ADAPTER.validate_json(body).model_dump(mode="json")) == body
            obeys_the_laws(entry.event, entries[:number])
        shutil.rmtree(self.folder)

    def attempt(self, *events: AnyEvent) -> None:
        before = self.writer.state().seq
        try:
            self.writer.append(*events)
        except (IllegalEvent, LedgerClock):
            assert self.writer.state().seq == before
        else:
            assert self.writer.state().seq == before + len(events)

    def of(self, scope: str, zone: str) -> list[str]:
        """Copies that a step would take if all went well, so that histories get far."""
        state = self.writer.state()
        return [c.copy_id for c in state.copies.values() if (c.scope, c.zone, c.status) == (scope, zone, "verified")]

    @initialize(far=st.booleans())
    def begin(self, far: bool) -> None:
        self.attempt(make.announced("2025-12", DELIVERIES[0]), make.approved())
        self.attempt(KeyCreated(scope=DELIVERIES[0], keyring="local"))
        if far:
            self.take_all_the_way(DELIVERIES[0], GENERATIONS[0])

    @rule(delivery=deliveries, key=st.sampled_from(["2025-12", "2025-12-r2"]))
    def announce(self, delivery: str, key: str) -> None:
        self.attempt(make.announced(key, delivery), KeyCreated(scope=delivery, keyring="local"))

    @rule(scope=scopes, keyring=st.sampled_from(["local", "openbao"]))
    def create_key(self, scope: str, keyring: str) -> None:
        self.attempt(KeyCreated(scope=scope, keyring=keyring))  # type: ignore[arg-type]

    @rule(scope=scopes, copy=copies, zone=st.sampled_from(ZONES), file=files, verified=st.booleans())
    def write(self, scope: str, copy: str, zone: str, file: str, verified: bool) -> None:
        verify = [CopyVerified(copy_id=copy, size=1, sha256=make.DIGEST)] if verified else []
        self.attempt(make.registered(scope, zone, file, copy), *verify)  # type: ignore[arg-type]

    @rule(copy=copies)
    def verify(self, copy: str) -> None:
        self.attempt(CopyVerified(copy_id=copy, size=1, sha256=make.DIGEST))

    @rule(delivery=deliveries, stray=st.none() | copies)
    def receive(self, delivery: str, stray: str | None) -> None:
        named = (stray,) if stray else tuple(self.of(delivery, "landing"))
        self.attempt(Received(delivery_id=delivery, copies=named, moment=self.clock.time, moment_basis="dispatch"))

    @rule(delivery=deliveries, file=files, stray=st.none() | copies)
    def parse(self, delivery: str, file: str, stray: str | None) -> None:
        for copy in [stray] if stray else self.of(delivery, "parsed")[-1:]:
            self.attempt(Parsed(delivery_id=delivery, file=file, contract=1, rows=1, copy_id=copy))

    @rule(delivery=deliveries, file=files, passed=st.booleans(), blocking=st.booleans(), stray=st.none() | copies)
    def check(self, delivery: str, file: str, passed: bool, blocking: bool, stray: str | None) -> None:
        intake = self.writer.state().intakes.get(delivery)
        newest = intake.parsed.get(file) if intake else None
        for copy in [stray] if stray else [newest.copy_id] if newest else []:
            self.attempt(
                Checked(
                    delivery_id=delivery,
                    file=file,
                    copy_id=copy,
                    outcome="passed" if passed else "failed",
                    rules=2,
                    findings=(finding(blocking),),
                )
            )

    @rule(delivery=deliveries, passed=st.booleans(), blocking=st.booleans(), stray=st.none() | copies)
    def validate(self, delivery: str, passed: bool, blocking: bool, stray: str | None) -> None:
        intake = self.writer.state().intakes.get(delivery)
        named = {stray} if stray else {parsed.copy_id for parsed in intake.parsed.values()} if intake else set()
        self.attempt(
            Validated(
                delivery_id=delivery,
                outcome="passed" if passed else "failed",
                copies=tuple(sorted(named)),
                findings=(finding(blocking),),
            )
        )

    @rule(delivery=deliveries, stray=st.none() | copies)
    def store(self, delivery: str, stray: str | None) -> None:
        named = (stray,) if stray else tuple(self.of(delivery, "validated"))
        self.attempt(Stored(delivery_id=delivery, copies=named, rows=(1,) * len(named)))

    @rule(delivery=deliveries, stray=st.none() | copies)
    def build_mart(self, delivery: str, stray: str | None) -> None:
        for copy in [stray] if stray else self.of(delivery, "marts"):
            self.attempt(MartBuilt(delivery_id=delivery, mart="m", copy_id=copy, rows=1))

    @rule(generation=st.sampled_from(GENERATIONS), named=st.lists(deliveries, max_size=2))
    def build_database(self, generation: str, named: list[str]) -> None:
        for copy in self.of(generation, "database"):
            self.attempt(DatabaseBuilt(generation=generation, copy_id=copy, deliveries=tuple(named)))

    @rule(delivery=deliveries, generation=st.sampled_from(GENERATIONS))
    def take_all_the_way(self, delivery: str, generation: str) -> None:
        """What an undisturbed run would do next, from wherever things stand."""
        free = iter([copy for copy in COPIES if copy not in self.writer.state().copies])
        for zone in ("landing", "parsed", "validated"):
            if not self.of(delivery, zone) and (copy := next(free, None)):
                self.write(delivery, copy, zone, "diplomas", True)
        self.receive(delivery, None)
        self.parse(delivery, "diplomas", None)
        self.check(delivery, "diplomas", True, False, None)
        self.validate(delivery, True, False, None)
        self.store(delivery, None)
        for scope, zone in ((delivery, "marts"), (generation, "database")):
            if not self.of(scope, zone) and (copy := next(free, None)):
                self.create_key(scope, "local")
                self.write(scope, copy, zone, "m", True)
        self.build_mart(delivery, None)
        self.build_database(generation, [delivery])

    @rule(copy=copies)
    def access(self, copy: str) -> None:
        self.attempt(Accessed(actor="a", purpose="beheer", copy_id=copy))

    @rule(scope=scopes)
    def destroy(self, scope: str) -> None:
        self.attempt(KeyDestroyed(scope=scope))

    @rule(copy=copies)
    def erase(self, copy: str) -> None:
        self.attempt(CopyErased(copy_id=copy, versions=1, uploads=0, ground="purged"))

    @rule(delivery=deliveries, what=st.sampled_from([CodeEnded, Refused, QualityNotified]))
    def tell(self, delivery: str, what: type) -> None:
        more = {CodeEnded: {"reason": "used"}, Refused: {"error": "E"}, QualityNotified: {"rules": 1}}[what]
        self.attempt(what(delivery_id=delivery, **more))

    @rule(seconds=st.integers(-400, 400))
    def time_passes(self, seconds: int) -> None:
        self.clock.move(seconds=seconds)

    @rule()
    def look(self) -> None:
        assert self.reader.state() == self.writer.state()


def obeys_the_laws(event: AnyEvent, earlier: list[Entry]) -> None:
    past = [entry.event for entry in earlier]
    dead = {one.scope for one in past if isinstance(one, KeyDestroyed)}
    living = {one.scope for one in past if isinstance(one, KeyCreated)} - dead
    scope_of = {one.copy_id: one.scope for one in past if isinstance(one, CopyRegistered)}
    erased = {one.copy_id for one in past if isinstance(one, CopyErased)}
    whole = {one.copy_id for one in past if isinstance(one, CopyVerified)} - erased
    key_of = {one.delivery_id: one.key for one in past if isinstance(one, Announced)}
    newest = {key: delivery for delivery, key in key_of.items()}
    refused = {one.delivery_id for one in past if isinstance(one, Refused)}
    stored = {one.delivery_id for one in past if isinstance(one, Stored)}

    match event:
        case CopyRegistered():
            assert event.scope in living, "a copy without a living key"
            assert event.scope not in refused, "a copy of what may not be kept"
        case CopyVerified() | Accessed():
            assert scope_of[event.copy_id] in living
        case Received() | Parsed() | Checked() | Validated() | Stored() | MartBuilt():
            delivery = event.delivery_id
            assert delivery in living - refused
            assert newest[key_of[delivery]] == delivery, "work on an intake that was replaced"
            taken = event.copies if isinstance(event, Received | Validated | Stored) else (event.copy_id,)
            assert set(taken) <= whole, "rests on a copy that is not whole"
            assert {scope_of[copy] for copy in taken} <= {delivery}, "rests on another's copy"
        case DatabaseBuilt():
            assert set(event.deliveries) <= (stored & living) - refused
        case Announced():
            assert newest.get(event.key) not in stored - refused, "a stored delivery was replaced in silence"
        case _:
            pass
    if isinstance(event, Validated) and event.outcome == "passed":
        own = [one for one in past if isinstance(one, Parsed | Checked) and one.delivery_id == event.delivery_id]
        for file in {one.file for one in own}:
            newest_of_file = [one for one in own if one.file == file][-1]
            assert isinstance(newest_of_file, Checked) and newest_of_file.outcome == "passed", "not all files passed"
    if isinstance(event, Stored):
        steps = [one for one in past if isinstance(one, Parsed | Validated) and one.delivery_id == event.delivery_id]
        last = steps[-1]
        assert isinstance(last, Validated) and last.outcome == "passed", "stored without a good verdict on the newest"
        assert not any(finding.severity == "blocking" for finding in last.findings)
        assert event.delivery_id not in stored
    if isinstance(event, Received):
        assert event.delivery_id not in {one.delivery_id for one in past if isinstance(one, Received)}


TestHistories = Histories.TestCase
TestHistories.settings = settings(examples(12, soak=1000), stateful_step_count=30)
