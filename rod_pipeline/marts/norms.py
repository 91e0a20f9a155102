"""The norms of the Inspectie, read from ``norms.toml``.

Belongs here: loading them. Does not belong here: applying them (``judgement``, ``studiesucces``). A norm that changes
is a change of that file, with its source and the day on which a person looked it up.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

_NORMS: Mapping[str, Any] = MappingProxyType(tomllib.loads(Path(__file__).with_name("norms.toml").read_text("utf-8")))

EXPECTED_LEVEL: Mapping[str, int] = MappingProxyType(
    {category: level for category, level in _NORMS["verwacht_niveau"].items() if category != "bron"}
)
"""Expected level per category of vooropleiding; of other categories it can't be established."""
SMALLEST: int = _NORMS["oordeel"]["minste_noemer"]
LEERWEGEN: tuple[str, ...] = tuple(_NORMS["oordeel"]["leerwegen"])
"""Students in these take part in what is judged."""
NOT_AT_THE_ENDS: tuple[str, ...] = tuple(_NORMS["oordeel"]["niet_bij_0_of_100"])
NORM: Mapping[str, Mapping[str, Mapping[str, int]]] = MappingProxyType(_NORMS["norm"])
"""Percentages by result, ``voldoende`` or ``hoog``, and level."""
