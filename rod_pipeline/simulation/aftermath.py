"""Looking back on a life: is everything gone that should be, and does every proof hold?

Belongs here: the canary's last look, checking every bundle as an outsider does, and what became of each delivery. Does
not belong here: showing it (``report``), the story (``scenario``).
"""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rod_pipeline.ledger.note import SigningKey
from rod_pipeline.ledger.published import KEYS_FILE
from rod_pipeline.retention.evidence import find
from rod_pipeline.retention.evidence.bundle import bundle_of
from rod_pipeline.retention.timeline import Panel, bars
from rod_pipeline.settings import EvidenceSection
from rod_pipeline.simulation.canary import Scanner
from rod_pipeline.store import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rod_pipeline.ledger.purges import PurgeState
    from rod_pipeline.simulation.life import Life
    from rod_pipeline.simulation.scenario import Ending, Story
    from rod_pipeline.simulation.system import SimulatedSystem

_CERTIFICATES = "certificates"


@dataclass(frozen=True)
class Row:
    """What became of a delivery in one purge, or that it is still kept. ``days`` before its deadline; minus is late."""

    key: str
    moment: datetime | None
    deadline: datetime | None
    gone: datetime | None
    days: int | None
    ground: str
    outcome: str
    serial: int
    file: str


@dataclass(frozen=True)
class Aftermath:
    """A life, looked back on. ``wrong`` is empty when all went as the story says; ``found`` is what was looked at."""

    title: str
    rows: tuple[Row, ...]
    panel: Panel
    found: tuple[str, ...]
    wrong: tuple[str, ...]


def look_around(life: Life) -> tuple[set[str], set[str], list[str]]:
    """What the bytes of everything hold: objects of which something was found, objects that live, and what is wrong.

    Everything is the folder of the installation (ledger, keys, secrets, reports, letters, Dagster, the store's volumes
    after it has vacuumed them), this process' folder in memory, and what lies in the evidence bucket.
    """
    system = life.system
    system.vacuum()
    scanner = Scanner(system.canary.needles())
    hits = scanner.files([system.settings.home, scratch.claim()])
    for name, content in _evidence(system):
        for label in scanner.labels(content):
            hits.setdefault(label, set()).add(f"{system.settings.evidence.bucket}/{name}")
    living = {copy.object_key for copy in system.ledger.state().copies.values() if copy.status != "erased"}
    wrong = [
        f"{'a value in the clear' if label == 'clear' else f'something of {label}, which was erased,'} is in {file}"
        for label, files in sorted(hits.items())
        for file in sorted(files)
        if label not in living
    ]
    wrong += [f"nothing of {key} was found, and it should be there" for key in sorted(living - hits.keys())]
    return hits.keys() - {"clear"}, living, wrong


def look_back(life: Life, story: Story, finished: bool) -> Aftermath:
    """Look at everything that is left at the end of a life. ``finished``: the story came to its own end."""
    system = life.system
    life.wrong += life.daemon.publish()
    state = system.ledger.state()
    _, living, left = look_around(life)
    canary = system.canary
    found = [
        f"Time: {life.ticks} ticks of the sensor asked for {life.runs} runs of the job that erases.",
        f"Raw bytes of all files: {len(canary.sealed)} objects were ever stored, {len(living)} live on; of the others "
        + ("nothing was found, and no pseudonym or access code." if not left else "SOMETHING WAS FOUND."),
    ]
    purges = list(state.purges.values())
    verified, refused = _check_bundles(system, [purge for purge in purges if purge.attested is not None])
    found.append(
        f"Evidence: {verified} of {len(purges)} bundles hold under the simulation's key; {refused} are refused under "
        "another."
    )
    if not verified == refused == len(purges):
        left.append("not every erasure has a bundle that holds, and is refused under another key")
    findings = [*life.alarms(), *life.notices()]
    found.append("The watch: " + ("all terms are kept." if not findings else " ".join(findings)))
    if finished:
        left += [f"the watch says: {finding}" for finding in findings]
        left += _otherwise(story, purges)
    terms = life.agenda().terms
    return Aftermath(
        story.title,
        tuple(_rows(life)),
        Panel(story.title, bars(terms, purges), tuple(life.spans)),
        tuple(found),
        (*life.wrong, *left),
    )


