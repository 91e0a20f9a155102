"""The synthetic country: institutions, programmes, places and schools, the same for every scale and moment.

Belongs here: who offers what, how big they are, and codes of the right shape. Does not belong here: persons
(``careers``). Codes are made up; only their shapes are real (BRIN, RIO, crebo, hoofdgroep: Programma van Eisen mbo and
RIO), and the municipalities, which the contracts list by year. Sizes and shares come from ``published``.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from rod_pipeline.contracts import ContractBook
from rod_pipeline.synthetic import published
from rod_pipeline.synthetic.moments import FIRST_SCHOOL_YEAR

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]

SECTORS = ("01", "02", "03", "04", "05", "06", "07", "08", "09")
PROGRAMMES_PER_SECTOR = (95, 40, 60, 45, 55, 75, 55, 65, 10)
_SPECIALIST_STUDENTS = 4_500
_LEVELS_IN_SECTOR = {
    "01": (0.26, 0.25, 0.49),
    "02": (0.36, 0.30, 0.34),
    "03": (0.09, 0.30, 0.61),
    "04": (0.27, 0.25, 0.48),
    "05": (0.10, 0.12, 0.78),
    "06": (0.25, 0.24, 0.51),
    "07": (0.13, 0.15, 0.72),
    "08": (0.15, 0.32, 0.53),
}
"""Shares of the levels 2, 3 and 4 among the entrants of a sectorkamer: an estimate, no published table."""

_HOOFDGROEPEN = {
    "01": ("hg001", "hg004", "hg011"),
    "02": ("hg010", "hg013"),
    "03": ("hg017", "hg015"),
    "04": ("hg006",),
    "05": ("hg008", "hg009"),
    "06": ("hg016", "hg006"),
    "07": ("hg005", "hg015"),
    "08": ("hg003", "hg001"),
    "09": ("hg002",),
}
_TECHNICAL_SECTORS = ("01", "02", "05", "08")


@dataclass(frozen=True)
class World:
    """All reference data, as arrays that are indexed by institution, programme, place or school."""

    brin: Texts
    institution_kind: Texts
    providers: Texts
    locations: Texts
    provider_of: Ints
    provider_count: Ints
    location_of: Ints
    location_count: Ints
    crebo: Texts
    level: Ints
    sector: Ints
    hg: Texts
    sg: Texts
    bc: Texts
    sibling: Ints
    """The other programme of the same beroepsopleiding and level, or the programme itself."""
    technical: npt.NDArray[np.bool_]
    unit: Texts
    joint: Floats
    """Weight of each (programme, institution), zero where it is not offered; sums to 1."""
    institution_draw: Floats
    """Row-wise cumulative shares of ``joint`` plus the number of the row, flattened: one searchsorted draws for all."""
    programme_draw: Floats
    """Per (level, sector) cell: cumulative shares of its programmes plus the number of the cell."""
    programme_order: Ints
    gemeente: Texts
    pc4: Texts
    pc4_gemeente: Ints
    pc4_apcg: npt.NDArray[np.bool_]
    pc4_ses: Floats
    home_pc4: Ints
    """Where each institution lies: its students live around that place."""
    school_brin: Texts
    school_pc4: Ints
    hbo_brin: Texts
    hbo_draw: Floats

    @property
    def institutions(self) -> int:
        return len(self.brin)

    @property
    def programmes(self) -> int:
        return len(self.crebo)

    def draw_programme(self, level: Ints, sector: Ints, u: Floats) -> Ints:
        """One programme per row of the wanted level and sectorkamer; ``u`` is uniform on [0, 1)."""
        cell = np.where(level == 1, len(SECTORS) - 1, sector) + (level - 1) * len(SECTORS)
        place = np.searchsorted(self.programme_draw, cell + u * 0.999999, side="right")
        return self.programme_order[place]

    def draw_institution(self, programme: Ints, u: Floats) -> Ints:
        """One institution per row that offers the programme, by size."""
        place = np.searchsorted(self.institution_draw, programme + u * 0.999999, side="right")
        return place - programme * self.institutions

    def offers(self, programme: Ints, institution: Ints) -> npt.NDArray[np.bool_]:
        """Whether the institution has the programme, per row."""
        return self.joint[programme, institution] > 0


def _distinct(rng: np.random.Generator, count: int, space: int) -> Ints:
    return rng.choice(space, size=count, replace=False).astype(np.int64)


def _brins(rng: np.random.Generator, count: int) -> Texts:
    numbers = _distinct(rng, count, 33 * 26 * 26)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return np.array([f"{n // 676 + 1:02d}{letters[n // 26 % 26]}{letters[n % 26]}" for n in numbers])


def _rio(rng: np.random.Generator, count: int, letter: str, width: int = 3) -> Texts:
    base = 10**width
    numbers = _distinct(rng, count, base * base - base * base // 10) + base * base // 10
    return np.array([f"{n // base:0{width}d}{letter}{n % base:0{width}d}" for n in numbers])


def _municipalities() -> Texts:
    """The municipalities of today, all of which exist in every school year of a delivery."""
    listed = ContractBook.load().value_list("gemeente")
    gone = {code for code, span in listed.valid.items() if span.last is not None}
    late = {code for code, span in listed.valid.items() if (span.school_years[0] or 0) > FIRST_SCHOOL_YEAR}
    return np.array([code for code in listed.values if code not in gone | late])


def _institution_sizes() -> Floats:
    ranks, sizes = zip(*published.INSTITUTION_RANKS, strict=True)
    every = np.arange(1, ranks[-1] + 1)
    sized = np.exp(np.interp(every, ranks, np.log(sizes)))
    return np.asarray(sized, dtype=np.float64)


def _programme_weights(levels: Ints, sectors: Ints) -> Floats:
    """The share of entrants of each programme: Zipf within a (level, sectorkamer), cells by published totals."""
    students = [published.SECTORKAMER_STUDENTS.get(name, _SPECIALIST_STUDENTS) for name in SECTORS]
    weights = np.zeros(len(levels))
    for index, name in enumerate(SECTORS):
        shares = {1: 1.0} if name == "09" else dict(zip((2, 3, 4), _LEVELS_IN_SECTOR[name], strict=True))
        for level, share in shares.items():
            rows = np.flatnonzero((sectors == index) & (levels == level))
            zipf = 1.0 / np.arange(1, len(rows) + 1) ** 0.8
            weights[rows] = students[index] * share * zipf / zipf.sum()
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _offer(rng: np.random.Generator, weights: Floats, sectors: Ints, sizes: Floats, kinds: list[str]) -> Floats:
    """Who offers what: roc's most of the larger programmes, aoc's the green sector, vakscholen one sector."""
    popular = np.clip((weights / np.quantile(weights, 0.9)) ** 0.6, 0.04, 1.0)
    large = np.clip((sizes / np.quantile(sizes, 0.8)) ** 0.5, 0.15, 1.0)
    chance = popular[:, None] * large[None, :]
    speciality = rng.permutation(np.array([0, 1, 3, 4, 5, 6, 7, 7, 0, 5, 4]))
    number = 0
    for column, kind in enumerate(kinds):
        if kind == "aoc":
            chance[:, column] = np.where(sectors == 5, 0.8, np.where(sectors == 8, 0.5, 0.0))
        elif kind == "vakschool":
            chance[:, column] = np.where(sectors == speciality[number % len(speciality)], 0.9, 0.0)
            number += 1
    offered = rng.random(chance.shape) < chance
    offered[np.arange(len(weights)), np.where(sectors == 5, kinds.index("aoc"), 0)] = True
    joint = offered * np.sqrt(weights)[:, None]
    for _ in range(60):  # iterative proportional fitting: programmes by their share, institutions by their size
        joint *= (weights / np.maximum(joint.sum(1), 1e-12))[:, None]
        joint *= (sizes / sizes.sum() / np.maximum(joint.sum(0), 1e-12))[None, :]
    return np.asarray(joint / joint.sum())


def _siblings(levels: Ints, sectors: Ints, within: Ints) -> Ints:
    every = np.arange(len(levels))
    other = np.clip(every + np.where(within % 2 == 0, 1, -1), 0, len(levels) - 1)
    same = (levels[other] == levels) & (sectors[other] == sectors) & (within[other] // 2 == within // 2)
    return np.asarray(np.where(same, other, every))


def _row_draw(matrix: Floats) -> Floats:
    shares = matrix / matrix.sum(1, keepdims=True)
    cumulative = np.minimum(np.cumsum(shares, axis=1), 1.0)
    cumulative[:, -1] = 1.0
    return np.asarray((cumulative + np.arange(len(matrix))[:, None]).ravel())


@lru_cache(maxsize=4)
def make_world(seed: int) -> World:
    """The country of this seed."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(1,))))
    sizes = _institution_sizes()
    sizes[0] *= 0.77  # the largest offers nearly all, so whoever goes on to another programme stays there more often
    count = len(sizes)
    kinds = ["roc"] * count
    for place in (18, 24, 29, 33, 38, 42, 46, 49):
        kinds[place] = "aoc"
    for place in (22, 31, 36, 40, 44, 48, 51, 53, 55, 57, 59):
        kinds[place] = "vakschool"

    sectors = np.repeat(np.arange(len(SECTORS)), PROGRAMMES_PER_SECTOR).astype(np.int64)
    levels = np.concatenate(
        [
            np.full(number, 1) if name == "09" else 2 + (np.arange(number) * 3 // number)
            for name, number in zip(SECTORS, PROGRAMMES_PER_SECTOR, strict=True)
        ]
    ).astype(np.int64)
    weights = _programme_weights(levels, sectors)
    total = len(levels)
    crebo_numbers = 25_000 + np.sort(_distinct(rng, total, 999)) + 1
    crebo_numbers = rng.permutation(crebo_numbers)
    dossier = rng.random(total) < 0.07
    crebo = np.array([f"{n - 2_000 if d else n:05d}" for n, d in zip(crebo_numbers, dossier, strict=True)])
    within = np.arange(total) - np.searchsorted(sectors, sectors)
    groups = [
        _HOOFDGROEPEN[SECTORS[s]][k // 4 % len(_HOOFDGROEPEN[SECTORS[s]])] for k, s in zip(within, sectors, strict=True)
    ]
    technical = np.isin(sectors, [SECTORS.index(s) for s in _TECHNICAL_SECTORS]) & (rng.random(total) < 0.8)

    joint = _offer(rng, weights, sectors, sizes, kinds)
    share = joint.sum(1)
    order: list[int] = []
    draw: list[float] = []
    for cell in range(4 * len(SECTORS)):
        level, sector = cell // len(SECTORS) + 1, cell % len(SECTORS)
        rows = np.flatnonzero((levels == level) & (sectors == sector))
        if not len(rows):  # level 1 is entree alone, entree is level 1 alone: fall back on the largest of the level
            rows = np.flatnonzero(levels == level)
        cumulative = np.minimum(np.cumsum(share[rows]) / share[rows].sum(), 1.0)
        cumulative[-1] = 1.0
        order.extend(rows.tolist())
        draw.extend((cumulative + cell).tolist())

    providers = np.maximum(1, (sizes / 12_000).astype(np.int64))
    locations = np.maximum(2, (sizes / 1_500).astype(np.int64))
    gemeenten = _municipalities()
    pc4 = np.sort(_distinct(rng, 4_000, 9_000)) + 1_000
    pc4_gemeente = np.sort(rng.integers(0, len(gemeenten), 4_000))
    wealth = rng.normal(0, 0.28, 4_000)
    parts = np.clip(wealth / 3 + rng.normal(0, 0.05, (3, 4_000)), -0.3, 0.3)
    ses = np.stack([parts.sum(0), *parts], axis=1)
    schools = _brins(rng, 640 + 36 + count)
    return World(
        brin=schools[:count],
        institution_kind=np.array(kinds),
        providers=_rio(rng, int(providers.sum()), "A"),
        locations=_rio(rng, int(locations.sum()), "X"),
        provider_of=np.cumsum(providers) - providers,
        provider_count=providers,
        location_of=np.cumsum(locations) - locations,
        location_count=locations,
        crebo=crebo,
        level=levels,
        sector=sectors,
        hg=np.array(groups),
        sg=np.array([f"sg{s * 32 + k // 4 + 1:03d}" for k, s in zip(within, sectors, strict=True)]),
        bc=np.array([f"bc{s * 64 + k // 2 + 1:03d}" for k, s in zip(within, sectors, strict=True)]),
        sibling=_siblings(levels, sectors, within),
        technical=np.asarray(technical),
        unit=_rio(rng, total, "O", 4),
        joint=joint,
        institution_draw=_row_draw(joint),
        programme_draw=np.array(draw),
        programme_order=np.array(order),
        gemeente=gemeenten,
        pc4=np.array([f"{n:04d}" for n in pc4]),
        pc4_gemeente=pc4_gemeente,
        pc4_apcg=wealth < np.quantile(wealth, 0.16),
        pc4_ses=ses,
        home_pc4=rng.integers(0, 4_000, count),
        school_brin=schools[count : count + 640],
        school_pc4=np.sort(rng.integers(0, 4_000, 640)),
        hbo_brin=schools[count + 640 :],
        hbo_draw=np.cumsum(np.linspace(3, 0.2, 36)) / np.linspace(3, 0.2, 36).sum(),
    )
