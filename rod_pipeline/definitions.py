"""The only place where definitions are put together.

Belongs here: ``build_defs``, and ``defs`` for Dagster to load. Does not belong here: anything else. Tests build the
real thing with other parts by handing them over as ``overrides``. https://docs.dagster.io/guides/build/projects
"""

import gc
import os
from collections.abc import Sequence

import dagster as dg
from dagster_duckdb import DuckDBResource

from assets import eea, landing, marts, moments, publishing, retention, validation
from rod_pipeline.orchestration.alerting import send_alerts, unsent_alerts
from rod_pipeline.orchestration.auditing import make_dossier
from rod_pipeline.orchestration.executing import executor_of
from rod_pipeline.orchestration.failures import stop_run_retries
from rod_pipeline.orchestration.hygiene import forget_daily, forget_old_runs
from rod_pipeline.orchestration.jobs import deliver, purge
from rod_pipeline.orchestration.packaging import make_packages, packages, publish_tables
from rod_pipeline.orchestration.planning import look_for_moments, planned_moments
from rod_pipeline.orchestration.publishing import publish_ledger, unpublished_entries
from rod_pipeline.orchestration.red_check import look_for_red, no_partition_is_red, red_partitions
from rod_pipeline.orchestration.resources import NothingPersonal, Rod
from rod_pipeline.orchestration.retiring import due_purges
from rod_pipeline.orchestration.sensors import announced_deliveries
from rod_pipeline.orchestration.telling import overdue_notices, unsent_notices
from rod_pipeline.orchestration.tidying import tidy_daily, tidy_up
from rod_pipeline.orchestration.withdrawing import withdraw
from rod_pipeline.settings import Settings


def build_defs(settings: Settings, **overrides: object) -> dg.Definitions:
    """The code location for one installation. ``overrides`` replace resources by name."""
    resources: dict[str, object] = {
        "rod": Rod(home=str(settings.home)),
        # In memory: the file that results is sealed before it rests anywhere (rod_pipeline.marts.database).
        "duckdb": DuckDBResource(database=":memory:", connection_config={"temp_directory": ""}),
        "io_manager": NothingPersonal(),
    }
    assets: Sequence[dg.AssetsDefinition] = [
        landing.raw_delivery,
        validation.manifest,
        *validation.validated_files,
        validation.whole_delivery,
        eea.delivery_tables,
        marts.marts_of_delivery,
        marts.database,
        publishing.published,
        retention.erased,
        retention.certificate,
    ]
    owners = [settings.owner]
    owned = dg.map_asset_specs(lambda spec: spec.replace_attributes(owners=owners), assets)
    return dg.Definitions(
        assets=[
            moments.moments.replace_attributes(owners=owners),
            *(asset.with_hooks({stop_run_retries}) for asset in owned),
            *(spec.replace_attributes(owners=owners) for spec in packages(settings.packages.recipients)),
        ],
        asset_checks=[no_partition_is_red, moments.have_come],
        jobs=[
            deliver,
            purge,
            withdraw,
            publish_tables,
            make_packages,
            publish_ledger,
            tidy_up,
            overdue_notices,
            look_for_red,
            make_dossier,
            forget_old_runs,
            send_alerts,
            look_for_moments,
        ],
        schedules=[tidy_daily, forget_daily],
        sensors=[
            announced_deliveries,
            due_purges,
            unpublished_entries,
            unsent_notices,
            red_partitions,
            unsent_alerts,
            planned_moments,
        ],
        resources=resources | overrides,
        executor=executor_of(settings),
    )


os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
defs = build_defs(Settings.load())
# What was imported stays until the end. To look through it for garbage once more when a process ends, as Python does,
# takes half as long as importing it, in each run, step and code server.
gc.freeze()
