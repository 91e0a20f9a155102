"""A real S3 server for tests, and everything a vault needs around it.

``marker_in`` looks for bytes in every file under a folder, ``wrong`` alters one byte of a stored object behind the
vault's back.
"""

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

from rod_pipeline.clock import Clock
from rod_pipeline.ledger.log import Ledger
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.declaration import Declaration
from rod_pipeline.store.keyring import LocalKeyring
from rod_pipeline.store.objects import ObjectStore, pieces
from rod_pipeline.store.territory import TerritoryGuard
from rod_pipeline.store.vault import Vault
from tests.support.ledger import announced

KEK = bytes(range(32))


def declared(folder: Path, host: str = "127.0.0.1", country: str = "NL", kek: bytes = KEK) -> Path:
    """A signed declaration of place that counts from 2025 to 2035."""
    path = folder / "place.toml"
    Declaration(
        host=host,
        country=country,
        site="test bench",
        declared_by="tester",
        declared_on=date(2025, 1, 1),
        valid_until=date(2035, 1, 1),
    ).signed(kek).write(path)
    return path


def guard_of(folder: Path, clock: Clock) -> TerritoryGuard:
    """A guard that accepts loopback on a declaration."""
    return TerritoryGuard(clock, kek=KEK, declaration=declared(folder))


def vault_of(settings: StoreSettings, folder: Path, ledger: Ledger, clock: Clock) -> Vault:
    """A vault over ``settings`` with a keyring in ``folder``."""
    keyring = LocalKeyring(folder / "keys", KEK)
    return Vault(ObjectStore(settings), keyring, ledger, guard_of(folder, clock))


def new_scope(vault: Vault, ledger: Ledger, key: str = "2025-12") -> str:
    """Announce a delivery and make its key; returns its id."""
    event = announced(key)
    ledger.append(event)
    vault.create_key(event.delivery_id)
    return event.delivery_id


def with_secrets(settings: StoreSettings) -> dict[str, Any]:
    """Settings as JSON for another process of this test, secrets in clear."""
    shown: dict[str, Any] = json.loads(settings.model_dump_json(exclude={"eraser"}))
    accounts = [(shown, settings)]
    if settings.eraser is not None:
        shown["eraser"] = {}
        accounts.append((shown["eraser"], settings.eraser))
    for place, account in accounts:
        place |= {name: getattr(account, name).get_secret_value() for name in ("access_key", "secret_key")}
    return shown


def replace_object(objects: ObjectStore, key: str, content: bytes) -> None:
    """Put other bytes under a key, as only somebody with the store's credentials could."""
    objects.client.put_object(Bucket=objects.settings.bucket, Key=key, Body=content)


def content_of(objects: ObjectStore, key: str) -> bytes:
    """The bytes that the store really holds."""
    with objects.open(key) as stream:
        return b"".join(pieces(stream))


def noisy(marker: bytes, size: int) -> bytes:
    """About ``size`` bytes full of ``marker`` that nobody can compress: SeaweedFS stores text in gzip."""
    return b"".join(marker + os.urandom(1000) for _ in range(size // (1000 + len(marker)) + 1))


def flipped(content: bytes, at: int) -> bytes:
    """``content`` with one bit changed."""
    changed = bytearray(content)
    changed[at] ^= 1
    return bytes(changed)


def marker_in(folder: Path, marker: bytes) -> list[str]:
    """The files under ``folder`` that hold ``marker``, by name."""
    found = []
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            if path.is_file() and marker in path.read_bytes():
                found.append(str(path.relative_to(folder)))
    return found
