"""The territory guard: may personal data rest here, today?

Belongs here: the dated table of places (``territory.toml``), judging an endpoint by it, proving what the bucket itself
says. Does not belong here: a person's word about a private host (``declaration``), recording the answer (``vault``).

Besluit 55352791, voorschrift 3c: only within the European Economic Area, or where the Commission has decided on
adequacy (article 45 AVG). Standard clauses (article 46) do not count. Adequate countries are off unless asked for, and
count only on days on which their decision does.

The rule is to refuse: an endpoint is allowed by its exact host or not at all. A name proves nothing: of AWS'
``eu-`` regions, ``eu-west-2`` is London and ``eu-central-2`` is Zürich. What this shows is the *declared* place of
storage; who can reach it from elsewhere is a matter of the contract with the provider.
"""

import ipaddress
import logging
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

import rfc8785
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field

from rod_pipeline.clock import Clock
from rod_pipeline.errors import PermanentError
from rod_pipeline.store.client import StoreSettings
from rod_pipeline.store.declaration import plain_host, read_declaration
from rod_pipeline.store.faults import KNOWS_US_NOT, answer_code, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = logging.getLogger(__name__)
Basis = Literal["eea", "adequacy", "local_declaration"]


class PolicyTooOld(PermanentError):
    """The table of places was not reviewed for a year."""

    code = "ROD-TERRITORY-01"


class UnknownPlace(PermanentError):
    """Nobody knows where this is; so it is refused."""

    code = "ROD-TERRITORY-02"


class RefusedPlace(PermanentError):
    """It is known where this is, or that it can't be known, and that is not allowed."""

    code = "ROD-TERRITORY-03"


class UnsafeEndpoint(PermanentError):
    """The address itself is not one that data may be sent to."""

    code = "ROD-TERRITORY-04"


class EndpointOverridden(PermanentError):
    """The client would talk to another address than the settings say."""

    code = "ROD-TERRITORY-06"


class RegionDisagrees(PermanentError):
    """The bucket is not where its endpoint says."""

    code = "ROD-TERRITORY-07"


class BucketForbidden(PermanentError):
    """The bucket copies its data out, or locks it, or does not say whether it does."""

    code = "ROD-TERRITORY-08"


