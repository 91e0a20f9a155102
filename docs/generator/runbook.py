"""The runbook of broken rules, made from the rules themselves.

Belongs here: the page ``docs/runbooks/quality.md``, with an anchor for the id of each rule. Does not belong here: what
a rule says (its own fields), what the rules of a layer have in common (``rod_pipeline.quality.runbook``).
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from typing import get_args

import rod_pipeline.quality
from docs.generator.markdown import code, table
from expectations.loader import suite_for
from rod_pipeline.contracts import ContractBook
from rod_pipeline.quality import delivery_rules
from rod_pipeline.quality.runbook import FAMILIES
from rod_pipeline.quality.suite import Layer, Rule

_INTRO = """# A rule is broken

Each broken rule leads here, from the check in Dagster, from the report and from the terminal. It tells how many rows of
how many break it, since which delivery, where as far as that may be told, the likely cause and what to do. The
[report and the picture](../how-to/read-a-report.md) of the delivery show the rest.

1. **Blocking or a warning?** A broken blocking rule keeps the delivery out: it lies sealed, goes no further, and
   nothing gets lost by waiting. A warning lets it in. Of both there is a draft of a notice to DUO and the minister.
2. **New, or since an earlier delivery?** What is new was changed or went wrong now; what has lasted was perhaps
   answered already: look for the notice of that delivery.
3. **Ours or DUO's?** Ours is a contract, a list or a rule that is behind. Mend it and *Re-execute all*. All else is
   DUO's: a person sends the notice, and a corrected delivery is announced under the same key.
4. **Can it wait for that?** Whoever answers for the data may [waive](../reference/commands.md) one finding of one
   delivery, with a reason and an end. It stands in the ledger and on every mart.

Never mend a value ourselves, and never take a row out: a delivery goes in whole or not at all.
"""


@cache
def every_rule() -> tuple[Rule, ...]:
    """All rules that a delivery is held against, each once: of the files by the newest contracts, then of the whole."""
    book = ContractBook.load()
    found: dict[str, Rule] = {}
    for file in book.files():
        for expectation in suite_for(book.get(file), book).expectations:
            found.setdefault(expectation.meta.id, expectation.meta)
    for info in pkgutil.iter_modules(rod_pipeline.quality.__path__):
        if info.name.endswith("_rules"):
            module = importlib.import_module(f"rod_pipeline.quality.{info.name}")
            for rule in _in(vars(module).values()):
                found.setdefault(rule.id, rule)
    for breakdown in ("totaal", *(name for file in book.files() for name in book.get(file).breakdowns)):
        rule = delivery_rules.totals_agree(breakdown)
        found.setdefault(rule.id, rule)
    return tuple(found.values())


def _in(values: Iterable[object]) -> Iterator[Rule]:
    for value in values:
        rule = getattr(value, "rule", value)
        if isinstance(rule, Rule):
            yield rule


def quality() -> str:
    """The page."""
    lines = [_INTRO]
    for layer in get_args(Layer):
        family = FAMILIES[layer]
        lines += [
            f"## {layer}",
            "",
            family.about,
            "",
            f"- **How to see it.** {family.see}",
            f"- **What not to do.** {family.avoid}",
            f"- **When it is over.** {family.over}",
            "",
            table(
                ("rule", "severity", "what it says", "likely cause", "what to do"),
                (
                    (_anchored(rule), rule.severity, _text(rule.sentence), _text(rule.cause), _text(rule.remedy))
                    for rule in every_rule()
                    if rule.layer == layer
                ),
            ),
            "",
        ]
    return "\n".join(lines)


def _anchored(rule: Rule) -> str:
    return f'<a id="{rule.id}"></a>{code(rule.id)}'


def _text(sentence: str) -> str:
    """A sentence as it is, whatever signs a pattern in it has."""
    return sentence.replace("\\", "\\\\").replace("*", "\\*").replace("<", "\\<")
