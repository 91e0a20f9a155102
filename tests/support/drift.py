"""A delivery as DUO might lawfully change it, and the way of a person from its rejection to a green rerun."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner, Result

from rod_pipeline.cli.contract import app
from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import DateNotation, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.synthetic.delivery import write_delivery
from rod_pipeline.synthetic.population import Population
from tests.support.pipeline import Bench

SMALL = Population(seed=8, scale=0.0005)
Edit = Callable[[list[str]], list[str]]


def rod_contract(*arguments: str) -> Result:
    """``rod contract …`` in this process."""
    return CliRunner().invoke(app, list(arguments))


def folder_of_contracts(bench: Bench) -> Path:
    """A folder for contracts of one's own, named in the settings of the installation."""
    folder = bench.home.parent / "contracts"
    folder.mkdir()
    settings = bench.home / "rod.toml"
    settings.write_text(f'contracts = "{folder}"\n{settings.read_text("utf-8")}', "utf-8")
    return folder


def edited(content: bytes, kind: FileKind, header: Edit, row: Edit) -> bytes:
    """A zipped delivery in which each record of one file is edited, value by value."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if kind in name:
                first, *rest = data.decode("utf-8").split("\r\n")
                lines = [header(first.split(";")), *(row(line.split(";")) if line else [""] for line in rest)]
                data = "\r\n".join(";".join(values) for values in lines).encode()
            new.writestr(name, data)
    return out.getvalue()


def plain(fault: str | None = None) -> bytes:
    return _written(fault, ContractBook.load())


def renamed() -> bytes:
    """Enrolments in which a column has another name."""
    return plain("renamed_column")


def added() -> bytes:
    """Diplomas with a column that the annex has, but the contract of that file doesn't."""
    return edited(plain(), "diplomas", lambda names: [*names, "MBO Opleiding Leerweg"], lambda row: [*row, "BOL"])


SPLIT = "Soort diploma MBO studiejaar"


def split() -> bytes:
    """Diplomas in which a rubriek came as two columns."""
    contract = ContractBook.load().get("diplomas")
    at = [column.header for column in contract.columns].index(SPLIT)

    def header(names: list[str]) -> list[str]:
        return [*names[:at], f"{SPLIT} - soort", f"{SPLIT} - grond", *names[at + 1 :]]

    return edited(plain(), "diplomas", header, lambda row: [*row[: at + 1], "X1", *row[at + 1 :]])


def other_dates() -> bytes:
    """Diplomas with another notation of dates."""
    return _written(None, ContractBook.load(), DateNotation.ISO)


def new_code() -> bytes:
    """Enrolments with a code that a closed list doesn't have."""
    return plain("unknown_codes")


def fill(draft: Path, *changes: tuple[str, str]) -> None:
    """What a person does to a draft: each change once."""
    text = draft.read_text("utf-8")
    for old, new in changes:
        assert len(re.findall(old, text)) >= 1, (old, draft)
        text = re.sub(old, new, text, count=1)
    draft.write_text(text, "utf-8")


def _written(fault: str | None, book: ContractBook, dates: DateNotation | None = None) -> bytes:
    out = io.BytesIO()
    odd = {"diplomas": book.get("diplomas").dialect.model_copy(update={"dates": dates})} if dates else {}
    key = DeliveryKey.parse("2025-12")
    write_delivery(out, key, population=SMALL, book=book, archive="zip", fault=fault, dialects=odd)
    return out.getvalue()
