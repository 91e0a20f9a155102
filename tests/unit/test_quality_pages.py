"""The pages of a delivery lie beside each other, and the picture shows what is in force of it and of those before."""

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rod_pipeline.contracts.model import FILE_KINDS
from rod_pipeline.ledger.events import Announced, CopyRegistered, Entry, Parsed, Stored
from rod_pipeline.ledger.state import IntakeState, LedgerState, fold
from rod_pipeline.quality import CheckReport, RuleResult
from rod_pipeline.quality.pages import TOGETHER, write_pages
from rod_pipeline.quality.profile import FileProfile
from rod_pipeline.quality.suite import Rule

RULE = Rule(
    id="a.rule",
    severity="blocking",
    sentence="The rule holds for all.",
    zin="De regel klopt voor alle.",
    layer="row",
    cause="The cause of the breach.",
    remedy="Ask DUO about it.",
    source="test",
)
PROFILE = FileProfile(rows=100, years={"2024-2025": 100}, missing={"niveau": 10})


class House:
    """What ``write_pages`` needs of an installation: a folder, and what the ledger says."""

    def __init__(self, home: Path) -> None:
        self.state = LedgerState()
        self.settings = SimpleNamespace(home=home)
        self.ledger = SimpleNamespace(state=lambda: self.state)

    def told(self, event: Any) -> None:
        self.state = fold(self.state, Entry(seq=self.state.seq + 1, at=datetime(2026, 9, 1, tzinfo=UTC), event=event))

    def read(self, key: str, copies: str = "1") -> IntakeState:
        """A delivery whose files were read (again), into tables whose ids begin with ``copies``."""
        number = f"{len(self.state.intakes):x}"
        if key not in self.state.deliveries:
            self.told(Announced(delivery_id=number * 16, key=key, channel="drop", files=1))
        intake = self.state.deliveries[key].delivery_id
        for at, file in enumerate(FILE_KINDS):
            copy = f"{copies}{at}{intake[:14]}"
            self.told(
                CopyRegistered(copy_id=copy, scope=intake, zone="parsed", name=file, store="main", object_key=f"a/{at}")
            )
            self.told(Parsed(delivery_id=intake, file=file, contract=1, rows=100, copy_id=copy))
        return self.state.deliveries[key]

    def judged(self, key: str, *names: str, failed: int = 0) -> Path:
        """Write the pages of these parts; returns the folder."""
        for name in names:
            result = RuleResult.counted(RULE, name, rows=100, failed=failed)
            report = CheckReport.of(f"{name} of delivery {key}", [result], {name: 100})
            profile = None if name == TOGETHER else PROFILE
            pages = write_pages(self, self.state.deliveries[key], name, report, profile)  # type: ignore[arg-type]
        return pages.picture.parent

    def stored(self, key: str) -> None:
        intake = self.state.deliveries[key]
        copies = tuple(table.copy_id for table in intake.parsed.values())
        self.told(Stored(delivery_id=intake.delivery_id, copies=copies, rows=(100,) * len(copies)))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def picture(folder: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", (folder / "picture.html").read_text("utf-8")))


def test_every_link_of_every_page_leads_to_a_page(house: House) -> None:
    house.read("2025-12")
    folder = house.judged("2025-12", *FILE_KINDS, TOGETHER)
    pages = {path.name for path in folder.glob("*.html")}
    assert pages == {f"{name}.html" for name in (*FILE_KINDS, TOGETHER, "picture")}
    linked = set()
    for name in pages:
        found = set(re.findall(r'href="([^"]+)"', (folder / name).read_text("utf-8")))
        assert found
        linked |= found
    assert linked == pages


def test_a_delivery_that_one_file_refuses_has_a_picture(house: House) -> None:
    house.read("2025-12")
    shown = picture(house.judged("2025-12", "diplomas", failed=7))
    for words in ("refused", "diplomas: 7 of 100 rows (7.0%) break a.rule", "Not looked at (yet): inschrijvingen"):
        assert words in shown, words


def test_what_rests_on_a_table_that_was_read_anew_is_not_in_the_picture(house: House) -> None:
    house.read("2025-12")
    house.judged("2025-12", *FILE_KINDS, TOGETHER, failed=7)
    house.read("2025-12", copies="2")
    shown = picture(house.judged("2025-12", "diplomas"))
    assert "not judged yet" in shown
    assert "break a.rule" not in shown
    assert "Not looked at (yet): inschrijvingen, doorstroom, mbo_hbo, technisch, delivery" in shown


def test_a_picture_stands_beside_the_newest_stored_delivery_before_it_alone(house: House) -> None:
    for key in ("2025-12", "2026-08", "2026-12", "2027-08"):
        house.read(key)
        house.judged(key, *FILE_KINDS, TOGETHER)
    house.stored("2025-12")
    house.stored("2027-08")
    assert "Beside delivery 2025-12, the stored one before it." in picture(house.judged("2026-12", TOGETHER))
    house.stored("2026-08")
    shown = picture(house.judged("2026-12", TOGETHER))
    assert "Beside delivery 2026-08, the stored one before it." in shown
    assert "2027-08" not in shown
