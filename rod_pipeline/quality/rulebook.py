"""Every rule over a whole delivery, in the order in which they are explained.

Belongs here: gathering them, for whoever lists or documents rules. Does not belong here: the rules themselves (the
modules ``*_rules``), rules about one file (``expectations``).
"""

from collections.abc import Iterable, Iterator

from rod_pipeline.quality import deliveries_rules, delivery_rules, files_rules, rekenregels_rules
from rod_pipeline.quality.rekenregels_rules import Band
from rod_pipeline.quality.suite import Rule


def rules_of_deliveries(breakdowns: Iterable[str]) -> Iterator[Rule]:
    """The rules that a verdict judges; ``breakdowns``: those of the control totals, beside ``totaal``."""
    for module in (delivery_rules, files_rules, deliveries_rules, rekenregels_rules):
        for value in vars(module).values():
            if isinstance(value, Rule):
                yield value
            elif isinstance(value, Band):
                yield value.rule
        if module is delivery_rules:
            yield from map(delivery_rules.totals_agree, dict.fromkeys(["totaal", *breakdowns]))
