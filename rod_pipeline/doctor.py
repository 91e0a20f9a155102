"""Whether an installation is fit to run: what is looked at, with a remedy and a runbook for what isn't right.

Belongs here: settings, keys, clock, store, place, permissions, disks, versions. Does not belong here: Dagster
(``orchestration.doctoring``), deliveries (``status``), duties that are late (``retention.watch``). A check returns one
sentence, or raises the very error that a run would meet; what can't be known is told as unknown, never as good.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from rod_pipeline.errors import BlockedError, PermanentError, RodError
from rod_pipeline.ledger.note import SigningKey
from rod_pipeline.ledger.rules import SKEW
from rod_pipeline.retention.clockguard import ClockDoubtful, offset
from rod_pipeline.store import probe, scratch
from rod_pipeline.store.faults import answer_code, translated
from rod_pipeline.store.keyring import KeyMissing

if TYPE_CHECKING:
    from rod_pipeline.system import System

Check = Callable[["System"], str]
ROOT = Path(__file__).parents[1]
_LOCK = "requirements.lock"
_ROOM = 2 * 2**30
_PACKAGES = ("dagster", "dagster-webserver", "great-expectations", "duckdb", "polars", "boto3", "cryptography", "tink")


class Unproved(BlockedError):
    """Nobody can see from here whether a disk is encrypted."""

    code = "ROD-DOCTOR-01"


class LittleRoom(PermanentError):
    """A disk, or the file system in memory, is nearly full."""

    code = "ROD-DOCTOR-02"


class OpenToOthers(PermanentError):
    """Others than its owner can reach what lies in the folder of the installation."""

    code = "ROD-DOCTOR-04"


class OtherVersions(PermanentError):
    """Other versions run than those that were proved together."""

    code = "ROD-DOCTOR-05"


class BucketForgets(PermanentError):
    """The bucket has a rule by which it removes objects by itself."""

    code = "ROD-DOCTOR-06"


class StoreDied(PermanentError):
    """The embedded store ended by itself while somebody used it."""

    code = "ROD-DOCTOR-12"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``code`` and ``remedy`` are None when it is good."""

    subject: str
    verdict: Literal["good", "bad", "unknown"]
    said: str
    code: str | None = None
    remedy: str | None = None


def examine(system: System, more: Mapping[str, Check]) -> tuple[Finding, ...]:
    """What every check finds, ``more`` after those of this module. Raises nothing: each failure is a finding."""
    return tuple(_found(subject, check, system) for subject, check in ({**CHECKS, **more}).items())


def _found(subject: str, check: Check, system: System) -> Finding:
    try:
        return Finding(subject, "good", check(system))
    except Unproved as error:
        return Finding(subject, "unknown", error.happened, error.code, error.remedy)
    except RodError as error:
        return Finding(subject, "bad", error.happened, error.code, error.remedy)
    except Exception as error:
        said = f"This couldn't be looked at ({type(error).__name__})."
        return Finding(subject, "unknown", said, "ROD-INTERNAL-01", "Report it to the developers.")


def _ledger(system: System) -> str:
    return f"It is whole as far as it was read: {system.ledger.state().seq} entries."


def _keys(system: System) -> str:
    state, keyring = system.ledger.state(), system.keyring
    living = [scope for scope, status in state.keys.items() if status == "live"]
    missing = sum(not keyring.exists(scope) for scope in living)
    if missing:
        raise KeyMissing(
            f"{missing} of {len(living)} keys that the ledger has on record are not in the keyring.",
            "Put the keyring's own backup back, or check that this is the keyring of this environment.",
        )
    return f"The key-encryption key opens the keyring, and all {len(living)} living keys are there."


def _signing_key(system: System) -> str:
    section = system.settings.evidence
    file = section.signing_key_file or system.settings.home / "secrets" / "signing.pem"
    if not file.exists():
        return "There is none here: the notary signs where the key is."
    return f"It can be read by its owner alone, and signs as {SigningKey.from_file(section.origin, file).name}."


def _store(system: System) -> str:
    if system.store_died():
        raise StoreDied(
            "The embedded store that runs here had died; whoever asks it first, such as this look, starts it again.",
            "Find out why: store/weed.log in the folder of the installation, room, memory. Then `rod rerun-failed`.",
        )
    # Asked anew: what it can do is proved once in each process.
    system.store_time()
    probe.prove(system.objects)
    return f"Store {system.objects.name} answers, takes what is written once, and erases it."


def _bucket(system: System) -> str:
    client, bucket = system.objects.client, system.objects.settings.bucket
    with translated(system.objects.name, "asking how its bucket keeps objects"):
        versioning = client.get_bucket_versioning(Bucket=bucket).get("Status", "off")
        try:
            rules = client.get_bucket_lifecycle_configuration(Bucket=bucket).get("Rules", [])
        except ClientError as error:
            if answer_code(error) not in ("NoSuchLifecycleConfiguration", "NotImplemented"):
                raise
            rules = []
    kept = ("Expiration", "Transitions", "NoncurrentVersionExpiration", "NoncurrentVersionTransitions")
    if any(rule.get("Status") == "Enabled" and any(name in rule for name in kept) for rule in rules):
        raise BucketForgets(
            f"Bucket {bucket} has a lifecycle rule that removes or moves objects by itself.",
            "Remove that rule: what goes, and when, is the ledger's to say; a rule may only abort unfinished uploads.",
        )
    return f"Versioning is {versioning.lower()}, and no rule removes objects by itself; erasing takes all versions."


