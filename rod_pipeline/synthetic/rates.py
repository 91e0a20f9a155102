"""Chances that make a career: tuned so that a run meets ``published``.

Belongs here: hazards, shares and durations. They are our own fit, no source gives them; only their sums are held
against published figures. Does not belong here: the simulation itself (``careers``).
"""

from typing import Final

import numpy as np

LEERWEGEN: Final = ("BOL", "BBL", "BOL_DT", "EX", "OVO", "ODT")
BOL, BBL, BOL_DT, EX, OVO, ODT = range(6)

ENTRANTS: Final = {
    2010: 147_000,
    2011: 147_000,
    2012: 147_000,
    2013: 147_000,
    2014: 147_000,
    2015: 149_000,
    2016: 152_000,
    2017: 153_000,
    2018: 157_000,
    2019: 162_000,
    2020: 152_000,
    2021: 153_000,
    2022: 142_000,
    2023: 142_000,
    2024: 145_000,
    2025: 145_000,
    2026: 145_000,
    2027: 144_000,
    2028: 143_000,
}
"""Persons who are new in mbo on 1 October, whole country; the nearest year stands in outside the table."""

VISITORS: Final = 0.04
"""Persons enrolled between two 1 Octobers only (the letter T), as a share of the entrants of that year."""

CATEGORIES: Final = np.array([0, 1, 2, 3, 5, 6, 7, 8, 9, 15])
CATEGORY_SHARES: Final = np.array([0.045, 0.03, 0.075, 0.05, 0.14, 0.19, 0.045, 0.255, 0.07, 0.10])
LEVELS_BY_CATEGORY: Final = np.array(
    [
        [0.50, 0.26, 0.16, 0.08],
        [0.70, 0.30, 0.00, 0.00],
        [0.50, 0.40, 0.07, 0.03],
        [0.02, 0.12, 0.20, 0.66],
        [0.02, 0.78, 0.15, 0.05],
        [0.00, 0.14, 0.31, 0.55],
        [0.00, 0.05, 0.19, 0.76],
        [0.00, 0.04, 0.14, 0.82],
        [0.00, 0.02, 0.08, 0.90],
        [0.06, 0.34, 0.36, 0.24],
    ]
)
"""Level of the first enrolment by category of the highest vooropleiding (rows as ``CATEGORIES``)."""

EXPECTED_LEVEL: Final = {0: 2, 1: 1, 2: 2, 3: 4, 5: 2, 6: 3, 7: 4, 8: 4, 9: 4, 11: 2, 12: 3, 13: 4, 14: 4, 15: 2}
"""Expected level by category: the norm table of passend diploma (informatie-encyclopedie.nl, 4fcb1f37)."""

SECTOR_SHARES: Final = np.array([0.150, 0.068, 0.355, 0.098, 0.090, 0.136, 0.091, 0.012])
"""Sectorkamers 01 to 08 among entrants above level 1."""

BBL_BY_LEVEL: Final = np.array([0.17, 0.29, 0.32, 0.105])
BBL_ADULT: Final = 0.72
BBL_TREND: Final = {2015: 0.78, 2017: 0.86, 2019: 0.98, 2021: 1.0, 2022: 1.08, 2024: 1.10}
"""Factor on the shares of bbl by year of entry."""

OTHER_LEERWEGEN: Final = {BOL_DT: 0.004, EX: 0.036, OVO: 0.004, ODT: 0.002}

DIPLOMA: Final = np.array(
    [
        [0.66, 0.62, 0.50, 0.40, 0.40, 0.40],
        [0.15, 0.62, 0.54, 0.45, 0.40, 0.40],
        [0.08, 0.30, 0.66, 0.58, 0.48, 0.40],
        [0.045, 0.11, 0.44, 0.55, 0.52, 0.45],
    ]
)
"""Chance of the diploma in a year, by level and year in the programme (1, 2, … 6 and up)."""

DROPOUT: Final = np.array(
    [
        [0.17, 0.25, 0.35, 0.50, 0.50, 0.60],
        [0.128, 0.090, 0.17, 0.28, 0.38, 0.48],
        [0.10, 0.085, 0.07, 0.15, 0.28, 0.42],
        [0.074, 0.056, 0.050, 0.09, 0.20, 0.34],
    ]
)
SWITCH: Final = np.array([0.04, 0.085, 0.075, 0.07])
"""Chance to change programme without a diploma, by year in the programme 1; a third of it later."""

UPWARD: Final = np.array([0.58, 0.44, 0.38, 0.0])
"""Graduates who go on at a higher level; of level 2 three in ten skip level 3."""
SIDEWARD: Final = np.array([0.03, 0.04, 0.05, 0.055])
"""Graduates who go on at their own level."""
COMEBACK: Final = (0.14, 0.035)
"""Leavers without and with a diploma who come back after one to three years."""

SECONDARY: Final = 0.22
"""Students for whom a second enrolment on 1 October is tried; half of the tries fit."""

HBO_DIRECT: Final = np.array([0.475, 0.09])
"""Level-4 leavers who enrol in hbo on the next 1 October, bol and other."""
HBO_LATER: Final = (0.035, 0.015)
"""… after one and after two years."""
HBO_DROPOUT: Final = (0.20, 0.06, 0.04)
HBO_SWITCH: Final = 0.07
HBO_DIPLOMA: Final = (0.0, 0.04, 0.10, 0.52, 0.45, 0.40)
"""Chance of the hbo diploma by year of study (the second year: an associate degree)."""

LATE: Final = 0.005
"""Enrolments of the last 1 October that a provisional count does not have yet."""
CORRECTED: Final = 0.005
"""Enrolments of the last 1 October of which one value still changes before the final count."""


def entrants(year: int) -> int:
    """Persons who are new in mbo on 1 October of ``year``, at scale 1."""
    return ENTRANTS[min(max(year, min(ENTRANTS)), max(ENTRANTS))]


def bbl_factor(year: int) -> float:
    """The factor on the shares of bbl for entrants of ``year``."""
    return float(np.interp(year, list(BBL_TREND), list(BBL_TREND.values())))
