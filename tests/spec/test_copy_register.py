"""The decree's "ook eventuele kopieën" (voorschrift 3j): no kind of copy without an adapter that erases it."""

import re
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import get_args

import pytest

import rod_pipeline
from rod_pipeline.clock import SystemClock
from rod_pipeline.deliveries import new_id
from rod_pipeline.ledger.erasure import OUTSIDE, Method, Place
from rod_pipeline.ledger.vocabulary import Zone
from rod_pipeline.orchestration.erasing import DagsterPlace
from rod_pipeline.retention.places import places
from rod_pipeline.retention.register import CopyPlace, CopyRegister, IncompleteRegister
from rod_pipeline.settings import Settings
from rod_pipeline.store.layout import object_key, scope_prefixes
from rod_pipeline.system import System

NO_COPY: Mapping[str, str] = {
    "alerts": "which causes were told to whom: codes and digests",
    "dagster": "the place dagster, which is handed in by who knows Dagster",
    "dagster.yaml": "configuration",
    "declaration.toml": "where this machine stands",
    "dossiers": "tables made of the ledger, which holds no personal data",
    "incidents": "letters about an incident: codes, and what a person writes beside them for its reader",
    "ledger.db": "the ledger, which holds no personal data",
    "notary": "checkpoints of the ledger",
    "notices": "letters about rules and counts",
    "rod.toml": "configuration",
    "secrets": "keys of the installation; what belongs to a delivery lies in codes, which is claimed",
    "serving.json": "port and pid of Dagster",
    "workers": "which hosts work, and on what: ids",
}
"""What code names below the folder of an installation that no place empties, and why that is good."""


@pytest.fixture
def all_but_dagster(tmp_path: Path) -> tuple[CopyPlace, ...]:
    return tuple(places(System.open(Settings(home=tmp_path), SystemClock())))


def test_every_place_of_the_ledgers_vocabulary_has_one_adapter(all_but_dagster: tuple[CopyPlace, ...]) -> None:
    found = [place.place for place in all_but_dagster]
    assert sorted([*found, DagsterPlace.place]) == sorted(get_args(Place))


@pytest.mark.parametrize("number", range(9))
def test_a_register_without_one_of_them_is_refused(all_but_dagster: tuple[CopyPlace, ...], number: int) -> None:
    class Dagster:
        place = "dagster"

    whole = (*all_but_dagster, Dagster())
    assert len(tuple(CopyRegister(whole))) == 10  # type: ignore[arg-type]
    with pytest.raises(IncompleteRegister):
        CopyRegister(whole[:number] + whole[number + 1 :])  # type: ignore[arg-type]
    with pytest.raises(IncompleteRegister):
        CopyRegister((*whole, whole[number]))  # type: ignore[arg-type]


def test_keys_are_the_first_to_go(all_but_dagster: tuple[CopyPlace, ...]) -> None:
    class Dagster:
        place = "dagster"

    assert next(iter(CopyRegister((*all_but_dagster, Dagster())))).place == "keys"  # type: ignore[arg-type]


def test_every_zone_of_the_ledgers_vocabulary_is_looked_through() -> None:
    scope = new_id()
    for zone in get_args(Zone):
        key = object_key(zone, scope, "raw", new_id())
        assert [prefix for prefix in scope_prefixes(scope) if key.startswith(prefix)] == [f"{zone}/{scope}/"]


def test_every_method_is_one_that_evidence_can_name(all_but_dagster: tuple[CopyPlace, ...]) -> None:
    methods = {place.place: place.method for place in all_but_dagster}
    assert set(methods.values()) <= set(get_args(Method))
    assert {name for name, method in methods.items() if method in ("asked", "expires")} == OUTSIDE


def test_claims_of_two_places_do_not_overlap(tmp_path: Path) -> None:
    claims = {
        place.place: pattern
        for place in places(System.open(Settings(home=tmp_path), SystemClock()))
        for pattern in place.claims
    }
    for name, pattern in claims.items():
        example = pattern.replace("*", "x")
        assert [other for other, also in claims.items() if fnmatch(example, also)] == [name]


def test_whatever_code_names_below_the_installation_is_claimed_or_no_copy(tmp_path: Path) -> None:
    """What a delivery writes is traced elsewhere; this also sees what is written by commands that seldom run."""
    claims = [
        pattern for place in places(System.open(Settings(home=tmp_path), SystemClock())) for pattern in place.claims
    ]
    named = {
        name
        for file in Path(rod_pipeline.__file__).parent.rglob("*.py")
        for name in re.findall(r'home(?:\.absolute\(\))? / f?"([^"/]+)"', file.read_text("utf-8"))
    }
    assert {"outbox", "keys", "notices"} <= named, "the search finds what there is"
    unclaimed = {name for name in named if not any(fnmatch(f"{tmp_path}/{name}/x", pattern) for pattern in claims)}
    assert unclaimed == NO_COPY.keys()
