"""Typed settings of one installation.

Belongs here: what differs between installations, with its defaults, and where secrets are read from. Does not belong
here: what the decree fixes (``decree``), how files look (``contracts``).

Settings come from a TOML file (``ROD_SETTINGS``, else ``<home>/rod.toml``) and from environment variables
(``ROD_LEDGER_URL``, ``ROD_STORE__BUCKET``), which win. A key that isn't known is refused, in the file and in the
environment, because a misspelt safeguard is no safeguard. Secrets are never put in the TOML file: they come from files
that only the owner can read, or from the environment of the process, and never show in a ``repr``.
"""

import os
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretBytes,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from rod_pipeline.errors import PermanentError

_OURS = "ROD_"
# Read elsewhere: the pointer to this very file, and the folder of everything local.
_NOT_SETTINGS = {"ROD_SETTINGS", "ROD_HOME"}


class BadSettings(PermanentError):
    """A setting is unknown, malformed, or a secret stands where none may."""

    code = "ROD-SETTINGS-01"


class MissingSecret(PermanentError):
    """The key-encryption key isn't there or isn't one."""

    code = "ROD-SETTINGS-02"


class UnsafeSecretFile(PermanentError):
    """A secret lies where others can read it."""

    code = "ROD-SETTINGS-03"


class _Section(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class StoreSection(_Section):
    """The object store. Without ``endpoint`` the embedded store in ``<home>/store`` is used."""

    name: str = Field(default="local", description="what the ledger calls this store")
    endpoint: str | None = Field(default=None, description="address of an S3 store; the embedded store otherwise")
    region: str = Field(default="local", description="region of the bucket, as the provider names it")
    bucket: str = Field(default="rod-data", description="the bucket that holds every copy")
    access_key: SecretStr | None = Field(default=None, description="access key of the store")
    secret_key: SecretStr | None = Field(default=None, description="secret key of the store")
    eraser_access_key: SecretStr | None = Field(default=None, description="access key of the account that deletes")
    eraser_secret_key: SecretStr | None = Field(default=None, description="secret key of the account that deletes")
    ca_bundle: Path | None = Field(default=None, description="certificates to trust, where the store has its own")
    checksums: Literal["when_supported", "when_required"] = Field(
        default="when_supported", description="when requests carry a checksum; some providers need when_required"
    )
    adequacy: bool = Field(default=False, description="also allow countries with an adequacy decision (voorschrift 3c)")
    declaration: Path | None = Field(default=None, description="signed declaration of where an on-premises store is")


class KeyringSection(_Section):
    """Where the keys of deliveries rest: in a folder of this machine, or in an OpenBao server that several share."""

    kind: Literal["local", "openbao"] = Field(default="local", description="local: <home>/keys; openbao: a server")
    address: str | None = Field(default=None, description="address of OpenBao, https unless it is on this machine")
    mount: str = Field(
        default="rod",
        pattern=r"^[a-z0-9][a-z0-9-]{0,39}$",
        description="its engines are MOUNT-transit and MOUNT-keys",
    )
    token: SecretStr | None = Field(default=None, description="token for it; else token_file")
    token_file: Path | None = Field(default=None, description="file with the token, for its owner only")
    ca_bundle: Path | None = Field(default=None, description="certificates to trust, where the server has its own")

    def read_token(self) -> SecretStr:
        """The token, read anew each time, since tokens are replaced. Raises ``MissingSecret``, ``UnsafeSecretFile``."""
        if self.token is not None:
            return self.token
        return SecretStr(_secret_file(self.token_file, "token for the key server", "ROD_KEYRING__TOKEN or token_file"))


class PleioSection(_Section):
    """Which hosts a link may name, and where files may be fetched from."""

    hosts: tuple[str, ...] = Field(default=(), description="hosts that a link may name; without one no link is taken")
    storage_hosts: tuple[str, ...] = Field(default=(), description="other hosts that PLEIO may serve the file from")
    ca_file: Path | None = Field(default=None, description="certificates to trust instead of the usual ones")
    allow_loopback_http: bool = Field(default=False, description="also take http links to this machine (demo, tests)")
    max_bytes: int = Field(default=20 * 2**30, gt=0, description="largest file that is fetched, in bytes")
    code_days: int = Field(default=14, gt=0, description="how long an access code may wait to be used")


class BackupSection(_Section):
    """A backup that somebody else makes of what lies here, and for how long each of its copies lives."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$", description="what the evidence calls it")
    days: int = Field(ge=1, description="for how many days a copy made today can still be put back")


class RetentionSection(_Section):
    """How erasure is carried out. What the decree fixes, seven years, is no setting."""

    lead_days: int = Field(
        default=2, ge=0, le=365, description="how many days before its deadline a delivery is erased"
    )
    late_sweep_hours: int = Field(
        default=24, ge=0, description="how long after the second inventory everything is looked through once more"
    )
    decision_days: int = Field(
        # A month: DUO answers, a contract is mended or a holiday passes within it; data without a use lies no longer.
        default=30,
        ge=1,
        le=90,
        description="how many days a delivery that failed or can't be read waits for a person's decision; then it goes",
    )
    drain_minutes: int = Field(default=10, ge=0, description="how long a purge waits for work on its deliveries to end")
    backups: tuple[BackupSection, ...] = Field(
        default=(), description="backups of the store, the keys or the machine, each with name and days"
    )


class QualitySection(_Section):
    """What is done about what validation finds. The decree says "onmiddellijk" (voorschrift 3e) and names no hours."""

    notice_hours: int = Field(
        default=24, ge=1, description="how many hours after a finding its notice may wait unsent before the alarm"
    )


class EvidenceSection(_Section):
    """Where proofs go, and who signs them. The signing key belongs to somebody else than who may erase."""

    origin: str = Field(
        default="rod-pipeline.local/ledger", pattern=r"^[a-z0-9][a-z0-9./-]{0,99}$", description="name of this log"
    )
    signing_key_file: Path | None = Field(
        default=None, description="file with the signing key (PEM), for its owner only"
    )
    endpoint: str | None = Field(default=None, description="S3 store of the evidence; the embedded store otherwise")
    region: str = Field(default="local", description="region of the evidence bucket")
    bucket: str = Field(default="rod-evidence", description="bucket with Object Lock that holds the evidence")
    access_key: SecretStr | None = Field(default=None, description="access key of the evidence store")
    secret_key: SecretStr | None = Field(default=None, description="secret key of the evidence store")
    ca_bundle: Path | None = Field(default=None, description="certificates to trust, where that store has its own")
    years: int = Field(default=10, ge=1, description="for how many years evidence is locked")
    lock: Literal["GOVERNANCE", "COMPLIANCE"] = Field(default="GOVERNANCE", description="mode of the object lock")
    timestamp_url: str | None = Field(default=None, description="RFC 3161 service that stamps checkpoints")
    timestamp_roots: Path | None = Field(default=None, description="certificates (PEM) that such a service chains to")
    witness_url: str | None = Field(default=None, description="C2SP witness that checkpoints are sent to")
    witness_key: str | None = Field(default=None, description="verifying key (vkey) of that witness")


class RecipientSection(_Section):
    """Who packages go to. The ledger knows a recipient by ``name`` alone; what that stands for is kept here."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$", description="opaque name, as in the ledger")
    institution: str | None = Field(
        default=None, pattern=r"^[0-9]{2}[A-Z]{2}$", description="BRIN of the institution, which gets its own rows"
    )
    chamber: str | None = Field(
        default=None, pattern=r"^[0-9]{2}$", description="code of the sector chamber, which gets published figures"
    )
    group: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_-]{1,40}$", description="code of the bedrijfstakgroep, which gets the same"
    )
    key: str = Field(pattern=r"^age1[a-z0-9]{20,}$", description="public key of age that its packages are encrypted to")
    country: str = Field(pattern=r"^[A-Z]{2}$", description="where it keeps what it gets: a country of the EEA")

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if [self.institution, self.chamber, self.group].count(None) != 2:
            raise ValueError("a recipient is an institution, a sector chamber or a bedrijfstakgroep")
        return self


