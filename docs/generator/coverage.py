"""The page that says what guards each rubriek of the decree.

Belongs here: the table. Does not belong here: the rules, and why some rubrieken have few (``expectations.coverage``).
"""

from collections import Counter
from collections.abc import Iterable
from typing import get_args

from docs.generator.markdown import code, table
from docs.generator.runbook import every_rule
from expectations.coverage import NOTHING_MORE, by_layer
from rod_pipeline.contracts import ContractBook
from rod_pipeline.decree import load_decree
from rod_pipeline.quality.suite import Layer

_LAYERS: tuple[Layer, ...] = tuple(layer for layer in get_args(Layer) if layer != "shape")


def coverage() -> str:
    """Per rubriek of the annex: where it stands, and which rules guard it by layer."""
    rules, book = every_rule(), ContractBook.load()
    carried: dict[str, list[str]] = {}
    for file in book.files():
        for column in book.get(file).columns:
            if column.rubriek is not None:
                carried.setdefault(column.rubriek, []).append(f"{file}.{column.name}")
    count, blocking = Counter(rule.layer for rule in rules), sum(rule.severity == "blocking" for rule in rules)
    rows = []
    for rubriek in load_decree().rubrieken:
        guarded = by_layer(rubriek.code, rules)
        rows.append(
            (
                rubriek.code,
                "; ".join(rubriek.duo_fields),
                _lines(code(name) for name in carried.get(rubriek.code, ())),
                *(_lines(map(_linked, guarded.get(layer, ()))) for layer in _LAYERS),
                NOTHING_MORE.get(rubriek.code, ""),
            )
        )
    return "\n".join(
        [
            "# What guards each rubriek",
            "",
            f"{len(rules)} rules, {blocking} of them blocking: "
            + ", ".join(f"{count[layer]} of layer {layer}" for layer in get_args(Layer))
            + ". What the layers look at, and what to do when a rule of one breaks, is in the"
            " [runbook](../runbooks/quality.md). Rules of layer shape are about whole files.",
            "",
            table(("rubriek", "field", "columns", *_LAYERS, "why no more"), rows),
            "",
        ]
    )


def _linked(rule: str) -> str:
    return f"[{rule}](../runbooks/quality.md#{rule})"


def _lines(cells: Iterable[str]) -> str:
    return "<br>".join(cells)
