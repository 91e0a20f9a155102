"""Landing: the raw files of a delivery, sealed in the store as they came.

Belongs here: from link or file to a verified sealed copy and the ledger's word that it was received. Does not belong
here: how PLEIO is spoken to (``pleio``), how things are sealed (``store``), what is in the files (``parsing``).

The files' own names and plaintext digests lie sealed beside them as ``manifest`` and die with their key: the ledger
knows digests of ciphertext alone (DESIGN 14.4).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import BlockedError, PermanentError
from rod_pipeline.intake.pleio_errors import PleioError, SameName
from rod_pipeline.intake.tidying import ARCHIVE_PASSWORD, CODE, LINKS, clear, tidy
from rod_pipeline.ledger.events import CodeEnded, Received
from rod_pipeline.ledger.state import CopyState, IntakeState
from rod_pipeline.ledger.vocabulary import Channel, MomentBasis
from rod_pipeline.quality.defects import WHOLE
from rod_pipeline.quality.notifying import tell_defect
from rod_pipeline.retention.deadline import deadline
from rod_pipeline.retention.gate import refuse_intake_stopped

if TYPE_CHECKING:
    from rod_pipeline.system import System

RAW, MANIFEST = "raw", "manifest"


class WaitingForCode(BlockedError):
    """The access code is gone and nothing was received."""

    code = "ROD-LANDING-01"


class DropUnfinished(BlockedError):
    """Handing files over by hand broke off."""

    code = "ROD-LANDING-02"


class RawFilesAreGone(PermanentError):
    """The ledger says that the raw files are in the store, but they aren't."""

    code = "ROD-LANDING-03"


@dataclass(frozen=True)
class Landing:
    """What lies in ``landing``: the sealed raw files, and what the clock of retention rests on."""

    delivery_id: str
    channel: Channel
    files: tuple[CopyState, ...]
    moment: datetime
    moment_basis: MomentBasis
    deadline: datetime
    place: str


def land(system: System, key: DeliveryKey) -> Landing:
    """Bring the raw files of a delivery into ``landing``; finds what is there already.

    Raises the errors of ``pleio``, ``WaitingForCode``, ``DropUnfinished``, ``RawFilesAreGone`` and those of the store.
    """
    tidy(system)
    with system.hold(key) as intake:
        if not intake.raw:
            _fetch(system, key, intake)
        elif intake.code == "awaiting":
            # Killed between the two: the code has done its work.
            _end_code(system, intake, "verified")
        return _landing(system, key)


def land_files(system: System, key: DeliveryKey, files: Sequence[Path]) -> Landing:
    """Seal the files that a person hands over into ``landing``, streaming, and record them as received."""
    with system.hold(key) as intake:
        _prepare(system, intake)
        first = system.clock.now()
        copies, about = [], []
        for number, file in enumerate(files):
            digest = hashlib.sha256()
            with (
                file.open("rb") as source,
                system.vault.write_raw(intake.delivery_id, "landing", f"{RAW}_{number:02d}") as writer,
            ):
                while block := source.read(1 << 20):
                    digest.update(block)
                    writer.write(block)
            copies.append(writer.copy.copy_id)
            about.append({"name": file.name, "sha256": digest.hexdigest(), "size": file.stat().st_size})
        _received(system, intake, copies, about, first, "ingestion")
        return _landing(system, key)


