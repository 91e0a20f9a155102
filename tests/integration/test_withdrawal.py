"""Withdrawal of the decree: whatever state deliveries are in, all of it goes at once, and nothing comes in any more."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import RodError, TransientError
from rod_pipeline.intake.landing import land
from rod_pipeline.intake.parsing import parse, take_stock
from rod_pipeline.ledger.erasure import Place, Subject
from rod_pipeline.ledger.purges import PLACES
from rod_pipeline.marts.database import NoDatabaseYet, open_database
from rod_pipeline.orchestration.register import copy_register
from rod_pipeline.retention.decisions import hold, suspend
from rod_pipeline.retention.gate import DeliveryPurged, IntakeStopped
from rod_pipeline.retention.register import CopyPlace, CopyRegister
from rod_pipeline.retention.rounds import make_round
from rod_pipeline.retention.withdrawal import withdraw
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support.pipeline import PLACED, Bench, delivery, discrepancies
from tests.support.purging import Shifted, announced, cheaply, deliver, on_clock, remains
from tests.support.soak import in_soak

SMALL = Population(seed=12, scale=0.0005)
WHOLE, HALF, SECRETS, FAILED, LATE = "2025-12", "2025-12-r2", "2025-12-r3", "2025-12-r4", "2026-08"


class Unplugged(TransientError):
    """The place can't be reached."""

    code = "ROD-TEST-01"


class Unreachable:
    """A place that can't be reached as long as it is said so."""

    def __init__(self, place: CopyPlace) -> None:
        self.real, self.place, self.method, self.down = place, place.place, place.method, True

    def __getattr__(self, name: str) -> object:
        if self.down:
            raise Unplugged("It is unplugged.", "Plug it in.")
        return getattr(self.real, name)


def with_down(system: System, place: Place) -> tuple[CopyRegister, Unreachable]:
    """The register in which one place can't be reached, and that place."""
    places = [Unreachable(each) if each.place == place else each for each in copy_register(system)]
    (down,) = [each for each in places if isinstance(each, Unreachable)]
    return CopyRegister(places), down  # type: ignore[arg-type]


@dataclass
class House:
    bench: Bench
    clock: Shifted
    system: System
    intakes: dict[str, str]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(sorted(self.intakes, key=DeliveryKey.parse))


@pytest.fixture
def house(benches: Iterator[Bench]) -> Iterator[House]:
    """Five deliveries in five states, of a few bytes each."""
    bench, clock = next(benches), Shifted()
    with on_clock(bench, clock) as system:
        stages = {WHOLE: "database", HALF: "parsed", SECRETS: "announced", FAILED: "received", LATE: "stored"}
        intakes = {key: cheaply(system, key, PLACED[LATE], upto) for key, upto in stages.items()}
        yield House(bench, clock, system, intakes)


def test_real_deliveries_in_every_state_are_gone(benches: Iterator[Bench]) -> None:
    """One went all the way, one is half parsed, one was announced alone, one failed and one was refused."""
    bench, clock = next(benches), Shifted()
    good, key = delivery("2025-12", population=SMALL), DeliveryKey.parse(HALF)
    with on_clock(bench, clock) as system:
        deliver(bench, WHOLE, good)
        announced(bench, HALF, good)
        land(system, key)
        take_stock(system, key)
        parse(system, key, "diplomas")
        announced(bench, SECRETS, good)
        announced(bench, FAILED, delivery("2025-12", "unknown_codes", SMALL))
        assert bench.walk(FAILED) != []
        announced(bench, LATE, delivery("2026-08", "extra_column", SMALL))
        assert bench.walk(LATE) != []
        state = system.ledger.state()
        stages = {key: state.deliveries[key].stage for key in (WHOLE, HALF, SECRETS, FAILED, LATE)}
        assert stages == {WHOLE: "stored", HALF: "received", SECRETS: "announced", FAILED: "failed", LATE: "refused"}
        scopes = [*state.intakes, *state.generations]
        (purge,) = withdraw(system, copy_register(system), "brief-1", "a1")
        assert (purge.phase, purge.keys, purge.plan.ground, purge.plan.order) == (
            "verified",
            (WHOLE, HALF, SECRETS, FAILED, LATE),
            "withdrawal",
            "brief-1",
        )
        assert remains(bench, *scopes) == []
        assert [key for key in bench.objects() if not key.startswith("probe/")] == []
        assert discrepancies(bench) == []
        for each in stages:
            (told,) = bench.walk(each)
            assert purge.purge_id in told
            with pytest.raises(DeliveryPurged):
                announced(bench, each, good)
        with pytest.raises(IntakeStopped):
            announced(bench, "2026-12", good)
        with pytest.raises(NoDatabaseYet), open_database(system, "tester", "beheer"):
            pass


def test_tombstones_and_keys_come_before_the_first_object(house: House) -> None:
    withdraw(house.system, copy_register(house.system), "b1", "a1")
    kinds = [entry.event.kind for entry in house.system.ledger.entries()]
    begun = kinds.index("withdrawn")
    after = kinds[begun:]
    first_erased = after.index("copy_erased")
    assert after.count("tombstoned") == 5 and after[:first_erased].count("tombstoned") == 5
    destroyed = [entry.event.scope for entry in house.system.ledger.entries() if entry.event.kind == "key_destroyed"]
    assert set(house.intakes.values()) <= set(destroyed)
    assert after[:first_erased].count("key_destroyed") >= 5


