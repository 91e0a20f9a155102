"""The keyring in OpenBao: one transit key per scope, which never leaves the server; destroying it is the erasure.

Belongs here: how keys rest and die in OpenBao. Does not belong here: what a keyring is (``keyring``), which rights a
process gets (``deployments/openbao``), how a server is run.

The concept is OpenBao's transit engine (https://openbao.org/docs/secrets/transit/). The material of a scope lies in a
key-value store of the same server, encrypted under the transit key of that scope: so nothing of it lies on the machines
of the pipeline, and several of them can share it. Without the transit key the material is worthless; it goes all the
same. A marker without key material stays behind for ever, since transit itself would make a key of the same name anew.

Snapshots of OpenBao bring keys back: their lifetime belongs among ``retention.backups``, and the evidence names it.
"""

import contextlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple
from urllib.parse import urlsplit

import hvac
import requests
from hvac import exceptions as answers
from pydantic import SecretStr

from rod_pipeline.errors import BlockedError, TransientError
from rod_pipeline.store.keyring import KeyMissing, KeyStillThere, KeyUnreadable, checked, gone
from rod_pipeline.store.sealing import ScopeKey, SealBroken

_SECONDS = 20
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
RENEW_BELOW_SECONDS = 7 * 24 * 3600
"""A token of less is renewed whenever a keyring is opened: once an hour at least, while the daemon lives."""
_LATER = (
    requests.RequestException,
    answers.InternalServerError,
    answers.VaultDown,
    answers.BadGateway,
    answers.RateLimitExceeded,
    answers.PreconditionFailed,
)


class KeyServerDown(TransientError):
    """The key server gives no answer, is sealed, or says: later."""

    code = "ROD-KEY-07"


class KeyServerRefuses(BlockedError):
    """The token has expired, was revoked, or lacks a right."""

    code = "ROD-KEY-08"


class KeyServerUnfit(BlockedError):
    """The key server isn't set up for a keyring, or its address can't be trusted."""

    code = "ROD-KEY-09"


class TokenLife(NamedTuple):
    """How long a token still lives, in seconds (0: for ever), whether renewing it keeps it alive, and whether it may
    everything."""

    seconds: int
    renewed: bool
    almighty: bool


