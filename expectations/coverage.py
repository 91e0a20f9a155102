"""What guards each rubriek of the decree's annex.

Belongs here: sorting rules by rubriek and layer, and the rubrieken of which nothing more can be known than their own
values tell. Does not belong here: the rules (``suites``, ``derived``, ``rod_pipeline.quality``), the page with the
table (``docs.generator``).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from rod_pipeline.quality.suite import Layer, Rule

NOTHING_MORE: Final[Mapping[str, str]] = {
    "29.54.22": (
        "Whose postcode it is, the student's or the school's, and of when is not stated; nothing else of the file says "
        "where anybody was before mbo."
    ),
    "29.54.33": (
        "The file has no date or year of entry into mbo, and years outside mbo may count or not; the enrolments that "
        "began before the delivery's school years are not in it."
    ),
    "08.06.20": (
        "Health data: nothing else in the annex follows from it, and no share of students with extra support is "
        "published that an institution's could be held against."
    ),
}
"""Rubrieken that no rule can hold against anything but themselves, and why. A rule that does makes its line void."""


def by_layer(code: str, rules: Iterable[Rule]) -> Mapping[Layer, tuple[str, ...]]:
    """The ids of the rules that guard the rubriek ``code``, by layer; a layer without any is left out."""
    found: dict[Layer, list[str]] = {}
    for rule in rules:
        if code in rule.rubrieken:
            found.setdefault(rule.layer, []).append(rule.id)
    return {layer: tuple(ids) for layer, ids in found.items()}


def beyond_itself(layers: Iterable[Layer]) -> bool:
    """Whether one of the layers holds a value against something else: another cell, row, file or delivery."""
    return bool(set(layers) - {"shape", "value"})
