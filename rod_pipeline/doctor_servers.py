"""Whether the servers of a deployment are fit: the key server's token, databases, the accounts of the store.

Belongs here: the checks of ``rod doctor`` that only an installation with servers of its own needs. Does not belong
here: what every installation has (``doctor``), Dagster (``orchestration.doctoring``), the servers' own monitoring.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from rod_pipeline.doctor import Check, Unproved
from rod_pipeline.errors import PermanentError, TransientError
from rod_pipeline.store.faults import translated

if TYPE_CHECKING:
    from rod_pipeline.system import System

OLDEST = 15
"""The oldest PostgreSQL that tests ran on (Debian 12 has it)."""
_LOOPBACK = {None, "", "localhost", "127.0.0.1", "::1"}
_VERIFIED = {"verify-ca", "verify-full"}


class TokenUnfit(PermanentError):
    """The token for the key server ends soon and can't be renewed, or may do more than it has to."""

    code = "ROD-DOCTOR-09"


class DatabaseUnfit(PermanentError):
    """A database is too old, its connection can be listened to, or its account may do more than it has to."""

    code = "ROD-DOCTOR-10"


class DatabaseSilent(TransientError):
    """A database gave no answer."""

    code = "ROD-DOCTOR-11"


def key_server(system: "System") -> str:
    """The token of OpenBao: that it lives on, and opens no more than it has to."""
    if system.settings.keyring.kind != "openbao":
        return "There is none: the keys lie in the folder of the installation."
    from rod_pipeline.store.openbao import RENEW_BELOW_SECONDS, OpenBaoKeyring

    assert isinstance(system.keyring, OpenBaoKeyring)
    life = system.keyring.token_life()
    if life.almighty:
        raise TokenUnfit(
            "The token for the key server is a root token: it may everything, and never ends.",
            "Make one with the policies of deployments/openbao, put it in its place, and revoke this one.",
        )
    left = timedelta(seconds=life.seconds)
    if not life.renewed and life.seconds < RENEW_BELOW_SECONDS:
        raise TokenUnfit(
            f"The token for the key server ends in {left}, and no renewal keeps it alive.",
            "Replace it by one with a period, as docs/how-to/openbao.md says, before that day.",
        )
    how = "is renewed by itself" if life.renewed else "is renewed until its own end, if it has one"
    return f"It answers and is unsealed; its token lives {left.days} days more and {how}."


def ledger_database(system: "System") -> str:
    """The database of the ledger: its version, its connection, its account."""
    return of_database(system.settings.ledger())


def of_database(url: str) -> str:
    """What there is to say of one database. Raises ``DatabaseSilent``, and what ``judged`` raises."""
    address = sa.make_url(url)
    if address.get_backend_name() != "postgresql":
        return "It is a file of this machine."
    engine = sa.create_engine(address, poolclass=sa.NullPool, connect_args={"connect_timeout": 10})
    asked = sa.text(
        "SELECT current_setting('server_version_num')::int / 10000, "
        "coalesce((SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()), ''), "
        "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
    )
    failed = ""
    try:
        with engine.connect() as connection:
            version, tls, almighty = connection.execute(asked).one()
    except sa.exc.SQLAlchemyError as error:
        failed = type(error).__name__
    if failed:
        # Its own text quotes the address, and with it the account.
        raise DatabaseSilent(
            f"A database gave no answer ({failed}).", "See whether PostgreSQL runs and its disk has room."
        )
    return judged(address, version, tls, almighty)


def judged(address: sa.URL, version: int, tls: str, almighty: bool) -> str:
    """``tls`` is the version of TLS on the connection, empty without. Raises ``DatabaseUnfit``, ``Unproved``."""
    if version < OLDEST:
        raise DatabaseUnfit(
            f"PostgreSQL {version} is older than what was tried ({OLDEST}).", "Upgrade it; back up the ledger before."
        )
    if almighty:
        raise DatabaseUnfit(
            "The account at the database is a superuser: it may switch off what keeps the ledger append-only.",
            "Make one of its own that owns its tables and nothing else, as deployments/compose/postgres/init.sh does.",
        )
    if address.host in _LOOPBACK or str(address.host).startswith("/"):
        return f"PostgreSQL {version} on this machine; the account is nobody special."
    if not tls:
        raise Unproved(
            f"The connection to PostgreSQL {version} is not encrypted; whether it leaves the host can't be seen.",
            "Right in the internal network of one host (compose). Anywhere else: sslmode=verify-full and sslrootcert.",
        )
    if address.query.get("sslmode") not in _VERIFIED:
        raise DatabaseUnfit(
            f"The connection to PostgreSQL is encrypted ({tls}), but anybody could pose as the server.",
            "Add sslmode=verify-full and sslrootcert to the address of the database.",
        )
    return f"PostgreSQL {version} over {tls}, its certificate verified; the account is nobody special."


def accounts(system: "System") -> str:
    """The accounts of the store: that whoever writes isn't whoever deletes, and that both are let in."""
    objects = system.objects
    if objects.settings.eraser is None:
        raise Unproved(
            "One account of the store writes and deletes, or this process may not delete at all.",
            "Give each part its own account (docs/how-to/accounts.md); what can't be erased here waits for who can.",
        )
    with translated(objects.name, "letting the account in that deletes"):
        objects.eraser.list_object_versions(Bucket=objects.settings.bucket, Prefix="probe/", MaxKeys=1)
    return "Whoever writes can't delete; the account that deletes is let in."


CHECKS: Mapping[str, Check] = {"key server": key_server, "ledger's database": ledger_database, "accounts": accounts}
