"""The six moments of the decree: which delivery came, and which one somebody is asked about.

Belongs here: the asset ``decree/moments``, which nothing makes, and its check. Does not belong here: when a moment is
missed (``rod_pipeline.intake.moments``).
"""

import dagster as dg

from rod_pipeline.intake.moments import open_questions, planned
from rod_pipeline.orchestration.failures import told_plainly
from rod_pipeline.orchestration.planning import CAME, MOMENTS
from rod_pipeline.orchestration.resources import Rod

moments = dg.AssetSpec(
    key=MOMENTS,
    group_name="decree",
    kinds={"python"},
    description=(
        "The moments at which the decree plans a delivery. Nothing makes it; its check says which deliveries have come."
    ),
)


@dg.asset_check(
    asset=MOMENTS,
    name=CAME,
    description=(
        "Has every planned delivery whose month is over been received, or has a person said when it comes, or that it "
        "doesn't? A question, never an error: `rod moment answer`."
    ),
)
def have_come(rod: Rod) -> dg.AssetCheckResult:
    with told_plainly(), rod.open() as system:
        state, now = system.ledger.state(), system.clock.now()
        asked, every = open_questions(state, system.decree, now), planned(state, system.decree, now)
    return dg.AssetCheckResult(
        passed=not asked,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(moment.question for moment in asked) or "Nothing that is planned is missed.",
        metadata={moment.moment: f"{moment.status} (until {moment.day})" for moment in every},
    )
