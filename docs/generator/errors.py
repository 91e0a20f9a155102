"""The page of all error codes, made from the classes and the places that raise them.

Belongs here: finding every subclass of ``RodError``, and what is said where it is raised. Does not belong here: the
other pages. Texts are read from the source, so a hole in a sentence shows as ``…``.
"""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import assets
import expectations
import rod_pipeline
from rod_pipeline.errors import RodError
from rod_pipeline.runbooks import address

KINDS = {
    "transient": "goes away by itself; the step is retried",
    "permanent": "comes back however often it is tried; not retried",
    "blocked": "waits for a person; not retried",
}
# Raised as dagster.Failure, because there is no domain error behind them.
INTERNAL = {
    "ROD-INTERNAL-01": (
        "Something happened that nobody foresaw. The text of the exception is withheld, because it may quote data; its "
        "type and the places in the code are told.",
        "Report these places to the developers. The delivery is as it was, and rerunning is safe.",
        "rod_pipeline.orchestration.failures",
    ),
    "ROD-INTERNAL-02": (
        "An asset handed a value to Dagster, which would have stored it outside the vault. Nothing was stored.",
        "Report it to the developers.",
        "rod_pipeline.orchestration.resources",
    ),
    "ROD-INTERNAL-03": (
        "An asset asked Dagster for a value that goes through the vault alone.",
        "Report it to the developers.",
        "rod_pipeline.orchestration.resources",
    ),
}
_INTRO = """A message reads `[CODE] what happened. What to do: …`. The code leads here; its kind says what follows:

| kind | meaning |
|---|---|
"""


@dataclass(frozen=True)
class Raising:
    """One place that raises an error: its module, and what it says there (empty where that isn't fixed text)."""

    module: str
    happened: str
    remedy: str


@cache
def modules() -> tuple[ModuleType, ...]:
    """Every module of the project, imported."""
    found = []
    for package in (rod_pipeline, assets, expectations):
        found.append(package)
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            found.append(importlib.import_module(info.name))
    return tuple(found)


def error_classes() -> tuple[type[RodError], ...]:
    """Every class that can be raised, by code."""
    modules()
    found = {cls for cls in _descendants(RodError) if not _is_base(cls)}
    return tuple(sorted(found, key=lambda cls: (cls.code, cls.__module__)))


def bases() -> tuple[type[RodError], ...]:
    """The classes without a code of their own, or with one that ends in 00: never raised."""
    modules()
    return (RodError, *(cls for cls in _descendants(RodError) if _is_base(cls)))


def _is_base(cls: type[RodError]) -> bool:
    return "code" not in vars(cls) or cls.code.endswith("-00")


def _descendants(cls: type[RodError]) -> Iterator[type[RodError]]:
    """Those that the project defines; whoever imports it may have errors of his own."""
    for child in cls.__subclasses__():
        if child.__module__.partition(".")[0] in ("rod_pipeline", "expectations", "assets"):
            yield child
            yield from _descendants(child)


def raisings() -> dict[type[RodError], list[Raising]]:
    """For each class the places that make one."""
    found: dict[type[RodError], list[Raising]] = {}
    for module in modules():
        tree = ast.parse(inspect.getsource(module))
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        chosen = _chosen(tree, module)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                happened, remedy = [*(_text(argument, module) for argument in node.args[:2]), "", ""][:2]
                name = node.func.id if isinstance(node.func, ast.Name) else ""
                for cls in chosen.get(name) or _classes(node.func, module):
                    found.setdefault(cls, []).append(Raising(module.__name__, happened, remedy))
            elif isinstance(node, ast.Name | ast.Attribute) and id(node) not in called:
                for cls in _classes(node, module):
                    found.setdefault(cls, []).append(Raising(module.__name__, "", ""))
    return found


def _chosen(tree: ast.Module, module: ModuleType) -> dict[str, list[type[RodError]]]:
    """Variables that hold a class: ``error = This if … else That``, to be raised below."""
    chosen: dict[str, list[type[RodError]]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.IfExp):
            chosen[node.targets[0].id] = [
                cls for branch in (node.value.body, node.value.orelse) for cls in _classes(branch, module)
            ]
    return {name: classes for name, classes in chosen.items() if classes}


def _classes(node: ast.expr, module: ModuleType) -> list[type[RodError]]:
    """The error that a name stands for: ``Busy``, or ``errors.Busy``."""
    match node:
        case ast.Name(id=name, ctx=ast.Load()):
            value = getattr(module, name, None)
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            value = getattr(getattr(module, owner, None), name, None)
        case _:
            value = None
    return [value] if isinstance(value, type) and issubclass(value, RodError) else []


def _text(node: ast.expr, module: ModuleType) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, module) for part in parts)
        case ast.FormattedValue():
            return "…"
        case ast.Name(id=name) if isinstance(getattr(module, name, None), str):
            return str(getattr(module, name))
        case _:
            return ""


def errors() -> str:
    """The page."""
    lines = ["# Errors", "", _INTRO + "\n".join(f"| {kind} | {says} |" for kind, says in KINDS.items()), ""]
    where = raisings()
    group = ""
    for cls in error_classes():
        if (prefix := cls.code.rsplit("-", 1)[0]) != group:
            group = prefix
            lines += [f"## {group}", ""]
        lines += [*_section(cls, where.get(cls, [])), ""]
    lines += ["## ROD-INTERNAL", ""]
    for code, (happened, remedy, module) in INTERNAL.items():
        lines += [f"### {code}", "", "**Failure** · permanent", "", happened, "", f"What to do: {remedy}", ""]
        lines += [f"Raised by `{module}`. {_runbook(code)}", ""]
    return "\n".join(lines)


def _section(cls: type[RodError], places: list[Raising]) -> list[str]:
    lines = [f"### {cls.code}", "", f"**{cls.__name__}** · {_kind(cls)}", "", _meaning(cls)]
    said = list(dict.fromkeys((place.happened, place.remedy) for place in places if place.happened or place.remedy))
    says, do = getattr(cls, "says", ""), getattr(cls, "do", "")
    if says and (says, do) not in said:
        said.insert(0, (says, do))
    for happened, remedy in said:
        told = " ".join([*([f"*{happened}*"] if happened else []), *([f"What to do: {remedy}"] if remedy else [])])
        lines += ["", f"- {told}"] if lines[-1][:2] != "- " else [f"- {told}"]
    if (ends := getattr(cls, "ends_code", None)) is not None:
        lines += ["", f"Ends the access code (`{ends}`): the delivery then waits for a new one."]
    raised_in = sorted({place.module for place in places} or {cls.__module__})
    lines += ["", f"Raised by {', '.join(f'`{module}`' for module in raised_in)}. {_runbook(cls.code)}"]
    return lines


def _runbook(code: str) -> str:
    return f"[Runbook](../{address(code).removeprefix('docs/')})."


def _kind(cls: type[RodError]) -> str:
    from rod_pipeline.errors import RefusedData

    return f"{cls.kind}, and the delivery is erased at once" if issubclass(cls, RefusedData) else str(cls.kind)


def _meaning(cls: type[RodError]) -> str:
    return " ".join((inspect.cleandoc(cls.__doc__ or "")).replace("``", "`").split())
