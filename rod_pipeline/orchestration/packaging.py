"""Jobs for what leaves the house: publishing tables, and making packages.

Belongs here: what runs when a person starts it. Does not belong here: what a release or a package is
(``rod_pipeline.publishing``, ``rod_pipeline.packages``). Neither is bound to a delivery, and neither runs by itself:
that something leaves is a person's decision.
"""

from collections.abc import Sequence
from typing import Literal

import dagster as dg

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import RodError
from rod_pipeline.orchestration.failures import about, retry_transient, stop_run_retries, told_plainly
from rod_pipeline.orchestration.pools import PUBLISHING, in_process
from rod_pipeline.orchestration.resources import Rod
from rod_pipeline.packages.making import Made, make
from rod_pipeline.settings import RecipientSection

# Not started again by the daemon when its process died: that something leaves is a person's decision each time.
_BY_A_PERSON = {"dagster/max_retries": "0"}
PUBLISHED = dg.AssetKey(["publishing", "published"])

publish_tables = dg.define_asset_job(
    "publish_tables",
    selection=dg.AssetSelection.assets(PUBLISHED),
    executor_def=in_process,
    tags=_BY_A_PERSON,
    description=(
        "Protects and audits all published tables and makes a release of them. Without a clean audit there is none."
    ),
)


def packages(recipients: Sequence[RecipientSection]) -> list[dg.AssetSpec]:
    """What the UI shows of packages: one asset per recipient, whose history is what was made for it.

    Not materialised from the UI: that something leaves is done by the job, for a purpose.
    """
    return [
        dg.AssetSpec(
            _key(to.name),
            deps=[PUBLISHED],
            group_name="packages",
            description=(
                f"Packages for recipient {to.name}, each one encrypted file. The job make_packages makes one; who "
                "sends it removes it from the outbox when it has arrived."
            ),
        )
        for to in recipients
    ]


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["packages", name])


def _shown(name: str, made: Made) -> dg.AssetMaterialization:
    until = "no end: it holds no personal data" if made.until is None else f"{made.until:%Y-%m-%d}"
    return dg.AssetMaterialization(
        _key(name),
        description="Send the file, and remove it when it has arrived.",
        metadata={
            "package": made.package_id,
            "what is in it": made.description,
            "deliveries": ", ".join(made.deliveries) or "none: published figures alone",
            "the recipient erases it before": until,
            "file": dg.MetadataValue.path(made.file),
        },
    )


class Packages(dg.Config):
    """What a person types in the launchpad: for whom (nobody named: all in the settings), what for, of which."""

    purpose: Literal["onderzoek", "verantwoording"]
    recipients: list[str] = []  # noqa: RUF012 - Dagster reads the default from here
    deliveries: list[str] = []  # noqa: RUF012


@dg.op(
    name="packages_for_recipients",
    retry_policy=retry_transient,
    pool=PUBLISHING,
    description=(
        "Makes a package for each recipient from the newest release, encrypted to its key, and records the hand-over. "
        "One that can't be made doesn't keep the others from being made."
    ),
)
def packages_for_recipients(context: dg.OpExecutionContext, config: Packages, rod: Rod) -> None:
    failed: list[RodError] = []
    with told_plainly(), rod.open() as system:
        keys = [DeliveryKey.parse(key) for key in config.deliveries]
        for name in config.recipients or [section.name for section in system.settings.packages.recipients]:
            try:
                made = make(system, name, config.purpose, keys)
            except RodError as error:
                failed.append(error)
                context.log.error(f"No package for {name}: {error}")
            else:
                context.log.info(f"Package {made.package_id} ({made.description}) for {name} lies in {made.file}.")
                context.log_event(_shown(name, made))
        if failed:
            # Not retried: those that were made would be made, and handed over, once more.
            raise dg.Failure(
                f"{len(failed)} packages could not be made. {failed[0]}",
                metadata=about(failed[0].code, failed[0].kind),
                allow_retries=False,
            )


@dg.job(
    name="make_packages",
    executor_def=in_process,
    hooks={stop_run_retries},
    tags=_BY_A_PERSON,
    description=(
        "Packages for institutions and sector chambers, encrypted, in the folder outbox of the installation. Counts "
        "under five are never in them: such a package is made by `rod package make --small-counts` alone."
    ),
)
def make_packages() -> None:
    packages_for_recipients()
