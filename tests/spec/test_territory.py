"""Where data may rest: besluit 55352791, voorschrift 3c, row by row.

Each row of ALLOWED is an endpoint that may be used, with the country that it is in. Each row of REFUSED is an address
that may not, with the code of the refusal and the reason as the operator reads it. Nothing here leaves this machine:
the clients are real, their requests are answered by the test.
"""

import dataclasses
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from rod_pipeline.errors import RodError
from rod_pipeline.ledger.events import TerritoryApproved
from rod_pipeline.store import client as client_module
from rod_pipeline.store.client import AstrayRequest, StoreSettings, connect
from rod_pipeline.store.declaration import BadDeclaration, Declaration
from rod_pipeline.store.faults import StoreUnreachable
from rod_pipeline.store.territory import (
    BucketForbidden,
    EndpointOverridden,
    Place,
    Policy,
    PolicyTooOld,
    RefusedPlace,
    RegionDisagrees,
    TerritoryGuard,
    UnknownPlace,
)
from tests.support.canned import bucket, error, intercept
from tests.support.ledger import SetClock
from tests.support.seaweed import KEK, declared

TODAY = datetime(2026, 11, 24, tzinfo=UTC)

ALLOWED = """
    https://s3.eu-central-1.amazonaws.com           DE   AWS Frankfurt
    https://s3.eu-north-1.amazonaws.com             SE   AWS Stockholm
    https://s3.eu-south-1.amazonaws.com             IT   AWS Milan
    https://s3.eu-south-2.amazonaws.com             ES   AWS Aragón
    https://s3.eu-west-1.amazonaws.com              IE   AWS Dublin
    https://s3.eu-west-3.amazonaws.com              FR   AWS Paris
    https://s3.eusc-de-east-1.amazonaws.eu          DE   AWS European Sovereign Cloud, Brandenburg
    https://s3.nl-ams.scw.cloud                     NL   Scaleway
    https://s3.fr-par.scw.cloud                     FR   Scaleway
    https://s3.pl-waw.scw.cloud                     PL   Scaleway
    https://s3.it-mil.scw.cloud                     IT   Scaleway
    https://s3.gra.io.cloud.ovh.net                 FR   OVHcloud Gravelines
    https://s3.rbx.io.cloud.ovh.net                 FR   OVHcloud Roubaix
    https://s3.sbg.io.cloud.ovh.net                 FR   OVHcloud Strasbourg
    https://s3.eu-west-par.io.cloud.ovh.net         FR   OVHcloud Paris
    https://s3.de.io.cloud.ovh.net                  DE   OVHcloud Limburg
    https://s3.waw.io.cloud.ovh.net                 PL   OVHcloud Warsaw
    https://fsn1.your-objectstorage.com             DE   Hetzner Falkenstein
    https://nbg1.your-objectstorage.com             DE   Hetzner Nuremberg
    https://hel1.your-objectstorage.com             FI   Hetzner Helsinki
    https://s3-eu-central-1.ionoscloud.com          DE   IONOS Frankfurt
    https://s3-eu-central-2.ionoscloud.com          DE   IONOS Berlin
    https://s3-eu-south-2.ionoscloud.com            ES   IONOS Logroño
    https://sos-de-fra-1.exo.io                     DE   Exoscale Frankfurt
    https://sos-de-muc-1.exo.io                     DE   Exoscale Munich
    https://sos-at-vie-1.exo.io                     AT   Exoscale Vienna
    https://sos-at-vie-2.exo.io                     AT   Exoscale Vienna
    https://sos-bg-sof-1.exo.io                     BG   Exoscale Sofia
    https://sos-hr-zag-1.exo.io                     HR   Exoscale Zagreb
    https://object.storage.eu01.onstackit.cloud     DE   STACKIT
    https://object.storage.eu02.onstackit.cloud     AT   STACKIT
    https://S3.EU-West-1.AmazonAWS.com              IE   a host is the same in any case of letters
    https://s3.eu-west-1.amazonaws.com:443          IE   and with its own port
"""

