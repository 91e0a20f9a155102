"""A PLEIO to try the client on: a real HTTP server on loopback, with every way to fail on demand.

Belongs here: starting and stopping it, in-process (``StandIn``) or as a process of its own that serves a folder
(``python -m rod_pipeline.synthetic.pleio_server --folder DIR``). Does not belong here: how it answers
(``pleio_handlers``), what goes differently (``pleio_scenarios``). It serves synthetic data only.
"""

import argparse
import secrets
import signal
import ssl
import sys
import threading
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Self

from rod_pipeline.clock import Clock, SystemClock
from rod_pipeline.synthetic.pleio_handlers import LOOPBACK, Server, Site, Storage
from rod_pipeline.synthetic.pleio_offers import Offer, Session, Source, link_path, place, read_index
from rod_pipeline.synthetic.pleio_scenarios import SCENARIOS

__all__ = ["FolderStandIn", "StandIn", "place"]


class StandIn:
    """A PLEIO on 127.0.0.1: one port for the site, one for its storage. A context manager, or ``start`` and ``stop``.

    ``requests`` counts requests by what they were (``link``, ``form``, ``code``, ``handover``, ``storage``) and what
    was noticed about them (``storage_cookie``, ``referer``). ``tls`` makes both ports speak https.
    """

    def __init__(self, *, port: int = 0, clock: Clock | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.requests: Counter[str] = Counter()
        self.clock = clock or SystemClock()
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.items: dict[str, Offer] = {}
        self.sessions: dict[str, Session] = {}
        self.tokens: dict[str, str] = {}
        self._tls = tls
        self.site = Server(self, Site, port, tls)
        self.storage = Server(self, Storage, 0, tls)
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        """The port of the site, which links name."""
        return self.site.server_port

    def address(self, server: Server | None = None) -> str:
        """The origin of the site, or of ``server``."""
        return f"{'https' if self._tls else 'http'}://{LOOPBACK}:{(server or self.site).server_port}"

    def publish(
        self,
        source: Source,
        code: str,
        scenario: str = "ok",
        name: str = "ROD_MBO_Raad.zip",
        uses: int | None = None,
        expires_at: datetime | None = None,
    ) -> str:
        """Place a file and return its link. ``uses``: how often the code serves (None: always); ``scenario``: see
        ``pleio_scenarios.SCENARIOS``, ``KeyError`` if there is none of that name."""
        ident = secrets.token_hex(16)
        self.items[ident] = Offer(source, code, SCENARIOS[scenario], name, uses, expires_at)
        return f"{self.address()}{link_path(ident, name)}"

    def start(self) -> Self:
        for server in (self.site, self.storage):
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def stop(self) -> None:
        self.stopping.set()
        for server in (self.site, self.storage):
            if self._threads:
                server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def find(self, ident: str) -> Offer | None:
        """The file of a link; None if there is none."""
        return self.items.get(ident)


class FolderStandIn(StandIn):
    """Serves what lies in ``folder`` by its index, which it reads again when a link is unknown."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        super().__init__(port=port)
        self._folder = folder

    def find(self, ident: str) -> Offer | None:
        if ident not in self.items:
            for known, offer in read_index(self._folder).items():
                self.items.setdefault(known, offer)
        return self.items.get(ident)


def main(arguments: list[str] | None = None) -> None:
    """Serve a folder until SIGTERM or SIGINT. Says ``ready <origin>`` on standard output when it listens."""
    parser = argparse.ArgumentParser(description="A stand-in for PLEIO that serves what the index of a folder offers.")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with FolderStandIn(given.folder, port=given.port) as stand_in:
        sys.stdout.write(f"ready {stand_in.address()}\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
