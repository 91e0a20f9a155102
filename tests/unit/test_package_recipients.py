"""Who may be a recipient, and what is encrypted to one."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pyrage
import pytest

from rod_pipeline.clock import SystemClock
from rod_pipeline.decree import load_decree
from rod_pipeline.ledger.events import Received
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.packages import making
from rod_pipeline.packages.recipients import (
    BadRecipientKey,
    NoSuchRecipient,
    RecipientOutside,
    encrypted,
    recipient,
)
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.settings import BadSettings, Settings
from rod_pipeline.system import System
from tests.support import ledger as make
from tests.support.ledger import SetClock

IDENTITY = pyrage.x25519.Identity.generate()
GOOD = f'name = "r1"\ninstitution = "25LH"\nkey = "{IDENTITY.to_public()}"\ncountry = "NL"\n'


def settings(home: Path, *sections: str) -> Settings:
    (home / "rod.toml").write_text("".join(f"[[packages.recipients]]\n{section}" for section in sections))
    return Settings.load(home)


@pytest.mark.parametrize(
    "spoilt",
    [
        GOOD.replace('institution = "25LH"\n', ""),
        GOOD + 'chamber = "03"\n',
        GOOD.replace('institution = "25LH"', 'chamber = "03"\ngroup = "zorg"'),
        GOOD.replace("25LH", "25lh"),
        GOOD.replace('country = "NL"\n', ""),
        GOOD.replace(str(IDENTITY.to_public()), "ssh-rsa AAAA"),
        GOOD.replace("r1", "Jan Jansen"),
    ],
    # The key is another in each process.
    ids=["nothing", "two things", "two others", "no code", "no country", "no key", "a person"],
)
def test_a_recipient_is_one_thing_with_a_key_and_a_country(tmp_path: Path, spoilt: str) -> None:
    with pytest.raises(BadSettings, match="recipients"):
        settings(tmp_path, spoilt)


def test_a_name_stands_once(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="packages"):
        settings(tmp_path, GOOD, GOOD)


def test_only_a_known_recipient_in_the_eea_with_a_real_key_gets_anything(tmp_path: Path) -> None:
    key = str(IDENTITY.to_public())
    others = (
        GOOD.replace("r1", "r2").replace("NL", "BQ"),
        GOOD.replace("r1", "r3").replace("NL", "GB"),
        GOOD.replace("r1", "r4").replace(key, key[:-1] + ("q" if key[-1] != "q" else "p")),
    )
    system = System.open(settings(tmp_path, GOOD, *others), SystemClock())
    assert recipient(system, "r1").institution == "25LH"
    for name, refusal in (
        ("r2", RecipientOutside),
        ("r3", RecipientOutside),
        ("r4", BadRecipientKey),
        ("r5", NoSuchRecipient),
    ):
        with pytest.raises(refusal):
            recipient(system, name)


def test_who_has_the_key_opens_it_and_nobody_else(tmp_path: Path) -> None:
    system = System.open(settings(tmp_path, GOOD), SystemClock())
    sealed = encrypted(b"rows", recipient(system, "r1"))
    assert b"rows" not in sealed
    assert pyrage.decrypt(sealed, [IDENTITY]) == b"rows"
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [pyrage.x25519.Identity.generate()])


def test_a_package_ends_when_the_earliest_known_moment_makes_its_delivery_end(
    ledger: Ledger, set_clock: SetClock
) -> None:
    """A download that began before the moment of the intake began the term, for what was made of it as well."""
    delivery, events = make.opened()
    copy, writing = make.written(delivery, "landing", "raw")
    ledger.append(*events, *writing)
    set_clock.move(days=30)
    ledger.append(Received(delivery_id=delivery, copies=(copy,), moment=set_clock.now(), moment_basis="ingestion"))
    system = SimpleNamespace(ledger=ledger, decree=load_decree())
    until = making._end(cast("System", system), [ledger.state().intakes[delivery]])
    assert until == deadline(make.NOON, load_decree().retention.years)