class _Table(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Eea(_Table):
    """The countries of the European Economic Area."""

    source: str
    members: frozenset[str]


class Decision(_Table):
    """A decision under article 45 AVG. Counts from ``since`` until the day before ``until``."""

    country: str
    decision: str
    since: date = Field(alias="from")
    until: date | None = Field(default=None, alias="to")
    restriction: str = ""


class Adequacy(_Table):
    """The decisions of the Commission, and where they were read."""

    source: str
    decisions: tuple[Decision, ...]


class Endpoint(_Table):
    """One exact host, its region and the country of that."""

    host: str
    region: str = ""
    country: str = ""


class Provider(_Table):
    """``tells_region``: HeadBucket names the region. ``locations``: the bucket's location decides, not the host."""

    name: str
    source: str
    hosts: tuple[Endpoint, ...]
    tells_region: bool = False
    locations: dict[str, str] = {}


class Family(_Table):
    """A pattern of hosts that can't be placed, and why."""

    pattern: str
    because: str


class Policy(_Table):
    """The dated table of places. ``digest`` is the SHA-256 of the file it was read from."""

    version: str
    checked: date
    eea: Eea
    adequacy: Adequacy
    provider: tuple[Provider, ...]
    family: tuple[Family, ...]
    digest: str = ""

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read a policy file; the packaged one by default."""
        file = path or resources.files("rod_pipeline.store").joinpath("territory.toml")
        raw = file.read_bytes()
        return cls.model_validate({**tomllib.loads(raw.decode()), "digest": sha256(raw).hexdigest()})

    def endpoint(self, host: str) -> tuple[Provider, Endpoint] | None:
        """The row of exactly this host."""
        for provider in self.provider:
            for endpoint in provider.hosts:
                if endpoint.host == host:
                    return provider, endpoint
        return None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is and why that is allowed. ``proof`` is the SHA-256 of everything that was observed."""

    store: str
    host: str
    region: str
    country: str
    basis: Basis
    policy: str
    proof: str
    warnings: tuple[str, ...] = ()


@cache
def _packaged() -> Policy:
    return Policy.load()


class TerritoryGuard:
    """Approves places, one day at a time.

    ``kek`` and ``declaration`` are needed for stores on loopback and on premises only.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        kek: bytes | None = None,
        declaration: Path | None = None,
        adequacy: bool = False,
        policy: Policy | None = None,
    ) -> None:
        self._clock = clock
        self._kek = kek
        self._declaration = declaration
        self._adequacy = adequacy
        self._policy = policy or _packaged()

    def today(self) -> date:
        """The day (UTC) on which an approval given now counts."""
        return self._clock.now().date()

    def approve(self, settings: StoreSettings, client: "S3Client", *, evidence: bool = False) -> Place:
        """Prove that ``client`` reaches a bucket where personal data may rest today, or raise.

        Looks at the client's *resolved* endpoint, not only at the settings. Sends no data: four questions about the
        bucket at most. A bucket for ``evidence`` may lock. Raises ROD-TERRITORY-01 to 08, or ROD-STORE errors.
        """
        today = self.today()
        warnings = self._policy_age(today)
        resolved = str(client.meta.endpoint_url)
        if resolved.rstrip("/") != settings.endpoint.rstrip("/"):
            raise EndpointOverridden(
                f"The client of store {settings.name} resolved another endpoint than the settings name.",
                "Something in the environment overrides it; only the settings of the store may.",
            )
        host = _host(resolved, settings.name)
        observed: dict[str, Any] = {"day": today.isoformat(), "store": settings.name, "endpoint": resolved}
        row = self._policy.endpoint(host)
        if row is None:
            self._refuse_family(host)
            country, region, declared = self._declared(host, today)
            observed["declaration"] = declared
            basis = self._judge(country, today, of=f"Host {host}")
            basis = "local_declaration" if basis == "eea" else basis
        else:
            provider, endpoint = row
            # A host outside is refused before anything is asked of it.
            country, region = endpoint.country, endpoint.region
            if not provider.locations:
                basis = self._judge(country, today, of=f"Host {host}")
            told = _bucket_region(client, settings)
            observed["bucket_region"] = told
            if provider.locations:
                country, region = self._located(provider, client, settings)
                # EU is no country but Google's multi-region within the member states.
                where = f"The location of bucket {settings.bucket}"
                basis = "eea" if country == "EU" else self._judge(country, today, of=where)
            elif provider.tells_region and told != region:
                raise RegionDisagrees(
                    f"Bucket {settings.bucket} of store {settings.name} is not in {region}, where its endpoint is.",
                    f"Use a bucket in {region}, or the endpoint of the bucket's own region.",
                )
        observed |= _bucket_state(client, settings, evidence=evidence)
        observed |= {"country": country, "region": region, "basis": basis, "policy": self._policy.digest}
        proof = sha256(rfc8785.dumps(observed)).hexdigest()
        return Place(settings.name, host, region, country, basis, self._policy.version, proof, warnings)

    def _policy_age(self, today: date) -> tuple[str, ...]:
        checked = self._policy.checked
        months = (today.year - checked.year) * 12 + today.month - checked.month - (today.day < checked.day)
        if months >= 12:
            raise PolicyTooOld(
                f"The table of places was checked on {checked}; on {today} it can't be relied on.",
                "Review territory.toml against its sources, set its date, and release it.",
            )
        if months < 6:
            return ()
        warning = f"The table of places was checked on {checked}, more than six months ago: review it."
        _log.warning(warning)
        return (warning,)

    def _judge(self, country: str, today: date, *, of: str) -> Basis:
        if country in self._policy.eea.members:
            return "eea"
        decision = next((a for a in self._policy.adequacy.decisions if a.country == country), None)
        if decision is None:
            why = "there is no decision on its adequacy"
        elif not self._adequacy:
            why = f"decision {decision.decision} on its adequacy is not enough in this installation"
        elif decision.restriction:
            why = f"decision {decision.decision} covers {decision.restriction}"
        elif today < decision.since or (decision.until and today >= decision.until):
            why = f"decision {decision.decision} does not count on {today}"
        else:
            return "adequacy"
        raise RefusedPlace(
            f"{of} is in {country}: outside the European Economic Area, and {why}.",
            "Use a store within the EEA (besluit 55352791, voorschrift 3c).",
        )

    def _refuse_family(self, host: str) -> None:
        for family in self._policy.family:
            if fnmatchcase(host, family.pattern):
                raise RefusedPlace(
                    f"Host {host} is refused: {family.because}.",
                    "Use the exact endpoint of one region within the EEA, as in territory.toml.",
                )

    def _declared(self, host: str, today: date) -> tuple[str, str, str]:
        if self._declaration is not None and self._kek is not None:
            declaration = read_declaration(self._declaration, self._kek, today)
            if plain_host(declaration.host) == host:
                return declaration.country, "on_premises", declaration.digest()
        raise UnknownPlace(
            f"Nobody knows where host {host} is: it is in no table, and no signed declaration names it.",
            "A store of your own needs a declaration of place; a provider needs a row in territory.toml.",
        )

    def _located(self, provider: Provider, client: "S3Client", settings: StoreSettings) -> tuple[str, str]:
        with translated(settings.name, "asking where the bucket is"):
            location = client.get_bucket_location(Bucket=settings.bucket).get("LocationConstraint")
        country = provider.locations.get(str(location or "").upper())
        if country is None:
            raise UnknownPlace(
                f"Bucket {settings.bucket} of store {settings.name} is in no location that the table of places knows.",
                "Use a bucket in one region within the EEA, or in the multi-region EU.",
            )
        return country, str(location).lower()


def _host(endpoint: str, store: str) -> str:
    """The host of an endpoint that data may be sent to at all: https, or plain http to loopback, and no oddities."""
    url = urlsplit(endpoint)
    host = plain_host(url.hostname or "")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    loopback = host == "localhost" or (address is not None and address.is_loopback)
    if url.scheme != "https" and not (url.scheme == "http" and loopback):
        raise UnsafeEndpoint(
            f"The endpoint of store {store} is not https.",
            "Use https; plain http is for the loopback address of this machine alone.",
        )
    if address is not None and not (address.is_private or loopback):
        raise UnsafeEndpoint(
            f"The endpoint of store {store} is a public IP address, which says nothing about its place.",
            "Use the exact host name of a provider's region.",
        )
    if not host or url.username is not None or url.path.strip("/") or url.query or url.fragment:
        raise UnsafeEndpoint(
            f"The endpoint of store {store} holds more, or less, than a host and a port.",
            "Write it as https://host or https://host:port.",
        )
    return host


def _bucket_region(client: "S3Client", settings: StoreSettings) -> str | None:
    """What HeadBucket says about the bucket's region; AWS does, most others are silent."""
    with translated(settings.name, "asking for its bucket"):
        answer = client.head_bucket(Bucket=settings.bucket)
    headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
    return answer.get("BucketRegion") or headers.get("x-amz-bucket-region")


def _bucket_state(client: "S3Client", settings: StoreSettings, *, evidence: bool) -> dict[str, str]:
    """That nothing leaves the bucket by itself, and that all of it can be erased, unless it is for evidence.

    Only asked, never set: SeaweedFS takes a PUT of a replication rule for the creation of a bucket.
    """
    bucket = settings.bucket
    questions: dict[str, tuple[Callable[[], object], str, str]] = {
        "replication": (
            lambda: client.get_bucket_replication(Bucket=bucket).get("ReplicationConfiguration"),
            "copies its objects to another place",
            "Remove the replication rules of the bucket; what was copied must be erased there.",
        ),
        "object_lock": (
            lambda: client.get_object_lock_configuration(Bucket=bucket).get("ObjectLockConfiguration"),
            "has Object Lock, so erasure at once can't be promised",
            "Use a bucket without Object Lock for data; locks are for the evidence bucket.",
        ),
    }
    if evidence:
        del questions["object_lock"]
    state: dict[str, str] = {}
    for name, (ask, trouble, remedy) in questions.items():
        with translated(settings.name, f"asking about the {name.replace('_', ' ')} of its bucket"):
            try:
                found = ask()
            except ClientError as error:
                state[name] = answer_code(error)
                if _says_none(error):
                    continue
                refused = int(error.response["ResponseMetadata"]["HTTPStatusCode"]) in {401, 403}
                # A key that the store doesn't know is another thing than one that may not ask this.
                if refused and answer_code(error) not in KNOWS_US_NOT:
                    raise BucketForbidden(
                        f"Store {settings.name} does not say whether bucket {bucket} {trouble.partition(',')[0]}.",
                        "Give the access key the right to read the configuration of its bucket: unknown is refused.",
                    ) from None
                raise
        if found:
            raise BucketForbidden(f"Bucket {bucket} of store {settings.name} {trouble}.", remedy)
        state[name] = "none"
    return state


def _says_none(error: ClientError) -> bool:
    """Whether an answer means that there is no such configuration, or no such feature."""
    status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return answer_code(error) not in {"NoSuchBucket", "HTTP404"} and status in {404, 405, 501}
