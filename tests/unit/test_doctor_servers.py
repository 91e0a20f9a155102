"""``rod doctor`` on the servers of a deployment: what is right, what isn't, and what nobody can see from here."""

import pytest
import sqlalchemy as sa

from rod_pipeline.doctor import Unproved
from rod_pipeline.doctor_servers import OLDEST, DatabaseSilent, DatabaseUnfit, judged, of_database

LOCAL = "postgresql+psycopg2://rod@127.0.0.1/ledger"
FAR = "postgresql+psycopg2://rod@db.example/ledger"
VERIFIED = f"{FAR}?sslmode=verify-full"


@pytest.mark.parametrize(
    ("url", "version", "tls", "almighty", "raises"),
    [
        pytest.param(LOCAL, OLDEST, "", False, None, id="this machine"),
        pytest.param(VERIFIED, OLDEST, "TLSv1.3", False, None, id="far and verified"),
        pytest.param(VERIFIED, OLDEST - 1, "TLSv1.3", False, DatabaseUnfit, id="too old"),
        pytest.param(LOCAL, OLDEST, "", True, DatabaseUnfit, id="a superuser"),
        pytest.param(f"{FAR}?sslmode=require", OLDEST, "TLSv1.3", False, DatabaseUnfit, id="not verified"),
        pytest.param(FAR, OLDEST, "TLSv1.3", False, DatabaseUnfit, id="nothing said, so not verified"),
        pytest.param(FAR, OLDEST, "", False, Unproved, id="in clear, who knows where"),
    ],
)
def test_a_database_is_judged(url: str, version: int, tls: str, almighty: bool, raises: type[Exception] | None) -> None:
    if raises is None:
        assert judged(sa.make_url(url), version, tls, almighty).startswith(f"PostgreSQL {version}")
    else:
        with pytest.raises(raises):
            judged(sa.make_url(url), version, tls, almighty)


def test_a_real_one_is_asked_and_a_dead_one_tells_no_address(postgres_url: str) -> None:
    try:
        assert of_database(postgres_url).startswith("PostgreSQL")
    except DatabaseUnfit as error:
        assert "superuser" in str(error), "what tests log in as"
    with pytest.raises(DatabaseSilent) as told:
        of_database("postgresql+psycopg2://someone:hidden@127.0.0.1:9/ledger")
    assert "someone" not in str(told.value) and "hidden" not in str(told.value)
    assert of_database("sqlite:///x.db").startswith("It is a file")
