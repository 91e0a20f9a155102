"""The installation of deployments/compose as plain processes: its commands, its configuration, its door, a browser.

Where compose has containers, here are processes in network namespaces; each Dagster process sees a file system that it
can't write to. PostgreSQL is set up by the deployment's own script. What needs a container engine isn't shown
(docs/how-to/deploy.md).
"""

import json
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from playwright.sync_api import expect

from tests.support.browser import browsing
from tests.support.door import HOST, READING_HOST, ROOT, Door, Visitor, open_door, site, wait_for
from tests.support.namespaces import Machine

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(os.getuid() != 0, reason="network namespaces take root"),
]

COMPOSE = ROOT / "deployments" / "compose"
BIN = Path(sys.executable).parent
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
JSON = {"Content-Type": "application/json"}
LAUNCH = """mutation { launchRun(executionParams: {selector: {repositoryLocationName: "rod_pipeline",
repositoryName: "__repository__", pipelineName: "forget_old_runs"}, runConfigData: {}})
{ __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""


class Whole(NamedTuple):
    door: Door
    inside: Machine
    env: dict[str, str]
    secrets: Path


def command(name: str, folder: Path) -> list[str]:
    """The command of a service, with the paths and programs of this machine."""
    said = yaml.safe_load((COMPOSE / "compose.yaml").read_text("utf-8"))["services"][name]["command"]
    program, *arguments = [each.replace("/opt/dagster", str(folder / "dagster")) for each in said]
    return [str(BIN / program), *arguments]


def confined(program: list[str], env: dict[str, str], writable: Path) -> list[str]:
    """``program`` with its secrets, on a file system that is read-only but for ``writable`` and a /dev/shm of its own.

    That one it needs: Dagster starts a run with a semaphore.
    """
    mounts = f"mount --bind {writable} {writable}; mount -o remount,ro,bind /; mount -t tmpfs tmpfs /dev/shm"
    home = f"mount --bind {env['DAGSTER_HOME']} {env['DAGSTER_HOME']}; mount -o remount,ro,bind {env['DAGSTER_HOME']}"
    return ["sh", "-ec", f'{mounts}; {home}; exec "$@"', "sh", str(COMPOSE / "with-secrets"), *program]


def start_postgres(inside: Machine, folder: Path, env: dict[str, str]) -> None:
    """A cluster with the roles and databases of the deployment's own script."""
    data, account, programs = folder / "data", pwd.getpwnam("postgres").pw_uid, POSTGRES[0]
    folder.mkdir()
    os.chown(folder, account, account)
    initdb = [programs / "initdb", "-D", data, "-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256"]
    subprocess.run([*initdb, "--no-sync"], check=True, user="postgres", cwd=folder, capture_output=True)
    settings = ["-c", f"unix_socket_directories={folder}", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    server = [str(programs / "postgres"), "-D", str(data), *settings]
    process = inside.start(server, folder / "log", {"PATH": env["PATH"]}, folder, user=account)
    wait_for("127.0.0.1", 5432, folder / "log", inside, process)
    own = {**env, "POSTGRES_USER": "postgres", "PGHOST": str(folder)}
    done = subprocess.run([COMPOSE / "postgres" / "init.sh"], env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def start_store(inside: Machine, folder: Path, env: dict[str, str]) -> None:
    """The store, which is external to this deployment: the embedded one, held up by a process that isn't confined."""
    up = f"""import signal, sys
from pathlib import Path
from rod_pipeline.store.seaweed import LocalStore
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
store = LocalStore(Path({env["ROD_HOME"]!r}) / "store")
store.start()
print("up", flush=True)
try:
    signal.pause()
finally:
    store.stop()
"""
    log = folder / "store.log"
    process = inside.start([sys.executable, "-c", up], log, env, folder)
    until = time.monotonic() + 120
    while "up" not in log.read_text() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
    assert "up" in log.read_text(), log.read_text()[-2000:]


def run_once(inside: Machine, program: list[str], env: dict[str, str], writable: Path) -> None:
    done = inside.run(confined(program, env, writable), env)
    assert done.returncode == 0, (program, done.stderr[-3000:])


@pytest.fixture(scope="module")
def whole() -> Iterator[Whole]:
    # PostgreSQL's account and the door's have to get into it, as they can't into pytest's folders.
    folder = Path(tempfile.mkdtemp(prefix="rod-whole-"))
    folder.chmod(0o755)
    given, writable, dagster = folder / "secrets", folder / "writable", folder / "dagster"
    for each in (given, writable, dagster, writable / "tmp", folder / "door"):
        each.mkdir()
    for name in ("dagster_pg_password", "ledger_pg_password"):
        (given / name).write_text(secrets.token_hex(8))
    # As compose.yaml names them in the containers.
    (given / "DAGSTER_PG_PASSWORD").write_text((given / "dagster_pg_password").read_text())
    (given / "PGPASSWORD").write_text((given / "ledger_pg_password").read_text())
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(COMPOSE / name, dagster / name)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ROD_", "DAGSTER", "PG"))}
    env = clean | {
        "SECRETS": str(given),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(writable / "tmp"),
        "TMPDIR": str(writable / "tmp"),
        "DAGSTER_HOME": str(dagster),
        "DAGSTER_PG_HOST": "postgres",
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DAGSTER_REDACT_USER_CODE_ERRORS": "1",
        "ROD_HOME": str(writable / "rod"),
        "ROD_LEDGER_URL": "postgresql+psycopg2://rod@postgres/ledger",
    }
    try:
        with site() as at:
            at.inside.knows("postgres", "code", "openbao")
            start_postgres(at.inside, folder / "postgres", env)
            rod = str(BIN / "rod")
            once = [rod, "init", "--country", "NL", "--site", "trial", "--declared-by", "platform team"]
            for first in (once, command("migrate", folder)):
                run_once(at.inside, first, env, writable)
            start_store(at.inside, folder, env)
            run_once(at.inside, command("recover", folder), env, writable)
            started = {}
            for name, port in (("code", 4000), ("webserver", 3000), ("webserver-reading", 3001), ("daemon", 0)):
                said = command(name, folder)
                if name == "webserver-reading":
                    said[said.index("3000")] = "3001"
                log = folder / f"{name}.log"
                started[name] = at.inside.start(confined(said, env, writable), log, env, writable)
                if port:
                    wait_for("127.0.0.1", port, log, at.inside, started[name])
            door = open_door(at, folder / "door", f"http://{at.behind}:3000", f"http://{at.behind}:3001")
            yield Whole(door, at.inside, env, given)
            assert [name for name, process in started.items() if process.poll() is not None] == []
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def graphql(visitor: Visitor, host: str, query: str) -> dict[str, object]:
    answer = visitor.ask(host, "POST", "/graphql", JSON, json.dumps({"query": query}).encode())
    assert answer.status == 200, answer
    data: dict[str, object] = json.loads(answer.body)["data"]
    return data


def test_a_run_started_through_the_door_goes_all_the_way(whole: Whole) -> None:
    """Door, webserver, code server, database, queue, daemon, run."""
    bea = Visitor(whole.door)
    bea.log_in("bea")
    launched = graphql(bea, HOST, LAUNCH)["launchRun"]
    assert isinstance(launched, dict)
    assert launched["__typename"] == "LaunchRunSuccess", launched
    ask = f'{{ runOrError(runId: "{launched["run"]["runId"]}") {{ ... on Run {{ status }} }} }}'
    until, status = time.monotonic() + 240, ""
    while status not in ("SUCCESS", "FAILURE", "CANCELED") and time.monotonic() < until:
        time.sleep(1)
        said = graphql(bea, HOST, ask)["runOrError"]
        assert isinstance(said, dict)
        status = said["status"]
    assert status == "SUCCESS"


def test_who_may_look_can_start_nothing(whole: Whole) -> None:
    lex = Visitor(whole.door)
    lex.log_in("lex", READING_HOST)
    assert graphql(lex, READING_HOST, "{ version }")["version"]
    refused = graphql(lex, READING_HOST, LAUNCH)["launchRun"]
    assert isinstance(refused, dict)
    assert refused["__typename"] == "UnauthorizedError"


def test_a_browser_logs_in_and_sees_dagster(whole: Whole) -> None:
    rules = f"--host-resolver-rules=MAP *.test {whole.door.address}, MAP {HOST} {whole.door.address}"
    with browsing(rules) as browser:
        for name, ends in (("bea", HOST), ("lex", READING_HOST)):
            page = browser.new_context(ignore_https_errors=True).new_page()
            page.set_default_timeout(120_000)
            page.goto(f"https://{HOST}/runs")
            page.fill("input[name=name]", name)
            page.click("button")
            if name == "lex":
                # Known at one name, the other one asks the provider as well.
                page.fill("input[name=name]", name)
                page.click("button")
            page.wait_for_url(f"https://{ends}/**")
            expect(page.get_by_text("Runs").filter(visible=True).first).to_be_visible(timeout=120_000)
            page.context.close()


def test_the_account_of_dagster_cant_get_into_the_ledger(whole: Whole) -> None:
    psql = ["psql", "-h", "127.0.0.1", "-U", "dagster", "-c", "select 1"]
    env = {**whole.env, "PGPASSWORD": (whole.secrets / "dagster_pg_password").read_text()}
    assert whole.inside.run([*psql, "dagster"], env).returncode == 0
    refused = whole.inside.run([*psql, "ledger"], env)
    assert refused.returncode != 0
    assert "permission denied for database" in refused.stderr


def test_the_doctor_finds_dagster_fit(whole: Whole) -> None:
    env = {**whole.env, "DAGSTER_PG_PASSWORD": (whole.secrets / "dagster_pg_password").read_text()}
    env["PGPASSWORD"] = (whole.secrets / "ledger_pg_password").read_text()
    said = whole.inside.run([str(BIN / "rod"), "doctor"], env).stdout
    assert "Telemetry off, runs watched" in " ".join(said.split()), said
    assert "gave a sign of life" in " ".join(said.split()), said


def test_the_key_server_starts_with_its_configuration(whole: Whole, tmp_path: Path) -> None:
    """Over TLS, unsealed by its own key; 501: it waits for being initialized, once."""
    names = "subjectAltName=DNS:openbao"
    certificate = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    certificate += ["-days", "2", "-subj", "/CN=openbao", "-addext", names]
    certificate += ["-keyout", str(tmp_path / "openbao_key"), "-out", str(tmp_path / "openbao_cert")]
    subprocess.run(certificate, check=True, capture_output=True)
    (tmp_path / "openbao_unseal").write_bytes(secrets.token_bytes(32))
    (tmp_path / "data").mkdir()
    text = (COMPOSE / "openbao" / "server.hcl").read_text("utf-8")
    here = text.replace("/run/secrets", str(tmp_path)).replace("/openbao/data", str(tmp_path / "data"))
    (tmp_path / "server.hcl").write_text(here)
    log = tmp_path / "log"
    bao = whole.inside.start(
        [str(BIN / "bao"), "server", f"-config={tmp_path / 'server.hcl'}"], log, whole.env, tmp_path
    )
    wait_for("127.0.0.1", 8200, log, whole.inside, bao)
    look = (
        "import ssl, http.client as h; c = h.HTTPSConnection('openbao', 8200, "
        f"context=ssl.create_default_context(cafile={str(tmp_path / 'openbao_cert')!r})); "
        "c.request('GET', '/v1/sys/health'); print(c.getresponse().status)"
    )
    assert whole.inside.run([sys.executable, "-c", look]).stdout.strip() == "501"
