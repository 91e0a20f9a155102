"""One opened installation: the parts that every stage of a delivery works with.

Belongs here: putting the parts together from settings. Does not belong here: what is done with them (``intake``,
``quality``, ``marts``, ``retention``), Dagster (``orchestration``).
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Self

from pydantic import SecretStr

from rod_pipeline.actors import name_here
from rod_pipeline.clock import Clock, SystemClock
from rod_pipeline.contracts import ContractBook
from rod_pipeline.decree import Decree, load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import BlockedError, PermanentError, TransientError
from rod_pipeline.intake.pleio import PleioClient, PleioSettings
from rod_pipeline.ledger.catchup import refuse_old_copy
from rod_pipeline.ledger.log import Ledger, Reading
from rod_pipeline.ledger.notary import Notary, Services
from rod_pipeline.ledger.note import VerifyingKey
from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.ledger.witness import Witness
from rod_pipeline.retention.gate import refuse_purged
from rod_pipeline.settings import BadSettings, MissingSecret, Settings
from rod_pipeline.store import scratch
from rod_pipeline.store.client import Account, StoreSettings
from rod_pipeline.store.evidence import STORE as EVIDENCE_STORE
from rod_pipeline.store.evidence import EvidenceStore
from rod_pipeline.store.faults import translated
from rod_pipeline.store.keyring import Keyring, LocalKeyring
from rod_pipeline.store.objects import ObjectStore
from rod_pipeline.store.seaweed import LocalStore
from rod_pipeline.store.secrets import SecretStore
from rod_pipeline.store.territory import Place, TerritoryGuard
from rod_pipeline.store.vault import Vault

_TELLING_SECONDS = 600.0
"""How long to wait for who writes notices and pages of the same delivery: they take seconds."""


class NoInstallation(PermanentError):
    """The folder holds no installation: a command was run in another folder than it was meant for."""

    code = "ROD-INSTALL-03"


class UnknownDelivery(PermanentError):
    """Somebody asks for a delivery that was never announced."""

    code = "ROD-DELIVERY-02"


class DeliveryIsGone(BlockedError):
    """The current intake of a delivery was refused and erased."""

    code = "ROD-DELIVERY-03"


class ReplacedMeanwhile(TransientError):
    """Between looking up a delivery and taking hold of it, it was announced anew."""

    code = "ROD-DELIVERY-05"


@dataclass(frozen=True)
class System:
    """The parts of one installation. Cheap to make; each part connects on first use. Leave it as a context manager."""

    settings: Settings
    clock: Clock
    reading: Reading | None = None
    """How far this process has read the ledger before, where it goes on from there."""

    @classmethod
    def open(cls, settings: Settings, clock: Clock | None = None) -> Self:
        """The installation that ``settings`` describe, on this machine's clock unless another is given."""
        return cls(settings, clock or SystemClock())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "ledger_as_found" in self.__dict__:
            self.ledger_as_found.close()
        if "_local_store" in self.__dict__:
            self._local_store.stop()

    @cached_property
    def decree(self) -> Decree:
        return load_decree(self.settings.decree)

    @cached_property
    def book(self) -> ContractBook:
        return ContractBook.load(self.settings.contracts, self.decree)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, once it is known to be no old copy. Raises ``LedgerBehind`` or ``LedgerForked`` otherwise."""
        refuse_old_copy(self.settings.home, self.ledger_as_found)
        return self.ledger_as_found

    @cached_property
    def ledger_as_found(self) -> Ledger:
        """The ledger as it lies there, for whoever finds out what is wrong with it, or has it catch up.

        Raises ``NoInstallation``: an empty ledger that were made in a wrong folder would say that all is well.
        """
        self.refuse_nowhere()
        self.settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Ledger(self.settings.ledger(), self.clock, self.reading)

    def refuse_nowhere(self) -> None:
        """Raise ``NoInstallation`` when there is none here; whoever asks first makes nothing in a wrong folder."""
        if not self.settings.is_set_up():
            raise NoInstallation(
                f"There is no installation in {self.settings.home.resolve()}: neither a ledger nor a key.",
                "Go to the folder that holds it, or name it in ROD_HOME; `rod init` makes a new one.",
            )

    @cached_property
    def keyring(self) -> Keyring:
        section = self.settings.keyring
        if section.kind == "local":
            return LocalKeyring(self.settings.home / "keys", self._kek)
        # Only who has such a server pays for its client.
        from rod_pipeline.store.openbao import OpenBaoKeyring

        if section.address is None:
            raise BadSettings("The keyring is in OpenBao, but its address is missing.", "Set `keyring.address`.")
        return OpenBaoKeyring(section.address, section.read_token(), mount=section.mount, ca_bundle=section.ca_bundle)

    @cached_property
    def secrets(self) -> SecretStore:
        return SecretStore(self.settings.home / "secrets" / "codes", self._kek)

    @cached_property
    def vault(self) -> Vault:
        scratch.serve(scratch.tag(self.settings.home))
        return Vault(self.objects, self.keyring, self.ledger, self._guard(self._kek))

    @cached_property
    def objects(self) -> ObjectStore:
        return ObjectStore(self._store_settings())

    @cached_property
    def evidence(self) -> EvidenceStore:
        section = self.settings.evidence
        embedded = section.endpoint is None
        settings = self._local_store.evidence() if embedded else self._evidence_settings()
        return EvidenceStore(settings, self.clock, years=section.years, lock=section.lock, embedded=embedded)

    def approve_evidence_store(self) -> None:
        """See that evidence may rest in its store today; on the record, unless this process is the notary's alone.

        A process without the key-encryption key is: it may read the ledger, but not write to it.
        """
        try:
            kek = self._kek
        except MissingSecret:
            self.evidence.approve(self._guard(None), self.ledger, record=False)
        else:
            self.evidence.approve(self._guard(kek), self.ledger, record=True)

    def notary(self) -> Notary:
        """Who signs and publishes the ledger. Needs no key and no credentials of the data. Raises ``BadKey``."""
        section = self.settings.evidence
        witness = None
        if section.witness_url is not None:
            witness = Witness(section.witness_url, VerifyingKey.parse(section.witness_key or ""))
        return Notary(
            self.settings.home,
            self.ledger_as_found,
            self.evidence,
            self.clock,
            origin=section.origin,
            key_file=section.signing_key_file or self.settings.home / "secrets" / "signing.pem",
            approve=self.approve_evidence_store,
            services=Services(section.timestamp_url, section.timestamp_roots, witness),
        )

    def store_died(self) -> bool:
        """Whether the embedded store isn't running though somebody here is using it, such as `rod up`; only looks."""
        return self.settings.store.endpoint is None and self._local_store.died()

    def place(self) -> Place:
        """Where the store of the data is, proved now and not put on record. Raises what approving it raises."""
        return self._guard(self._kek).approve(self.objects.settings, self.objects.client)

    def store_time(self) -> datetime | None:
        """What time it is by the store, to the second; None when its answer doesn't say."""
        with translated(self.objects.name, "asking for the time"):
            answer = self.objects.client.head_bucket(Bucket=self.objects.settings.bucket)
        told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        return None if told is None else parsedate_to_datetime(told)

    @cached_property
    def pleio_settings(self) -> PleioSettings:
        return PleioSettings(**self.settings.pleio.model_dump(exclude={"code_days"}))

    @cached_property
    def pleio(self) -> PleioClient:
        return PleioClient(self.pleio_settings, self.clock)

    def intake(self, key: DeliveryKey) -> IntakeState:
        """The current intake of a delivery; raises ``UnknownDelivery``, ``DeliveryPurged`` or ``DeliveryIsGone``."""
        intake = self.ledger.state().deliveries.get(str(key))
        if intake is None:
            raise UnknownDelivery(
                f"Delivery {key} was never announced.",
                f"Announce it (`rod announce {key} --link …`) or hand its files over (`rod drop {key} FILE…`).",
            )
        refuse_purged(intake.tombstone)
        if intake.refused is not None:
            raise DeliveryIsGone(
                f"What came as delivery {key} was refused ({intake.refused}) and has been erased.",
                f"Ask DUO for a corrected delivery and announce that one: `rod announce {key} --link …`.",
            )
        return intake

    @contextmanager
    def hold(self, key: DeliveryKey, file: str | None = None, patience: float = 0.0) -> Iterator[IntakeState]:
        """The current intake of a delivery, for this process alone while the block lasts.

        With ``file`` it is held beside others who hold other files of it; then what is about the whole (its notices,
        its pages) is ``told``. What a stage decides, it decides on the state that it finds in the block. Raises what
        ``intake`` raises, ``ReplacedMeanwhile``, and ``Busy`` when somebody holds it still after ``patience`` seconds.
        """
        from rod_pipeline.intake.tidying import tidy

        delivery_id = self.intake(key).delivery_id
        try:
            with ExitStack() as held:
                if file is None:
                    held.enter_context(self.ledger.exclusive(delivery_id, patience))
                else:
                    held.enter_context(self.ledger.shared(delivery_id))
                    held.enter_context(self.ledger.exclusive(f"{delivery_id}-{file}"))
                intake = self.intake(key)
                if intake.delivery_id != delivery_id:
                    raise ReplacedMeanwhile(f"Delivery {key} was announced anew at this very moment.", "Rerun.")
                yield intake
        finally:
            # Nobody else could erase it while it was held.
            if self.ledger.state().intakes[delivery_id].superseded:
                tidy(self)

    @contextmanager
    def told(self, intake: IntakeState) -> Iterator[IntakeState]:
        """An intake that is held, as it is now; whoever else holds a file of it waits before telling of that."""
        with self.ledger.exclusive(f"{intake.delivery_id}-told", patience=_TELLING_SECONDS):
            yield self.ledger.state().intakes[intake.delivery_id]

    def actor(self) -> str:
        """An opaque name for whoever runs this process: the same person has the same name, which tells nothing."""
        return name_here(self.settings.home, self._kek)

    @cached_property
    def _kek(self) -> bytes:
        return self.settings.key_encryption_key().get_secret_value()

    def _guard(self, kek: bytes | None) -> TerritoryGuard:
        section = self.settings.store
        declaration = section.declaration or self.settings.home / "declaration.toml"
        return TerritoryGuard(self.clock, kek=kek, declaration=declaration, adequacy=section.adequacy)

    @cached_property
    def _local_store(self) -> LocalStore:
        return LocalStore(
            self.settings.home / "store",
            name=self.settings.store.name,
            bucket=self.settings.store.bucket,
            evidence_bucket=self.settings.evidence.bucket,
        )

    def _evidence_settings(self) -> StoreSettings:
        section = self.settings.evidence
        if section.endpoint is None or section.access_key is None or section.secret_key is None:
            raise BadSettings(
                "The evidence store has an endpoint but no access key or secret key.",
                "Hand them over as ROD_EVIDENCE__ACCESS_KEY and ROD_EVIDENCE__SECRET_KEY.",
            )
        return StoreSettings(
            name=EVIDENCE_STORE,
            endpoint=section.endpoint,
            region=section.region,
            bucket=section.bucket,
            access_key=section.access_key,
            secret_key=section.secret_key,
            ca_bundle=section.ca_bundle,
            checksums=self.settings.store.checksums,
        )

    def _store_settings(self) -> StoreSettings:
        section = self.settings.store
        if section.endpoint is None:
            return self._local_store.start()
        if section.access_key is None or section.secret_key is None:
            raise BadSettings(
                "The store has an endpoint but no access key or secret key.",
                "Hand them over as ROD_STORE__ACCESS_KEY and ROD_STORE__SECRET_KEY.",
            )
        keys = {"access_key": section.eraser_access_key, "secret_key": section.eraser_secret_key}
        if [*keys.values()].count(None) == 1:
            raise BadSettings(
                "The account that deletes has an access key or a secret key, not both.",
                "Hand over both: ROD_STORE__ERASER_ACCESS_KEY and ROD_STORE__ERASER_SECRET_KEY.",
            )
        eraser = None if section.eraser_access_key is None else Account.model_validate(keys)
        return StoreSettings(
            name=section.name,
            endpoint=section.endpoint,
            region=section.region,
            bucket=section.bucket,
            access_key=SecretStr(section.access_key.get_secret_value()),
            secret_key=SecretStr(section.secret_key.get_secret_value()),
            eraser=eraser,
            ca_bundle=section.ca_bundle,
            checksums=section.checksums,
        )
