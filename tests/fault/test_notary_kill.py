"""Killed with SIGKILL at any instant of publishing, the notary goes on the next time and signs one history only."""

import signal
from pathlib import Path

import pytest

from rod_pipeline.ledger.catchup import local_file
from rod_pipeline.ledger.checkpoint import open_checkpoint
from rod_pipeline.ledger.published import read_keys
from rod_pipeline.ledger.standing import standing, verify
from rod_pipeline.store import evidence
from tests.support.notary import Office
from tests.support.soak import in_soak
from tests.support.tsa import running_authority
from tests.support.witness import WitnessServer, running_witness

# What a publication does: the place (which may read the bucket's state), the last checkpoint on disk, the entries with
# their proof that the lock was taken (a second write), the checkpoint, the timestamp, the cosigned checkpoint.
INSTANTS = [
    ("ListObjectVersions", 1, "after"),
    ("keep", 1, "after"),
    ("PutObject", 1, "after"),
    ("PutObject", 2, "after"),
    ("PutObject", 3, "after"),
    ("PutObject", 5, "before"),
]
ALL = [
    ("GetObjectLockConfiguration", 1, "after"),
    ("keep", 1, "before"),
    ("PutObject", 1, "before"),
    ("PutObject", 3, "before"),
    ("PutObject", 4, "before"),
    ("PutObject", 4, "after"),
    ("PutObject", 5, "after"),
]
"""In a soak, beside those."""


@pytest.mark.parametrize(
    ("instant", "goes_on"),
    [
        *((instant, True) for instant in INSTANTS),
        *((instant, False) for instant in INSTANTS[2::3]),
        *in_soak((instant, True) for instant in ALL),
        *in_soak((instant, False) for instant in ALL[::2]),
    ],
    ids=str,
)
def test_a_killed_publication_is_finished_by_the_next(
    office: Office, tmp_path: Path, instant: tuple[str, int, str], goes_on: bool
) -> None:
    server = WitnessServer(list(read_keys(office.home)))
    with running_authority(tmp_path / "tsa") as authority, running_witness(server) as witness:
        office.evidence = {
            "timestamp_url": authority.address,
            "timestamp_roots": authority.root_file,
            "witness_url": witness.address,
            "witness_key": str(witness.key),
        }
        office.happen(2)
        office.open().notary().publish()
        office.happen(2)
        assert office.publish_and_die(*instant) == -signal.SIGKILL
        # Whoever looks now sees whole checkpoints only.
        list(verify(office.open()))
        if goes_on:
            office.happen(3)
        done = office.open().notary().publish()
        assert done.size == (8 if goes_on else 5)
        assert done.outstanding == ()
        list(verify(office.open()))
    now, store = standing(office.open()), office.open().evidence
    assert now.published == now.entries == done.size
    kept = open_checkpoint(local_file(office.home).read_bytes(), read_keys(office.home))
    assert kept.checkpoint.size == done.size
    sizes = store.numbers(evidence.CHECKPOINTS)
    assert set(sizes) <= {3, 5, 8}
    assert store.numbers(evidence.TIMESTAMPS) == sizes
    # What was signed by the one that was killed went out as well, before anything new was signed.
    if instant[0] == "PutObject" or instant == ("keep", 1, "after"):
        assert 5 in sizes


def test_without_the_kept_checkpoint_it_goes_on_from_the_bucket(office: Office) -> None:
    """The disk of the notary is lost between the entries and the checkpoint."""
    office.happen(2)
    office.open().notary().publish()
    office.happen(2)
    assert office.publish_and_die("PutObject", 3, "before") == -signal.SIGKILL
    local_file(office.home).unlink()
    office.happen(1)
    assert office.open().notary().publish().size == 6
    store = office.open().evidence
    # The entries that were published without a checkpoint stay, and are in nobody's way.
    assert store.numbers(evidence.CHECKPOINTS) == [3, 6]
    assert len(store.keys(evidence.ENTRIES)) == 3
    assert len(list(verify(office.open()))) == 3
