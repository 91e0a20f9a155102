"""The published figures that the synthetic country is calibrated to.

Belongs here: figures with their source, as plain numbers, and nothing that simulates. Does not belong here: hazards and
shares of our own making (``rates``), the table that holds a run against these figures (``summary``).

Sources: NJI (nji.nl/cijfers/middelbaar-beroeps-onderwijs-mbo), OCW in cijfers, SBB, CBS, Inspectie van het Onderwijs
and the Vereniging Hogescholen. Years are school years by their 1 October. Differences between the sources (extranei,
niet bekostigde instellingen, double enrolment) are some per cents, so a run is held to them with tolerances.
"""

from typing import Final

STUDENTS: Final = {
    2015: 476_275,
    2016: 483_362,
    2017: 487_114,
    2018: 498_139,
    2019: 512_946,
    2020: 507_302,
    2021: 513_136,
    2022: 494_260,
}
"""Students on 1 October, extranei included (NJI)."""

STUDENTS_WITHOUT_EXTRANEI: Final = {2023: 469_400, 2024: 467_900, 2025: 468_900, 2030: 464_500}
"""Students on 1 October without extranei (OCW in cijfers; 2023 realised, later years are its prognosis)."""

BBL: Final = {2015: 97_784, 2019: 130_367, 2020: 127_259, 2021: 130_191, 2022: 136_700}
"""Students in the leerweg bbl (NJI)."""

GRADUATES: Final = {
    2015: 152_000,
    2016: 146_000,
    2017: 146_000,
    2018: 142_000,
    2019: 154_000,
    2020: 144_500,
    2021: 157_400,
    2022: 141_800,
}
"""Graduates per year (NJI)."""

PARTICIPANTS_2020: Final = {"BOL": 380_970, "BBL": 127_795}
WITH_DIPLOMA_2020: Final = {"BOL": 99_976, "BBL": 47_200}
"""Students of 2020/21, and those of them with a diploma a year later (CBS 84553NED, 2020/21 to 2021/22)."""

STAYED_2021: Final = 364_220 - 23_670 - 1_450
LEFT_2021: Final = 138_050 + 23_670 + 1_450
"""Of students of 2021/22, in mbo a year later (in education but for hbo and other) and not (CBS 85519NED)."""

LEVEL_SHARES: Final = {1: 18.5 / 468.9, 2: 76.9 / 468.9, 3: 96.0 / 468.9, 4: 277.5 / 468.9}
"""Share of each level in 2025-26 (OCW in cijfers)."""

SECTORKAMER_STUDENTS: Final = {
    "03": 148_917,
    "01": 61_823,
    "06": 57_028,
    "04": 39_131,
    "07": 38_736,
    "05": 36_066,
    "02": 28_163,
    "09": 16_945,
}
"""Students per sectorkamer in 2025 (DUO prognoses as reported by CEDA; 08 is lacking there)."""

INSTITUTION_STUDENTS: Final = (33_314, 20_093, 18_983, 17_311)
"""The four largest institutions in 2025."""

INSTITUTION_RANKS: Final = ((1, 33_314), (2, 20_093), (3, 18_983), (4, 17_311), (15, 11_033), (57, 1_889), (60, 1_167))
"""(rank, students): the anchors between which the sizes of institutions are interpolated (our reading of 2025)."""

JAARRESULTAAT: Final = 0.74
"""National JR, 2012-13 up to 2016-17: 72 to 74 % (onderwijsincijfers.nl)."""

DIPLOMARESULTAAT: Final = 0.745
"""National DR, 2015: 75.2 %, 2016: 74.3 % (six-year window)."""

STARTERSRESULTAAT: Final = 0.81
"""No national figure was found; the Inspectie's norms for voldoende are 79 (level 2) and 82 (levels 3 and 4)."""

KWALIFICATIEWINST: Final = 0.85
"""Leavers with a diploma whose diploma is at or above the expected level: 82.2 % (2012) up to 85 % (2015)."""

MBO_HBO_DIRECT: Final = 0.387
"""Share of level-4 graduates that leave for hbo on the next 1 October, 2015 and 2016 (OCW in cijfers)."""

HBO_FIRST_YEAR_DROPOUT: Final = 0.20
"""Dropout in the first year of hbo of those who came from mbo: 19.8 % (2016), 21.5 % (2017)."""

LEVEL_4_GRADUATES: Final = (70_000, 80_000)
"""Order of size of the yearly graduates at level 4."""
