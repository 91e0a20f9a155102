"""Deliveries as tables of text from the generator, judged beside the ones before them; and planting faults in them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import polars as pl

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS, ColumnType, Contract, FileKind
from rod_pipeline.decree import load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.quality import CheckReport, validate_delivery
from rod_pipeline.quality.history import Earlier
from rod_pipeline.synthetic.population import Population, Totals, iter_file
from tests.support.synthetic import At

BOOK = ContractBook.load()
CONTRACTS: dict[FileKind, Contract] = {kind: BOOK.get(kind) for kind in FILE_KINDS}
AT = At(datetime(2029, 1, 1, tzinfo=UTC))
Found = dict[FileKind, pl.DataFrame]


@lru_cache(maxsize=8)
def made(key: str, seed: int = 1, scale: float = 0.004) -> Mapping[FileKind, pl.DataFrame]:
    """All files of a synthetic delivery as the lossless text that a reader would give."""
    delivery, population, totals = DeliveryKey.parse(key), Population(seed, scale), Totals()
    found: Found = {}
    for kind in FILE_KINDS:
        contract = CONTRACTS[kind]
        frames = iter_file(kind, delivery, population, BOOK, totals if kind == "technisch" else None)
        if kind != "technisch":
            frames = totals.counting(frames, contract)
        found[kind] = as_text(pl.concat(frames), contract).with_row_index("_row", offset=1)
    return found


def as_text(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Typed columns as a file in the contract's dialect has them (dates DD-MM-JJJJ)."""
    yes, no = contract.dialect.booleans

    def text(name: str, kind: ColumnType) -> pl.Expr:
        column = pl.col(name)
        match kind:
            case ColumnType.DATE:
                return column.dt.strftime("%d-%m-%Y")
            case ColumnType.BOOLEAN:
                return pl.when(column).then(pl.lit(yes)).when(~column).then(pl.lit(no))
            case ColumnType.DECIMAL:
                return column.cast(pl.String).str.replace(".", contract.dialect.decimal, literal=True)
        return column.cast(pl.String)

    return frame.select(text(column.name, column.type).alias(column.name) for column in contract.columns)


def earlier(key: str, found: Mapping[FileKind, pl.DataFrame]) -> Earlier:
    """A delivery as one that was stored before."""
    return Earlier.of(DeliveryKey.parse(key), {kind: frame.lazy() for kind, frame in found.items()}, CONTRACTS)


def judged(found: Mapping[FileKind, pl.DataFrame], key: str, before: Sequence[Earlier] = ()) -> CheckReport:
    """The verdict on a delivery as a whole."""
    frames = {kind: frame.lazy() for kind, frame in found.items()}
    return validate_delivery(frames, CONTRACTS, DeliveryKey.parse(key), load_decree(), AT, before, BOOK)


def some(frame: pl.DataFrame, count: int, *conditions: pl.Expr, **equal: str) -> list[int]:
    """The numbers of the first ``count`` rows of different students that meet the conditions."""
    rows = frame.filter(*conditions, **equal).unique("sectornummer", keep="first", maintain_order=True)
    chosen = rows["_row"].head(count).to_list()
    assert len(chosen) == count, "the clean delivery has too few rows of this kind"
    return chosen


def put(found: Found, kind: FileKind, rows: Iterable[int] | pl.Expr, **values: str | None) -> None:
    """Set values in these rows of a file."""
    at = rows if isinstance(rows, pl.Expr) else pl.col("_row").is_in(list(rows))
    found[kind] = found[kind].with_columns(
        pl.when(at).then(pl.lit(value, pl.String)).otherwise(pl.col(name)).alias(name) for name, value in values.items()
    )


def students(frame: pl.DataFrame, rows: Iterable[int]) -> list[str]:
    """Whose rows these are."""
    return frame.filter(pl.col("_row").is_in(list(rows)))["sectornummer"].to_list()
