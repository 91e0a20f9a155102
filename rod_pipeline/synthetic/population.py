"""The one generator: a population, and the frames of a delivery's files.

Belongs here: who is simulated for a delivery, in which blocks, and the files as typed frames. Does not belong here:
bytes (``writing``), faults (``faults``).

The same seed, scale and moment give the same rows in the same order. A person's career doesn't depend on the moment, so
the pseudonyms of two deliveries overlap as DUO's do. Memory holds one block of persons at a time, at any scale.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import Contract, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import PermanentError
from rod_pipeline.synthetic import diplomas, doorstroom, inschrijvingen, mbo_hbo, rates
from rod_pipeline.synthetic.careers import BLOCK, YEARS, Careers
from rod_pipeline.synthetic.columns import fit
from rod_pipeline.synthetic.known import Known, known_at
from rod_pipeline.synthetic.moments import Moment, moment_of
from rod_pipeline.synthetic.simulation import simulate
from rod_pipeline.synthetic.world import World, make_world

DATA_FILES: tuple[FileKind, ...] = ("inschrijvingen", "diplomas", "doorstroom", "mbo_hbo")

_Blocks = Callable[[Known, World, int, Contract, tuple[int, ...]], Iterator[pl.DataFrame]]
_BLOCKS: Mapping[FileKind, _Blocks] = {
    "inschrijvingen": inschrijvingen.blocks,
    "diplomas": diplomas.blocks,
    "doorstroom": doorstroom.blocks,
    "mbo_hbo": mbo_hbo.blocks,
}


class BadScale(PermanentError):
    """A scale outside what makes sense."""

    code = "ROD-SYNTHETIC-02"


@dataclass(frozen=True)
class Population:
    """A synthetic country: ``scale`` 1.0 has about half a million students a school year."""

    seed: int = 1
    scale: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0001 <= self.scale <= 4.0:
            raise BadScale("The scale lies outside 0.0001 to 4.", "Use 0.01 for a demo, 1.0 for the whole country.")

    def world(self) -> World:
        return make_world(self.seed)

    def careers(self, first: int, last: int) -> Iterator[Careers]:
        """All persons whose careers can touch the school years ``first`` to ``last``, block by block."""
        world = self.world()
        for cohort in range(first - YEARS + 1, last + 2):
            persons = max(1, round(rates.entrants(cohort) * self.scale))
            for number, start in enumerate(range(0, persons, BLOCK)):
                yield simulate(world, self.seed, cohort, number, min(BLOCK, persons - start))


class Totals:
    """Control totals: the rows of a file per school year and breakdown, counted from the frames themselves."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[FileKind, str, str, str | None]] = Counter()

    def add(self, frame: pl.DataFrame, contract: Contract) -> None:
        """Count a frame of a data file."""
        for year, count in frame.group_by("schooljaar").len().iter_rows():
            self._counts[contract.file, year, "totaal", None] += count
        for breakdown, column in contract.breakdowns.items():
            for year, value, count in frame.group_by("schooljaar", column).len().iter_rows():
                self._counts[contract.file, year, breakdown, value] += count

    def counting(self, frames: Iterable[pl.DataFrame], contract: Contract) -> Iterator[pl.DataFrame]:
        """The frames as they come, counted on the way."""
        for frame in frames:
            self.add(frame, contract)
            yield frame

    def frame(self, contract: Contract, moment: Moment) -> pl.DataFrame:
        """The file technisch: one row per file, school year, breakdown and value."""
        order = {name: place for place, name in enumerate(DATA_FILES)}
        keys = sorted(self._counts, key=lambda key: (order[key[0]], key[1], key[2] != "totaal", key[2], key[3] or ""))
        count = len(keys)
        return fit(
            {
                "bestand": pl.Series([key[0] for key in keys], dtype=pl.String),
                "schooljaar": pl.Series([key[1] for key in keys], dtype=pl.String),
                "peildatum": pl.Series([date(int(key[1][:4]), 10, 1) for key in keys], dtype=pl.Date),
                "prikdatum": pl.repeat(moment.prikdatum, count, dtype=pl.Date, eager=True),
                "status": pl.Series([moment.status_of(int(key[1][:4])) for key in keys], dtype=pl.String),
                "uitsplitsing": pl.Series([key[2] for key in keys], dtype=pl.String),
                "waarde": pl.Series([key[3] for key in keys], dtype=pl.String),
                "aantal": pl.Series([self._counts[key] for key in keys], dtype=pl.Int64),
            },
            contract,
        )


def iter_file(
    kind: FileKind, key: DeliveryKey, population: Population, book: ContractBook, totals: Totals | None = None
) -> Iterator[pl.DataFrame]:
    """A file of a delivery as typed blocks, in the contract's column order under technical names.

    ``technisch`` counts the data files by making them, unless ``totals`` has counted them already.
    """
    moment, contract = moment_of(key), book.get(kind)
    if kind == "technisch":
        yield (totals or _counted(key, population, book)).frame(contract, moment)
        return
    years = moment.school_years(kind)
    world = population.world()
    for careers in population.careers(years[0], years[-1]):
        yield from _BLOCKS[kind](known_at(careers, moment), world, population.seed, contract, years)


def _counted(key: DeliveryKey, population: Population, book: ContractBook) -> Totals:
    totals = Totals()
    for file in DATA_FILES:
        for _ in totals.counting(iter_file(file, key, population, book), book.get(file)):
            pass
    return totals