def _evidence(system: SimulatedSystem) -> Iterator[tuple[str, bytes]]:
    """Everything in the evidence bucket, as it is handed out: the store may keep it compressed."""
    for prefix in ("log/", "evidence/"):
        for key in system.evidence.keys(prefix):
            yield key, system.evidence.get(key)


def _check_bundles(system: SimulatedSystem, purges: Sequence[PurgeState]) -> tuple[int, int]:
    """Write certificate and bundle of each purge, and check each with its own verifier, under two keys.

    Returns how many hold under the key of this log, and how many are refused under that of a real one.
    """
    folder = system.settings.home / _CERTIFICATES
    folder.mkdir(exist_ok=True)
    ours = (system.settings.home / KEYS_FILE).read_text("ascii").split()[0]
    theirs = str(SigningKey.generate(EvidenceSection().origin).verifier)
    files = []
    for purge in purges:
        bundle = bundle_of(system, purge.purge_id)
        file = folder / f"{_name(purge)}.zip"
        file.write_bytes(bundle)
        with zipfile.ZipFile(io.BytesIO(bundle)) as content:
            file.with_suffix(".pdf").write_bytes(content.read("certificaat.pdf"))
            verifier = folder / "verifieer.py"
            verifier.write_bytes(content.read("verifieer.py"))
        files.append(file)
    with ThreadPoolExecutor(2) as pool:
        held = list(pool.map(lambda file: _verdict(file, ours), files))
        other = list(pool.map(lambda file: _verdict(file, theirs), files))
    return held.count(0), other.count(1)


def _verdict(bundle: Path, key: str) -> int:
    command = [sys.executable, str(bundle.with_name("verifieer.py")), str(bundle), "--sleutel", key]
    return subprocess.run(command, capture_output=True, check=False).returncode


def _name(purge: PurgeState) -> str:
    serial = 0 if purge.attested is None else purge.attested.serial
    keys = purge.keys[0] if len(purge.keys) == 1 else f"{len(purge.keys)}-deliveries"
    return f"{keys}-{purge.plan.ground}-{serial}"


def _rows(life: Life) -> Iterator[Row]:
    for term in sorted(life.agenda().terms, key=lambda term: term.key):
        purges = life.purges(term.key)
        for purge in purges:
            if purge.attested is None:
                yield Row(
                    term.key, term.moment, term.deadline, None, None, purge.plan.ground, purge.phase, 0, "not yet"
                )
                continue
            record = find(life.system, purge.purge_id).record
            erased = next(delivery for delivery in record.deliveries if delivery.key == term.key)
            days = erased.days_before if erased.days_late is None else -erased.days_late
            yield Row(
                key=term.key,
                moment=erased.moment,
                deadline=erased.deadline,
                gone=erased.gone_at,
                days=days,
                ground=purge.plan.ground,
                outcome=record.outcome,
                serial=record.serial,
                file=f"{_name(purge)}.pdf",
            )
        if not purges:
            yield Row(term.key, term.moment, term.deadline, None, None, "", "kept", 0, "")


def _otherwise(story: Story, purges: Sequence[PurgeState]) -> Iterator[str]:
    """How the purges of each delivery differ from what the story says."""
    for key, endings in story.endings.items():
        yield from _compared(key, endings, [purge for purge in purges if key in purge.keys])
    strangers = {key for purge in purges for key in purge.keys} - set(story.endings)
    yield from (f"{key} was erased, and the story doesn't say so" for key in sorted(strangers))


def _compared(key: str, endings: Sequence[Ending], purges: Sequence[PurgeState]) -> Iterator[str]:
    ended = [(purge.plan.ground, purge.attested and purge.attested.outcome) for purge in purges]
    wanted = [(ending.ground, ending.outcome) for ending in endings]
    if ended != wanted:
        yield f"{key} ended as {ended} where the story says {wanted}"
