"""What is declared as data: contracts, rules, events, faults, the decree's moments.

Belongs here: pages and parts of pages made from those. Does not belong here: errors (``errors``), commands and settings
(``typed``), assets (``wiring``).
"""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from typing import get_args

from docs.generator.markdown import ROOT, code, prose, table
from expectations.loader import suite_for, written_for
from rod_pipeline.audit.controls import load_controls
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import Column, Contract
from rod_pipeline.decree import load_decree
from rod_pipeline.ledger import clocks, erasure, events, oversight, publication, quality, vocabulary
from rod_pipeline.ledger import moments as answers
from rod_pipeline.ledger.state import IntakeState, Stage
from rod_pipeline.quality.rulebook import rules_of_deliveries
from rod_pipeline.quality.suite import Rule
from rod_pipeline.store.layout import ZONES
from rod_pipeline.synthetic.faults import FAULTS


def contracts() -> str:
    """Every column of every kind of file, and the value lists."""
    book = ContractBook.load()
    lines = [
        "# Contracts",
        "",
        "The packaged contracts. Another version is another file: see [contract-drift](../how-to/contract-drift.md).",
        "",
    ]
    for file in book.files():
        contract = book.get(file)
        lines += [
            f"## {file}",
            "",
            f"Version {contract.version}. One row is: {contract.grain}.",
            "",
            *_contract(contract),
            "",
        ]
    lines += [
        "## Value lists",
        "",
        "An unknown value of a closed list blocks a delivery, but where the contract only assumes the list; of an open",
        "one it is a warning, and so is a value that did not exist in the school year of the row. An open list without",
        "values asks nothing: it waits for the operator's list of that name in the folder of contracts.",
        "",
    ]
    for values in book.value_lists():
        shown = ", ".join(
            f"`{value}` {label}".strip()
            for value, label in zip(values.values, values.labels or [""] * len(values.values), strict=True)
        )
        lines += [
            f"### {values.name}",
            "",
            f"{'Open' if values.open else 'Closed'}. Source: {values.source}",
            "",
            shown or "No values yet.",
            "",
        ]
        if values.valid:
            bounds = ((code(value), span.first or "", span.last or "") for value, span in sorted(values.valid.items()))
            lines += ["Not of all years:", "", table(("value", "first day", "last day"), bounds), ""]
    return "\n".join(lines)


def _contract(contract: Contract) -> Iterator[str]:
    dialect = contract.dialect
    yield f"Named {', '.join(code(member) for member in contract.members)}. Key: {', '.join(contract.key) or 'none'}."
    if contract.breakdowns:
        by = ", ".join(f"{name} (`{column}`)" for name, column in contract.breakdowns.items())
        yield f"Control totals are given by {by}."
    yield ""
    mark = "with" if dialect.bom else "no"
    yield (
        f"Dialect: separator `{dialect.separator}`, {dialect.encoding}, {mark} byte order mark, "
        f"decimal mark `{dialect.decimal}`, dates {dialect.dates.value}, yes and no {'/'.join(dialect.booleans)}."
    )
    yield ""
    rows = [
        (
            code(c.name),
            c.header,
            c.rubriek or (f"letter {c.letter}" if c.letter else "technical"),
            c.type.value,
            _allowed(c),
            "yes" if c.nullable else "no",
            c.description,
        )
        for c in contract.columns
    ]
    yield table(("column", "header", "rubriek or letter", "type", "values", "may be empty", "what it is"), rows)


def _allowed(column: Column) -> str:
    parts = []
    if column.values:
        parts.append(f"list [{column.values}](#{column.values})")
    if column.pattern:
        parts.append(code(column.pattern))
    if column.assumed:
        parts.append("assumed")
    if column.minimum is not None or column.maximum is not None:
        low, high = ("" if bound is None else f"{bound:g}" for bound in (column.minimum, column.maximum))
        parts.append(f"{low} to {high}".strip())
    return "; ".join(parts)