def _fetch(system: System, key: DeliveryKey, intake: IntakeState) -> None:
    refuse_intake_stopped(system.ledger.state())
    if intake.channel == "drop":
        raise DropUnfinished(
            f"Handing over the files of {key} broke off before they were all sealed.",
            f"Hand them over once more: `rod drop {key} FILE…`.",
        )
    if not system.secrets.exists(intake.delivery_id, CODE):
        raise WaitingForCode(
            f"There is no access code for {key} any more ({intake.code.removeprefix('ended:')}).",
            f"Ask DUO for a new code and announce again (`rod announce {key} --link …`), or download the files "
            f"yourself and hand them over (`rod drop {key} FILE…`).",
        )
    links: list[str] = json.loads(system.secrets.get(intake.delivery_id, LINKS))
    code = system.secrets.get(intake.delivery_id, CODE).decode()
    _prepare(system, intake)
    copies: list[str] = []
    about: list[dict[str, object]] = []
    first: datetime | None = None
    for number, link in enumerate(links):
        try:
            download = system.pleio.fetch(
                link,
                code,
                partial(system.vault.write_raw, intake.delivery_id, "landing", f"{RAW}_{number:02d}"),
            )
        except PleioError as error:
            if error.ends_code is not None:
                _end_code(system, intake, error.ends_code)
            tell_defect(system, intake, WHOLE, error)
            raise
        if any(download.name == earlier["name"] for earlier in about):
            tell_defect(system, intake, WHOLE, same := SameName())
            raise same
        copies.append(download.sink.copy.copy_id)
        about.append({"name": download.name, "sha256": download.sha256, "size": download.size})
        first = min(first or download.first_byte_at, download.first_byte_at)
    assert first is not None
    _received(system, intake, copies, about, first, "first_download")
    _end_code(system, intake, "verified")


def _prepare(system: System, intake: IntakeState) -> None:
    """A key, and nothing left over from a run that was killed."""
    system.vault.create_key(intake.delivery_id)
    clear(system, intake.delivery_id)


def _received(
    system: System,
    intake: IntakeState,
    copies: list[str],
    about: list[dict[str, object]],
    seen: datetime,
    basis: MomentBasis,
) -> None:
    with system.vault.write_raw(intake.delivery_id, "landing", MANIFEST) as writer:
        writer.write(json.dumps(about, sort_keys=True).encode())
    moment = seen
    # What was announced, or an earlier attempt that got as far as a first byte.
    known = system.ledger.state().provided(intake.key)
    if known is not None and known[0] <= seen:
        moment, basis = known
    system.ledger.append(
        Received(
            delivery_id=intake.delivery_id,
            copies=(*copies, writer.copy.copy_id),
            moment=moment,
            moment_basis=basis,
        )
    )


def _end_code(system: System, intake: IntakeState, reason: str) -> None:
    system.ledger.append(CodeEnded.model_validate({"delivery_id": intake.delivery_id, "reason": reason}))
    for name in (LINKS, CODE):
        system.secrets.delete(intake.delivery_id, name)
    if reason != "verified":
        system.secrets.delete(intake.delivery_id, ARCHIVE_PASSWORD)


def raw_copies(system: System, intake: IntakeState) -> tuple[CopyState, ...]:
    """The sealed raw files of an intake, in order; without the manifest."""
    state = system.ledger.state()
    copies = [state.copies[copy_id] for copy_id in intake.raw]
    return tuple(sorted((c for c in copies if c.name != MANIFEST), key=lambda c: c.name))


def raw_names(system: System, intake: IntakeState) -> tuple[str, ...]:
    """Under which names the raw files came, in the order of ``raw_copies``: never a path, never logged."""
    state = system.ledger.state()
    (manifest,) = [copy_id for copy_id in intake.raw if state.copies[copy_id].name == MANIFEST]
    with system.vault.open_raw(manifest) as stream:
        about = json.loads(stream.read())
    return tuple(entry["name"] or "delivery.csv" for entry in about)


def _landing(system: System, key: DeliveryKey) -> Landing:
    intake = system.intake(key)
    files = raw_copies(system, intake)
    if missing := [c for c in files if not system.vault.is_there(c.copy_id)]:
        raise RawFilesAreGone(
            f"{len(missing)} of {len(files)} raw files of {key} are no longer in the store, though nobody erased them.",
            "Look in the store's own logs for who did; then announce the delivery anew.",
        )
    assert intake.moment is not None and intake.moment_basis is not None
    return Landing(
        intake.delivery_id,
        intake.channel,
        files,
        intake.moment,
        intake.moment_basis,
        deadline(intake.moment, system.decree.retention.years),
        files[0].store,
    )
