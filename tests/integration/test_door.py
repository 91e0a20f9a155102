"""Nobody gets to Dagster past the door: the deployed Apache configuration before a real webserver, in namespaces.

The crawl is without a session: every answer is a way to the login or a refusal, and the webserver is asked nothing.
Dagster's webserver has no login of its own (https://github.com/dagster-io/dagster/issues/2219).
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.door import HOST, READING_HOST, ROOT, Door, Visitor, asked, open_door, site, wait_for

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="network namespaces take root")

LAUNCH = b'{"query": "mutation { terminateRun(runId: \\"x\\") { __typename } }"}'
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "graphql-ws",
}
PATHS = [
    "/",
    "/graphql",
    "/graphql?query={version}",
    "/graphiql",
    "/server_info",
    "/dagit_info",
    "/dagster_version",
    "/debug/x",
    "/notebook",
    "/download_debug/x",
    "/logs/x/compute/stdout",
    "/report_asset_materialization/marts/database",
    "/report_asset_check/marts/database",
    "/report_asset_observation/marts/database",
    "/favicon.ico",
    "/robots.txt",
    "/static/js/main.js",
    "/_next/static/x.js",
    "/runs",
    "/assets/marts/database",
    "/door/callback/../../graphql",
    "/door/other",
    "/door/%2e%2e/graphql",
    "/door/..;/graphql",
    "//graphql",
    "///graphql",
    "/./graphql",
    "/x/../graphql",
    "/%67raphql",
    "/graphql/",
    "/graphql%2f",
    "/%2fgraphql",
    "/graphql%00",
    "/graphql;x=1",
    "/GRAPHQL",
    "/graphql%3Fquery={version}",
    "/server_info%20",
    "/%2e%2e/server_info",
    "/..%2fserver_info",
    "/..%c0%afserver_info",
    "/server_info#x",
    "/server_info?x=/door/callback",
    "/.well-known/openid-configuration",
    "https://rod.test/graphql",
    "http://localhost/server_info",
    "http://lezen.rod.test/graphql",
    "*",
    "graphql",
]
METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "ODD"]
FORGED = [
    {"Cookie": "rod_door=deadbeef"},
    {"Authorization": "Bearer x"},
    {"Authorization": "Basic eDp5"},
    {"OIDC_CLAIM_roles": "beheerder", "OIDC-CLAIM-roles": "beheerder", "Remote-User": "bea", "X-Remote-User": "bea"},
    {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "localhost", "X-Original-URL": "/door/callback"},
    {"X-Requested-With": "XMLHttpRequest"},
    {"X-HTTP-Method-Override": "GET"},
    {"Accept": "application/json"},
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the account of the door may enter: no folder of pytest, nor one that the pipeline made its TMPDIR."""
    with tempfile.TemporaryDirectory(prefix="rod-door-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def opened(folder: Path) -> Iterator[tuple[Door, Path]]:
    """A door before one real webserver; what stands for the reading one says only that it was asked."""
    home, reading = folder / "home", folder / "reading"
    home.mkdir()
    reading.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (reading / "server_info").write_text("the reading one")
    own = folder / "apache"
    own.mkdir()
    env = {**os.environ, "DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1"}
    webserver = [str(Path(sys.executable).parent / "dagster-webserver"), "-h", "0.0.0.0", "-p", "3000"]
    with site() as at:
        log = folder / "webserver.log"
        dagster = at.inside.start([*webserver, "--empty-workspace", "--uvicorn-log-level", "info"], log, env, home)
        stub = [sys.executable, "-S", "-m", "http.server", "3001", "--directory", str(reading)]
        at.inside.start(stub, folder / "reading.log", env, ROOT)
        door = open_door(at, own, f"http://{at.behind}:3000", f"http://{at.behind}:3001")
        wait_for(at.behind, 3000, log, at.door, dagster)
        wait_for(at.behind, 3001, None, at.door)
        yield door, log


def test_without_a_session_nothing_gets_through(opened: tuple[Door, Path]) -> None:
    door, log = opened
    before = asked(log)
    passed: list[tuple[object, ...]] = []

    def look(host: str, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> None:
        answer = door.ask(host, method, path, headers, body)
        if not door.refuses(answer):
            passed.append((host, method, path, headers, answer.status, answer.location))

    for path in PATHS:
        for method in ("GET", "POST"):
            look(HOST, method, path, {"Accept": "text/html"}, LAUNCH if method == "POST" else b"")
        look(HOST, "GET", path, WEBSOCKET)
        look(READING_HOST, "GET", path, {})
    for method in METHODS:
        look(HOST, method, "/graphql", {"Content-Type": "application/json"}, LAUNCH)
    for headers in FORGED:
        look(HOST, "POST", "/graphql", headers, LAUNCH)
        look(HOST, "GET", "/server_info", headers)
    for host in ("localhost", "nobody.invalid", door.address, door.behind, f"{HOST}.", f"{HOST}:3000"):
        look(host, "GET", "/server_info", {})
    assert passed == [], passed
    assert asked(log) == before


def test_the_callback_without_a_login_opens_nothing(opened: tuple[Door, Path]) -> None:
    door, log = opened
    before = asked(log)
    for query in ("", "?code=x&state=y", "?error=x", "?state=y", "?info=json", "?logout=https://elsewhere.example/"):
        for method in ("GET", "POST"):
            stranger = Visitor(door)
            answer = stranger.ask(HOST, method, f"/door/callback{query}")
            assert b"dagster" not in answer.body.lower(), (method, query)
            assert not stranger.cookies[HOST].get("rod_door"), (method, query)
            assert "elsewhere" not in answer.location, (method, query)
    assert asked(log) == before


def test_after_the_login_people_are_back_where_they_came(opened: tuple[Door, Path]) -> None:
    door, _ = opened
    back = Visitor(door).log_in("bea")
    assert (back.status, back.location) == (302, f"https://{HOST}/")


def test_who_may_start_things_gets_to_dagster_and_its_websocket(opened: tuple[Door, Path]) -> None:
    door, log = opened
    bea = Visitor(door)
    bea.log_in("bea")
    answer = bea.ask(HOST, "GET", "/server_info")
    assert answer.status == 200
    assert b"dagster_webserver_version" in answer.body
    query = b'{"query": "{ version }"}'
    asked_of = bea.ask(HOST, "POST", "/graphql", {"Content-Type": "application/json"}, query)
    assert asked_of.status == 200
    assert bea.ask(HOST, "GET", "/graphql", WEBSOCKET).status == 101
    assert {"GET /server_info", "POST /graphql"} <= set(asked(log))


def test_cookies_are_for_this_name_over_tls_and_out_of_reach_of_scripts(opened: tuple[Door, Path]) -> None:
    door, _ = opened
    back = Visitor(door).log_in("bea")
    (session,) = [line for line in back.headers.get_all("Set-Cookie") or [] if line.startswith("rod_door=")]
    assert "Secure" in session
    assert "HttpOnly" in session
    # So a page elsewhere can't have the browser act in somebody's name.
    assert re.search(r"SameSite=(Lax|Strict)", session)
    assert "domain=" not in session.lower()


def test_who_may_look_is_sent_to_the_reading_webserver(opened: tuple[Door, Path]) -> None:
    door, log = opened
    lex = Visitor(door)
    lex.log_in("lex")
    before = asked(log)
    for method, body in (("GET", b""), ("POST", LAUNCH)):
        for headers in ({}, {"OIDC_CLAIM_roles": "beheerder"}):
            answer = lex.ask(HOST, method, "/graphql", headers, body)
            assert (answer.status, answer.location) == (302, f"https://{READING_HOST}/")
    assert lex.ask(HOST, "GET", "/graphql", WEBSOCKET).status == 302
    assert asked(log) == before
    lex.log_in("lex", READING_HOST)
    assert lex.ask(READING_HOST, "GET", "/server_info").body == b"the reading one"


def test_a_session_of_one_name_is_none_of_the_other(opened: tuple[Door, Path]) -> None:
    """The reading name lets more people in: what it gave out must not open the other one."""
    door, log = opened
    lex = Visitor(door)
    lex.log_in("lex", READING_HOST)
    before = asked(log)
    lex.cookies[HOST] = dict(lex.cookies[READING_HOST])
    assert not lex.ask(HOST, "GET", "/server_info").body.startswith(b"{")
    assert asked(log) == before


def test_who_has_no_role_gets_nowhere(opened: tuple[Door, Path]) -> None:
    door, log = opened
    nora = Visitor(door)
    before = asked(log)
    nora.log_in("nora")
    assert nora.ask(HOST, "GET", "/server_info").status == 302
    nora.log_in("nora", READING_HOST)
    assert nora.ask(READING_HOST, "GET", "/server_info").status == 403
    assert asked(log) == before


def test_there_is_no_other_road_to_dagster(opened: tuple[Door, Path]) -> None:
    door, _ = opened
    subprocess.run(["ip", "route", "add", f"{door.behind}/32", "via", door.address], check=True)
    try:
        with pytest.raises(OSError), socket.create_connection((door.behind, 3000), timeout=2):
            pass
    finally:
        subprocess.run(["ip", "route", "delete", f"{door.behind}/32"], check=True)


def test_the_log_of_the_door_holds_no_code_and_no_name(opened: tuple[Door, Path]) -> None:
    door, _ = opened
    Visitor(door).log_in("bea")
    text = door.log.read_text()
    assert "/door/callback" in text
    assert "code=" not in text
    assert "bea" not in text
