"""The code location as Dagster sees it: the whole asset graph, and the settings with which it runs on one machine."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from syrupy.assertion import SnapshotAssertion

from rod_pipeline.definitions import build_defs
from rod_pipeline.orchestration.resources import NothingPersonal
from rod_pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
MODULE, LOCATION = "rod_pipeline.definitions", "rod_pipeline"


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """The real definitions, of an installation that isn't there yet: loading them opens nothing."""
    return build_defs(Settings(home=tmp_path_factory.mktemp("home")))


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with the configuration of one machine."""
    (tmp_path / "dagster.yaml").write_bytes((ROOT / "deployments" / "local" / "dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


def test_the_whole_graph_is_as_reviewed(defs: dg.Definitions, snapshot: SnapshotAssertion) -> None:
    """After an intended change: run this file with ``--snapshot-update``, and read the difference."""
    assert {
        "assets": _assets(defs),
        "checks": _checks(defs),
        "jobs": _jobs(defs),
        "schedules": sorted(schedule.name for schedule in defs.get_repository_def().schedule_defs),
        "sensors": _sensors(defs),
        "resources": {name: type(made).__name__ for name, made in sorted((defs.resources or {}).items())},
    } == snapshot


def test_every_asset_says_whose_it_is_what_it_is_and_where_it_belongs(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.owners and node.kinds and node.description, key
        assert node.group_name == key.path[0], key


def test_no_asset_leaves_its_value_to_dagster(defs: dg.Definitions) -> None:
    """Not even in a job that Dagster makes up: the one I/O manager there is refuses every value."""
    repository = defs.get_repository_def()
    graph = defs.resolve_asset_graph()
    wanted = {graph.get(key).io_manager_key for key in graph.get_all_asset_keys()}
    for job in repository.get_all_jobs():
        managers = {key: made for key, made in job.resource_defs.items() if key in wanted}
        assert set(managers) == wanted, job.name
        with dg.build_resources(managers) as resources:
            for key in wanted:
                assert isinstance(getattr(resources, key), NothingPersonal), (job.name, key)


def test_dagster_and_dg_load_the_same_module() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    (workspace,) = yaml.safe_load((ROOT / "workspace.yaml").read_text("utf-8"))["load_from"]
    assert (
        (workspace["python_module"]["module_name"], workspace["python_module"]["location_name"])
        == (project["dagster"]["module_name"], project["dagster"]["code_location_name"])
        == (
            project["dg"]["project"]["code_location_target_module"],
            project["dg"]["project"]["code_location_name"],
        )
        == (MODULE, LOCATION)
    )


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["dagster_dg_cli.cli.entrypoint", "check", "defs"], id="dg check defs"),
        pytest.param(["dagster", "definitions", "validate", "-w", "workspace.yaml"], id="dagster -w workspace.yaml"),
    ],
)
def test_both_commands_load_the_code_location(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=os.environ | {"ROD_HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_loading_the_code_location_leaves_nothing_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    subprocess.run(
        [sys.executable, "-c", f"import {MODULE}"],
        cwd=ROOT,
        env=os.environ | {"ROD_HOME": str(home)},
        check=True,
        capture_output=True,
    )
    assert not home.exists()


def test_dagster_on_one_machine_sends_and_keeps_nothing_of_ours(instance: dg.DagsterInstance) -> None:
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled
    assert isinstance(instance.compute_log_manager, NoOpComputeLogManager)


def test_dagster_on_one_machine_keeps_runs_of_one_delivery_apart(instance: dg.DagsterInstance) -> None:
    limits = instance.get_concurrency_config().run_queue_config
    assert limits is not None
    assert {"key": "dagster/partition", "value": {"applyLimitPerUniqueValue": True}, "limit": 1} in (
        limits.tag_concurrency_limits or []
    )


def test_dagster_on_one_machine_frees_what_a_killed_run_held(instance: dg.DagsterInstance) -> None:
    assert instance.run_monitoring_enabled
    assert instance.get_settings("run_monitoring")["free_slots_after_run_end_seconds"] > 0
    # It goes on by itself; a run that failed in a step is retried by that step, for transient errors only.
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 2
    assert not instance.run_retries_retry_on_asset_or_op_failure


def _assets(defs: dg.Definitions) -> Mapping[str, Any]:
    graph = defs.resolve_asset_graph()
    found = {}
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        found[key.to_user_string()] = {
            "deps": sorted(parent.to_user_string() for parent in node.parent_keys),
            "group": node.group_name,
            "owners": sorted(node.owners),
            "kinds": sorted(node.kinds),
            "tags": {name: value for name, value in sorted(node.tags.items()) if not name.startswith("dagster/kind")},
            "partitions": _partitions(node.partitions_def),
            "backfill": str(node.backfill_policy),
            "retries": str(node.assets_def.op.retry_policy if node.is_executable else None),
            "pools": sorted(node.pools or ()),
            "io manager": node.io_manager_key,
        }
    return dict(sorted(found.items()))


def _checks(defs: dg.Definitions) -> Mapping[str, Any]:
    graph = defs.resolve_asset_graph()
    found = {}
    for key in graph.asset_check_keys:
        spec = graph.get_check_spec(key)
        found[key.to_user_string()] = {"blocking": spec.blocking, "partitions": _partitions(spec.partitions_def)}
    return dict(sorted(found.items()))


def _jobs(defs: dg.Definitions) -> Mapping[str, Any]:
    return {
        job.name: {
            "assets": sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys),
            "checks": sorted(map(str, job.asset_layer.asset_graph.asset_check_keys)),
            "partitions": _partitions(job.partitions_def),
            "executor": job.executor_def.name,
            "tags": dict(job.tags),
        }
        for job in defs.get_repository_def().get_all_jobs()
        if not job.name.startswith("__")
    }


def _sensors(defs: dg.Definitions) -> Mapping[str, Any]:
    return {
        sensor.name: {
            "starts": sensor.job.name,
            "by default": sensor.default_status.value,
            "every": f"{sensor.minimum_interval_seconds} s",
        }
        for sensor in defs.get_repository_def().sensor_defs
    }


def _partitions(definition: Any) -> str | None:
    return None if definition is None else f"{type(definition).__name__}({getattr(definition, 'name', '')})"
