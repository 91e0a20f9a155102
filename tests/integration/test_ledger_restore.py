"""An old copy of the ledger that is put back does nothing until it has caught up with what was published."""

import shutil
from base64 import b64decode
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from rod_pipeline.cli.ledger import app
from rod_pipeline.ledger.catchup import LedgerBehind, catch_up, local_file, refuse_if_behind
from rod_pipeline.ledger.checkpoint import open_checkpoint
from rod_pipeline.ledger.log import Ledger, LedgerForked
from rod_pipeline.ledger.merkle import verify_consistency
from rod_pipeline.ledger.note import NoteRejected, SigningKey
from rod_pipeline.ledger.published import EntriesDamaged, KeysMissing, PublishedLog, read_keys
from rod_pipeline.ledger.standing import standing
from rod_pipeline.settings import Settings
from rod_pipeline.store import evidence
from rod_pipeline.store.evidence import EvidenceStore
from tests.support.ledger import announced
from tests.support.notary import Office, fresh_bucket
from tests.support.places import tombstone
from tests.support.postgres import PostgresServer


def rows(url: str) -> list[tuple[object, ...]]:
    """Everything in the tables of a ledger."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        entries = connection.execute(sa.text("SELECT seq, at, kind, body FROM ledger ORDER BY seq"))
        found = [tuple(row) for row in entries]
        nodes = connection.execute(sa.text("SELECT level, idx, hash FROM ledger_nodes ORDER BY level, idx"))
        found += [(level, index, bytes(hashed)) for level, index, hashed in nodes]
    engine.dispose()
    return found


def url(office: Office) -> str:
    return office.settings.ledger()


@pytest.fixture
def old(office: Office) -> Path:
    """A copy of the ledger as it was with three entries; then two more were added, and all five were published."""
    office.happen(2)
    office.open().notary().publish()
    copy = office.home.parent / "old.db"
    shutil.copyfile(office.home / "ledger.db", copy)
    office.happen(2)
    office.open().notary().publish()
    return copy


def put_back(office: Office, copy: Path) -> None:
    shutil.copyfile(copy, office.home / "ledger.db")


def test_an_old_ledger_is_refused_catches_up_and_is_the_same_again(office: Office, old: Path) -> None:
    before = rows(url(office))
    refuse_if_behind(office.open())
    put_back(office, old)
    assert rows(url(office)) != before
    with pytest.raises(LedgerBehind, match="rod ledger catch-up"):
        refuse_if_behind(office.open())
    assert catch_up(office.open()) == 2
    refuse_if_behind(office.open())
    assert rows(url(office)) == before
    assert catch_up(office.open()) == 0
    # It goes on as if nothing had happened.
    office.happen(1)
    assert office.open().notary().publish().size == 6


def test_the_bucket_alone_tells_and_so_does_the_last_checkpoint_alone(office: Office, old: Path) -> None:
    put_back(office, old)
    kept = local_file(office.home).read_bytes()
    local_file(office.home).unlink()
    with pytest.raises(LedgerBehind):
        refuse_if_behind(office.open())
    local_file(office.home).write_bytes(kept)
    office.notary = office.notary.model_copy(update={"endpoint": "http://127.0.0.1:1"})
    with pytest.raises(LedgerBehind):
        refuse_if_behind(office.open())


def test_a_bucket_that_can_not_be_reached_holds_nothing_up(office: Office, old: Path) -> None:
    office.notary = office.notary.model_copy(update={"endpoint": "http://127.0.0.1:1"})
    refuse_if_behind(office.open())


def test_without_its_public_key_nothing_published_is_believed(office: Office, old: Path) -> None:
    key = (office.home / "notary.vkey").read_text()
    (office.home / "notary.vkey").unlink()
    with pytest.raises(KeysMissing):
        refuse_if_behind(office.open())
    (office.home / "notary.vkey").write_text(str(SigningKey.generate("rod-pipeline.local/ledger").verifier))
    with pytest.raises(NoteRejected):
        refuse_if_behind(office.open())
    with pytest.raises(NoteRejected):
        catch_up(office.open())
    (office.home / "notary.vkey").write_text(key)
    refuse_if_behind(office.open())


def test_an_installation_that_never_published_starts(office: Office) -> None:
    refuse_if_behind(office.open())
    (office.home / "notary.vkey").unlink()
    refuse_if_behind(office.open())
    office.notary = fresh_bucket(office.notary)
    refuse_if_behind(office.open())
    assert catch_up(office.open()) == 0


def test_a_reader_without_any_right_to_write_is_enough_to_refuse(office: Office, old: Path) -> None:
    put_back(office, old)
    office.ledger_url = f"sqlite:///file:{office.home / 'ledger.db'}?mode=ro&uri=true"
    with pytest.raises(LedgerBehind):
        refuse_if_behind(office.open())


def test_an_old_ledger_that_went_on_by_itself_is_refused_and_left_alone(office: Office, old: Path) -> None:
    for more in (1, 2, 5):
        put_back(office, old)
        # By software that doesn't ask: this one refuses to open it (the next test).
        office.happen(more) if more > 1 else office.open().ledger_as_found.append(announced("2031-01"))
        here = rows(url(office))
        with pytest.raises((LedgerBehind, LedgerForked)):
            refuse_if_behind(office.open())
        with pytest.raises(LedgerForked):
            catch_up(office.open())
        assert rows(url(office)) == here


def test_an_old_ledger_is_not_opened_by_anything_that_works_with_it(office: Office, old: Path) -> None:
    put_back(office, old)
    with pytest.raises(LedgerBehind):
        _ = office.open().ledger
    catch_up(office.open())
    assert office.open().ledger.state().seq == 5


def test_a_lost_ledger_comes_back_from_the_bucket(office: Office, old: Path) -> None:
    before = rows(url(office))
    (office.home / "ledger.db").unlink()
    with pytest.raises(LedgerBehind):
        refuse_if_behind(office.open())
    assert catch_up(office.open()) == 5
    assert rows(url(office)) == before


def test_tombstones_are_back_with_the_ledger(office: Office, old: Path) -> None:
    system = office.open()
    key = next(iter(system.ledger.state().deliveries))
    tombstone(system, key)
    office.open().notary().publish()
    put_back(office, old)
    assert office.open().ledger_as_found.state().tombstones == {}
    catch_up(office.open())
    assert list(office.open().ledger.state().tombstones) == [key]


@pytest.mark.parametrize("what", ["a line is changed", "a line is missing", "a line is no entry", "gone"])
def test_damaged_entries_are_not_taken_over(office: Office, old: Path, what: str) -> None:
    """An evidence bucket that was filled by somebody else, with the entries damaged."""
    source, office.notary = office.open().evidence, fresh_bucket(office.notary)
    store = EvidenceStore(office.notary, office.clock, years=1, lock="GOVERNANCE", embedded=True)
    for key in source.keys(""):
        content = source.get(key)
        if key == evidence.entries_key(4, 5):
            content = {
                "a line is changed": content.replace(b'"files":1', b'"files":2', 1),
                "a line is missing": content[content.index(b"\n") + 1 :],
                "a line is no entry": b'{"at":1,"body":[],"kind":2,"seq":4}\n' * 2,
                "gone": b"",
            }[what]
        if content:
            store.put(key, content)
    put_back(office, old)
    here = rows(url(office))
    with pytest.raises(LedgerBehind):
        refuse_if_behind(office.open())
    with pytest.raises(EntriesDamaged):
        catch_up(office.open())
    assert rows(url(office)) == here


def test_an_old_ledger_catches_up_on_postgresql(
    office: Office, postgres_url: str, postgres_server: PostgresServer
) -> None:
    office.ledger_url = postgres_url
    office.happen(4)
    office.open().notary().publish()
    before = rows(postgres_url)
    first = list(office.open().ledger.entries())[:2]
    # The copy of an older day: the same first entries, in another database.
    office.ledger_url = postgres_server.new_database()
    office.clock.time = first[0].at
    Ledger(office.ledger_url, office.clock).append(*(entry.event for entry in first))
    with pytest.raises(LedgerBehind):
        refuse_if_behind(office.open())
    assert catch_up(office.open()) == 3
    assert rows(office.ledger_url) == before


def test_the_commands_say_what_is_the_case(office: Office, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        "ROD_HOME": str(office.home),
        "ROD_EVIDENCE__ENDPOINT": office.notary.endpoint,
        "ROD_EVIDENCE__BUCKET": office.notary.bucket,
        "ROD_EVIDENCE__ACCESS_KEY": office.notary.access_key.get_secret_value(),
        "ROD_EVIDENCE__SECRET_KEY": office.notary.secret_key.get_secret_value(),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings.load().evidence.bucket == office.notary.bucket
    put_back(office, old)

    def rod_ledger(command: str) -> str:
        result = CliRunner().invoke(app, [command])
        return result.output if result.exception is None else str(result.exception)

    assert rod_ledger("status").splitlines()[:2] == [
        "The ledger has 3 entries, of which 5 are published.",
        "The ledger is behind: an old copy was put back. Run `rod ledger catch-up`.",
    ]
    assert rod_ledger("verify").startswith("[ROD-LEDGER-08]")
    assert rod_ledger("catch-up") == (
        "2 entries were taken over; the ledger has 5 entries and continues what was published.\n"
    )
    out = office.home / "newer"
    assert CliRunner().invoke(app, ["newer", "3", "--out", str(out)]).exit_code == 0
    keys = read_keys(office.home)
    old_one, new_one = (
        PublishedLog(office.open().evidence, keys).at(3).checkpoint,
        open_checkpoint((out / "checkpoint.note").read_bytes(), keys).checkpoint,
    )
    proof = [b64decode(line) for line in (out / "consistency.txt").read_text().split()]
    verify_consistency(old_one.size, new_one.size, proof, old_one.root, new_one.root)
    assert rod_ledger("verify") == (
        "The tree over the 5 entries of the ledger is right.\n"
        "2 checkpoints are published: signed, right by their entries, and continued by the ledger.\n"
        "Nothing in the evidence bucket was written over or marked as deleted.\n"
    )
    assert rod_ledger("key") == (office.home / "notary.vkey").read_text()
    office.happen(1)
    assert "Publish the others: `rod ledger publish`." in rod_ledger("status")
    assert standing(office.open()).entries == 6
