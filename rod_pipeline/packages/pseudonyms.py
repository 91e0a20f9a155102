"""A pseudonym for one recipient: two schools can't join their rows by it.

Belongs here: the key of a recipient and what it makes of a Sectornummer. Does not belong here: where keys rest
(``store.keyring``).

A pseudonym is HMAC-SHA256 (RFC 2104) of the Sectornummer, cut to 128 bits, under a key that HKDF (RFC 5869) derives
from the recipient's own key in the keyring. It stays the same over deliveries, so that a school can follow its students
in time, as BRO 29a intends; under another school's key the same student is somebody else. Without the key nobody goes
back, nor finds a student by trying every number. The key dies when all that the recipient ever got is to be erased.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

import polars as pl
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.publication import PseudonymKeyed
from rod_pipeline.marts.database import LEASE as MARTS

if TYPE_CHECKING:
    from rod_pipeline.system import System

PSEUDONYM = "pseudoniem"
"""The column that takes the place of the Sectornummer."""
_BYTES = 16


def key_of(system: System, recipient: str) -> bytes:
    """The key of a recipient's pseudonyms, made at its first package.

    Raises ``Busy`` while a mart database is built, ``KeyMissing`` when the keyring has lost the key.
    """
    scope = system.ledger.state().pseudonym_scope(recipient)
    if scope is None:
        # Until it is on record what the key is for, whoever builds a mart database would do away with it.
        with system.ledger.exclusive(MARTS):
            scope = new_id()
            system.vault.create_key(scope)
            system.ledger.append(PseudonymKeyed(recipient=recipient, scope=scope))
    return HKDF(SHA256(), 32, None, b"rod_pipeline/packages/pseudonyms/1").derive(system.keyring.get(scope).footer_key)


def replaced(frame: pl.DataFrame, column: str, key: bytes) -> pl.DataFrame:
    """``frame`` with ``PSEUDONYM`` as its first column in the place of ``column``, whose values are text."""
    distinct = frame.get_column(column).unique().drop_nulls().sort()
    made = [hmac.digest(key, value.encode(), "sha256")[:_BYTES].hex() for value in distinct]
    other = pl.DataFrame({column: distinct, PSEUDONYM: made}, schema={column: pl.String, PSEUDONYM: pl.String})
    rest = [name for name in frame.columns if name != column]
    return (
        frame.with_columns(pl.col(column).cast(pl.String)).join(other, on=column, how="left").select(PSEUDONYM, *rest)
    )