def ledger_events() -> str:
    """Every kind of event and its fields, as they stand in the source."""
    modules = (vocabulary, events, clocks, erasure, quality, publication, oversight, answers)
    source = [node for module in modules for node in ast.parse(inspect.getsource(module)).body]
    models = {node.name: node for node in source if isinstance(node, ast.ClassDef)}
    aliases = [
        node
        for node in source
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Subscript)
    ]
    lines = ["# Events of the ledger", ""]
    for module in (events, clocks, erasure, quality, publication, oversight, answers):
        lines += [*prose(module).split("\n"), ""]
    union = get_args(get_args(events.AnyEvent)[0])
    parts = (quality.Finding, quality.Defect, events.Amount, erasure.Subject, erasure.Counted, erasure.PlaceLeft)
    for event in (*union, *parts, publication.PublishedTable):
        name = event.__name__
        kind = event.model_fields["kind"].default if "kind" in event.model_fields else f"{name} (part of an event)"
        lines += [f"## {kind}", "", prose(event), ""]
        fields = [
            n
            for n in models[event.__name__].body
            if isinstance(n, ast.AnnAssign) and _named(n) not in ("kind", "model_config")
        ]
        lines += [table(("field", "type"), [(code(_named(n)), code(ast.unparse(n.annotation))) for n in fields]), ""]
    rows = [
        (code(_named(node)), code(ast.unparse(node.value)))
        for node in aliases
        if _named(node) not in ("AnyEvent", "ADAPTER")
    ]
    lines += ["## Types", "", table(("name", "what fits"), rows), ""]
    return "\n".join(lines)


def _named(node: ast.AnnAssign | ast.Assign) -> str:
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    return target.id if isinstance(target, ast.Name) else ""


def faults() -> str:
    """The catalogue of what can be wrong with a synthetic delivery."""
    rows = [
        (
            code(fault.name),
            fault.file or ("archive" if fault.needs_archive else "delivery"),
            fault.what,
            " or ".join(_expected(each) for each in fault.expect) or "nothing in one delivery",
        )
        for fault in FAULTS.values()
    ]
    return "\n".join(
        [
            "# Faults",
            "",
            "What `rod synthetic deliver --fault NAME` can make wrong, and the error or rule that refuses it.",
            "",
            table(("fault", "in", "what is wrong", "refused by"), rows),
            "",
        ]
    )


def _expected(code: str) -> str:
    return f"[{code}](errors.md#{code.lower()})" if code.startswith("ROD-") else f"rule `{code}`"


def rules() -> str:
    """Every rule that a delivery is held against."""
    book = ContractBook.load()
    lines = [
        "# Expectations",
        "",
        "A broken blocking rule stops the delivery; a broken warning goes along in a notice. *Written* rules stand in",
        "`expectations/suites`; the others follow from the contract and change with it.",
        "",
    ]
    for file in book.files():
        contract = book.get(file)
        written = {expectation.meta.id for expectation in written_for(file)}
        suite = [expectation.meta for expectation in suite_for(contract, book).expectations]
        lines += [
            f"## {file}",
            "",
            _rules((rule, "written" if rule.id in written else "contract") for rule in suite),
            "",
        ]
    whole = rules_of_deliveries(name for file in book.files() for name in book.get(file).breakdowns)
    lines += ["## The delivery as a whole", "", _rules((rule, "written") for rule in whole), ""]
    return "\n".join(lines)


def _rules(found: Iterable[tuple[Rule, str]]) -> str:
    rows = [(code(r.id), r.severity, r.sentence, ", ".join(r.rubrieken), origin, r.source) for r, origin in found]
    return table(("rule", "severity", "what it says", "rubriek", "from", "source"), rows)


def stages() -> str:
    """The stages of an intake, as the ledger explains them."""
    about = dict(re.findall(r"``(\w+)``: (.*?)(?=\s*``\w+``: |\Z)", inspect.getdoc(IntakeState.stage) or "", re.DOTALL))
    return table(("stage", "meaning"), [(code(stage), " ".join(about[stage].split())) for stage in get_args(Stage)])


def moments() -> str:
    """The planned moments of the decree."""
    return table(("delivery", "in the decree"), [(code(moment.key), moment.text) for moment in load_decree().moments])


def zones() -> str:
    """The zones of the store, in the order in which a delivery goes through them."""
    return " → ".join(code(zone) for zone in ZONES)


def decisions() -> str:
    """The decisions, by number."""
    found = []
    for path in sorted((ROOT / "docs" / "adr").glob("*.md")):
        title = path.read_text("utf-8").splitlines()[0].removeprefix("# ")
        found.append(f"- [{title}](adr/{path.name})")
    return "\n".join(found)


def controls() -> str:
    """The controls of the DPIA and the tests that prove each."""
    rows = [
        (
            code(one.code),
            one.name,
            ", ".join((*one.voorschriften, *(f"AVG {article}" for article in one.avg))),
            "<br>".join(code(test) for test in one.tests),
        )
        for one in load_controls().controls
    ]
    return table(("control", "what", "asked by", "tests that fail when it does"), rows)
