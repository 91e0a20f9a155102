"""Drawing up a dossier from the UI.

Belongs here: the job. Does not belong here: what a dossier is (``rod_pipeline.audit``).
"""

from typing import Literal

import dagster as dg

from rod_pipeline.audit.dossier import Request, make
from rod_pipeline.orchestration.failures import retry_transient, stop_run_retries, told_plainly
from rod_pipeline.orchestration.resources import Rod


class Dossier(dg.Config):
    """What a person types in the launchpad; ``at`` is a day (YYYY-MM-DD), empty: that of the newest entry."""

    reader: Literal["minister", "supervisor", "auditor", "privacy_officer", "duo", "own_use"]
    why: Literal["audit", "withdrawal", "incident", "yearly_review", "request"]
    reference: str = ""
    at: str = ""


@dg.op(
    name="draw_up_dossier",
    retry_policy=retry_transient,
    description="Draws up a dossier of the ledger as it is now and registers it; it lies in the folder dossiers.",
)
def _draw_up_dossier(context: dg.OpExecutionContext, config: Dossier, rod: Rod) -> None:
    with told_plainly(), rod.open() as system:
        made = make(system, Request.of(config.reader, config.why, config.reference, config.at))
    context.log.info(f"Dossier {made.dossier} over {made.size} entries, SHA-256 {made.sha256}: {made.file.name}.")


@dg.job(
    name="make_dossier",
    executor_def=dg.in_process_executor,
    hooks={stop_run_retries},
    description=(
        "Answers an auditor (voorschrift 3i): one zip with the decree as carried out, deliveries, copies, checks, "
        "hand-overs, erasures with their evidence, and what was held on a day. It holds no personal data."
    ),
)
def make_dossier() -> None:
    _draw_up_dossier()
