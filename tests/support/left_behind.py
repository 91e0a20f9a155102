"""One thing of a delivery that is left somewhere: each function leaves another, and returns the file if it is one."""

import os
from pathlib import Path

from rod_pipeline.deliveries import new_id
from rod_pipeline.marts import database
from rod_pipeline.store import scratch
from rod_pipeline.system import System


def plant_version(system: System, intake: str) -> Path | None:
    system.objects.client.put_object(
        Bucket=system.objects.settings.bucket, Key=f"landing/{intake}/raw_{new_id()}", Body=b"left"
    )
    return None


def plant_upload(system: System, intake: str) -> Path | None:
    system.objects.client.create_multipart_upload(
        Bucket=system.objects.settings.bucket, Key=f"landing/{intake}/raw_{new_id()}"
    )
    return None


def plant_draft(system: System, intake: str) -> Path:
    return _written(system.settings.home / "keys" / f".{intake}.key.0011aabb")


def plant_key(system: System, intake: str) -> Path:
    return _written(system.settings.home / "keys" / f"{intake}.key")


def plant_wal(system: System, intake: str) -> Path:
    folder = scratch.claim() / os.urandom(4).hex()
    folder.mkdir()
    return _written(folder / f"{database.FILE}.wal")


def plant_spill(system: System, intake: str) -> Path:
    """Of a process that is gone: its pid runs, but since another moment."""
    folder = scratch.ROOT / f"rod-{os.getpid()}-1-{os.urandom(4).hex()}"
    (folder / "of" / scratch.tag(system.settings.home)).mkdir(parents=True)
    (folder / "polars").mkdir()
    return _written(folder / "polars" / "spill-0.ipc")


def plant_secret(system: System, intake: str) -> Path:
    return _written(system.settings.home / "secrets" / "codes" / f".{intake}.code.sealed.0011.draft")


def plant_report(system: System, intake: str) -> Path:
    return _written(system.settings.home / "data_docs" / f"2025-12-{intake}.html")


def _written(path: Path) -> Path:
    path.write_bytes(b"left")
    return path


PLANTS = [plant_version, plant_upload, plant_draft, plant_key, plant_wal, plant_spill, plant_secret, plant_report]
