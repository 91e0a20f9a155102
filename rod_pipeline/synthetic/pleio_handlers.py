"""How the PLEIO stand-in answers: the site with its form, and the storage on another origin.

Belongs here: requests and answers, the breaking of connections. Does not belong here: what there is to serve
(``pleio_offers``), what goes differently (``pleio_scenarios``), starting and stopping (``pleio_server``).

It is strict where a careless client would get away with it: forms without their token, cookie or Origin are refused, a
session is renewed when the code was accepted, and the storage counts the cookies that reach it.
"""

import gzip
import hmac
import secrets
import socket
import ssl
import struct
import sys
from collections.abc import Iterable
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from rod_pipeline.synthetic.pleio_offers import Offer, Session, link_path
from rod_pipeline.synthetic.pleio_scenarios import Fault, Step, Turn, form_html, page_html

if TYPE_CHECKING:
    from rod_pipeline.synthetic.pleio_server import StandIn

LOOPBACK = "127.0.0.1"
MOST_ATTEMPTS = 5


class Server(ThreadingHTTPServer):
    """A listening port, a thread per connection; knows which connections must end with a reset."""

    daemon_threads = True

    def __init__(self, stand_in: "StandIn", handler: type["Handler"], port: int, tls: ssl.SSLContext | None) -> None:
        self.stand_in = stand_in
        self.to_reset: set[socket.socket] = set()
        super().__init__((LOOPBACK, port), handler)
        if tls is not None:
            # The handshake is left to the thread of the connection.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def shutdown_request(self, request: Any) -> None:
        if request in self.to_reset:
            self.to_reset.discard(request)
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """What both ports share: counting, taking turns, answering, breaking."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: request lines hold links."""

    @property
    def stand_in(self) -> "StandIn":
        return self.server.stand_in

    def count(self, what: str) -> None:
        with self.stand_in.lock:
            self.stand_in.requests[what] += 1
            if "Referer" in self.headers:
                self.stand_in.requests["referer"] += 1

    def turn(self, item: Offer, step: Step) -> Turn | None:
        """What is to be done otherwise at this step, if anything."""
        with self.stand_in.lock:
            for turn in item.scenario:
                if turn.step == step and (turn.times is None or item.seen[step] < turn.times):
                    item.seen[step] += 1
                    return turn
        return None

    def answer(self, status: int, body: bytes = b"", mime: str = "text/html; charset=utf-8", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", mime)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reset(self) -> None:
        """Make the connection end with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.to_reset.add(self.connection)
        self.close_connection = True

    def take(self, turn: Turn, action: str = "", csrf: str = "") -> bool:
        """Give the answer of ``turn``; False when it only changes the file that follows."""
        if turn.fault == "reset_before":
            self.reset()
        elif turn.fault == "silent":
            self.stand_in.stopping.wait()
            self.close_connection = True
        elif turn.mime:
            self.answer(turn.status, turn.text.encode("latin-1"), turn.mime, **dict(turn.headers))
        elif turn.text or turn.form or turn.status != 200:
            form = form_html(turn.form, action, csrf) if turn.form else ""
            self.answer(turn.status, page_html(turn.text, form), **dict(turn.headers))
        else:
            return False
        return True


class Site(Handler):
    """The port that links name: session, form, code, and the way to the file."""

    def do_GET(self) -> None:
        where = self.path.split("?")[0].strip("/").split("/")
        if where[:2] == ["file", "download"] and len(where) > 2:
            self._link(where[2])
        elif where[0] == "toegang" and len(where) == 2:
            self._form(where[1])
        else:
            self.answer(200, page_html("Pleio"))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        fields = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        where = self.path.strip("/").split("/")
        item = self.stand_in.find(where[1]) if where[0] == "toegang" and len(where) == 2 else None
        self.count("code")
        if item is None:
            self.answer(404, page_html("Pagina niet gevonden"))
        else:
            self._code(where[1], item, fields)

    def _link(self, ident: str) -> None:
        item = self.stand_in.find(ident)
        token, session = self._session()
        if item is None:
            self.answer(404, page_html("Pagina niet gevonden"))
            return
        step: Step = "handover" if ident in session.open else "link"
        self.count(step)
        turn = self.turn(item, step)
        if turn is not None and self.take(turn, self.path, session.csrf):
            return
        if step == "link":
            self.answer(302, Location=f"/toegang/{ident}", Set_Cookie=self._cookie("sessionid", token))
            return
        ticket = secrets.token_urlsafe(24)
        self.stand_in.tokens[ticket] = ident
        storage = self.stand_in.address(self.stand_in.storage)
        self.answer(302, Location=f"{storage}/bak/{ticket}/{quote(item.name)}?signature={secrets.token_hex(16)}")

    def _form(self, ident: str) -> None:
        self.count("form")
        _, session = self._session()
        item = self.stand_in.find(ident)
        turn = self.turn(item, "form") if item is not None else None
        kind = (turn.form if turn is not None else "") or "same"
        action = f"{self.stand_in.address(self.stand_in.storage)}/vang" if kind == "elsewhere" else ""
        self._show_form(turn.text if turn is not None else "Vul uw inlogcode in.", kind, action, session)

    def _show_form(self, text: str, kind: str, action: str, session: Session) -> None:
        page = page_html(text, form_html(kind, action, session.csrf))
        self.answer(200, page, Set_Cookie=self._cookie("csrftoken", session.csrf, "/toegang"))

    def _code(self, ident: str, item: Offer, fields: dict[str, str]) -> None:
        token, session = self._session()
        turn = self.turn(item, "code")
        if turn is not None and self.take(turn, self.path, session.csrf):
            return
        ours = (session.csrf, session.csrf, self.stand_in.address())
        given = (fields.get("csrfmiddlewaretoken"), self._cookies().get("csrftoken"), self.headers.get("Origin"))
        if given != ours:
            self.answer(403, page_html("CSRF verification failed. Request aborted."))
            return
        with self.stand_in.lock:
            refusal = self._refusal(item, fields.get("inlogcode", ""))
        if refusal is None:
            del self.stand_in.sessions[token]
            renewed = secrets.token_hex(16)
            self.stand_in.sessions[renewed] = Session(open=session.open | {ident})
            cookie = self._cookie("sessionid", renewed)
            self.answer(302, Location=link_path(ident, item.name), Set_Cookie=cookie)
        elif refusal == "locked":
            self.answer(423, page_html("Te veel mislukte pogingen."))
        else:
            turn = self.turn(item, "wrong")
            if turn is None or not self.take(turn):
                self._show_form(refusal, "same", "", session)

    def _refusal(self, item: Offer, code: str) -> str | None:
        """Why this code is refused, None when it is accepted; counts."""
        if item.wrong >= MOST_ATTEMPTS:
            return "locked"
        if not hmac.compare_digest(item.code.encode(), code.encode()):
            item.wrong += 1
            return "De inlogcode is onjuist."
        if item.expires_at is not None and self.stand_in.clock.now() >= item.expires_at:
            return "Deze code is verlopen."
        if item.uses == 0:
            return "Deze code is al gebruikt."
        if item.uses is not None:
            item.uses -= 1
        return None

    def _cookies(self) -> dict[str, str]:
        return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("Cookie", "")).items()}

    def _cookie(self, name: str, value: str, path: str = "/") -> str:
        secure = "; Secure" if self.stand_in.address().startswith("https") else ""
        return f"{name}={value}; Path={path}; HttpOnly; SameSite=Lax{secure}"

    def _session(self) -> tuple[str, Session]:
        token = self._cookies().get("sessionid", "")
        if token not in self.stand_in.sessions:
            token = secrets.token_hex(16)
            self.stand_in.sessions[token] = Session()
        return token, self.stand_in.sessions[token]


class Storage(Handler):
    """The port that serves files to whoever comes with a ticket."""

    def do_GET(self) -> None:
        self.count("storage")
        if "Cookie" in self.headers or "Authorization" in self.headers:
            self.count("storage_cookie")
        where = self.path.split("?")[0].strip("/").split("/")
        ident = self.stand_in.tokens.get(where[1]) if len(where) == 3 else None
        item = self.stand_in.find(ident) if ident is not None else None
        if item is None:
            self.answer(403, b"<Error/>", "application/xml")
            return
        turn = self.turn(item, "storage")
        if turn is not None and self.take(turn):
            return
        if turn is not None and turn.fault == "forget":
            for session in self.stand_in.sessions.values():
                session.open.discard(ident or "")
        self._send(item, dict(turn.headers) if turn is not None else {}, turn.fault if turn is not None else None)

    def do_POST(self) -> None:
        self.count("storage_post")
        self.answer(200, page_html("Dank u."))

    def _send(self, item: Offer, headers: dict[str, str], fault: Fault | None) -> None:
        pieces: Iterable[bytes] = item.pieces()
        size = item.size()
        if fault in ("gzip", "gzip_cut"):
            packed = gzip.compress(b"".join(pieces))
            packed = packed[: len(packed) // 2] if fault == "gzip_cut" else packed
            pieces, size, headers = [packed], len(packed), {"Content-Encoding": "gzip"}
        chunked = size is None or fault in ("cut_chunked", "two_lengths")
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Disposition" not in headers:
            self.send_header("Content-Disposition", f'attachment; filename="{item.name}"')
        self.send_header("Content-Type", "application/octet-stream")
        if size is not None and fault != "cut_chunked":
            self.send_header("Content-Length", str(size - 1 if fault == "two_lengths" else size))
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            part = piece[: len(piece) // 2] if fault in ("reset", "cut", "cut_chunked", "forget", "slow") else piece
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
            if part is not piece:
                self._break_off(fault)
                return
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _break_off(self, fault: Fault | None) -> None:
        self.wfile.flush()
        self.close_connection = True
        if fault == "reset":
            self.reset()
        elif fault == "slow":
            self.stand_in.stopping.wait()