def _place(system: System) -> str:
    place = system.place()
    until = " ".join(place.warnings)
    return f"{place.host} is in {place.country} ({place.basis.replace('_', ' ')}), proved today. {until}".strip()


def _clock(system: System) -> str:
    newest, now = system.ledger.state().at, system.clock.now()
    if newest is not None and newest - now > SKEW:
        raise ClockDoubtful(
            f"This machine's clock stands {newest - now} before the newest entry of the ledger.",
            "Set the clock right (chronyc tracking, timedatectl). If it is right: `rod runbook ROD-LEDGER-05`.",
        )
    ahead = offset(system)
    if abs(ahead) > SKEW:
        raise ClockDoubtful(
            f"This machine's clock and the store's differ by {abs(ahead)}.",
            "Set the clock right (chronyc tracking, timedatectl). If the store's is wrong, have that mended.",
        )
    return f"It agrees with the store's clock to {max(abs(ahead), timedelta(seconds=1)).seconds} s."


def _permissions(system: System) -> str:
    home = system.settings.home
    for path in _private(home):
        about = path.lstat()
        if about.st_uid != os.getuid() or stat.S_IMODE(about.st_mode) & 0o077:
            name = "" if path == home else f" {path.relative_to(home)}"
            raise OpenToOthers(
                f"Others than the account that runs this can reach{name or ' the folder of the installation'}.",
                f"chown it to that account and run: chmod -R go= {home}",
            )
    return "The folder of the installation and its secrets are for their owner alone."


def _private(home: Path) -> Iterator[Path]:
    yield home
    for folder in (home / "secrets", home / "keys"):
        if folder.exists():
            yield folder
            # Locks are empty, and within a folder that is looked at.
            yield from (path for path in folder.rglob("*") if path.name != ".lock")


def _room(system: System) -> str:
    told = []
    for name, path in (("the folder of the installation", system.settings.home), ("memory (/dev/shm)", scratch.ROOT)):
        free = shutil.disk_usage(path).free
        if free < _ROOM:
            raise LittleRoom(
                f"There are {free / 2**30:.1f} GiB free for {name}; {_ROOM / 2**30:.0f} GiB are the least.",
                "Make room: old logs in dagster/, leftovers of other software. Don't remove anything else of ours.",
            )
        told.append(f"{free / 2**30:.0f} GiB for {name}")
    return f"Free: {', '.join(told)}."


def _disk(system: System) -> str:
    kind, device = _mount(system.settings.home)
    if kind in ("tmpfs", "ramfs"):
        return "The folder of the installation lies in memory."
    if re.fullmatch(r"\d+:\d+", device) and _encrypted(Path("/sys/dev/block") / device):
        return "The folder of the installation lies on dm-crypt."
    raise Unproved(
        f"The folder of the installation lies on {kind} without dm-crypt that can be seen from here.",
        "Have whoever runs the machine say whether the disk below is encrypted, or put the folder on LUKS or a tmpfs.",
    )


def _swap(_: System) -> str:
    try:
        swaps = [line.split()[0] for line in Path("/proc/swaps").read_text().splitlines()[1:]]
    except OSError:
        swaps = ["?"]
    plain = [name for name in swaps if not _encrypted(Path("/sys/class/block") / Path(name).resolve().name)]
    if plain:
        raise Unproved(
            f"Memory may be written to {len(plain)} swap areas that aren't seen to be encrypted.",
            "Turn swap off (swapoff -a), or encrypt it: data that is being processed lies open in memory.",
        )
    return "There is no swap." if not swaps else "Swap lies on dm-crypt."


def _mount(path: Path) -> tuple[str, str]:
    """Type of the file system that ``path`` lies on, and its device as major:minor (proc_pid_mountinfo(5))."""
    best, found = "", ("an unknown file system", "")
    target = str(path.resolve())
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        before, _, after = line.partition(" - ")
        device, point = before.split()[2], before.split()[4].encode().decode("unicode_escape")
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, found = point, (after.split()[0], device)
    return found


def _encrypted(block: Path) -> bool:
    """Whether dm-crypt is the device, or below all that it is made of (as with LVM on LUKS)."""
    try:
        if (block / "dm" / "uuid").read_text().startswith("CRYPT-"):
            return True
    except OSError:
        pass
    below = list((block / "slaves").glob("*"))
    return bool(below) and all(_encrypted(one) for one in below)


def _versions(_: System) -> str:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise OtherVersions("This is not Python 3.11, 3.12 or 3.13.", "Install again with one of these: make install.")
    # An image has it beside the code.
    lock = next((file for file in (ROOT / _LOCK, Path(__file__).with_name(_LOCK)) if file.exists()), None)
    if lock is None:
        raise Unproved(
            "There is no lock beside the code to compare with.", "Compare with the release that you installed."
        )
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lock.read_text("utf-8"), re.MULTILINE))
    other = [name for name in _PACKAGES if metadata.version(name) != locked[name]]
    if other:
        told = ", ".join(f"{name} {metadata.version(name)}" for name in other)
        raise OtherVersions(
            f"Other versions than those of the lock: {told}.",
            "Install what was proved together: make install.",
        )
    return f"Python {sys.version_info[0]}.{sys.version_info[1]}; {len(_PACKAGES)} libraries that matter are as locked."


CHECKS: Mapping[str, Check] = {
    "ledger": _ledger,
    "keys": _keys,
    "signing key": _signing_key,
    "store": _store,
    "bucket": _bucket,
    "place": _place,
    "clock": _clock,
    "permissions": _permissions,
    "room": _room,
    "disk": _disk,
    "swap": _swap,
    "versions": _versions,
}
