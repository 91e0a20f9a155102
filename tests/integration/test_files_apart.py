"""The files of one delivery are read and checked beside each other; what is about the whole waits for all of them."""

import pytest

from expectations.loader import suite_for
from rod_pipeline import system as opened
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import RefusedData
from rod_pipeline.intake.landing import land
from rod_pipeline.intake.parsing import parse, take_stock
from rod_pipeline.ledger.lease import Busy
from rod_pipeline.quality.verdict import check_file, judge
from rod_pipeline.settings import Settings
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support.pipeline import Bench, delivery, discrepancies

KEY = DeliveryKey.parse("2025-12")
SMALL = Population(seed=8, scale=0.0005)


@pytest.fixture
def here(bench: Bench) -> System:
    return System.open(bench.settings)


@pytest.fixture
def there(bench: Bench) -> System:
    """The same installation, opened by somebody else."""
    return System.open(bench.settings)


def come(bench: Bench, system: System, fault: str | None = None) -> str:
    delivery_id = bench.announce(str(KEY), delivery(str(KEY), fault, SMALL))
    land(system, KEY)
    take_stock(system, KEY)
    return delivery_id


def test_one_file_is_nobody_elses_and_the_others_are_free(bench: Bench, here: System, there: System) -> None:
    delivery_id = come(bench, here)
    with here.hold(KEY, "diplomas") as held:
        # What is being written of it isn't taken for what somebody left.
        with here.vault.write_raw(delivery_id, "parsed", "diplomas") as writer:
            writer.write(b"half of it")
            parse(there, KEY, "technisch")
        assert check_file(there, KEY, "technisch", suite_for).report.passed
        for whole in (lambda: take_stock(there, KEY), lambda: judge(there, KEY), lambda: parse(there, KEY, "diplomas")):
            with pytest.raises(Busy):
                whole()
        with here.told(held) as now:
            assert ("technisch" in held.checks, "technisch" in now.checks) == (False, True)
    parse(there, KEY, "diplomas")
    assert discrepancies(bench) == []


def test_only_one_at_a_time_tells_of_a_delivery(
    bench: Bench, here: System, there: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(bench, here)
    monkeypatch.setattr(opened, "_TELLING_SECONDS", 0.0)
    with here.hold(KEY, "diplomas") as held, here.told(held), pytest.raises(Busy):
        parse(there, KEY, "technisch")
    assert parse(there, KEY, "technisch").rows == parse(here, KEY, "technisch").rows


def test_what_may_not_be_kept_is_erased_as_soon_as_nobody_reads_another_file(bench: Bench) -> None:
    settings = bench.home / "rod.toml"
    settings.write_text(f"{settings.read_text()}[retention]\ndrain_minutes = 0\n")
    with System.open(Settings.load(bench.home)) as here, System.open(Settings.load(bench.home)) as there:
        delivery_id = come(bench, here, "extra_column")
        with here.hold(KEY, "technisch"), pytest.raises(Busy):
            parse(there, KEY, "inschrijvingen")
        assert bench.intake(str(KEY)).refused is None
        assert any(delivery_id in key for key in bench.objects())
        with pytest.raises(RefusedData):
            parse(there, KEY, "inschrijvingen")
    assert bench.intake(str(KEY)).refused is not None
    assert not any(delivery_id in key for key in bench.objects())
    assert discrepancies(bench) == []