REFUSED = """
    https://s3.eu-west-2.amazonaws.com              03   in GB: outside the European Economic Area
    https://s3.eu-central-2.amazonaws.com           03   in CH: outside the European Economic Area
    https://s3.us-east-1.amazonaws.com              03   none of AWS' regions within the EEA
    https://s3.amazonaws.com                        03   AWS' global endpoint
    https://s3-eu-west-1.amazonaws.com              03   none of AWS' regions within the EEA
    https://s3.dualstack.eu-west-1.amazonaws.com    03   none of AWS' regions within the EEA
    https://s3-accelerate.amazonaws.com             03   edge locations all over the world
    https://s3-accelerate.dualstack.amazonaws.com   03   edge locations all over the world
    https://rod.s3-accelerate.amazonaws.com         03   edge locations all over the world
    https://m1.accesspoint.s3-global.amazonaws.com  03   a Multi-Region Access Point
    https://m1.mrap                                 03   a Multi-Region Access Point
    https://d111111abcdef8.cloudfront.net           03   a content delivery network
    https://s3.cn-north-1.amazonaws.com.cn          03   none of AWS' regions within the EEA
    https://s3.uk.io.cloud.ovh.net                  03   in GB: outside the European Economic Area
    https://s3.bhs.io.cloud.ovh.net                 03   in CA: outside the European Economic Area
    https://s3.ca-east-tor.io.cloud.ovh.net         03   in CA: outside the European Economic Area
    https://s3.sgp.io.cloud.ovh.net                 03   in SG: outside the European Economic Area
    https://s3.ap-southeast-syd.io.cloud.ovh.net    03   in AU: outside the European Economic Area
    https://s3.us-east-va.ovh.us                    03   in the United States
    https://sos-ch-gva-2.exo.io                     03   in CH: outside the European Economic Area
    https://sos-ch-dk-2.exo.io                      03   in CH: outside the European Economic Area
    https://rod.blob.core.windows.net               03   Azure does not speak S3
    https://s3.us-central-1.ionoscloud.com          03   none of IONOS' regions
    https://minio.example.org                       02   in no table, and no signed declaration names it
    https://data.mboraad.example                    02   in no table, and no signed declaration names it
    https://s3.eu-west-1.amazonaws.com.             02   in no table, and no signed declaration names it
    https://s3.eu-west-1.amazonaws.com.example.org  02   in no table, and no signed declaration names it
    https://10.1.2.3                                02   in no table, and no signed declaration names it
    http://127.0.0.1:8333                           02   in no table, and no signed declaration names it
    http://localhost:8333                           02   in no table, and no signed declaration names it
    https://52.218.0.1                              04   a public IP address
    http://10.1.2.3:9000                            04   not https
    http://s3.eu-west-1.amazonaws.com               04   not https
"""


def rows(table: str) -> list[tuple[str, str, str]]:
    split = [line.split(maxsplit=2) for line in table.strip().splitlines()]
    return [(cells[0], cells[1], cells[2]) for cells in split]


def settings_of(endpoint: str, **more: str) -> StoreSettings:
    secret = SecretStr("not-a-secret")
    base = {"name": "data", "endpoint": endpoint, "region": "any", "bucket": "rod-data"}
    return StoreSettings.model_validate(base | more | {"access_key": secret, "secret_key": secret})


def region_of(endpoint: str) -> str | None:
    """What AWS says about a bucket at this endpoint; other providers say nothing."""
    host = endpoint.lower().removeprefix("https://").removesuffix(":443")
    return host.split(".")[1] if "amazonaws" in host else None


def approve(endpoint: str, guard: TerritoryGuard | None = None, **answers: str) -> Place:
    settings = settings_of(endpoint)
    client = connect(settings)
    intercept(client, bucket(**({"region": region_of(endpoint)} | answers)))
    return (guard or TerritoryGuard(SetClock(TODAY))).approve(settings, client)


@pytest.mark.parametrize(("endpoint", "country", "what"), rows(ALLOWED))
def test_allowed(endpoint: str, country: str, what: str) -> None:
    place = approve(endpoint)
    assert (place.country, place.basis) == (country, "eea"), what
    facts = dataclasses.asdict(place)
    facts.pop("warnings")
    assert TerritoryApproved(**facts).host == place.host


@pytest.mark.parametrize(("endpoint", "code", "why"), rows(REFUSED))
def test_refused_before_anything_is_asked_of_it(endpoint: str, code: str, why: str) -> None:
    settings = settings_of(endpoint)
    client = connect(settings)
    asked = intercept(client, bucket())
    with pytest.raises(RodError, match=f"ROD-TERRITORY-{code}") as caught:
        TerritoryGuard(SetClock(TODAY)).approve(settings, client)
    assert why in caught.value.happened
    assert asked == []


