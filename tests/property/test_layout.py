"""No two keys of the store can get in each other's way."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.store.layout import ZONES, BadObjectKey, object_key, probe_prefix, scope_prefixes

IDS = st.text("0123456789abcdef", min_size=16, max_size=16)
NAMES = st.text("abcxyz019_=", min_size=1, max_size=80)
KEYS = st.builds(object_key, st.sampled_from(ZONES), IDS, NAMES, IDS)


@given(KEYS)
def test_a_key_has_three_segments_of_safe_characters(key: str) -> None:
    assert re.fullmatch(r"[a-z0-9_=]+/[a-z0-9_=]+/[a-z0-9_=]+", key)


@given(KEYS, KEYS)
def test_no_key_is_a_folder_or_a_prefix_of_another(one: str, two: str) -> None:
    assert one == two or not two.startswith(one)


@given(IDS, IDS, st.sampled_from(ZONES), NAMES, IDS)
def test_a_scopes_prefixes_hold_its_keys_and_no_others(
    scope: str, other: str, zone: str, name: str, copy_id: str
) -> None:
    key = object_key(zone, other, name, copy_id)  # type: ignore[arg-type]
    assert any(key.startswith(prefix) for prefix in scope_prefixes(scope)) == (scope == other)
    assert all(prefix.endswith("/") for prefix in scope_prefixes(scope))


@given(KEYS, KEYS)
def test_keys_sort_as_their_folders_do(one: str, two: str) -> None:
    """SeaweedFS' paginated listings lose keys where a sibling sorts between a folder's name and its slash."""
    assert (one < two) == (one.split("/") < two.split("/"))


@given(st.text(max_size=100))
def test_a_name_is_ours_or_refused(name: str) -> None:
    allowed = re.fullmatch(r"[a-z0-9_=]{1,80}", name) is not None
    try:
        object_key("landing", "0" * 16, name, "1" * 16)
    except BadObjectKey as error:
        assert not allowed
        assert name not in str(error) or len(name) < 5
    else:
        assert allowed


@pytest.mark.parametrize(
    ("zone", "scope", "copy_id"),
    [
        ("evidence", "0" * 16, "1" * 16),
        ("landing", "2025-12", "1" * 16),
        ("landing", "0" * 15, "1" * 16),
        ("landing", "0" * 16, "1" * 17),
        ("landing", "0" * 16 + "\n", "1" * 16),
        ("landing/", "0" * 16, "1" * 16),
    ],
)
def test_anything_but_zones_and_opaque_ids_is_refused(zone: str, scope: str, copy_id: str) -> None:
    with pytest.raises(BadObjectKey):
        object_key(zone, scope, "raw", copy_id)  # type: ignore[arg-type]


def test_the_probe_writes_outside_every_zone() -> None:
    assert probe_prefix().split("/")[0] not in ZONES
    assert probe_prefix() != probe_prefix()
    assert probe_prefix().endswith("/")