class PackagesSection(_Section):
    """Who packages may be made for."""

    recipients: tuple[RecipientSection, ...] = Field(
        default=(), description="institutions, sector chambers and bedrijfstakgroepen, each with name, key and country"
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [recipient.name for recipient in self.recipients]
        if len(set(names)) != len(names):
            raise ValueError("a name of a recipient stands twice")
        return self


class DagsterSection(_Section):
    """What Dagster's own storage keeps. It holds no personal data; it holds who ran what when, and that has an end."""

    run_days: int = Field(
        default=90,
        ge=7,
        description="how many days finished runs, their events and logs are kept; what shows how deliveries and "
        "erasures stand is kept for as long as it does",
    )


class ExecutionSection(_Section):
    """Where the steps of deliveries run: in the process of their run, or on the workers of a Dask cluster."""

    scheduler: str | None = Field(
        default=None,
        pattern=r"^(tls|tcp)://.+:[0-9]+$",
        description="address of a Dask scheduler (tls://HOST:PORT) whose workers carry out the steps; see "
        "how-to/several-machines.md",
    )


AlertKind = Literal[
    "run_failed", "blocked", "notice_overdue", "purge_late", "waiver_ends", "arrived", "missed_moment", "heartbeat_lost"
]
"""What an alert can be about."""

_REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$"
"""Where a secret is: ``env:NAME`` or ``file:/path``, never the secret."""


class RouteSection(_Section):
    """Who is told, and where: apprise URLs, which are secrets, by reference."""

    owner: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9@_.-]{0,79}$", description="whose route it is")
    urls: tuple[Annotated[str, StringConstraints(pattern=_REFERENCE)], ...] = Field(
        min_length=1, description="where the apprise URLs are: env:NAME or file:/path, one URL a line"
    )
    kinds: tuple[AlertKind, ...] = Field(default=(), description="only alerts of these kinds; without: every kind")