@pytest.mark.parametrize("member", ["NL", "IS", "LI", "NO", "HR", "BG"])
def test_the_eea_is_the_union_with_iceland_liechtenstein_and_norway(member: str) -> None:
    assert member in Policy.load().eea.members
    assert len(Policy.load().eea.members) == 30


@pytest.mark.parametrize("address", ["ftp://hel1.example.org", "https://u:p@hel1.example.org", "hel1.example.org"])
def test_an_address_that_is_no_plain_endpoint_is_no_setting(address: str) -> None:
    with pytest.raises(ValidationError):
        settings_of(address)


class TestTheBucketItself:
    """What the bucket says must agree with where its endpoint is."""

    def test_another_region_than_the_endpoint_is_refused(self) -> None:
        with pytest.raises(RegionDisagrees):
            approve("https://s3.eu-west-1.amazonaws.com", region="us-east-1")

    def test_aws_not_telling_the_region_is_refused(self) -> None:
        with pytest.raises(RegionDisagrees):
            approve("https://s3.eu-west-1.amazonaws.com", region="")

    def test_replication_out_is_refused(self) -> None:
        with pytest.raises(BucketForbidden, match="copies its objects"):
            approve("https://s3.nl-ams.scw.cloud", replication="there")

    def test_object_lock_is_refused(self) -> None:
        with pytest.raises(BucketForbidden, match="Object Lock"):
            approve("https://s3.nl-ams.scw.cloud", lock="there")

    @pytest.mark.parametrize("question", ["replication", "lock"])
    def test_not_being_allowed_to_know_is_refused(self, question: str) -> None:
        with pytest.raises(BucketForbidden, match="does not say"):
            approve("https://s3.nl-ams.scw.cloud", **{question: "forbidden"})

    @pytest.mark.parametrize("question", ["replication", "lock"])
    def test_a_provider_without_the_feature_has_none(self, question: str) -> None:
        assert approve("https://s3.nl-ams.scw.cloud", **{question: "no_feature"}).country == "NL"

    def test_a_broken_answer_is_no_approval(self) -> None:
        settings = settings_of("https://s3.nl-ams.scw.cloud")
        client = connect(settings)
        client.meta.events.unregister("needs-retry.s3", unique_id="retry-config-s3")
        intercept(client, lambda method, *_: error(503, "SlowDown"))
        with pytest.raises(StoreUnreachable):
            TerritoryGuard(SetClock(TODAY)).approve(settings, client)

    @pytest.mark.parametrize(
        ("location", "country"),
        [("EU", "EU"), ("europe-west4", "NL"), ("EUROPE-WEST3", "DE"), ("EUROPE-NORTH1", "FI"), ("EUROPE-WEST9", "FR")],
    )
    def test_google_is_judged_by_the_buckets_location(self, location: str, country: str) -> None:
        assert approve("https://storage.googleapis.com", location=location).country == country

    @pytest.mark.parametrize(
        ("location", "refusal"),
        [
            ("EUROPE-WEST2", RefusedPlace),
            ("EUROPE-WEST6", RefusedPlace),
            ("US", UnknownPlace),
            ("EUR5", UnknownPlace),
            ("US-CENTRAL1", UnknownPlace),
            ("", UnknownPlace),
        ],
    )
    def test_google_outside(self, location: str, refusal: type[RodError]) -> None:
        with pytest.raises(refusal):
            approve("https://storage.googleapis.com", location=location)


