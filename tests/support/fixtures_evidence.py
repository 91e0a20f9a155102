"""Fixtures around evidence: a bundle of a whole purge, made once, and the key to check it with."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from rod_pipeline.retention.evidence import attest, verifieer
from rod_pipeline.system import System
from tests.support.evidence import Installation, at_the_end_of_the_term, bundled, erased
from tests.support.ledger import SetClock
from tests.support.remembering import known


@pytest.fixture(scope="session")
def evidence_bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """The bundle of one delivery that was erased at the end of its term, and the verifying key of its log."""

    def made() -> tuple[bytes, str]:
        installation = Installation(tmp_path_factory.mktemp("evidence"), SetClock())
        at_the_end_of_the_term(installation)
        plan = erased(installation, ["2025-12"])
        attest(cast(System, installation), plan.purge_id)
        return bundled(installation, plan)

    return cast(tuple[bytes, str], known("evidence", b"bundle", made))


@pytest.fixture
def checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs the verifier in this process; gives its exit code and all that it said."""

    def run(bundle: bytes, key: str, *more: str) -> tuple[int, str]:
        file = tmp_path / "bundel.zip"
        file.write_bytes(bundle)
        code = verifieer.main([str(file), "--sleutel", key, *more])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run
