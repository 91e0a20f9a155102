"""What a person types: settings and commands.

Belongs here: the pages made from the settings' model and from the commands of ``rod``. Does not belong here: data
(``data``), assets (``wiring``).
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel, SecretStr

from docs.generator.markdown import code, table
from rod_pipeline.cli import application
from rod_pipeline.settings import Settings


def settings() -> str:
    """Every setting: where it is set, its type and default."""
    rows = list(_settings_of(Settings, ()))
    return "\n".join(
        [
            "# Settings",
            "",
            "Settings stand in a TOML file (`ROD_SETTINGS`, else `rod.toml` in the installation's folder) and in the",
            "environment, which wins. An unknown key or variable is refused. A secret is never put in the file: hand",
            "it over in the environment, or in a file that only its owner can read.",
            "",
            "`ROD_HOME` names the folder of the installation; without it that is `.rod` in the current folder.",
            "In the environment, several hosts are separated by commas.",
            "",
            table(("in rod.toml", "in the environment", "type", "default", "what it is"), rows),
            "",
        ]
    )


def _settings_of(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        here = (*path, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings_of(field.annotation, here)
            continue
        secret = SecretStr in (field.annotation, *get_args(field.annotation))
        in_file = "never: a secret" if secret and name != "ledger_url" else code(".".join(here))
        if name == "ledger_url":
            in_file += ", without a password"
        default = "" if field.default is None else code(_plain(field.default))
        variable = code("ROD_" + "__".join(here).upper())
        yield (in_file, variable, code(_type(field.annotation)), default, field.description or "")


def _plain(value: Any) -> str:
    return str(list(value) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else value)


def _type(annotation: Any) -> str:
    text = annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    text = re.sub(r"\b(pathlib\.|typing\.|pydantic\.types\.)", "", text).replace(" | None", "")
    return text.replace("tuple[str, ...]", "list of str").replace("SecretStr", "secret")


def commands() -> str:
    """Every command of ``rod`` with its arguments and options."""
    top = typer.main.get_command(application())
    lines = ["# Commands", "", "`rod` is `.venv/bin/rod` after `make install`. Any command takes `--help`.", ""]
    for path, command in _commands(top, "rod"):
        lines += [f"## {path}", "", " ".join((command.help or "").split()), ""]
        rows = [_parameter(parameter) for parameter in command.params if parameter.name != "help"]
        if rows:
            lines += [table(("argument or option", "takes", "default", "what it is"), rows), ""]
    lines += [
        "A failure is told as `[CODE] what happened. What to do: …` on standard error; the exit code is then 1.",
        "",
    ]
    return "\n".join(lines)


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from _commands(child, f"{path} {name}")


def _parameter(parameter: Any) -> tuple[str, ...]:
    is_argument = parameter.param_type_name == "argument"
    names = parameter.name.upper() if is_argument else ", ".join([*parameter.opts, *parameter.secondary_opts])
    taken = "" if getattr(parameter, "is_flag", False) else _taken(parameter.type_descriptor.annotation)
    many = parameter.nargs == -1 or parameter.multiple
    if parameter.required:
        default = "required"
    else:
        value = parameter.default
        value = value.value if isinstance(value, Enum) else value
        default = "" if value is None or value is False or value == () else code(value)
    return (code(names), f"{taken}{', more than once' if many else ''}", default, parameter.help or "")


def _taken(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(code(member.value) for member in annotation)
    inner = [part for part in get_args(annotation) if part is not type(None)]
    closed = annotation if get_origin(annotation) is Literal else next(iter(inner), None)
    if get_origin(closed) is Literal:
        return " or ".join(code(value) for value in get_args(closed))
    name = getattr(inner[0] if inner else annotation, "__name__", str(annotation))
    return {"str": "text", "Path": "path", "int": "whole number", "float": "number", "datetime": "date and time"}.get(
        name, name.lower()
    )
