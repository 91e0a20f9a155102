"""An installation from which packages go, the keys of those who get them, and opening a package as they do."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rod_pipeline.packages.making import Made, make
from rod_pipeline.system import System
from tests.support.pipeline import UNDISTURBED, Bench
from tests.support.planted import INSTITUTIONS

FIRST, SECOND = INSTITUTIONS


@dataclass(frozen=True)
class PostRoom:
    """An installation with a release, two institutions and a sector chamber, and the keys that these keep at home."""

    bench: Bench
    system: System
    keys: Path

    def made(self, name: str, **more: bool) -> Made:
        return make(self.system, name, "verantwoording", **more)

    def opened(self, name: str, made: Made, folder: Path) -> Path:
        """What the receiver does: age -d, unzip."""
        plain = folder / "pakket.zip"
        subprocess.run(["age", "-d", "-i", self.keys / name, "-o", plain, made.file], check=True, timeout=60)
        subprocess.run(["unzip", "-q", "-o", plain, "-d", folder], check=True, timeout=60)
        plain.unlink()
        return folder


def own(folder: Path, file: str) -> pl.DataFrame:
    return pl.read_csv(folder / "eigen" / f"{file}.csv", separator=";", infer_schema=False)


def content_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def stored(post_room: PostRoom, file: str) -> pl.DataFrame:
    intake = post_room.system.ledger.state().deliveries[UNDISTURBED]
    with post_room.system.vault.scan_table(intake.tables[file]) as frame:
        return frame.with_columns(pl.col("instellingscode").cast(pl.String)).collect()
