"""On call at a Dagster that runs: what waits for a person is left, what was decided goes on from where it failed."""

from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.storage.tags import PARENT_RUN_ID_TAG

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.quality.waivers import waive
from tests.support.fixtures_ui import FAULT
from tests.support.live import Live
from tests.support.night import rod

KEY = "2025-12-r3"


def test_rerun_failed_leaves_what_waits_for_a_person_and_runs_what_was_decided_on(
    installation: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROD_HOME", str(installation.settings.home))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    installation.announce(KEY, fault=FAULT)
    failed = installation.finished(KEY)
    exits, said = rod("rerun-failed", KEY, "--yes")
    assert exits == 0
    assert f"{KEY}: red since" in said and "waits for a person: 1 blocking finding (" in said
    assert "There is nothing to run again." in said
    assert len(installation.runs(KEY)) == 1

    system = installation.system
    (finding,) = [one for one in system.intake(DeliveryKey.parse(KEY)).findings if one.severity == "blocking"]
    until = system.clock.now() + timedelta(days=1)
    waive(system, DeliveryKey.parse(KEY), finding.rule, "known_exception", until, finding.file)
    exits, said = rod("rerun-failed", KEY, "--yes")
    assert (exits, said.splitlines()[-1]) == (0, f"Delivery {KEY} went through.")
    again = installation.runs(KEY)[0]
    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert again.tags[PARENT_RUN_ID_TAG] == failed.run_id
    begun = {
        entry.step_key for entry in installation.instance.all_logs(again.run_id, of_type=dg.DagsterEventType.STEP_START)
    }
    assert "validation__delivery" in begun and "landing__raw_delivery" not in begun, "from where it failed"
    assert installation.stage(KEY) == "stored"
    assert rod("rerun-failed", KEY) == (0, "Nothing is red.\n")
