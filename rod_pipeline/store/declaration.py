"""A person's word for where an on-premises store stands.

Belongs here: writing, signing, reading and checking a declaration of place. Does not belong here: judging the country
(``territory``).

No table can know where a private host or loopback is, so a dated declaration stands in: which host, at which site, in
which country, declared by whom (a role, no name), on which day, until when. It is a small TOML file.

It is signed with an HMAC whose key is derived from the environment's key-encryption key. The signature has one reader,
the environment itself, and guards against one thing: a file that was edited, or copied from another environment, by
somebody who can write settings but does not hold the secret of this environment. A public-key signature would need a
key pair to keep and rotate, and gains nothing while nobody outside checks it; outsiders see the digest of the
declaration in the ledger, inside the proof of the approval.
"""

import hmac
import ipaddress
import tomllib
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Annotated, ClassVar

import rfc8785
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from rod_pipeline.errors import PermanentError

_Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\"\\]{1,120}$")]


class BadDeclaration(PermanentError):
    """There is a declaration of place, but it can't be relied on."""

    code = "ROD-TERRITORY-05"


class Declaration(BaseModel):
    """Where ``host`` stands. Counts from ``declared_on`` to ``valid_until``, both included."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, StringConstraints(pattern=r"^[a-z0-9:][a-z0-9.:-]{0,252}$")]
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    site: _Line
    declared_by: _Line
    declared_on: date
    valid_until: date
    signature: str = ""

    def signed(self, kek: bytes) -> "Declaration":
        """The same declaration with the signature of this environment."""
        return self.model_copy(update={"signature": self._mac(kek)})

    def digest(self) -> str:
        """SHA-256 (hex) of what was declared."""
        return sha256(self._declared()).hexdigest()

    def _declared(self) -> bytes:
        return rfc8785.dumps(self.model_dump(mode="json", exclude={"signature"}))

    def _mac(self, kek: bytes) -> str:
        key = HKDF(SHA256(), 32, salt=None, info=b"rod declaration of place v1").derive(kek)
        return hmac.new(key, self._declared(), sha256).hexdigest()

    def write(self, path: Path) -> None:
        """Write the declaration as TOML, for a person to read and the guard to check."""
        lines = ["# Where this store stands. Signed: an edited line makes it void.", ""]
        for name, value in self.model_dump().items():
            lines.append(f"{name} = {value.isoformat()}" if isinstance(value, date) else f'{name} = "{value}"')
        path.write_text("\n".join(lines) + "\n", "utf-8")


def read_declaration(path: Path, kek: bytes, today: date) -> Declaration:
    """The declaration in ``path``, if it is whole, signed by this environment and valid today.

    Raises ``BadDeclaration``.
    """
    again = "Make a new declaration of place and let the person who answers for the site sign it."
    try:
        declaration = Declaration.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise BadDeclaration(f"The declaration of place {path.name} is not there.", again) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError):
        raise BadDeclaration(f"The declaration of place {path.name} can't be read.", again) from None
    if not hmac.compare_digest(declaration._mac(kek), declaration.signature):
        raise BadDeclaration(
            f"The signature under the declaration of place {path.name} is not this environment's, "
            "or the text was changed after it.",
            again,
        )
    if not declaration.declared_on <= today <= declaration.valid_until:
        raise BadDeclaration(
            f"The declaration of place {path.name} counts from {declaration.declared_on} to {declaration.valid_until}.",
            again,
        )
    return declaration


def resign(path: Path, old: bytes, new: bytes) -> bool:
    """Sign the declaration in ``path`` with the environment's new key, if it was signed with its old one.

    Tells whether it is signed with the new one now. What nobody here signed stays as it is: void.
    """
    try:
        declaration = Declaration.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError):
        return False
    if hmac.compare_digest(declaration._mac(new), declaration.signature):
        return True
    if not hmac.compare_digest(declaration._mac(old), declaration.signature):
        return False
    draft = path.with_name(f".{path.name}.next")
    declaration.signed(new).write(draft)
    draft.replace(path)
    return True


def plain_host(host: str) -> str:
    """A host as it is compared and recorded: lower case, IP addresses in their full form."""
    try:
        return ipaddress.ip_address(host.strip("[]")).exploded
    except ValueError:
        return host.lower()
