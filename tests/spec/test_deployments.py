"""The files of the deployments say what they have to: by the published schema of compose files, and by our own rules.

Schema: the Compose Specification (https://github.com/compose-spec/compose-spec), from the package check-jsonschema.
No container engine is needed; what only one could show is listed in docs/how-to/deploy.md.
"""

import json
import re
import subprocess
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from rod_pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = ROOT / "deployments"
COMPOSE, KUBERNETES = DEPLOYMENTS / "compose", DEPLOYMENTS / "kubernetes"
PLACES = {"storage", "local_artifact_storage", "run_launcher"}
"""What of dagster.yaml says where it runs; everything else is the same everywhere."""


@cache
def loaded(file: Path) -> Any:
    return yaml.safe_load(file.read_text("utf-8"))


def compose() -> Any:
    return loaded(COMPOSE / "compose.yaml")


def services() -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"]
    return found


def values() -> Any:
    return loaded(KUBERNETES / "values.yaml")


def names(secrets: list[Any]) -> set[str]:
    return {each if isinstance(each, str) else each["target"] for each in secrets}


SERVICES = sorted(yaml.safe_load((COMPOSE / "compose.yaml").read_text("utf-8"))["services"])


def test_the_compose_file_is_one_by_the_published_schema() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text("utf-8"))
    validator = Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(compose())] == []
    broken = {"services": {"x": {"image": "x", "read_olny": True}}}
    assert list(validator.iter_errors(broken)), "the schema lets everything through"


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_nobody_and_writes_nowhere(name: str) -> None:
    service = services()[name]
    user, _, group = service["user"].partition(":")
    assert int(user) >= 10000 <= int(group)
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "network_mode", "devices", "ipc"} & set(service)
    assert service["mem_limit"]
    assert service["ulimits"] == {"core": 0}
    # Named volumes alone: nothing of the host is in a container, and least of all the socket of its engine.
    for volume in service.get("volumes", []):
        assert volume.partition(":")[0] in compose()["volumes"]
    assert name in ("recover", "migrate", "heartbeat") or service["healthcheck"]


def test_there_is_one_way_in() -> None:
    assert [name for name, service in services().items() if service.get("ports")] == ["proxy"]
    reaching = {name for name, service in services().items() if "ui" in service["networks"]}
    assert reaching == {"proxy", "webserver", "webserver-reading"}
    assert compose()["networks"]["ui"]["internal"]
    assert "--read-only" in services()["webserver-reading"]["command"]
    assert "--read-only" not in services()["webserver"]["command"]


def test_no_secret_stands_in_a_file_and_each_gets_where_it_is_needed() -> None:
    text = (COMPOSE / "compose.yaml").read_text("utf-8")
    assert all(each["file"].startswith("./secrets/") for each in compose()["secrets"].values())
    assert not re.search(
        r"(?i)(password|secret|token|key): *[^\s/{\[&*.][^\s]*$", re.sub(r"#.*", "", text), re.MULTILINE
    )
    only_dagster = {"DAGSTER_PG_PASSWORD"}
    for name in ("webserver", "webserver-reading", "daemon", "migrate"):
        assert names(services()[name]["secrets"]) == only_dagster, "Dagster's own parts open no data"
        assert "volumes" not in services()[name]
    with_keys = {name for name, service in services().items() if "kek" in names(service.get("secrets", []))}
    assert with_keys == {"code", "recover", "heartbeat"}


def test_every_setting_that_is_handed_over_exists() -> None:
    """A container with an unknown one wouldn't start; this is found here, not at night."""
    given = {name for name in services()["code"]["environment"] if name.startswith("ROD_")}
    given |= {name for name in names(services()["code"]["secrets"]) if name.startswith("ROD_")}
    for name in given - {"ROD_SETTINGS"}:
        fields = Settings.model_fields
        section, _, key = name.removeprefix("ROD_").lower().partition("__")
        assert section in fields, name
        if key:
            assert key in fields[section].annotation.model_fields, name  # type: ignore[union-attr]


@pytest.mark.parametrize("file", ["compose/dagster.yaml"])
def test_dagster_is_configured_alike_everywhere(file: str) -> None:
    local, there = loaded(DEPLOYMENTS / "local" / "dagster.yaml"), loaded(DEPLOYMENTS / file)
    for key in (set(local) | set(there)) - PLACES:
        assert local.get(key) == there.get(key), key
    assert there["storage"]["postgres"]["postgres_db"]["scheme"] == "postgresql+psycopg2"


