"""Failures that Dagster and on-call understand.

Belongs here: the translation of domain errors into ``dagster.Failure``, and the retry policy. Does not belong here: the
errors themselves (beside the code that raises them).

Two rules. An error that will come back must not be retried: ``allow_retries`` follows the error's kind. And nothing
from the data may reach Dagster's storage: an error that we didn't write may quote a value, so of such an error only
its type and the places in our code are told. https://docs.dagster.io/guides/build/ops/op-retries
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import dagster as dg

from rod_pipeline.errors import RodError

retry_transient = dg.RetryPolicy(max_retries=3, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
_STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit, dg.DagsterExecutionInterruptedError)
UNFORESEEN = "ROD-INTERNAL-01"


def runbook(code: str) -> str:
    """Where in the documentation an error code is explained."""
    return f"docs/reference/errors.md#{code.lower()}"


@dataclass
class Took:
    """How long the work of a step took, in seconds; known when its block has been left."""

    seconds: float = 0.0


@contextmanager
def told_plainly() -> Iterator[Took]:
    """Let nothing but a clean ``dagster.Failure`` out of the block; gives how long it took."""
    failure: dg.Failure | None = None
    took, begun = Took(), monotonic()
    try:
        yield took
        took.seconds = round(monotonic() - begun, 2)
    except dg.Failure:
        raise
    except RodError as error:
        failure = dg.Failure(
            description=str(error),
            metadata={"code": error.code, "kind": error.kind, "runbook": runbook(error.code)},
            allow_retries=error.kind == "transient",
        )
    except _STOPS:
        raise
    # Also what is no Exception: a library in Rust that panics raises a BaseException with a text of its own.
    except BaseException as error:
        failure = dg.Failure(
            description=(
                f"[{UNFORESEEN}] Unforeseen {type(error).__name__}; its text is withheld because it may quote data. "
                f"Raised at {_places(error)}. What to do: report these places to the developers; the delivery is as it "
                "was, and rerunning is safe."
            ),
            metadata={"code": UNFORESEEN, "kind": "permanent", "runbook": runbook(UNFORESEEN)},
            allow_retries=False,
        )
    if failure is not None:
        raise failure from None


def _places(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
