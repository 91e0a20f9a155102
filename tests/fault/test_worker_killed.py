"""The process of a run is killed while Dagster runs: the daemon lets the run go on, and nobody is woken."""

import os
import signal
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import PARENT_RUN_ID_TAG

from tests.support.live import live, wait_until

KEY = "2025-12"


@pytest.mark.soak
def test_a_run_whose_process_was_killed_goes_on_by_itself_from_where_it_was(tmp_path: Path) -> None:
    with live(tmp_path / "home", {}) as running:
        running.announce(KEY)

        def working() -> list[int]:
            """The process that has begun to read a file of the delivery."""
            return [
                entry.dagster_event.pid
                for run in running.runs(KEY)
                for entry in running.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)
                if entry.step_key == "validation__inschrijvingen"
                and entry.dagster_event is not None
                and entry.dagster_event.pid is not None
            ]

        wait_until(lambda: bool(working()), f"a run of {KEY} that reads a file")
        (killed,) = running.runs(KEY)
        os.kill(working()[0], signal.SIGKILL)
        again = running.finished(KEY, runs=2)
        assert again.status is dg.DagsterRunStatus.SUCCESS
        assert again.tags[PARENT_RUN_ID_TAG] == killed.run_id
        before = running.instance.get_run_by_id(killed.run_id)
        assert before is not None and before.status is dg.DagsterRunStatus.FAILURE
        begun = [
            entry.step_key for entry in running.instance.all_logs(again.run_id, of_type=dg.DagsterEventType.STEP_START)
        ]
        assert "landing__raw_delivery" not in begun, "the download is not made again"
        assert running.stage(KEY) == "stored"