def test_the_chart_configures_dagster_as_the_others_do() -> None:
    here, chart = loaded(DEPLOYMENTS / "local" / "dagster.yaml"), values()
    daemon = chart["dagsterDaemon"]
    coordinator = daemon["runCoordinator"]["config"]["customRunCoordinator"]
    assert coordinator == here["run_coordinator"]
    monitoring = daemon["runMonitoring"]
    assert monitoring["enabled"] is True
    for ours, theirs in (
        ("freeSlotsAfterRunEndSeconds", "free_slots_after_run_end_seconds"),
        ("maxRuntimeSeconds", "max_runtime_seconds"),
    ):
        assert monitoring[ours] == here["run_monitoring"][theirs]
    assert daemon["runRetries"]["retryOnAssetOrOpFailure"] is here["run_retries"]["retry_on_asset_or_op_failure"]
    assert daemon["runRetries"]["maxRetries"] == here["run_retries"]["max_retries"]
    pools = chart["concurrency"]["pools"]
    assert {"default_limit": pools["defaultLimit"], "granularity": pools["granularity"]} == here["concurrency"]["pools"]
    limits = here["concurrency"]["runs"]["tag_concurrency_limits"]
    assert chart["concurrency"]["runs"]["tagConcurrencyLimits"] == limits
    for kind in ("sensor", "schedule"):
        days = here["retention"][kind]["purge_after_days"]
        assert chart["retention"][kind]["purgeAfterDays"].items() >= days.items()
    assert chart["telemetry"] == {"enabled": False}
    assert chart["additionalInstanceConfig"]["nux"] == here["nux"]
    compose = loaded(COMPOSE / "dagster.yaml")
    assert chart["additionalInstanceConfig"]["local_artifact_storage"] == compose["local_artifact_storage"]
    assert chart["computeLogManager"] == {"type": "NoOpComputeLogManager"}
    assert chart["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"


def test_the_chart_holds_no_secret_and_opens_nothing() -> None:
    chart = values()
    assert chart["postgresql"]["enabled"] is False
    assert chart["postgresql"]["postgresqlPassword"] == ""
    assert chart["generatePostgresqlPasswordSecret"] is False
    assert chart["ingress"] == {"enabled": False}
    assert chart["dagsterWebserver"]["enableReadOnly"] is True
    assert chart["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    code = chart["dagster-user-deployments"]["deployments"][0]
    launcher = chart["runLauncher"]["config"]["k8sRunLauncher"]
    pods = [
        chart["dagsterWebserver"]["podSecurityContext"],
        chart["dagsterDaemon"]["podSecurityContext"],
        code["podSecurityContext"],
        launcher["runK8sConfig"]["podSpecConfig"]["securityContext"],
    ]
    assert all(pod["runAsNonRoot"] and pod["runAsUser"] >= 10000 for pod in pods)
    containers = [chart["dagsterWebserver"], chart["dagsterDaemon"], code, launcher, *code["initContainers"]]
    for each in containers:
        assert each["securityContext"]["readOnlyRootFilesystem"]
        assert each["securityContext"]["allowPrivilegeEscalation"] is False
    assert all(each.get("resources", {}).get("limits", {}).get("memory") for each in containers[:4])


def test_on_kubernetes_the_door_alone_reaches_a_webserver() -> None:
    policies = list(yaml.safe_load_all((KUBERNETES / "network-policies.yaml").read_text("utf-8")))
    everybody = [each["spec"] for each in policies if each["metadata"]["name"] == "nobody"]
    assert everybody == [{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}]
    opened = [each for each in policies if each["spec"].get("ingress")]
    assert {each["metadata"]["name"] for each in opened} == {"door", "webserver", "code"}
    (webserver,) = [each["spec"]["ingress"] for each in opened if each["metadata"]["name"] == "webserver"]
    assert [one["from"] for one in webserver] == [[{"podSelector": {"matchLabels": {"rod-part": "door"}}}]]
    parts = {values()["dagsterWebserver"]["labels"]["rod-part"], values()["dagsterDaemon"]["labels"]["rod-part"]}
    assert parts == {"webserver", "daemon"}


def test_what_is_mounted_on_kubernetes_is_there_and_a_run_has_it_too() -> None:
    """A pod that mounts a volume which it doesn't have never starts; a run without the settings opens nothing."""
    code = values()["dagster-user-deployments"]["deployments"][0]
    launcher = values()["runLauncher"]["config"]["k8sRunLauncher"]
    heartbeat = loaded(KUBERNETES / "heartbeat.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    run = [launcher, *launcher["runK8sConfig"]["podSpecConfig"]["initContainers"]]
    for pod, containers in (
        (code, [code, *code["initContainers"]]),
        (launcher, run),
        (heartbeat, heartbeat["containers"]),
    ):
        there = {volume["name"] for volume in pod["volumes"]}
        assert there >= {mount["name"] for each in containers for mount in each["volumeMounts"]}
        instance = {"name": "instance", "configMap": {"name": "rod-dagster-instance"}}
        assert instance in pod["volumes"], "without it Dagster would be another one, and a purge couldn't ask it"
        mounted = {(mount["name"], mount["mountPath"]) for mount in containers[0]["volumeMounts"]}
        assert ("instance", f"{values()['global']['dagsterHome']}/dagster.yaml") in mounted
    # Else a run would get label, memory and first steps of the code server.
    assert code["includeConfigInLaunchedRuns"] == {"enabled": False}
    assert launcher["labels"] == {"rod-part": "run"}
    assert [each["name"] for each in run[1:]] == ["own-signing-key"]


def test_every_part_on_kubernetes_may_talk_and_nothing_else_is_named() -> None:
    policies = list(yaml.safe_load_all((KUBERNETES / "network-policies.yaml").read_text("utf-8")))
    outward = [each["spec"]["podSelector"] for each in policies if each["spec"].get("egress")]
    named = {one for each in outward for one in each.get("matchLabels", {}).values()}
    named |= {one for each in outward for wanted in each.get("matchExpressions", []) for one in wanted["values"]}
    code = values()["dagster-user-deployments"]["deployments"][0]
    parts = [values()["dagsterWebserver"], values()["dagsterDaemon"], code]
    labels = {part["labels"]["rod-part"] for part in parts} | {"run", "door", "heartbeat"}
    # No label can be put on the chart's job of the migration.
    assert named == labels | {"rod-dagster-webserver-instance-migrate"}


OURS, BUSYBOX = "0123456789abcdef" * 4, "fedcba9876543210" * 4


def test_a_release_on_kubernetes_names_every_image_by_its_digest() -> None:
    program = KUBERNETES / "values-of-release"
    arguments = ["registry.example/ours", f"sha256:{OURS}", "registry.example/mirror/busybox", f"sha256:{BUSYBOX}"]
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    release = yaml.safe_load(done.stdout)
    found = re.findall(r"registry\.example/\S+", json.dumps(release).replace('"', " "))
    assert len(found) == len(re.findall(r"registry\.example/\w+@sha256", json.dumps(values())))
    assert "registry.example/rod" not in json.dumps(release)
    assert release["busybox"]["image"]["repository"] == "registry.example/mirror/busybox@sha256"
    assert release["busybox"]["image"]["tag"] == BUSYBOX
    for part in ("dagsterWebserver", "dagsterDaemon", "pipelineRun"):
        assert release[part]["image"]["repository"] == "registry.example/ours@sha256"
        assert release[part]["image"]["tag"] == OURS
    for wrong in ("latest", "sha256:abc", "sha256:" + "g" * 64, OURS):
        for place in (1, 3):
            tried = [*arguments[:place], wrong, *arguments[place + 1 :]]
            done = subprocess.run([program, *tried], capture_output=True, text=True)
            assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("file", ["Dockerfile", "proxy/Dockerfile"])
def test_an_image_has_a_base_only_by_its_digest(file: str) -> None:
    text = (COMPOSE / file).read_text("utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases
    assert all(re.fullmatch(r"\$\{[A-Z]+_IMAGE\}", base) for base in bases)
    assert re.findall(r"^ARG (\S+)", text, re.MULTILINE) == [bases[0][2:-1]], "no default: a name isn't a digest"
    assert re.search(r"^USER 1000[12]:1000[12]$", text, re.MULTILINE)
    copied = [line.split()[1:-1] for line in re.findall(r"^COPY .*$", text, re.MULTILINE) if "--from" not in line]
    sources = {each for line in copied for each in line if not each.startswith("--")}
    seen = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert seen[1] == "*", "a build sees what is named, nothing else"
    assert {f"!{each}" for each in sources} <= set(seen)
    assert not re.search(r"^(ADD|ENV .*(PASSWORD|SECRET|TOKEN))", text, re.MULTILINE)


def test_secrets_become_variables_by_their_name_and_none_is_an_argument(tmp_path: Path) -> None:
    for name, text in (("ROD_STORE__SECRET_KEY", "a 'b' $c\n"), ("kek", "never"), ("X-Y", "never"), ("1X", "never")):
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [COMPOSE / "with-secrets", "env"],
        env={"SECRETS": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert "ROD_STORE__SECRET_KEY=a 'b' $c\n" in done.stdout
    assert "never" not in done.stdout
    none = subprocess.run([COMPOSE / "with-secrets", "true"], env={"SECRETS": str(tmp_path / "none"), "PATH": "/bin"})
    assert none.returncode == 0
