"""An installation with a notary, in real buckets: ``Office``. A process of it can be killed while it publishes."""

import os
import secrets
import signal
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from rod_pipeline.installation import make_installation
from rod_pipeline.ledger import notary as notary_module
from rod_pipeline.ledger.events import Entry
from rod_pipeline.settings import EvidenceSection, Settings, StoreSection
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.evidence import EvidenceStore
from rod_pipeline.system import System
from tests.support.forked import ended
from tests.support.ledger import SetClock, announced


def fresh_bucket(notary: StoreSettings) -> StoreSettings:
    """The notary's settings for an evidence bucket that nobody else uses, and that isn't there yet."""
    return notary.model_copy(update={"bucket": f"rod-evidence-{secrets.token_hex(6)}"})


class Office:
    """One installation in ``home``, with an evidence bucket of its own; ``evidence`` holds further settings of it."""

    def __init__(self, home: Path, data: StoreSettings, notary: StoreSettings, clock: SetClock) -> None:
        self.home = home
        self.clock = clock
        self.data = data
        self.notary = fresh_bucket(notary)
        self.evidence: dict[str, object] = {}
        self.ledger_url: str | None = None
        make_installation(home, clock, country="NL", site="test bench", declared_by="tester")
        EvidenceStore(self.notary, clock, years=1, lock="GOVERNANCE", embedded=True).ensure()

    @property
    def settings(self) -> Settings:
        return Settings(
            home=self.home,
            ledger_url=None if self.ledger_url is None else SecretStr(self.ledger_url),
            store=StoreSection(
                endpoint=self.data.endpoint, access_key=self.data.access_key, secret_key=self.data.secret_key
            ),
            evidence=EvidenceSection.model_validate(
                {
                    "endpoint": self.notary.endpoint,
                    "bucket": self.notary.bucket,
                    "access_key": self.notary.access_key,
                    "secret_key": self.notary.secret_key,
                    **self.evidence,
                }
            ),
        )

    def open(self) -> System:
        """The installation as a new process would open it; nothing has to be closed."""
        return System.open(self.settings, self.clock)

    def happen(self, times: int = 1) -> tuple[Entry, ...]:
        """So many things happen, and stand in the ledger, also one that this software would refuse to open."""
        ledger = self.open().ledger_as_found
        first = ledger.state().seq
        keys = [f"20{10 + (first + number) // 12}-{(first + number) % 12 + 1:02}" for number in range(times)]
        return ledger.append(*map(announced, keys))

    def publish_and_die(self, call: str, nth: int, moment: str) -> int:
        """Publish in a process that kills itself at an instant: ``moment`` of the ``nth`` ``call``.

        A call is an S3 operation, or ``keep``, the writing of the last checkpoint to disk. Returns how it ended.
        """
        return ended(_publish, self.settings, self.clock, call, nth, moment)


def _publish(settings: Settings, clock: SetClock, call: str, nth: int, moment: str) -> None:
    system = System.open(settings, clock)
    _arm(system, call, nth, moment)
    system.notary().publish()


def _arm(system: System, call: str, nth: int, moment: str) -> None:
    count = 0

    def step(when: str) -> None:
        nonlocal count
        count += when == moment
        if count == nth and when == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    if call == "keep":
        keep = notary_module._keep

        def kept(file: Path, content: bytes) -> None:
            step("before")
            keep(file, content)
            step("after")

        notary_module._keep = kept
    else:
        events: Any = system.evidence.client.meta.events
        events.register(f"before-call.s3.{call}", lambda **_: step("before"))
        events.register(f"after-call.s3.{call}", lambda **_: step("after"))
