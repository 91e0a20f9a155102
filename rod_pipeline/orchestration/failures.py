"""Failures that Dagster and on-call understand.

Belongs here: the translation of domain errors into ``dagster.Failure``, and what is retried. Does not belong here: the
errors themselves (beside the code that raises them), what a person reruns (``red``).

Two rules. An error that will come back must not be retried, and Dagster has three mechanisms that know nothing of each
other: the retry policy of a step heeds ``allow_retries``; retries of whole runs heed a tag that ``stop_run_retries``
stamps; and no sensor asks again for a delivery's failed run (a purge it does ask for again: erasing never gives up).
And nothing from the data may reach Dagster's storage: an error that we didn't write may quote a value, so of such an
error only its type and the places in our code are told. https://docs.dagster.io/guides/build/ops/op-retries
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import dagster as dg
from dagster._core.storage.tags import RETRY_ON_ASSET_OR_OP_FAILURE_TAG

from rod_pipeline.errors import Kind, RodError
from rod_pipeline.runbooks import address, section

retry_transient = dg.RetryPolicy(max_retries=3, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
_STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit, dg.DagsterExecutionInterruptedError)
UNFORESEEN = "ROD-INTERNAL-01"


@dg.failure_hook(name="stop_run_retries")
def stop_run_retries(context: dg.HookContext) -> None:
    """No retry of the whole run either, whatever the configuration or the tags of the run say, when it can't help."""
    error = context.op_exception
    if isinstance(error, dg.Failure) and not error.allow_retries:
        context.instance.add_run_tags(context.run_id, {RETRY_ON_ASSET_OR_OP_FAILURE_TAG: "false"})


def about(code: str, kind: Kind) -> dict[str, dg.MetadataValue]:
    """What a failure carries: its code, its kind, where its runbook lies, and the runbook itself, to read in the UI."""
    said = section(code)
    return {
        "code": dg.MetadataValue.text(code),
        "kind": dg.MetadataValue.text(kind),
        "runbook": dg.MetadataValue.text(address(code)),
        **({} if said is None else {"what to do": dg.MetadataValue.md(said)}),
    }


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
            metadata=about(error.code, error.kind),
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
            metadata=about(UNFORESEEN, "permanent"),
            allow_retries=False,
        )
    if failure is not None:
        raise failure from None


def _places(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
