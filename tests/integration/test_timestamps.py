"""Timestamps by a real authority: ``openssl ts`` over a real connection (RFC 3161)."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from rod_pipeline.clock import SystemClock
from rod_pipeline.ledger.service import ServiceUnreachable
from rod_pipeline.ledger.timestamp import (
    BadRoots,
    TimestampRefused,
    TimestampRejected,
    TimestampUnreadable,
    load_certificates,
    request_timestamp,
    verify_timestamp,
)
from tests.support.serving import Reply
from tests.support.tsa import running_authority

DATA = b"example.org/log\n5\n...\n"


def test_a_timestamp_says_when_something_existed(tmp_path: Path) -> None:
    before = SystemClock().now()
    with running_authority(tmp_path / "tsa") as authority:
        roots = load_certificates(authority.root_file)
        token = request_timestamp(authority.address, DATA, roots)
    at = verify_timestamp(token, DATA, roots)
    assert before - timedelta(seconds=1) <= at <= SystemClock().now()
    assert at.utcoffset() == timedelta(0)


def test_openssl_agrees(tmp_path: Path) -> None:
    with running_authority(tmp_path / "tsa") as authority:
        token = request_timestamp(authority.address, DATA, [authority.root])
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "token").write_bytes(token)
    subprocess.run(
        ["openssl", "ts", "-verify", "-data", "data", "-in", "token", "-CAfile", authority.root_file],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )


def test_only_a_hash_leaves_the_house(tmp_path: Path) -> None:
    with running_authority(tmp_path / "tsa") as authority:
        request_timestamp(authority.address, DATA, [authority.root])
    assert b"example.org" not in (tmp_path / "tsa" / "query").read_bytes()


def test_a_timestamp_of_something_else_is_refused(tmp_path: Path) -> None:
    with running_authority(tmp_path / "tsa") as authority:
        token = request_timestamp(authority.address, DATA, [authority.root])
    with pytest.raises(TimestampRejected):
        verify_timestamp(token, DATA + b"!", [authority.root])


def test_an_authority_that_is_not_trusted_is_refused(tmp_path: Path) -> None:
    with running_authority(tmp_path / "one") as one, running_authority(tmp_path / "other") as other:
        with pytest.raises(TimestampRejected):
            request_timestamp(one.address, DATA, [other.root])
        token = request_timestamp(one.address, DATA, [other.root, one.root])
    with pytest.raises(TimestampRejected):
        verify_timestamp(token, DATA, [other.root])
    with pytest.raises(BadRoots):
        verify_timestamp(token, DATA, [])


def test_an_earlier_answer_is_no_answer(tmp_path: Path) -> None:
    """An answer that was kept and sent again has another nonce than was asked for."""
    kept: list[Reply] = []

    def first(reply: Reply) -> Reply:
        kept.append(reply)
        return kept[0]

    with running_authority(tmp_path / "tsa", instead=first) as authority:
        request_timestamp(authority.address, DATA, [authority.root])
        with pytest.raises(TimestampRejected, match=r"[Nn]once"):
            request_timestamp(authority.address, DATA, [authority.root])


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_what_is_signed_and_by_whom_is_found_to_be_changed_at_any_bit(tmp_path: Path) -> None:
    """All but the few bytes of the frame that nothing signs: names of algorithms that stand elsewhere too."""
    with running_authority(tmp_path / "tsa") as authority:
        token = request_timestamp(authority.address, DATA, [authority.root])
    at = verify_timestamp(token, DATA, [authority.root])
    unnoticed = set()
    for place in range(len(token)):
        for bit in range(8):
            changed = bytearray(token)
            changed[place] ^= 1 << bit
            try:
                assert verify_timestamp(bytes(changed), DATA, [authority.root]) == at
                unnoticed.add(place)
            except (TimestampRejected, TimestampUnreadable):
                pass
    assert len(unnoticed) <= 16, unnoticed


@pytest.mark.parametrize("cut", [0, 1, 10, 200, -1])
def test_what_is_no_answer_can_not_be_read(tmp_path: Path, cut: int) -> None:
    with running_authority(tmp_path / "tsa") as authority:
        token = request_timestamp(authority.address, DATA, [authority.root])
    with pytest.raises(TimestampUnreadable):
        verify_timestamp(token[:cut], DATA, [authority.root])


def test_an_answer_that_the_library_can_not_read_says_what_to_do(tmp_path: Path) -> None:
    """OpenSSL embeds two certificates as they come; strict DER wants them sorted. Either order may come out sorted."""
    seen = set()
    for turn in range(24):
        with running_authority(tmp_path / f"tsa{turn}", chain=True) as authority:
            try:
                request_timestamp(authority.address, DATA, [authority.root])
                seen.add("read")
            except TimestampUnreadable as error:
                assert "openssl ts -verify" in error.remedy
                seen.add("unreadable")
        if "unreadable" in seen:
            return
    pytest.fail("no answer with two certificates came out unsorted")


def test_an_authority_that_refuses_is_a_passing_failure(tmp_path: Path) -> None:
    refusal = b"\x30\x05\x30\x03\x02\x01\x02"  # TimeStampResp with PKIStatus 2, rejection, and no token
    replies = {
        Reply(200, refusal): (TimestampRefused, "PKI status 2"),
        Reply(404, b""): (TimestampRefused, "status 404"),
        Reply(503, b""): (ServiceUnreachable, "status 503"),
    }
    for reply, (error, why) in replies.items():
        with running_authority(tmp_path / "tsa", instead=lambda _, said=reply: said) as authority:
            with pytest.raises(error, match=why) as caught:
                request_timestamp(authority.address, DATA, [authority.root])
            assert caught.value.kind == "transient"
            with pytest.raises((TimestampRejected, TimestampUnreadable)):
                verify_timestamp(reply.body, DATA, [authority.root])


def test_certificates_that_can_not_be_read_are_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("geen certificaat")
    for path in (tmp_path / "roots.pem", tmp_path / "nowhere.pem"):
        with pytest.raises(BadRoots):
            load_certificates(path)
