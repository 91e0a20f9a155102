"""A zip with a password: asked for, given later, right on the second try."""

import io

import pytest

from rod_pipeline.contracts import ContractBook
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.announcing import AlreadyStored, announce, drop, give_archive_password
from rod_pipeline.synthetic.delivery import write_delivery
from tests.support.pipeline import POPULATION, Bench, delivery

KEY = DeliveryKey.parse("2025-12")


@pytest.fixture
def locked() -> bytes:
    archive = io.BytesIO()
    write_delivery(archive, KEY, population=POPULATION, book=ContractBook.load(), archive="aes", password=b"right")
    return archive.getvalue()


def test_a_password_that_was_forgotten_or_wrong_is_given_later(bench: Bench, locked: bytes) -> None:
    file = bench.home.parent / "locked.zip"
    file.write_bytes(locked)
    with bench.system() as system:
        drop(system, KEY, [file])
    (told,) = bench.run("2025-12")
    assert "ROD-ARCHIVE-03" in told and "rod zip-password" in told
    with bench.system() as system:
        give_archive_password(system, KEY, "wrong")
    (told,) = bench.run("2025-12")
    assert "ROD-ARCHIVE-02" in told and "wrong" not in told.replace("wrong password", "")
    with bench.system() as system:
        give_archive_password(system, KEY, "right")
    assert bench.run("2025-12") == []
    assert bench.intake("2025-12").stage == "stored"
    with bench.system() as system:
        assert not system.secrets.scopes(), "a password has done its work when the delivery is stored"


def test_a_stored_delivery_is_not_announced_again_and_the_next_key_is_named(bench: Bench) -> None:
    bench.announce("2025-12")
    assert bench.run("2025-12") == []
    link = bench.pleio.publish(delivery("2025-12"), "code")
    with bench.system() as system, pytest.raises(AlreadyStored, match="2025-12-r2"):
        announce(system, KEY, [link], "code")
