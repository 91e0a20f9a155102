"""How the pipeline talks to an object store: the settings of one store and the one factory of clients.

Belongs here: settings of a store, building a boto3 client that knows nothing but those settings, keeping its requests
at home. Does not belong here: whether the place may be used (``territory``), what is stored and how (``objects``).

The concept is AWS' S3 protocol as boto3 speaks it. boto3 listens to some forty environment variables, two files in the
home folder and a proxy; any of them could send data to another host than the one that was approved. Here none of them
counts: endpoint, region, credentials and CA bundle come from the settings, or from nowhere.
"""

import os
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import urlsplit

import boto3
import botocore.loaders
import botocore.session
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from rod_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A session may make one client at a time.
_one_at_a_time = Lock()


class AstrayRequest(PermanentError):
    """A request was about to leave for a host that is not the approved endpoint."""

    code = "ROD-TERRITORY-09"


class Account(BaseModel):
    """Who a store knows us as."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    access_key: SecretStr
    secret_key: SecretStr


class StoreSettings(BaseModel):
    """One bucket at one exact endpoint.

    ``eraser`` is the account that deletes, where that is another one than the one that reads and writes.
    ``checksums`` is how eagerly boto3 adds and expects CRC checksums; some S3-like providers need ``when_required``.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")
    endpoint: str = Field(pattern=r"^https?://[^/@?#\s]+/?$")
    region: str = Field(min_length=1)
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    access_key: SecretStr
    secret_key: SecretStr
    eraser: Account | None = None
    ca_bundle: Path | None = None
    addressing: Literal["path", "virtual"] = "path"
    checksums: Literal["when_supported", "when_required"] = "when_supported"


def connect(settings: StoreSettings) -> "S3Client":
    """A client for exactly this store. Opens no connection yet.

    Five attempts with back-off (botocore's standard mode), 10 s to connect, 60 s of silence while reading.
    """
    with _one_at_a_time:
        client: S3Client = _deaf_session().client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=settings.region,
            aws_access_key_id=settings.access_key.get_secret_value(),
            aws_secret_access_key=settings.secret_key.get_secret_value(),
            verify=str(settings.ca_bundle) if settings.ca_bundle else True,
            config=Config(
                connect_timeout=10,
                read_timeout=60,
                retries={"mode": "standard", "total_max_attempts": 5},
                max_pool_connections=8,
                signature_version="s3v4",
                request_checksum_calculation=settings.checksums,
                response_checksum_validation=settings.checksums,
                proxies={},
                use_fips_endpoint=False,
                use_dualstack_endpoint=False,
                s3={  # type: ignore[arg-type]  # the stubs do not know the last two
                    "addressing_style": settings.addressing,
                    "use_accelerate_endpoint": False,
                    "use_arn_region": False,
                    "s3_disable_multiregion_access_points": True,
                    "us_east_1_regional_endpoint": "regional",
                },
            ),
        )
    home = (urlsplit(settings.endpoint).hostname or "").lower()
    homes = frozenset({home, f"{settings.bucket}.{home}"})

    def stay_home(request: AWSPreparedRequest, **_: Any) -> None:
        # The last gate before the wire: botocore follows redirects to other regions, and ARNs to other hosts.
        if (urlsplit(request.url).hostname or "").lower() not in homes:
            raise AstrayRequest(
                f"A request to store {settings.name} was about to leave for another host than its endpoint.",
                "Nothing was sent. Check the bucket's region and the endpoint in the settings of the store.",
            )

    client.meta.events.register("before-send.s3", stay_home)
    return client


@cache
def _deaf_session() -> boto3.Session:
    """A session that reads no environment variable and no file of AWS' tools, and no credentials either.

    One in a process, as what it knows is the description of S3: making one takes longer than making a client. Each
    client gets a copy of its event handlers.
    """
    constants = {
        name: (None, None, default, conversion)
        for name, (_, _, default, conversion) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    for file in ("config_file", "credentials_file"):
        constants[file] = (None, None, os.devnull, None)
    session = botocore.session.Session(session_vars=constants)
    # The description of S3 that comes with botocore, and no other.
    packaged = botocore.loaders.Loader.BUILTIN_DATA_PATH
    loader = botocore.loaders.Loader(extra_search_paths=[packaged], include_default_search_paths=False)
    session.register_component("data_loader", loader)
    return boto3.Session(botocore_session=session)