class OpenBaoKeyring:
    """Keys of scopes in one OpenBao server.

    ``address`` is its URL, https unless it is on this machine; ``mount`` names its two engines, ``<mount>-transit``
    (transit) and ``<mount>-keys`` (key-value, version 2). Nothing is cached: a destroyed key is dead everywhere at its
    next ``get``. Beside what the methods say they raise ``KeyServerDown``, ``KeyServerRefuses``, ``KeyServerUnfit``.
    """

    name: ClassVar[Literal["local", "openbao"]] = "openbao"

    def __init__(self, address: str, token: SecretStr, *, mount: str = "rod", ca_bundle: Path | None = None) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise KeyServerUnfit(
                "The key server's address is not https.", "Keys travel over TLS only: mend `keyring.address`."
            )
        session = requests.Session()
        # Neither proxies nor credentials from the environment: keys go to this server, or nowhere.
        session.trust_env = False
        self._client: Any = hvac.Client(
            url=address,
            token=token.get_secret_value(),
            verify=str(ca_bundle) if ca_bundle else True,
            timeout=_SECONDS,
            allow_redirects=False,
            session=session,
        )
        # A session of one's own takes none of these from the client.
        session.verify = str(ca_bundle) if ca_bundle else True
        self._transit, self._keys = f"{mount}-transit", f"{mount}-keys"
        self._stay_let_in()

    def __repr__(self) -> str:
        return "<OpenBaoKeyring>"

    def create(self, scope: str) -> ScopeKey:
        """The key of ``scope``, made if it has none. Raises ``KeyGone``."""
        checked(scope)
        self._refuse_gone(scope)
        if self._wrapped(scope) is None:
            material = ScopeKey.generate().to_bytes()
            with _translated("making a key"):
                self._client.secrets.transit.create_key(name=scope, key_type="aes256-gcm96", mount_point=self._transit)
                answer = self._client.secrets.transit.encrypt_data(
                    name=scope, plaintext=b64encode(material).decode(), mount_point=self._transit
                )
                # Of two processes that make the key at the same time the second one takes the first one's.
                self._put_once(_key(scope), {"wrapped": answer["data"]["ciphertext"]})
            if self._is_gone(scope):
                # It was destroyed while it was being made.
                self.destroy(scope)
        return self.get(scope)

    def get(self, scope: str) -> ScopeKey:
        """The key of ``scope``. Raises ``KeyGone``, ``KeyMissing`` or ``KeyUnreadable``."""
        checked(scope)
        self._refuse_gone(scope)
        wrapped = self._wrapped(scope)
        if wrapped is None:
            raise KeyMissing(
                "The key server has no key for a scope that should have one.",
                "Check that this is the key server of this environment; else put its own snapshot back.",
            )
        try:
            with _translated("reading a key"):
                answer = self._client.secrets.transit.decrypt_data(
                    name=scope, ciphertext=wrapped, mount_point=self._transit
                )
            return ScopeKey.from_bytes(b64decode(answer["data"]["plaintext"]))
        except (answers.InvalidRequest, answers.InvalidPath, SealBroken, ValueError):
            raise KeyUnreadable(
                "The material of a key does not open under its transit key.",
                "Put the key server's own snapshot back. Without this key its delivery is lost, as if erased.",
            ) from None

    def exists(self, scope: str) -> bool:
        """Whether ``scope`` has a key now."""
        checked(scope)
        return not self._is_gone(scope) and self._wrapped(scope) is not None

    def traces(self) -> Mapping[str, int]:
        """Scopes of which there is a transit key, or material, or both."""
        with _translated("listing keys"):
            keys = self._listed(self._client.secrets.transit.list_keys, mount_point=self._transit)
            material = self._listed(self._client.secrets.kv.v2.list_secrets, path="live", mount_point=self._keys)
        return dict.fromkeys([*keys, *material], 1)

    def destroy(self, scope: str) -> None:
        """Destroy the key of ``scope`` and verify that it is gone. Can be run twice. Raises ``KeyStillThere``."""
        checked(scope)
        transit, values = self._client.secrets.transit, self._client.secrets.kv.v2
        with _translated("destroying a key"):
            self._put_once(_marker(scope), {"destroyed": True})
            # What isn't there answers "not found" or "no such key": the look afterwards decides, not these answers.
            with contextlib.suppress(answers.InvalidRequest, answers.InvalidPath):
                transit.update_key_configuration(name=scope, deletion_allowed=True, mount_point=self._transit)
                transit.delete_key(name=scope, mount_point=self._transit)
            with contextlib.suppress(answers.InvalidPath):
                values.delete_metadata_and_all_versions(path=_key(scope), mount_point=self._keys)
        if not self._is_gone(scope) or self.traces().get(scope, 0):
            raise KeyStillThere(
                "A key was destroyed, but something of it can still be found in the key server.",
                "Check that the token may delete keys (deployments/openbao/eraser.hcl); then erase again.",
            )

    def _wrapped(self, scope: str) -> str | None:
        found = self._read(_key(scope))
        return None if found is None else str(found.get("wrapped", ""))

    def _is_gone(self, scope: str) -> bool:
        return self._read(_marker(scope)) is not None

    def _refuse_gone(self, scope: str) -> None:
        if self._is_gone(scope):
            raise gone()

    def _read(self, path: str) -> dict[str, Any] | None:
        try:
            with _translated("looking for a key"):
                answer = self._client.secrets.kv.v2.read_secret_version(
                    path=path, mount_point=self._keys, raise_on_deleted_version=True
                )
        except answers.InvalidPath:
            # Also said of an engine that isn't there, which must not look like an empty keyring.
            self._require_engines()
            return None
        values: dict[str, Any] = answer["data"]["data"]
        return values

    def _put_once(self, path: str, values: Mapping[str, Any]) -> None:
        """Write what isn't there yet; nobody has the right to overwrite."""
        try:
            self._client.secrets.kv.v2.create_or_update_secret(
                path=path, secret=dict(values), cas=0, mount_point=self._keys
            )
        except (answers.InvalidRequest, answers.Forbidden):
            if self._read(path) is None:
                raise

    def _listed(self, ask: Any, **where: str) -> list[str]:
        try:
            names: list[str] = ask(**where)["data"]["keys"]
        except answers.InvalidPath:
            self._require_engines()
            return []
        return names

    def _require_engines(self) -> None:
        with _translated("looking for its engines"):
            try:
                for engine in (self._transit, self._keys):
                    self._client.read(f"sys/internal/ui/mounts/{engine}")
            except (answers.Forbidden, answers.InvalidPath):
                raise KeyServerUnfit(
                    f"The key server has no engines {self._transit} and {self._keys} for this token.",
                    "Set it up as docs/how-to/openbao.md says, or mend `keyring.mount`.",
                ) from None

    def token_life(self) -> TokenLife:
        """What the server says about the token now. Only one with a period is renewed without an end."""
        with _translated("looking at its own token"):
            told = self._client.auth.token.lookup_self()["data"]
        endless = bool(told.get("renewable") and told.get("period") and not told.get("explicit_max_ttl"))
        return TokenLife(int(told["ttl"]), endless, "root" in told.get("policies", ()))

    def _stay_let_in(self) -> None:
        """Renew a token that can be, while there is time; refuse one that is no good before anything is done."""
        with _translated("signing in"):
            told = self._client.auth.token.lookup_self()["data"]
            if told.get("renewable") and 0 < told["ttl"] < RENEW_BELOW_SECONDS:
                self._client.auth.token.renew_self()


def _key(scope: str) -> str:
    return f"live/{scope}"


def _marker(scope: str) -> str:
    return f"gone/{scope}"


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    """hvac's exceptions quote addresses and whatever the server chose to answer: nothing of that is passed on."""
    try:
        yield
    except (answers.Forbidden, answers.Unauthorized):
        raise KeyServerRefuses(
            f"The key server refused the token while {doing}.",
            "It expired, was revoked or lacks a right: hand over a new one as docs/how-to/openbao.md says, then rerun.",
        ) from None
    except _LATER as error:
        raise KeyServerDown(
            f"The key server gave no answer while {doing} ({type(error).__name__}).",
            "It is tried again by itself; if it stays, check that OpenBao runs, is unsealed, and its certificate.",
        ) from None
