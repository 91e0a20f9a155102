"""What an installation of the tests rests on: the embedded defaults, or servers as in production.

With ``TESTS_ON=servers`` in the environment every installation that ``tests.support.pipeline.Bench`` makes has its
ledger in PostgreSQL and its keys in OpenBao, each in a database and a keyring of its own, on servers that the process
of the tests starts on first use: so the same tests can be run on either (``make soak`` runs them on servers).
"""

import atexit
import os
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from tests.support.openbao import BaoServer, openbao_server
from tests.support.postgres import PostgresServer, postgres_server

VARIABLE = "TESTS_ON"


def on_servers() -> bool:
    """Whether installations are made on servers now."""
    return os.environ.get(VARIABLE) == "servers"


def settings_of(home: Path) -> str:
    """Lines at the top of the settings of a new installation in ``home``, which follow what it rests on."""
    if not on_servers():
        return ""
    postgres, bao = servers()
    token, mount = home / "secrets" / "bao-token", bao.new_mount()
    token.touch(0o600)
    token.write_text(bao.token(mount, "pipeline", "eraser", ttl="24h"))
    return (
        f'ledger_url = "{postgres.new_database_by_environment()}"\n'
        f'[keyring]\nkind = "openbao"\naddress = "{bao.address}"\nmount = "{mount}"\ntoken_file = "{token}"\n'
    )


@cache
def servers() -> tuple[PostgresServer, BaoServer]:
    """The servers of this process, running until it ends."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(postgres_server()), stack.enter_context(openbao_server())
