"""Publishing the ledger: what was added to it is signed and locked away soon.

Belongs here: the sensor that sees that there is something to publish, and the job that does it. Does not belong here:
signing, checkpoints and timestamps (``ledger.notary``). In a deployment the notary is somebody else, who runs
``rod ledger publish`` where the signing key is; then there is no key here, and this sensor says so.
"""

from datetime import timedelta

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from rod_pipeline.ledger.standing import standing
from rod_pipeline.orchestration.failures import retry_transient, stop_run_retries, told_plainly
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.system import System

_ASK_AGAIN = timedelta(hours=6)


@dg.op(
    name="publish",
    retry_policy=retry_transient,
    description="Signs how far the ledger is, publishes entries and checkpoint, asks for timestamp and cosignature.",
)
def publish(context: dg.OpExecutionContext, rod: Rod) -> None:
    with told_plainly(), rod.open() as system:
        done = system.notary().publish()
    context.log.info(f"{done.added} entries were published; {done.size} in all.")
    for one in done.outstanding:
        context.log.warning(f"The {one.what} of the checkpoint over {one.size} entries is outstanding: {one.code}.")


@dg.job(
    name="publish_ledger",
    executor_def=dg.in_process_executor,
    hooks={stop_run_retries},
    description="The notary's work: publishes what was added to the ledger, signed, to the bucket with Object Lock.",
)
def publish_ledger() -> None:
    publish()


@dg.sensor(
    job=publish_ledger,
    name="unpublished_entries",
    minimum_interval_seconds=900,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Each quarter of an hour: is there anything in the ledger that isn't published yet? Asks again for timestamps "
        "and cosignatures that couldn't be had, every six hours."
    ),
)
def unpublished_entries(context: dg.SensorEvaluationContext, rod: Rod) -> dg.RunRequest | dg.SkipReason:
    with told_plainly(), rod.open() as system:
        if not _signs_here(system):
            return dg.SkipReason("There is no signing key here: the notary publishes where the key is.")
        now, at = standing(system), system.clock.now()
    runs = dg.RunsFilter(job_name=publish_ledger.name, statuses=list(NOT_FINISHED_STATUSES))
    if context.instance.get_runs_count(runs):
        return dg.SkipReason("It is being published.")
    if now.entries > now.published:
        return dg.RunRequest()
    missing = ", ".join(f"{len(sizes)} {what}s" for what, sizes in now.outstanding.items() if sizes)
    if not missing:
        return dg.SkipReason(f"Nothing is new: all {now.entries} entries are published.")
    recent = dg.RunsFilter(job_name=publish_ledger.name, created_after=at - _ASK_AGAIN)
    if context.instance.get_runs_count(recent):
        return dg.SkipReason(f"Nothing is new; outstanding, and asked for every six hours: {missing}.")
    return dg.RunRequest()


def _signs_here(system: System) -> bool:
    section = system.settings.evidence
    return (section.signing_key_file or system.settings.home / "secrets" / "signing.pem").exists()
