"""The file mbo_hbo: who left mbo with a diploma of level 4, and the first years in hbo.

Belongs here: its rows and columns. A row per leaver and school year of leaving; hbo as far as the register knows it at
the prikdatum. Direct: in hbo on the first 1 October after leaving (informatie-encyclopedie.nl, 004117df).
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from rod_pipeline.contracts.model import Contract
from rod_pipeline.synthetic import rates
from rod_pipeline.synthetic.careers import NEVER, YEARS
from rod_pipeline.synthetic.columns import (
    LEVELS,
    codes,
    fit,
    flags,
    gender,
    numbers,
    pseudonyms,
    school_years,
    technical,
)
from rod_pipeline.synthetic.diplomas import diploma_programme
from rod_pipeline.synthetic.known import Known
from rod_pipeline.synthetic.world import SECTORS, Ints, World

HBO_SECTORS = (
    "techniek",
    "economie",
    "gezondheidszorg",
    "gedrag en maatschappij",
    "onderwijs",
    "landbouw en natuurlijke omgeving",
    "taal en cultuur",
    "recht",
    "sectoroverstijgend",
)
_HBO_OF_SECTOR = np.array([0, 1, 2, 1, 6, 5, 1, 0, 8])
_STUDIES = (
    "Bedrijfskunde",
    "Verpleegkunde",
    "Café- en hotelmanagement",
    "Werktuigbouwkunde",
    "Informatica",
    "Pedagogiek",
    "Communicatie",
    "Logistiek",
)
_FORMS = ("VT", "DT", "DU")
_STATES = ("INGESCHREVEN", "DIPLOMA", "UITVAL")


def blocks(known: Known, world: World, seed: int, contract: Contract, years: tuple[int, ...]) -> Iterator[pl.DataFrame]:
    """The level-4 leavers of the school years, as one frame."""
    person, y = known.where(known.diploma < NEVER, years)
    level = world.level[known.programme_at(person, y)]
    left = known.closed(known.careers.cohort + y) & (known.programme_at(person, y + 1) < 0) & (level == 4)
    if left.any():
        yield fit(_columns(known, world, seed, person[left], y[left]), contract)


def _columns(known: Known, world: World, seed: int, person: Ints, y: Ints) -> dict[str, pl.Series]:
    c, now = known.careers, known.moment.current
    year = c.cohort + y
    programme = known.programme[person, y].astype(np.int64)
    diploma = diploma_programme(known, world, person, y)
    start = c.hbo_start[person]
    # An entry of later years, or one in mbo again, isn't known yet at this moment.
    entered = (start > year) & (start <= now)
    gap = np.where(entered, start - year - 1, 0)
    finished = entered & (start + c.hbo_end[person] <= now)
    outcome = np.where(finished, c.hbo_outcome[person], 0)
    dropped, certified = outcome == 1, outcome == 2
    stay = np.where(entered, np.minimum(now - start + 1, c.hbo_end[person]), 0)
    associate = c.hbo_end[person] <= 2
    years_of_study = [_study_year(known, world, person, number, entered & (stay >= number)) for number in (1, 2, 3)]
    study_years = {name: series for part in years_of_study for name, series in part.items()}
    crebo = world.crebo.tolist()
    return {
        "sectornummer": pseudonyms(seed, c.number[person]),
        **technical(known.moment, year),
        "geslacht": gender(c, person),
        "instellingscode": codes(world.brin.tolist(), c.institution[person, y].astype(np.int64)),
        "mbo_uitstroom_schooljaar": school_years(year),
        "mbo_opleiding_code": codes(crebo, programme),
        "mbo_opleiding_eenheid_code": codes(world.unit.tolist(), programme),
        "mbo_opleiding_niveau": codes(LEVELS, world.level[programme] - 1),
        "leerweg": codes(rates.LEERWEGEN, known.leerweg[person, y].astype(np.int64)),
        "mbo_opleiding_sector": codes(SECTORS, world.sector[programme]),
        "mbo_verblijfsduur": numbers(((known.programme[person] >= 0) & (np.arange(YEARS) <= y[:, None])).sum(1)),
        "mbo_hoogste_diploma_code": codes([f"D{code}" for code in crebo], diploma),
        "mbo_hoogste_diploma_eenheid_code": codes(world.unit.tolist(), diploma),
        "mbo_hoogste_diploma_niveau": codes(LEVELS, world.level[diploma] - 1),
        "mbo_hoogste_diploma_opleiding_code": codes(crebo, diploma),
        "hbo_instroom_studiejaar": school_years(start, entered),
        "hbo_doorstroom_type": codes(("DIRECT", "INDIRECT", "GEEN"), np.where(entered, np.minimum(gap, 1), 2)),
        "hbo_onderbrekingsduur": numbers(gap, entered),
        "hbo_verblijfsduur": numbers(stay, entered),
        "hbo_schooljaren_tot_uitval": numbers(c.hbo_end[person], dropped),
        **study_years,
        "hbo_opleiding_status": codes(_STATES, np.where(dropped, 2, np.where(certified, 1, 0)), entered),
        "hbo_hoogste_diploma_niveau": codes(("AD", "BA"), 1 - associate.astype(np.int64), certified),
        "hbo_recht_op_toelating": flags(world.level[diploma] == 4),
    }


def _study_year(
    known: Known, world: World, person: Ints, number: int, there: np.typing.NDArray[np.bool_]
) -> dict[str, pl.Series]:
    """One of the first three years in hbo; a few change their study on the way."""
    c = known.careers
    study = (c.hbo_study[person] + (c.hbo_switch[person] <= number)) % 360
    form = codes(_FORMS, c.hbo_form[person], there)
    names = [f"{_STUDIES[k % len(_STUDIES)]} {k // len(_STUDIES) + 1}" for k in range(360)]
    return {
        f"hbo_jaar{number}_sector": codes(HBO_SECTORS, _HBO_OF_SECTOR[study // 40], there),
        f"hbo_jaar{number}_opleiding": codes(names, study, there),
        f"hbo_jaar{number}_opleidingscode": codes([f"{30_000 + k * 13:05d}" for k in range(360)], study, there),
        f"hbo_jaar{number}_vorm": form,
        f"hbo_jaar{number}_instelling": codes(world.hbo_brin.tolist(), c.hbo_school[person], there),
        f"hbo_jaar{number}_opleiding_vorm": form,
    }