class AlertsSection(_Section):
    """Who is told what waits for a person."""

    routes: tuple[RouteSection, ...] = Field(
        default=(), description="owners, each with urls (env:NAME or file:/path) and, if not all, kinds"
    )
    reminder_hours: int = Field(default=24, ge=1, description="after how many hours what lasts is told again")
    waiver_days: int = Field(default=7, ge=0, description="how many days before a waiver ends somebody is told")
    ui_url: str = Field(default="http://127.0.0.1:3000", description="address of Dagster's UI, for links to runs")
    docs_url: str = Field(default="", description="address of this documentation, for links to its pages; none without")
    docs_are: Literal["files", "site"] = Field(
        default="files", description="files: docs_url has docs/….md, as a forge shows it; site: what `make site` built"
    )
    heartbeat_url: str | None = Field(
        default=None,
        pattern=_REFERENCE,
        description="where the URL of a dead man's switch is: env:NAME or file:/path",
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        owners = [route.owner for route in self.routes]
        if len(set(owners)) != len(owners):
            raise ValueError("an owner of a route stands twice")
        return self


class Settings(_Section):
    """Everything that an installation may choose."""

    home: Path = Field(default=Path(".rod"), description="folder of everything local; set it with ROD_HOME")
    decree: Path | None = Field(default=None, description="another decree than the packaged besluit 55352791")
    contracts: Path | None = Field(default=None, description="folder with newer versions of contracts")
    groupings: Path | None = Field(
        default=None, description="folder with bedrijfstakgroepen.toml or regios.toml of this installation's own"
    )
    ledger_url: SecretStr | None = Field(default=None, description="database of the ledger; SQLite in home otherwise")
    kek_file: Path | None = Field(default=None, description="file with the key-encryption key; else ROD_KEK (hex)")
    kek: SecretStr | None = Field(default=None, description="the key-encryption key, 64 hexadecimal digits")
    store: StoreSection = Field(default=StoreSection(), description="the object store")
    keyring: KeyringSection = Field(default=KeyringSection(), description="where the keys of deliveries rest")
    pleio: PleioSection = Field(default=PleioSection(), description="where deliveries are fetched")
    retention: RetentionSection = Field(default=RetentionSection(), description="how erasure is carried out")
    quality: QualitySection = Field(default=QualitySection(), description="what is done about what validation finds")
    evidence: EvidenceSection = Field(default=EvidenceSection(), description="where proofs go, and who signs them")
    packages: PackagesSection = Field(default=PackagesSection(), description="who packages may be made for")
    dagster: DagsterSection = Field(default=DagsterSection(), description="what Dagster's own storage keeps")
    execution: ExecutionSection = Field(default=ExecutionSection(), description="where the steps of deliveries run")
    alerts: AlertsSection = Field(default=AlertsSection(), description="who is told what waits for a person")
    owner: str = Field(default="platform@rod.example", description="owner of the assets, who is alerted")

    @classmethod
    def load(cls, home: Path | None = None) -> Self:
        """Read the settings of the installation in ``home`` (default: ``ROD_HOME``, else ``.rod``).

        Raises ``BadSettings`` for an unknown key or a value that doesn't fit; the message names the key, not the value.
        """
        home = home or Path(os.environ.get("ROD_HOME", ".rod"))
        file = Path(os.environ.get("ROD_SETTINGS", home / "rod.toml"))
        values: dict[str, Any] = {"home": str(home.absolute())}
        if file.exists():
            try:
                values |= tomllib.loads(file.read_text("utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError):
                raise BadSettings(
                    f"The settings file {file.name} is not valid TOML.", "Mend its syntax, or remove it."
                ) from None
            if secret := _secrets_in(values):
                raise BadSettings(
                    f"The settings file holds a secret ({secret}).",
                    "Take it out, replace that secret, and hand it over in the environment or in a file of its own.",
                )
        for name, value in os.environ.items():
            if name.startswith(_OURS) and name not in _NOT_SETTINGS:
                _put(values, name.removeprefix(_OURS).lower().split("__"), value)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, e["loc"])) + f" ({e['type']})" for e in error.errors())
            raise BadSettings(
                f"These settings are unknown or don't fit: {wrong}.",
                "See docs/reference/settings.md for what can be set.",
            ) from None

    @property
    def kek_path(self) -> Path:
        """The file of the key-encryption key, when it isn't handed over in the environment."""
        return self.kek_file or self.home / "secrets" / "kek"

    @property
    def workers(self) -> Path:
        """Where workers on other hosts say that they are at a step (``store.scratch``)."""
        return self.home / "workers"

    def key_encryption_key(self) -> SecretBytes:
        """The 32 bytes that wrap every key of a delivery; raises ``MissingSecret`` or ``UnsafeSecretFile``."""
        if self.kek is not None:
            return _kek_in(self.kek.get_secret_value())
        if coming_kek(self.kek_path).exists():
            raise MissingSecret(
                "The key-encryption key was being replaced, and that was broken off.",
                "Run `rod keys rotate-kek` again: it goes on where it stopped.",
            )
        return read_kek(self.kek_path)

    def ledger(self) -> str:
        """The URL of the ledger's database."""
        return self.ledger_url.get_secret_value() if self.ledger_url else f"sqlite:///{self.ledger_file}"

    def is_set_up(self) -> bool:
        """Is there an installation: a ledger, or a key-encryption key to begin one with?"""
        keys = (self.kek_path, coming_kek(self.kek_path))
        return bool(self.ledger_url or self.kek or self.ledger_file.exists() or any(file.exists() for file in keys))

    @property
    def ledger_file(self) -> Path:
        """Where the ledger lies unless ``ledger_url`` says otherwise."""
        return self.home / "ledger.db"


