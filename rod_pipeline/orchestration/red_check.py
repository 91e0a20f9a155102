"""The standing check of what is still red, for whoever looks at the UI by day.

Belongs here: the check, and the sensor that has it looked at anew. Does not belong here: what is red and why (``red``),
calling people. A failed run is forgotten once it has scrolled off the page; a check that is red is not.

Like the alarm about notices it runs once a day, and at once when something changed: another partition is red, or one
is no longer. https://docs.dagster.io/guides/test/asset-checks
"""

import dagster as dg

from rod_pipeline.orchestration.failures import told_plainly
from rod_pipeline.orchestration.jobs import MART_DATABASE, RED_CHECK
from rod_pipeline.orchestration.red import red
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.runbooks import address

_COLUMNS = ("delivery", "red since", "why", "waits for", "owner", "runbook", "run")


@dg.asset_check(
    asset=MART_DATABASE,
    name=RED_CHECK.name,
    description=(
        "No living delivery has a failed run as its newest. What is red is missing from the mart database, or not as "
        "new as it could be: since when each, what it waits for, and whose it is."
    ),
)
def no_partition_is_red(context: dg.AssetCheckExecutionContext, rod: Rod) -> dg.AssetCheckResult:
    with told_plainly(), rod.open() as system:
        found, owner = red(context.instance, system), system.settings.owner
    records = []
    for one in found:
        runbooks = ", ".join(dict.fromkeys(address(step.code) for step in one.steps if step.code.startswith("ROD-")))
        shown = (
            one.key,
            # Not its age: this stands as it is until something changes.
            f"{one.since:%Y-%m-%d %H:%M} UTC",
            one.codes,
            one.waits or "nobody: rod rerun-failed",
            owner,
            runbooks or "docs/how-to/failed-partition.md",
            one.run_id,
        )
        records.append(dg.TableRecord(dict(zip(_COLUMNS, shown, strict=True))))
    schema = dg.TableSchema([dg.TableColumn(name, "string") for name in _COLUMNS])
    return dg.AssetCheckResult(
        passed=not found,
        description=f"Red: {', '.join(one.key for one in found)}." if found else "No living delivery is red.",
        metadata={
            "red": dg.MetadataValue.int(len(found)),
            **({"what is red": dg.MetadataValue.table(records, schema)} if found else {}),
        },
    )


look_for_red = dg.define_asset_job(
    "look_for_red",
    selection=dg.AssetSelection.checks(RED_CHECK),
    executor_def=dg.in_process_executor,
    description="Looks which living deliveries are red, and shows it as the check no_partition_is_red.",
)


@dg.sensor(
    job=look_for_red,
    name="red_partitions",
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Each five minutes: has another living delivery become red, or is one no longer? Then, and once a day, it has "
        "the check no_partition_is_red look anew."
    ),
)
def red_partitions(context: dg.SensorEvaluationContext, rod: Rod) -> dg.SensorResult | dg.SkipReason:
    with told_plainly(), rod.open() as system:
        now = f"{system.clock.now():%Y-%m-%d}"
        found = red(context.instance, system)
    seen = " ".join([now, *(one.run_id for one in found)])
    if seen == context.cursor:
        return dg.SkipReason(f"Nothing changed. Red: {', '.join(one.key for one in found) or 'nothing'}.")
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=seen)