def test_no_hold_no_suspension_and_no_doubtful_clock_stands_in_the_way(house: House) -> None:
    suspend(house.system, "b0", house.clock.now().replace(year=house.clock.now().year + 1))
    until = house.clock.now().replace(microsecond=0)
    hold(
        house.system,
        DeliveryKey.parse(WHOLE),
        order="o1",
        until=until.replace(day=1, month=1, year=until.year + 1),
        beyond_term=True,
        set_by="a1",
        approved_by="a2",
    )
    house.clock.move(days=60)
    (purge,) = withdraw(house.system, copy_register(house.system), "b1", "a1")
    assert purge.phase == "verified"
    assert remains(house.bench, *house.intakes.values()) == []


@pytest.mark.parametrize("place", ["keys", "dagster", *in_soak(["objects"])])
def test_one_place_that_fails_keeps_nothing_else_from_being_erased(house: House, place: Place) -> None:
    register, down = with_down(house.system, place)
    with pytest.raises(Unplugged):
        withdraw(house.system, register, "b1", "a1")
    (purge,) = house.system.ledger.state().purges.values()
    assert {each for _, each in purge.erased} == set(PLACES) - {place}
    assert (purge.phase, dict(purge.second)) == ("drained", {}), "unknown is not zero"
    assert set(house.system.ledger.state().tombstones) == set(house.keys)
    down.down = False
    withdraw(house.system, register, "b1", "a1")
    assert [each.phase for each in house.system.ledger.state().purges.values()] == ["verified"]
    assert remains(house.bench, *house.intakes.values()) == []


def test_a_withdrawal_takes_over_a_purge_that_was_going_on(house: House) -> None:
    """A correction's predecessor was being erased when the letter came; both purges come to their end."""
    from rod_pipeline.retention.engine import begin, carry_out, plan

    register, down = with_down(house.system, "objects")
    first = begin(house.system, plan(house.system, [WHOLE], "order", "o1"), "a1")
    with pytest.raises(Unplugged):
        carry_out(house.system, register, first)
    with pytest.raises(Unplugged):
        withdraw(house.system, register, "b1", "a1")
    state = house.system.ledger.state()
    assert set(state.tombstones) == set(house.keys)
    assert state.tombstones[WHOLE].purge_id == first
    down.down = False
    done = withdraw(house.system, register, "b1", "a1")
    assert {purge.phase for purge in done} == {"verified"} and len(done) == 2
    assert remains(house.bench, *house.intakes.values()) == []


def test_killed_between_its_events_it_goes_on_as_one_purge(house: House) -> None:
    """Stopped after each append in turn, and begun again each time by somebody else."""

    class Stopped(BaseException):
        pass

    real = type(house.system.ledger).append
    for n in range(1, 8):
        left = [n]

        def stopping(ledger: object, *events: object, left: list[int] = left, **more: object) -> object:
            entries = real(ledger, *events, **more)  # type: ignore[arg-type]
            left[0] -= 1
            if left[0] == 0:
                raise Stopped
            return entries

        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
            patch.setattr(type(house.system.ledger), "append", stopping)
            withdraw(house.system, copy_register(house.system), "b1", f"a{n}")
    (purge,) = withdraw(house.system, copy_register(house.system), "b1", "a9")
    assert purge.phase == "verified"
    kinds = [entry.event.kind for entry in house.system.ledger.entries()]
    assert (kinds.count("withdrawn"), kinds.count("purge_planned"), kinds.count("tombstoned")) == (1, 1, 5)
    assert remains(house.bench, *house.intakes.values()) == []


def test_rounds_carry_a_withdrawal_to_its_certificate_and_ask_once(house: House) -> None:
    withdraw(house.system, copy_register(house.system), "b1", "a1")
    house.clock.move(hours=25)
    assert make_round(house.system, copy_register(house.system)).errors == ()
    (purge,) = house.system.ledger.state().purges.values()
    assert purge.attested is not None and purge.attested.outcome == "ONVOLLEDIG"
    assert [(asked.party, asked.package_id) for asked in purge.asked] == [("processor", None)]
    assert withdraw(house.system, copy_register(house.system), "b1", "a1") == ()


def test_a_run_that_goes_on_writing_does_not_keep_a_withdrawal_from_its_plan(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the plan and its record a running stage registers a copy: the plan is drawn up anew."""
    from rod_pipeline.retention import withdrawal

    real, times = withdrawal.begin, []

    def begin(*arguments: object, **more: object) -> str:
        if len(times) < 2:
            times.append(house.system.vault.write_table(house.intakes[HALF], "parsed", "technisch", _frame()))
        return real(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(withdrawal, "begin", begin)
    (purge,) = withdraw(house.system, copy_register(house.system), "b1", "a1")
    assert (purge.phase, len(times)) == ("verified", 2)


def _frame() -> object:
    import polars as pl

    return pl.LazyFrame({"a": ["synthetic"]})


def test_who_still_works_on_a_delivery_is_told_of_and_everything_is_gone_all_the_same(house: House) -> None:
    patient = house.system.settings.retention.model_copy(update={"drain_minutes": 0})
    system = System.open(house.system.settings.model_copy(update={"retention": patient}), house.clock)
    with house.system.ledger.exclusive(house.intakes[HALF]), pytest.raises(RodError, match="still working"):
        withdraw(system, copy_register(system), "b1", "a1")
    (purge,) = system.ledger.state().purges.values()
    assert (purge.drained_at, dict(purge.second)) == (None, {})
    assert remains(house.bench, *house.intakes.values()) == []
    (purge,) = withdraw(system, copy_register(system), "b1", "a1")
    assert purge.phase == "verified"


def test_a_subject_of_a_withdrawal_names_every_intake(house: House) -> None:
    again = cheaply(house.system, SECRETS, PLACED[LATE], "received")
    (purge,) = withdraw(house.system, copy_register(house.system), "b1", "a1")
    subject: Subject = next(each for each in purge.plan.subjects if each.key == SECRETS)
    assert subject.intakes == (house.intakes[SECRETS], again)
    assert remains(house.bench, again, house.intakes[SECRETS]) == []
