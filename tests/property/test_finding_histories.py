"""Random histories of notices and waivers: whatever is tried in whatever order, only lawful histories get in.

The laws at the end are written a second time over the plain list of entries, without the state that the rules look at.
"""

import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from rod_pipeline.ledger.events import (
    Announced,
    AnyEvent,
    Checked,
    Entry,
    Finding,
    MartBuilt,
    NoticeAnswered,
    NoticeClosed,
    NoticeDrafted,
    NoticeSent,
    Parsed,
    Stored,
    Validated,
    Waived,
    WaiverWithdrawn,
)
from rod_pipeline.ledger.log import Ledger, LedgerClock
from rod_pipeline.ledger.rules import IllegalEvent
from rod_pipeline.ledger.state import LedgerState, fold
from tests.support import ledger as make
from tests.support.soak import examples

NOTICES = ["2025-12-m1", "2025-12-m2", "2025-12-m3", "2026-08-m1"]
OUTCOMES = ["corrected", "cause_ours", "void", "read_since", "unanswered"]
WAIVERS = [f"{number:016x}" for number in range(1, 5)]
counts, numbers, texts = st.integers(0, 3), st.integers(1, 3), st.sampled_from(["ab" * 32, "cd" * 32])
hours = st.integers(-2, 60)


def blocking(failed: int) -> Finding:
    return Finding(rule="r", file="diplomas", severity="blocking", failed=failed, rows=10)


