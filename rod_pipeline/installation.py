"""Making a new installation.

Belongs here: the first-time set-up of a folder, and replacing its keys. Does not belong here: running it
(``orchestration.serving``).
"""

import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from rod_pipeline.actors import keep_name, reseal
from rod_pipeline.clock import Clock
from rod_pipeline.errors import PermanentError
from rod_pipeline.ledger.note import SigningKey, sign_note
from rod_pipeline.ledger.published import KEYS_FILE, read_keys
from rod_pipeline.settings import EvidenceSection, Settings, coming_kek, read_kek
from rod_pipeline.store.declaration import Declaration, resign
from rod_pipeline.store.keyring import LocalKeyring
from rod_pipeline.store.secrets import SecretStore

_ORIGIN: str = EvidenceSection.model_fields["origin"].default
LOOPBACK = "127.0.0.1"


class KekElsewhere(PermanentError):
    """The key-encryption key isn't in a file that could be replaced."""

    code = "ROD-INSTALL-02"


class KekReplaced(NamedTuple):
    """What was wrapped anew: so many keys and secrets; whether there was a declaration of place to sign."""

    keys: int
    secrets: int
    declaration: bool


class AlreadyThere(PermanentError):
    """The folder holds an installation."""

    code = "ROD-INSTALL-01"


def make_installation(
    home: Path, clock: Clock, *, country: str, site: str, declared_by: str, origin: str = _ORIGIN
) -> None:
    """Set up ``home``: a key-encryption key and a signing key that only the owner can read, and a declaration of place.

    The embedded store stands on this machine, and no table can know where that is: ``country``, ``site`` and the role
    ``declared_by`` are the declaration that stands in. ``origin`` is the name of the log, and of the key that signs it.
    Raises ``AlreadyThere``; nothing is overwritten.
    """
    vault = home / "secrets"
    if (vault / "kek").exists():
        raise AlreadyThere(
            f"There is an installation in {home.name} already.",
            "Use it as it is. A new key-encryption key would make everything that it holds unreadable.",
        )
    for folder in (home, vault, home / "dagster"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_bytes(32)
    make_signing_key(home, origin)
    _write_secret(vault / "kek", key.hex().encode() + b"\n")
    today = clock.now().date()
    Declaration(
        host=LOOPBACK,
        country=country,
        site=site,
        declared_by=declared_by,
        declared_on=today,
        valid_until=today + timedelta(days=365),
    ).signed(key).write(home / "declaration.toml")


def make_signing_key(home: Path, origin: str) -> str:
    """The public half (vkey) of the key that signs the log ``origin``; the key is made when there is none.

    The secret goes to ``<home>/secrets/signing.pem``, for its owner only, the vkey to ``<home>/notary.vkey``, for
    everybody. Killed between the two, it is finished the next time. Raises ``AlreadyThere`` when a public key lies
    there whose secret is elsewhere, and ``BadKey``.
    """
    file, public = home / "secrets" / "signing.pem", home / KEYS_FILE
    if public.exists() and not file.exists():
        raise AlreadyThere(
            f"There is a {KEYS_FILE} here, but not the signing key that belongs to it.",
            "Put the key back from its backup: with another one, what was signed so far could not be continued.",
        )
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_secret(file, SigningKey.generate(origin).to_pem())
    vkey = str(SigningKey.from_file(origin, file).verifier)
    if not public.exists():
        public.write_text(vkey + "\n", "ascii")
    return vkey


def replace_signing_key(home: Path, origin: str) -> bytes:
    """Give the log a new signing key; returns a note that names it, signed by the old one, for whoever trusts that.

    The old secret is destroyed. Its public half stays in ``notary.vkey``, after the new one, because what it signed has
    to be verified for years. Killed halfway, nothing can be signed until this is run again, which finishes it. Raises
    ``BadKey``.
    """
    file, coming, public = home / "secrets" / "signing.pem", home / "secrets" / "signing.next.pem", home / KEYS_FILE
    old = SigningKey.from_file(origin, file)
    if not coming.exists():
        _write_secret(coming, SigningKey.generate(origin).to_pem())
    vkey = str(SigningKey.from_file(origin, coming).verifier)
    succession = sign_note(f"{origin}\n{vkey}\n", old)
    (home / "notary").mkdir(mode=0o700, exist_ok=True)
    (home / "notary" / "succession").write_bytes(succession)
    draft = public.with_name(f".{KEYS_FILE}.next")
    draft.write_text("\n".join([vkey, *(key for key in map(str, read_keys(home)) if key != vkey)]) + "\n", "ascii")
    draft.replace(public)
    coming.replace(file)
    return succession


def replace_kek(settings: Settings) -> KekReplaced:
    """Give the installation a new key-encryption key: wrap all keys and secrets anew, sign the declaration anew.

    The old key is gone afterwards, and with it whatever backups of ``keys`` and ``secrets`` hold: make new ones at
    once. Nothing else may run meanwhile; a process that does gets ``WrongKek`` from then on. Killed at any instant,
    everything refuses to start until this is run again, which finishes it. Keys in OpenBao aren't touched; the opaque
    name of whoever runs this stays what it was (``actors``). Raises ``KekElsewhere``, ``MissingSecret``,
    ``KeyUnreadable``, ``SecretUnreadable``.
    """
    if settings.kek is not None:
        raise KekElsewhere(
            "The key-encryption key comes from the environment (ROD_KEK), so it can't be replaced here.",
            "Put it into a file for its owner only, name that in kek_file, take ROD_KEK away, and run this again.",
        )
    home, file = settings.home, settings.kek_path
    coming = coming_kek(file)
    old = read_kek(file).get_secret_value()
    codes = SecretStore(home / "secrets" / "codes", old)
    if not coming.exists():
        # What doesn't open stops it here, while everything still runs.
        LocalKeyring.rewrapped(home / "keys", old, old)
        codes.rewrap(old)
        keep_name(home, old)
        _write_secret(coming, secrets.token_bytes(32).hex().encode() + b"\n")
    new = read_kek(coming).get_secret_value()
    keys = LocalKeyring.rewrapped(home / "keys", old, new)
    sealed = codes.rewrap(new)
    reseal(home, old, new)
    declaration = settings.store.declaration or home / "declaration.toml"
    signed = declaration.exists() and resign(declaration, old, new)
    coming.replace(file)
    return KekReplaced(keys, sealed, signed)


def _write_secret(file: Path, secret: bytes) -> None:
    """Write a file for the owner only, whole or not at all; never over another."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        written.write(secret)
        written.flush()
        os.fsync(written.fileno())
    os.link(draft, file)
    draft.unlink()
