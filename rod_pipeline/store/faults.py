"""What can go wrong at the other end of the wire, in our own words.

Belongs here: the errors of an object store and the translation of botocore's exceptions into them. Does not belong
here: what damaged or refused data looks like (``vault``), retrying (``client`` for single requests, ``orchestration``
for runs).

botocore's exceptions quote URLs, which may carry signatures, and whatever the server chose to answer. Only the error
*code* of an answer is passed on, and only when it looks like one.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)

from rod_pipeline.errors import PermanentError, RodError, TransientError

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,60}")
_BUSY = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "RequestTimeTooSlow", "OperationAborted"}
KNOWS_US_NOT = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "RequestTimeTooSkewed"}
)
"""What a store answers when the access key, or the clock that it is used by, isn't right: nothing about rights."""
_REFUSED = KNOWS_US_NOT | {"AccessDenied", "AccountProblem", "AllAccessDisabled"}
_BROKEN = (ConnectionError, HTTPClientError, IncompleteReadError, ResponseStreamingError, FlexibleChecksumError)
_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict"}


class StoreUnreachable(TransientError):
    """No answer, a broken answer, or an answer that says: later."""

    code = "ROD-STORE-01"


class AccessRefused(PermanentError):
    """The store knows us not, or does not let us."""

    code = "ROD-STORE-02"


class BucketMissing(PermanentError):
    """The bucket of the settings does not exist."""

    code = "ROD-STORE-03"


class ObjectMissing(PermanentError):
    """There is nothing (any more) under a key, version or upload."""

    code = "ROD-STORE-04"


class ObjectExists(PermanentError):
    """A key is written once; this one was."""

    code = "ROD-STORE-05"


class UnexpectedAnswer(PermanentError):
    """The store answered with an error that nothing here knows what to do with."""

    code = "ROD-STORE-06"


def answer_code(error: ClientError) -> str:
    """The code in an S3 error answer, or ``HTTP<status>`` when it has none that is fit to be shown."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code if _CODE.fullmatch(code) else f"HTTP{status}"


@contextmanager
def translated(store: str, doing: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours. ``doing`` completes "Store x failed while …"."""
    try:
        yield
    except ClientError as error:
        raise _answered(store, doing, error) from None
    except (*_BROKEN, OSError) as error:
        raise StoreUnreachable(
            f"Store {store} could not be reached, or the connection broke, while {doing} ({type(error).__name__}).",
            "It is tried again by itself; if it stays, check that the store runs, its address and its certificate.",
        ) from None
    except BotoCoreError as error:
        raise UnexpectedAnswer(
            f"Store {store} failed while {doing} ({type(error).__name__}).",
            "Check the settings of the store; the request was not understood.",
        ) from None


def _answered(store: str, doing: str, error: ClientError) -> RodError:
    code = answer_code(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    happened = f"Store {store} answered {code} while {doing}."
    if code in _EXISTS or status == 412:
        return ObjectExists(happened, "Nothing was overwritten. Run it again: every attempt writes a key of its own.")
    if code in _BUSY or status in {429, 500, 502, 503, 504}:
        return StoreUnreachable(
            happened,
            "A step tries it again; if it stays: `rod doctor`, then the store's own logs. Is its disk full?",
        )
    if code == "NoSuchBucket":
        return BucketMissing(happened, "Create the bucket, or mend its name in the settings of the store.")
    if code in _REFUSED or status in {401, 403}:
        return AccessRefused(happened, "Check the access key and its rights on the bucket, and this machine's clock.")
    if code in {"NoSuchKey", "NoSuchUpload", "NoSuchVersion"} or status == 404:
        return ObjectMissing(happened, "It is not there (any more); ask the ledger what became of it.")
    return UnexpectedAnswer(happened, "Look the code up in the documentation of the store.")