class Histories(RuleBasedStateMachine):
    """Two deliveries, the first of which is parsed; each step is tried and may be refused."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = make.SetClock()
        self.ledger = Ledger(f"sqlite:///{self.folder / 'ledger.db'}", self.clock)

    @initialize()
    def begin(self) -> None:
        self.first = make.received(self.ledger)
        self.table = make.parsed(self.ledger, self.first)
        self.second = make.received(self.ledger, "2026-08")
        self.typed, writing = make.written(self.first, "validated", "diplomas")
        self.mart, building = make.written(self.first, "marts", "m")
        self.attempt(*writing, *building)

    def teardown(self) -> None:
        entries = list(self.ledger.entries())
        assert self.ledger.state() == fold(LedgerState(), *entries)
        for number, entry in enumerate(entries):
            obeys_the_laws(entry, entries[:number])
        shutil.rmtree(self.folder)

    def attempt(self, *events: AnyEvent) -> None:
        before = self.ledger.state().seq
        try:
            self.ledger.append(*events)
        except (IllegalEvent, LedgerClock):
            assert self.ledger.state().seq == before
        else:
            assert self.ledger.state().seq == before + len(events)

    def of(self, first: bool) -> str:
        return self.first if first else self.second

    @rule(first=st.booleans(), notice=st.sampled_from(NOTICES), draft=numbers, text=texts, found=hours)
    def draft(self, first: bool, notice: str, draft: int, text: str, found: int) -> None:
        known = self.ledger.state().notices.get(notice)
        at = known.draft.found_at if known is not None and found % 4 else self.clock.now() - timedelta(hours=found)
        self.attempt(
            NoticeDrafted(
                notice=notice,
                delivery_id=self.of(first),
                draft=draft,
                found_at=at,
                findings=(blocking(1),),
                text=text,
            )
        )

    @rule(notice=st.sampled_from(NOTICES), draft=numbers, text=texts, ago=hours)
    def send(self, notice: str, draft: int, text: str, ago: int) -> None:
        self.attempt(
            NoticeSent(
                notice=notice,
                draft=draft,
                text=text,
                channel="letter",
                sent_at=self.clock.now() - timedelta(hours=ago),
                actor="a",
            )
        )

    @rule(notice=st.sampled_from(NOTICES))
    def answer(self, notice: str) -> None:
        self.attempt(NoticeAnswered(notice=notice, answer="question", reference="d1", actor="a"))

    @rule(notice=st.sampled_from(NOTICES), outcome=st.sampled_from(OUTCOMES))
    def close(self, notice: str, outcome: str) -> None:
        self.attempt(NoticeClosed.model_validate({"notice": notice, "outcome": outcome, "actor": "a"}))

    @rule(failed=counts, passed=st.booleans())
    def check(self, failed: int, passed: bool) -> None:
        self.attempt(
            Checked(
                delivery_id=self.first,
                file="diplomas",
                copy_id=self.table,
                outcome="passed" if passed else "failed",
                rules=2,
                findings=(blocking(failed),) if failed else (),
            )
        )

    @rule(waiver=st.sampled_from(WAIVERS), first=st.booleans(), failed=counts, until=hours)
    def waive(self, waiver: str, first: bool, failed: int, until: int) -> None:
        self.attempt(
            Waived(
                waiver_id=waiver,
                delivery_id=self.of(first),
                file="diplomas",
                rule="r",
                failed=failed,
                reason="no_effect",
                until=self.clock.now() + timedelta(hours=until),
                actor="a",
            )
        )

    @rule(failed=counts, waiver=st.sampled_from(WAIVERS))
    def let_through(self, failed: int, waiver: str) -> None:
        """What a person and a rerun would do next, so that histories get far."""
        self.check(failed, False)
        self.waive(waiver, True, failed, 24)
        self.check(failed, True)
        self.validate(True)

    @rule(waiver=st.sampled_from(WAIVERS))
    def withdraw(self, waiver: str) -> None:
        self.attempt(WaiverWithdrawn(waiver_id=waiver, actor="a"))

    @rule(passed=st.booleans())
    def validate(self, passed: bool) -> None:
        outcome = "passed" if passed else "failed"
        findings = () if passed else (blocking(1),)
        self.attempt(
            Validated.model_validate(
                {"delivery_id": self.first, "outcome": outcome, "copies": (self.table,), "findings": findings}
            )
        )

    @rule()
    def store(self) -> None:
        self.attempt(Stored(delivery_id=self.first, copies=(self.typed,), rows=(10,)))

    @rule(named=st.none() | st.lists(st.sampled_from(WAIVERS), max_size=2))
    def build(self, named: list[str] | None) -> None:
        if named is None:
            state = self.ledger.state()
            excuses = state.excuses(state.intakes[self.first], self.clock.now())
            named = [excuse.waived.waiver_id for excuse in excuses]
        self.attempt(
            MartBuilt(delivery_id=self.first, mart="m", copy_id=self.mart, rows=1, waivers=tuple(named)),
        )

    @rule(moved=st.integers(0, 30))
    def time_passes(self, moved: int) -> None:
        self.clock.move(hours=moved)


def obeys_the_laws(entry: Entry, earlier: list[Entry]) -> None:
    event, past = entry.event, [one.event for one in earlier]
    match event:
        case NoticeDrafted() | NoticeSent() | NoticeAnswered() | NoticeClosed():
            own = [one for one in past if getattr(one, "notice", None) == event.notice]
            assert not any(isinstance(one, NoticeClosed) for one in own), "something follows on the end of a notice"
            was_sent = any(isinstance(one, NoticeSent) for one in own)
            if isinstance(event, NoticeDrafted):
                assert not was_sent, "what was sent was changed"
                assert event.draft == 1 + len(own), "a draft is missing or there twice"
                assert {one.found_at for one in own if isinstance(one, NoticeDrafted)} <= {event.found_at}
                key = next(
                    one.key for one in past if isinstance(one, Announced) and one.delivery_id == event.delivery_id
                )
                assert event.notice.rpartition("-m")[0] == key
            elif isinstance(event, NoticeSent):
                assert isinstance(own[-1], NoticeDrafted) and own[-1].text == event.text, (
                    "not the newest draft was sent"
                )
                assert own[-1].found_at <= event.sent_at + timedelta(minutes=5)
            elif isinstance(event, NoticeAnswered):
                assert was_sent
            else:
                assert was_sent == (event.outcome not in ("cause_ours", "void", "read_since"))
        case Waived():
            judged = [
                one for one in past if isinstance(one, Checked | Validated) and one.delivery_id == event.delivery_id
            ]
            assert any(blocking(event.failed) in one.findings for one in judged), "accepted what was never found"
        case Checked() if event.outcome == "passed":
            assert excused(event.findings, earlier, entry.at)
        case Validated() | Stored() | MartBuilt() if not isinstance(event, Validated) or event.outcome == "passed":
            assert excused(in_force(past), earlier, entry.at), "made by a waiver that had ended"
            if isinstance(event, MartBuilt):
                assert bool(event.waivers) == bool(in_force(past)), "a mart hides what it rests on"
                assert {one.waiver_id for one in standing(earlier, entry.at)} >= set(event.waivers)
        case _:
            pass


def in_force(past: list[AnyEvent]) -> tuple[Finding, ...]:
    """What the newest check found, when no newer table came after it."""
    steps = [one for one in past if isinstance(one, Checked | Parsed)]
    return steps[-1].findings if steps and isinstance(steps[-1], Checked) else ()


def standing(earlier: list[Entry], at: datetime) -> list[Waived]:
    events = [one.event for one in earlier]
    ended = {one.waiver_id for one in events if isinstance(one, WaiverWithdrawn)}
    return [one for one in events if isinstance(one, Waived) and one.waiver_id not in ended and at < one.until]


def excused(findings: tuple[Finding, ...], earlier: list[Entry], at: datetime) -> bool:
    most = max((waived.failed for waived in standing(earlier, at)), default=0)
    return all(finding.failed <= most for finding in findings)


TestFindingHistories = Histories.TestCase
TestFindingHistories.settings = settings(examples(12, soak=1000), stateful_step_count=30)
