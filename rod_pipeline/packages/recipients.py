"""Who a package goes to.

Belongs here: finding a recipient in the settings, and whether it may get anything. Does not belong here: what it gets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyrage

from rod_pipeline.errors import PermanentError
from rod_pipeline.settings import RecipientSection
from rod_pipeline.store.territory import Policy

if TYPE_CHECKING:
    from rod_pipeline.system import System


class NoSuchRecipient(PermanentError):
    """A package was asked for somebody who isn't in the settings."""

    code = "ROD-PACKAGE-01"


class RecipientOutside(PermanentError):
    """A recipient keeps its data outside the EEA."""

    code = "ROD-PACKAGE-02"


class BadRecipientKey(PermanentError):
    """The key of a recipient is no public key of age."""

    code = "ROD-PACKAGE-03"


def recipient(system: System, name: str) -> RecipientSection:
    """The recipient of this name, once its key is one and it is in the EEA (voorschrift 3c).

    Raises ``NoSuchRecipient``, ``RecipientOutside``, ``BadRecipientKey``.
    """
    known = {section.name: section for section in system.settings.packages.recipients}
    if name not in known:
        raise NoSuchRecipient(
            f"There is no recipient {name} in the settings.",
            "Put it there under [[packages.recipients]], with its key and its country; or mend the name.",
        )
    found = known[name]
    if found.country not in Policy.load().eea.members:
        raise RecipientOutside(
            f"Recipient {name} keeps its data in {found.country}, which is not in the EEA.",
            "Voorschrift 3c allows processing in the EEA alone; nothing is handed over there.",
        )
    _key(found)
    return found


def encrypted(content: bytes, to: RecipientSection) -> bytes:
    """``content`` encrypted to the recipient's key (age v1, X25519): open it with ``age -d -i KEYFILE``."""
    return bytes(pyrage.encrypt(content, [_key(to)]))


def _key(section: RecipientSection) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(section.key)
    except pyrage.RecipientError:
        raise BadRecipientKey(
            f"The key of recipient {section.name} is no public key of age.",
            "Ask the recipient for the line that begins with age1 in the output of age-keygen.",
        ) from None
