"""A disk without room for the ledger is told as that, and the ledger goes on when there is room again."""

import resource
from pathlib import Path

import pytest

from rod_pipeline.errors import RodError
from rod_pipeline.ledger.log import Ledger
from tests.support import ledger as make
from tests.support.ledger import SetClock


def test_whoever_is_woken_is_told_of_the_disk_and_not_of_a_lock(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", SetClock())
    ledger.append(make.approved())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # No file of this process may grow any more: to SQLite that is a disk that is full.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(RodError) as refused:
            ledger.append(make.announced())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "disk" in str(refused.value) and "lock" not in str(refused.value)
    assert ledger.append(make.announced())[0].seq == 2
