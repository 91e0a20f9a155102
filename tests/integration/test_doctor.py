"""``rod doctor``: each thing that is wrong is found under its own name, and no longer once it is mended."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import DagsterRunStatus

from rod_pipeline import doctor
from rod_pipeline.clock import SystemClock
from rod_pipeline.doctor import Finding, examine
from rod_pipeline.orchestration.doctoring import CHECKS
from rod_pipeline.runbooks import section
from rod_pipeline.store import objects
from rod_pipeline.store.client import StoreSettings, connect
from rod_pipeline.system import System
from tests.support.ledger import SetClock
from tests.support.night import rod
from tests.support.pipeline import Bench

LOCAL = Path(__file__).parents[2] / "deployments" / "local" / "dagster.yaml"
HEALTHY = {"ledger", "keys", "signing key", "store", "bucket", "place", "clock", "permissions", "versions"}


def findings(bench: Bench) -> dict[str, Finding]:
    with System.open(bench.settings) as system:
        return {one.subject: one for one in examine(system, CHECKS)}


def bad(bench: Bench) -> dict[str, str | None]:
    """What is bad, but for what a machine that runs tests has."""
    aside = ("room", "daemon", "Dagster's configuration")
    return {
        one.subject: one.code for one in findings(bench).values() if one.verdict == "bad" and one.subject not in aside
    }


def test_a_fit_installation_is_told_to_be_fit_and_the_unknown_is_unknown(bench: Bench) -> None:
    found = findings(bench)
    assert {name for name, one in found.items() if one.verdict == "good"} >= HEALTHY
    for one in found.values():
        assert (one.verdict == "good") == (one.code is None) == (one.remedy is None)
        assert one.code is None or section(one.code) is not None, f"{one.code} has no runbook"
    exits, said = rod("doctor")
    assert exits == 1, "no daemon runs here"
    assert "BAD" in said and "rod runbook ROD-DOCTOR-07" in said
    exits, said = rod("doctor", "--json")
    assert {one["subject"] for one in json.loads(said)} == set(found)


def test_what_is_wrong_with_folder_and_keys_is_found_and_gone_once_mended(bench: Bench) -> None:
    bench.announce("2025-12", b"PK")
    assert bench.walk("2025-12")
    assert bad(bench) == {}
    bench.home.chmod(0o755)
    assert bad(bench) == {"permissions": "ROD-DOCTOR-04"}
    bench.home.chmod(0o700)
    kek = bench.home / "secrets" / "kek"
    kek.chmod(0o644)
    assert bad(bench)["keys"] == "ROD-SETTINGS-03"
    kek.chmod(0o600)
    (key,) = (bench.home / "keys").glob("*.key")
    shutil.move(key, bench.home / "aside")
    assert bad(bench) == {"keys": "ROD-KEY-02"}
    shutil.move(bench.home / "aside", key)
    assert bad(bench) == {}


def test_what_is_wrong_with_the_store_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}

    def lax(settings: StoreSettings) -> Any:
        """Its answer alone: none of the roles may give a bucket such a rule."""
        client: Any = connect(settings)
        client.get_bucket_lifecycle_configuration = lambda **_: {"Rules": [rule]}
        return client

    with monkeypatch.context() as patch:
        patch.setattr(objects, "connect", lax)
        assert bad(bench) == {"bucket": "ROD-DOCTOR-06"}
    assert bad(bench) == {}
    monkeypatch.setenv("ROD_STORE__SECRET_KEY", "another")
    found = bad(bench)
    assert found["store"] == found["bucket"] == "ROD-STORE-02"


@pytest.mark.parametrize("by", [timedelta(hours=-1), timedelta(hours=1)], ids=["slow", "fast"])
def test_a_clock_that_disagrees_is_found(bench: Bench, by: timedelta) -> None:
    with System.open(bench.settings, SetClock(SystemClock().now() + by)) as system:
        (found,) = (one for one in examine(system, {}) if one.subject == "clock")
    assert (found.verdict, found.code) == ("bad", "ROD-RETENTION-02")
    assert "differ by" in found.said


def test_dagster_as_a_deployment_has_it_is_good_and_as_it_comes_is_not(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert findings(bench)["Dagster's configuration"].code == "ROD-DOCTOR-03"
    (tmp_path / "ours").mkdir()
    shutil.copy(LOCAL, tmp_path / "ours" / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "ours"))
    found = findings(bench)
    assert found["Dagster's configuration"].verdict == "good"
    assert found["daemon"].code == "ROD-DOCTOR-07"
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "nowhere"))
    assert findings(bench)["daemon"].verdict == "unknown"


def test_a_place_in_a_pool_that_a_dead_run_holds_is_found_and_one_of_a_living_run_is_none(bench: Bench) -> None:
    instance = bench.instance
    assert instance is not None
    alive = instance.add_run(dg.DagsterRun("deliver", status=DagsterRunStatus.STARTED))
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default("pleio")
    storage.set_concurrency_slots("pleio", 1)
    assert storage.claim_concurrency_slot("pleio", alive.run_id, "landing__raw_delivery").is_claimed
    assert bad(bench) == {}
    instance.report_run_failed(alive)
    assert bad(bench) == {"pools": "ROD-DOCTOR-08"}
    storage.free_concurrency_slots_for_run(alive.run_id)
    assert bad(bench) == {}


def test_versions_are_held_against_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.metadata, "version", lambda name: "0.0.1")
    found = _found(doctor._versions)
    assert found.code == "ROD-DOCTOR-05" and "duckdb 0.0.1" in found.said
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    assert _found(doctor._versions).verdict == "unknown"


def test_an_encrypted_disk_is_known_by_dm_crypt_below_all_that_it_is_made_of(tmp_path: Path) -> None:
    """As the kernel shows it in sysfs: dm/uuid of the device itself, slaves for what it lies on."""
    crypt, plain, lvm = tmp_path / "crypt", tmp_path / "plain", tmp_path / "lvm"
    for device, uuid in ((crypt, "CRYPT-LUKS2-1"), (plain, "part"), (lvm, "LVM-1")):
        (device / "dm").mkdir(parents=True)
        (device / "dm" / "uuid").write_text(uuid)
    (lvm / "slaves").mkdir()
    (lvm / "slaves" / "a").symlink_to(crypt)
    assert [doctor._encrypted(device) for device in (crypt, plain, lvm)] == [True, False, True]
    (lvm / "slaves" / "b").symlink_to(plain)
    assert not doctor._encrypted(lvm)


def test_a_check_that_breaks_is_unknown_and_keeps_no_other_from_being_made(bench: Bench) -> None:
    def breaks(_: System) -> str:
        raise ZeroDivisionError("of data")

    with System.open(bench.settings) as system:
        found = {one.subject: one for one in examine(system, {"x": breaks, "y": lambda _: "fine"})}
    assert (found["x"].verdict, found["y"].verdict) == ("unknown", "good")
    assert "of data" not in found["x"].said


def test_a_store_that_died_under_those_who_use_it_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with System.open(bench.settings) as system:
        assert not system.store_died(), "one of another machine is nobody's here"
        monkeypatch.setattr(System, "store_died", lambda _: True)
        assert _found(doctor._store, system).code == "ROD-DOCTOR-12"


def test_a_full_disk_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(bench.home)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage._replace(free=10))
    with System.open(bench.settings) as system:
        assert _found(doctor._room, system).code == "ROD-DOCTOR-02"


def _found(check: Callable[[System], str], system: System | None = None) -> Finding:
    return doctor._found("it", check, system)  # type: ignore[arg-type]


def test_nothing_in_it_depends_on_today(bench: Bench) -> None:
    """A declaration that has expired is told by its own code."""
    with System.open(bench.settings, SetClock(datetime(2040, 1, 1, tzinfo=UTC))) as system:
        found = {one.subject: one.code for one in examine(system, {})}
    assert found["place"] in ("ROD-TERRITORY-01", "ROD-TERRITORY-05")
