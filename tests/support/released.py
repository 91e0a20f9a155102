"""An installation in a folder, with one small delivery that was published: what pages about publishing begin with."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from rod_pipeline.clock import SystemClock
from rod_pipeline.contracts import ContractBook
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.installation import make_installation
from rod_pipeline.intake.announcing import drop
from rod_pipeline.publishing.disclosing import disclose
from rod_pipeline.publishing.release import publish
from rod_pipeline.settings import Settings
from rod_pipeline.synthetic.delivery import write_delivery
from rod_pipeline.synthetic.population import Population
from rod_pipeline.system import System
from tests.support.pipeline import walk

KEY = DeliveryKey.parse("2025-12")
RECIPIENTS = {"school-17": 'institution = "29FC"', "kamer-3": 'chamber = "03"'}


def make_released(folder: Path) -> Path:
    """Put ``home`` and ``key.txt``, the key of its recipients, in ``folder``; returns it."""
    home, archive, key = folder / "home", folder / "delivery.zip", folder / "key.txt"
    subprocess.run(["age-keygen", "-o", key], check=True, timeout=60, capture_output=True)
    (public,) = re.findall(r"age1[a-z0-9]+", key.read_text())
    make_installation(home, SystemClock(), country="NL", site="test bench", declared_by="tester")
    with (home / "rod.toml").open("a") as settings:
        for name, what in RECIPIENTS.items():
            settings.write(f'[[packages.recipients]]\nname = "{name}"\nkey = "{public}"\ncountry = "NL"\n{what}\n')
    with archive.open("wb") as sink:
        write_delivery(sink, KEY, population=Population(seed=1, scale=0.001), book=ContractBook.load(), archive="zip")
    with System.open(Settings.load(home)) as system:
        drop(system, KEY, [archive], moment=datetime(2025, 12, 16, 10, tzinfo=UTC))
        assert walk(system, KEY) == []
        publish(system, disclose)
    archive.unlink()
    return folder
