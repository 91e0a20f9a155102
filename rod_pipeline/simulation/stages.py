"""The stages of a delivery one after the other, as the job does them, without Dagster around them.

Belongs here: their order. Does not belong here: the stages. The first delivery of each life goes through the real job
with all its rules. The others go this way, and their files are held against the first rules of each suite only: what
is tried here is time, and Great Expectations takes most of the time of a small delivery.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import duckdb

from expectations.loader import Lists, suite_for
from rod_pipeline.contracts.model import FILE_KINDS, Contract, FileKind
from rod_pipeline.errors import RodError
from rod_pipeline.intake.landing import land
from rod_pipeline.intake.parsing import parse, take_stock
from rod_pipeline.intake.storing import store
from rod_pipeline.marts.build import build_marts
from rod_pipeline.marts.database import build_database
from rod_pipeline.quality.suite import Suite
from rod_pipeline.quality.verdict import Outcome, check_file, judge

if TYPE_CHECKING:
    from rod_pipeline.deliveries import DeliveryKey
    from rod_pipeline.system import System

_RULES = 2


def walk(system: System, key: DeliveryKey) -> list[str]:
    """Take a delivery through the stages up to the first that fails; returns what that one said."""

    def validated(file: FileKind) -> Outcome:
        parse(system, key, file)
        return check_file(system, key, file, _short)

    def database() -> object:
        with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
            return build_database(system, connection)

    stages: list[Callable[[], object]] = [
        lambda: land(system, key),
        lambda: take_stock(system, key),
        *(lambda file=file: validated(file) for file in FILE_KINDS),
        lambda: judge(system, key),
        lambda: store(system, key),
        lambda: build_marts(system, key),
        database,
    ]
    for stage in stages:
        try:
            outcome = stage()
        except RodError as error:
            return [str(error)]
        if isinstance(outcome, Outcome) and not outcome.report.passed:
            return [outcome.report.summary()]
    return []


def _short(contract: Contract, book: Lists) -> Suite:
    whole = suite_for(contract, book)
    return whole.model_copy(update={"expectations": whole.expectations[:_RULES]})