class TestTheEnvironment:
    """Environment variables and profiles can't move the data."""

    def test_they_do_not_count(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        config = tmp_path / "config"
        config.write_text("[profile other]\nregion = us-west-1\nendpoint_url = https://elsewhere.example\n")
        for name, value in {
            "AWS_ENDPOINT_URL": "https://elsewhere.example",
            "AWS_ENDPOINT_URL_S3": "https://elsewhere.example",
            "AWS_PROFILE": "no-such-profile",
            "AWS_CONFIG_FILE": str(config),
            "AWS_REGION": "us-west-1",
            "AWS_DEFAULT_REGION": "us-west-1",
            "AWS_CA_BUNDLE": "/nowhere",
            "AWS_USE_DUALSTACK_ENDPOINT": "true",
            "AWS_USE_FIPS_ENDPOINT": "true",
            "AWS_ACCESS_KEY_ID": "another",
            "AWS_SECRET_ACCESS_KEY": "another",
            "HTTPS_PROXY": "http://elsewhere.example:3128",
        }.items():
            monkeypatch.setenv(name, value)
        # As in a process that has made no client yet.
        monkeypatch.setattr(client_module, "_deaf_session", cache(client_module._deaf_session.__wrapped__))
        settings = settings_of("https://s3.nl-ams.scw.cloud", region="nl-ams")
        client = connect(settings)
        asked = intercept(client, bucket())
        assert TerritoryGuard(SetClock(TODAY)).approve(settings, client).country == "NL"
        assert {request.split()[1].split("/")[0] for request in asked} == {"s3.nl-ams.scw.cloud"}
        assert client.meta.region_name == "nl-ams"
        assert client._endpoint.http_session._proxy_config._proxies == {}

    def test_a_client_for_another_endpoint_is_refused(self) -> None:
        with pytest.raises(EndpointOverridden):
            TerritoryGuard(SetClock(TODAY)).approve(
                settings_of("https://s3.nl-ams.scw.cloud"), connect(settings_of("https://s3.fr-par.scw.cloud"))
            )

    def test_no_request_leaves_for_another_host(self) -> None:
        client = connect(settings_of("https://s3.eu-west-1.amazonaws.com", region="eu-west-1"))
        arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/other"
        with pytest.raises(AstrayRequest):
            client.get_object(Bucket=arn, Key="k")


class TestAdequacy:
    """Countries with an adequacy decision: off by default, by the day, never where a decision is restricted."""

    def guard(self, day: date = date(2026, 11, 24)) -> TerritoryGuard:
        return TerritoryGuard(SetClock(datetime(day.year, day.month, day.day, tzinfo=UTC)), adequacy=True, policy=FRESH)

    def test_it_must_be_asked_for(self) -> None:
        assert approve("https://s3.eu-west-2.amazonaws.com", self.guard()).basis == "adequacy"
        assert approve("https://sos-ch-gva-2.exo.io", self.guard()).basis == "adequacy"

    @pytest.mark.parametrize(("day", "allowed"), [(date(2031, 12, 26), True), (date(2031, 12, 27), False)])
    def test_london_ends_with_its_decision(self, day: date, allowed: bool) -> None:
        if allowed:
            assert approve("https://s3.eu-west-2.amazonaws.com", self.guard(day)).country == "GB"
        else:
            with pytest.raises(RefusedPlace, match="does not count on 2031-12-27"):
                approve("https://s3.eu-west-2.amazonaws.com", self.guard(day))

    def test_before_its_decision_a_country_is_refused(self) -> None:
        with pytest.raises(RefusedPlace, match="does not count"):
            approve("https://s3.eu-west-2.amazonaws.com", self.guard(date(2021, 6, 27)))

    def test_a_restricted_decision_is_not_enough(self) -> None:
        with pytest.raises(RefusedPlace, match="commercial organisations only"):
            approve("https://s3.bhs.io.cloud.ovh.net", self.guard())

    def test_without_a_decision_it_is_refused(self) -> None:
        with pytest.raises(RefusedPlace, match="no decision"):
            approve("https://s3.sgp.io.cloud.ovh.net", self.guard())


# The packaged table as if it was reviewed for ever, to look at what else depends on the day.
FRESH = Policy.load().model_copy(update={"checked": date(2100, 1, 1)})


class TestTheTablesAge:
    """Six months: a warning. A year: nothing is stored."""

    @pytest.mark.parametrize(
        ("day", "outcome"),
        [
            (date(2027, 5, 22), "approved"),
            (date(2027, 5, 23), "warned"),
            (date(2027, 11, 22), "warned"),
            (date(2027, 11, 23), "refused"),
        ],
    )
    def test_age(self, day: date, outcome: str) -> None:
        policy = Policy.load().model_copy(update={"checked": date(2026, 11, 23)})
        guard = TerritoryGuard(SetClock(datetime(day.year, day.month, day.day, tzinfo=UTC)), policy=policy)
        if outcome == "refused":
            with pytest.raises(PolicyTooOld):
                approve("https://s3.nl-ams.scw.cloud", guard)
        else:
            place = approve("https://s3.nl-ams.scw.cloud", guard)
            assert bool(place.warnings) == (outcome == "warned")


class TestDeclarations:
    """Loopback and on-premises hosts: a dated, signed word of a person stands in."""

    def guard(self, path: Path | None, day: datetime = TODAY, kek: bytes = KEK) -> TerritoryGuard:
        return TerritoryGuard(SetClock(day), kek=kek, declaration=path, policy=FRESH)

    @pytest.mark.parametrize(
        ("host", "endpoint"),
        [
            ("127.0.0.1", "http://127.0.0.1:8333"),
            ("localhost", "http://localhost:8333"),
            ("::1", "http://[::1]:8333"),
            ("10.1.2.3", "https://10.1.2.3:9000"),
            ("minio.example.org", "https://minio.example.org"),
        ],
    )
    def test_it_stands_in_for_the_table(self, tmp_path: Path, host: str, endpoint: str) -> None:
        place = approve(endpoint, self.guard(declared(tmp_path, host)))
        assert (place.country, place.basis) == ("NL", "local_declaration")
        facts = dataclasses.asdict(place)
        facts.pop("warnings")
        assert TerritoryApproved(**facts).country == "NL"

    def test_it_counts_for_its_own_host_only(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownPlace):
            approve("https://10.1.2.4", self.guard(declared(tmp_path, "10.1.2.3")))

    @pytest.mark.parametrize("country", ["GB", "US", "EU", "XX"])
    def test_the_country_is_judged_as_any(self, tmp_path: Path, country: str) -> None:
        with pytest.raises(RefusedPlace):
            approve("https://10.1.2.3", self.guard(declared(tmp_path, "10.1.2.3", country)))

    @pytest.mark.parametrize("host", ["s3.eu-west-2.amazonaws.com", "s3.amazonaws.com", "d1.cloudfront.net"])
    def test_it_can_not_move_a_known_host(self, tmp_path: Path, host: str) -> None:
        with pytest.raises(RefusedPlace):
            approve(f"https://{host}", self.guard(declared(tmp_path, host)))

    def test_an_edited_line_makes_it_void(self, tmp_path: Path) -> None:
        path = declared(tmp_path, "10.1.2.3", "GB")
        path.write_text(path.read_text().replace('"GB"', '"NL"'))
        with pytest.raises(BadDeclaration, match="signature"):
            approve("https://10.1.2.3", self.guard(path))

    def test_another_environment_did_not_sign_it(self, tmp_path: Path) -> None:
        with pytest.raises(BadDeclaration, match="signature"):
            approve("https://10.1.2.3", self.guard(declared(tmp_path, "10.1.2.3"), kek=bytes(32)))

    @pytest.mark.parametrize("day", [datetime(2024, 12, 31, tzinfo=UTC), datetime(2035, 1, 2, tzinfo=UTC)])
    def test_it_counts_on_its_days_only(self, tmp_path: Path, day: datetime) -> None:
        with pytest.raises(BadDeclaration, match="counts from"):
            approve("https://10.1.2.3", self.guard(declared(tmp_path, "10.1.2.3"), day))

    @pytest.mark.parametrize("content", ["", "host = ", "host = 'x'\nelse = 1", "\x00"])
    def test_what_can_not_be_read_is_void(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "place.toml").write_text(content)
        with pytest.raises(BadDeclaration):
            approve("https://10.1.2.3", self.guard(tmp_path / "place.toml"))

    def test_a_missing_one_is_void(self, tmp_path: Path) -> None:
        with pytest.raises(BadDeclaration):
            approve("https://10.1.2.3", self.guard(tmp_path / "none.toml"))

    def test_it_can_not_be_made_of_free_text(self) -> None:
        with pytest.raises(ValidationError):
            Declaration(
                host="10.1.2.3",
                country="NL",
                site='x"\ncountry = "GB',
                declared_by="r",
                declared_on=date(2025, 1, 1),
                valid_until=date(2026, 1, 1),
            )


class TestTheProof:
    """The proof is a digest of what was observed: the same on the same day, another when anything differs."""

    def test_it_covers_what_was_seen(self, tmp_path: Path) -> None:
        first = approve("https://s3.nl-ams.scw.cloud")
        assert approve("https://s3.nl-ams.scw.cloud").proof == first.proof
        others = {
            approve("https://s3.fr-par.scw.cloud").proof,
            approve("https://s3.nl-ams.scw.cloud", lock="no_feature").proof,
            approve("https://s3.nl-ams.scw.cloud", TerritoryGuard(SetClock(datetime(2026, 11, 25, tzinfo=UTC)))).proof,
        }
        assert len(others | {first.proof}) == 4

    def test_settings_show_no_secret(self) -> None:
        assert "not-a-secret" not in repr(settings_of("https://s3.nl-ams.scw.cloud"))
