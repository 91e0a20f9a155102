"""Timestamps by an outside authority: a signed statement that something existed at a time (RFC 3161).

Belongs here: asking for a token and verifying one. Does not belong here: what is stamped and when; that a missing
timestamp never holds up an erasure.

Only a hash leaves the house. A token is kept as the authority's whole answer (``TimeStampResp``, DER). It is verified
with the certificates as they were at the time that it states. The library reads DER strictly: an answer that embeds
several certificates in the wrong order, as ``openssl ts -reply`` with a chain gives it, can't be read; authorities that
embed their own certificate alone are fine.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    DuplicateExtension,
    ExtendedKeyUsage,
    InvalidVersion,
    load_der_x509_certificate,
    load_pem_x509_certificates,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from rod_pipeline.errors import BlockedError, PermanentError, TransientError
from rod_pipeline.ledger.service import post


class TimestampUnreadable(PermanentError):
    """What an authority sent is no timestamp that can be read."""

    code = "ROD-TIMESTAMP-01"


class TimestampRejected(PermanentError):
    """A timestamp is of something else, or was not made by a trusted authority."""

    code = "ROD-TIMESTAMP-02"


class TimestampRefused(TransientError):
    """The authority is there and gives no timestamp."""

    code = "ROD-TIMESTAMP-03"


class BadRoots(BlockedError):
    """The certificates of the authorities to trust can't be read."""

    code = "ROD-TIMESTAMP-04"


def load_certificates(path: Path) -> tuple[Certificate, ...]:
    """The certificates in a PEM file: the roots to trust, and what lies between them and the authority.

    Raises ``BadRoots``.
    """
    try:
        return tuple(load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError):
        raise _bad_roots() from None


def request_timestamp(address: str, data: bytes, certificates: Sequence[Certificate]) -> bytes:
    """Have the authority at ``address`` stamp the SHA-256 of ``data``; returns the token, which was verified.

    Raises ``ServiceAddress``, ``ServiceUnreachable``, ``TimestampRefused``; and what ``verify_timestamp`` raises.
    """
    request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).build()
    answer = post(address, request.as_bytes(), "application/timestamp-query")
    if answer.status != 200 or (status := _read(answer.body).status) != PKIStatus.GRANTED:
        code = f"status {answer.status}" if answer.status != 200 else f"PKI status {status}"
        raise TimestampRefused(
            f"The timestamp authority gave no timestamp ({code}).",
            "It is asked again, and nothing waits for it. If this lasts, see whether its address is right and whether "
            "it wants an agreement first.",
        )
    _verified(answer.body, data, certificates, request.nonce)
    return answer.body


def verify_timestamp(token: bytes, data: bytes, certificates: Sequence[Certificate]) -> datetime:
    """When ``data`` existed at the latest, by an authority that chains to one of ``certificates``.

    ``certificates`` are the roots to trust (the self-issued ones) and what may lie between. Raises
    ``TimestampUnreadable``, ``TimestampRejected``, ``BadRoots``.
    """
    return _verified(token, data, certificates, None)


def _verified(token: bytes, data: bytes, certificates: Sequence[Certificate], nonce: int | None) -> datetime:
    response = _read(token)
    roots = [certificate for certificate in certificates if certificate.issuer == certificate.subject]
    between = [certificate for certificate in certificates if certificate.issuer != certificate.subject]
    if not roots:
        raise _bad_roots()
    # The authority's own certificate is taken from the answer, where a changed bit breaks its chain; from ours only
    # when the answer has none.
    own = [certificate for certificate in between if _stamps(certificate)]
    between = [certificate for certificate in between if certificate not in own]
    try:
        builder = VerifierBuilder(
            roots=roots,
            intermediates=between,
            nonce=nonce,
            tsa_certificate=own[0] if own and not response.signed_data.certificates else None,
        )
        builder.build().verify_message(response, data)
        if _has_strangers(response):
            raise VerificationError("It holds certificates that have nothing to do with it")
        return response.tst_info.gen_time.astimezone(UTC)
    except (VerificationError, ValueError, TypeError, InvalidVersion, DuplicateExtension) as error:
        # The library's own words are fixed sentences about the token; it knows nothing of ours.
        raise TimestampRejected(
            f"The timestamp is refused: {str(error).split(':')[0][:120].rstrip('.')}.",
            "Don't rely on it. See whether it belongs to this very file, and whether the certificates to trust are "
            "those of the authority; else have the file stamped anew.",
        ) from None


def _stamps(certificate: Certificate) -> bool:
    """Whether it is an authority's own certificate: one that signs timestamps and no other certificates."""
    found = {type(extension.value): extension.value for extension in certificate.extensions}
    usage, constraints = found.get(ExtendedKeyUsage), found.get(BasicConstraints)
    signs_others = isinstance(constraints, BasicConstraints) and constraints.ca
    return isinstance(usage, ExtendedKeyUsage) and ExtendedKeyUsageOID.TIME_STAMPING in usage and not signs_others


def _has_strangers(response: TimeStampResponse) -> bool:
    """Whether certificates are embedded that don't lead up from the one that signed. No signature covers that bag."""
    bag = [load_der_x509_certificate(each) for each in response.signed_data.certificates]
    signed = {(signer.issuer, signer.serial_number) for signer in response.signed_data.signer_infos}
    chain = [each for each in bag if (each.issuer, each.serial_number) in signed][:1]
    for below in chain:
        chain += [each for each in bag if each.subject == below.issuer and each not in chain]
    return len(chain) < len(bag)


def _read(token: bytes) -> TimeStampResponse:
    try:
        return decode_timestamp_response(token)
    except ValueError:
        raise TimestampUnreadable(
            "The timestamp can't be read: it is no RFC 3161 answer in strict DER.",
            "An authority that embeds a chain of certificates in the wrong order can't be used here: choose one that "
            "embeds only its own. A token that was made before can be checked with: openssl ts -verify.",
        ) from None


def _bad_roots() -> BadRoots:
    return BadRoots(
        "The certificates of timestamp authorities can't be read, or there is no root among them.",
        "Put the root certificate of the authority, and what lies between, into the PEM file that the settings name.",
    )