def coming_kek(file: Path) -> Path:
    """Where the next key-encryption key lies while it replaces the one in ``file``."""
    return file.with_name(f"{file.name}.next")


def read_kek(file: Path) -> SecretBytes:
    """The key-encryption key in ``file``; raises ``MissingSecret`` or ``UnsafeSecretFile``."""
    return _kek_in(_secret_file(file, "key-encryption key", "ROD_KEK or kek_file (`rod init` makes a new one)"))


def _kek_in(text: str) -> SecretBytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise MissingSecret(
            "The key-encryption key is not 64 hexadecimal digits.", "Hand over the key that `rod init` made."
        )
    return SecretBytes(key)


_SECRET_KEYS = {
    ("kek",),
    ("ledger_url",),
    ("keyring", "token"),
    ("store", "access_key"),
    ("store", "secret_key"),
    ("store", "eraser_access_key"),
    ("store", "eraser_secret_key"),
    ("evidence", "access_key"),
    ("evidence", "secret_key"),
}


def _secret_file(file: Path | None, what: str, hand_over: str) -> str:
    """The one line of a file that only its owner can read."""
    try:
        if file is None:
            raise FileNotFoundError
        mode = file.stat().st_mode
        text = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise MissingSecret(f"There is no {what}.", f"Hand over the existing one in {hand_over}.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise UnsafeSecretFile(f"The file with the {what} can be read by others.", "Take their rights away: chmod 600.")
    return text


def _secrets_in(values: dict[str, Any]) -> str | None:
    for path in _SECRET_KEYS:
        section: Any = values
        for step in path:
            section = section.get(step) if isinstance(section, dict) else None
        # A database URL without a password is no secret.
        if section is not None and not (path == ("ledger_url",) and "@" not in str(section)):
            return ".".join(path)
    return None


def _put(values: dict[str, Any], path: list[str], value: str) -> None:
    *sections, last = path
    for section in sections:
        nested = values.setdefault(section, {})
        if not isinstance(nested, dict):
            raise BadSettings(f"The setting {section} has no parts.", "See docs/reference/settings.md.")
        values = nested
    values[last] = tuple(part for part in value.split(",") if part) if last in {"hosts", "storage_hosts"} else value
