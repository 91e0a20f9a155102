"""What goes by itself, once a day: rests of refused and replaced intakes, expired codes, what nobody decided about.

Belongs here: the job and its schedule. Does not belong here: what is tidied away (``intake.tidying``), when a delivery
has waited long enough (``intake.undecided``).
"""

import dagster as dg

from rod_pipeline.intake.refusing import refuse_undecided
from rod_pipeline.intake.tidying import tidy
from rod_pipeline.orchestration.failures import retry_transient, told_plainly
from rod_pipeline.orchestration.nightly import nightly
from rod_pipeline.orchestration.resources import Rod


@dg.op(
    name="tidy",
    retry_policy=retry_transient,
    description=(
        "Erases what refused and replaced intakes left and codes past their time, and refuses deliveries that failed "
        "or can't be read and waited for a decision longer than retention.decision_days."
    ),
)
def _tidy(context: dg.OpExecutionContext, rod: Rod) -> None:
    with told_plainly(), rod.open() as system:
        rests = tidy(system)
        refused = refuse_undecided(system)
    context.log.info(f"{rests} intakes had a rest that was erased; refused for want of a decision: {len(refused)}.")
    for key in refused:
        context.log.warning(f"Delivery {key} was refused: nobody decided in time. Its notice is in the folder notices.")


tidy_up, tidy_daily = nightly(
    _tidy,
    job="tidy_up",
    schedule="tidy_daily",
    minute=30,
    does="Removes what must not stay: rests of intakes, expired codes, deliveries that nobody decides on.",
    when="Each night, when nobody announces anything.",
)
