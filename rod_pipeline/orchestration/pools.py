"""Pools: of what there may be one at a time over all runs.

Belongs here: their names, and making them before a run needs one. Does not belong here: how many may be in one
(``concurrency.pools`` in dagster.yaml). https://docs.dagster.io/guides/operate/managing-concurrency

Dagster 1.13.27 makes a pool when a step first asks for it. Two runs that do so at the same moment insert the same row,
and Dagster goes on in the transaction which that broke: PostgreSQL then refuses everything (``InFailedSqlTransaction``,
``SqlEventLogStorage.initialize_concurrency_limit_to_default``) and the step fails. So each run makes all of them before
its first step, and takes it for done when another one was first.
"""

import dagster as dg
from sqlalchemy.exc import DBAPIError

PLEIO = "pleio"
MART_DATABASE = "mart_database"
PUBLISHING = "publishing"
PURGE = "purge"
POOLS = (PLEIO, MART_DATABASE, PUBLISHING, PURGE)


def declare(instance: dg.DagsterInstance) -> None:
    """Make the pools that aren't there, with this installation's limit. Runs again, and beside itself, without harm."""
    storage = instance.event_log_storage
    if instance.global_op_concurrency_default_limit is None or not storage.supports_global_concurrency_limits:
        return
    there = {pool.name for pool in storage.get_pool_limits()}
    for pool in POOLS:
        if pool not in there:
            try:
                storage.initialize_concurrency_limit_to_default(pool)
            except DBAPIError:
                if all(made.name != pool for made in storage.get_pool_limits()):
                    raise


def _in_process(context: dg.InitExecutorContext) -> dg.Executor:
    declare(context.instance)
    made = dg.in_process_executor.executor_creation_fn
    assert made is not None
    return made(context)


in_process = dg.ExecutorDefinition(
    name="in_process",
    config_schema=dg.in_process_executor.config_schema.as_field(),
    executor_creation_fn=_in_process,
    description="All steps in the process of their run, once the pools are there.",
)
