"""A mail server and a webhook on loopback, that keep what alerts bring them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Mailbox:
    """A mail server; ``letters`` are whole messages as text, header lines included. ``refuses``: it takes nothing."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.refuses = False
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}/?from=rod@rod.example&to=oncall@rod.example&mode=insecure"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuses:
            return "451 not now"
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        parts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
        self.letters.append("\n".join([*(f"{name}: {value}" for name, value in message.items()), *parts]))
        return "250 taken"

    @property
    def subjects(self) -> list[str]:
        lines = [line for letter in self.letters for line in letter.splitlines() if line.startswith("Subject: ")]
        return [line.removeprefix("Subject: ") for line in lines]


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server that runs."""
    made = Mailbox()
    controller = Controller(made, hostname="127.0.0.1", port=made.port)
    controller.start()
    try:
        yield made
    finally:
        controller.stop()


class Hook(ThreadingHTTPServer):
    """A webhook; ``bodies`` are what was posted, ``asked`` how often it was asked."""

    bodies: list[str]
    asked: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}/hook"


@contextmanager
def webhook() -> Iterator[Hook]:
    """A webhook that runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._done()

        def do_GET(self) -> None:
            made.asked += 1
            self._done()

        def _done(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    made = Hook(("127.0.0.1", 0), Handler)
    made.bodies, made.asked = [], 0
    thread = Thread(target=made.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        made.server_close()
        thread.join()
