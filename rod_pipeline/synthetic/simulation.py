"""What happens to persons in mbo and hbo, year by year: told once, the same for every delivery.

Belongs here: the simulation, on arrays. Does not belong here: chances (``rates``), what a delivery knows of it
(``known``), the columns of files.

The random numbers of a block depend on (seed, cohort, number of the block) alone, so blocks can be made in any order,
and a delivery moment changes nothing.
"""

import numpy as np

from rod_pipeline.synthetic import rates
from rod_pipeline.synthetic.careers import BLOCK, NEVER, YEARS, Bools, Careers, Matrix, day, days
from rod_pipeline.synthetic.world import Floats, Ints, World


def _spread(u: Floats, steps: tuple[tuple[float, int], ...]) -> Ints:
    """Map uniform numbers to days, linear between (share, day) steps."""
    shares, days = zip(*steps, strict=True)
    return np.asarray(np.interp(u, shares, days)).astype(np.int64)


_NOMINAL = np.array([1, 2, 3, 3])


def simulate(world: World, seed: int, cohort: int, block: int, persons: int) -> Careers:
    """The whole careers of ``persons`` persons who come in on or about 1 October ``cohort``."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(2, cohort, block))))
    c = _newcomers(rng, world, cohort, block, persons)
    returning = np.full(persons, -1)
    years_in = np.zeros(persons, np.int64)
    for y in range(YEARS):
        _come_back(rng, world, c, y, np.flatnonzero(returning == y), years_in)
        rows = np.flatnonzero(c.programme[:, y] >= 0)
        if len(rows):
            years_in[rows] += 1
            _school_year(rng, world, c, y, rows, years_in, returning)
    _seconds(rng, world, c)
    _visits(rng, world, c)
    return c


def _newcomers(rng: np.random.Generator, world: World, cohort: int, block: int, n: int) -> Careers:
    category_index = np.searchsorted(np.cumsum(rates.CATEGORY_SHARES), rng.random(n) * 0.999999)
    category = rates.CATEGORIES[category_index]
    cumulative = np.cumsum(rates.LEVELS_BY_CATEGORY, axis=1)
    level = 1 + (cumulative[category_index] < rng.random(n)[:, None] * 0.999999).sum(1)
    sector = np.searchsorted(np.cumsum(rates.SECTOR_SHARES), rng.random(n) * 0.999999)
    programme = world.draw_programme(level, sector, rng.random(n))
    institution = world.draw_institution(programme, rng.random(n))
    adult = np.isin(category, (0, 15))
    leerweg = _leerweg(rng, cohort, level, adult)

    october = day(cohort, 10, 1)
    u = rng.random(n)
    young = 16.2 + 0.55 * (level == 4) + 2.2 * rng.gamma(1.1, 0.45, n) - 0.2 * (category == 5)
    age = np.where(adult, 18 + rng.gamma(2.0, 6.0, n), young)
    age = np.where(category == 15, np.maximum(age, 27.2), age)
    birth = october - (np.minimum(age, 66) * 365.25).astype(np.int64)
    start = october - 61 + _spread(u, ((0, -285), (0.07, -1), (0.0701, 0), (0.6, 4), (0.85, 31), (1, 60)))
    home = world.home_pc4[institution]
    pc4 = (home + rng.normal(0, 130, n).astype(np.int64)) % len(world.pc4)
    school = np.clip(pc4 * len(world.school_brin) // len(world.pc4) + rng.integers(-6, 7, n), 0, 639)
    from_vo = ~adult & (rng.random(n) < 0.9)
    gap = np.where(from_vo, 0, rng.integers(1, 4, n)) + np.where(adult, np.maximum(0, (age - 18).astype(np.int64)), 0)
    origin = np.searchsorted((0.72, 0.80), rng.random(n))

    def matrix(fill: int) -> Matrix:
        return np.full((n, YEARS), fill, np.int32)

    c = Careers(
        cohort=cohort,
        number=((cohort - 1990) * 64 + block) * BLOCK + np.arange(n),
        male=(rng.random(n) < 0.515).astype(np.int64),
        birth=birth,
        pc4=pc4,
        origin=origin,
        born_nl=rng.random(n) < np.array([0.985, 0.55, 0.62])[origin],
        support=rng.random(n) < 0.07,
        category=category,
        school=school,
        vo_code=rng.integers(0, 5, n),
        vo_year=cohort - 1 - gap,
        vo_grade=np.clip(np.round(rng.normal(65, 6, n)), 55, 92).astype(np.int64),
        from_vo=from_vo,
        route=np.where(from_vo & (rng.random(n) < 0.035), rng.integers(1, 3, n), 0),
        programme=matrix(-1),
        institution=matrix(-1),
        leerweg=matrix(0),
        start=matrix(NEVER),
        planned=matrix(NEVER),
        end=matrix(NEVER),
        diploma=matrix(NEVER),
        reason=matrix(0),
        vooropleiding=matrix(0),
        earlier_programme=matrix(-1),
        earlier_institution=matrix(-1),
        earlier_year=matrix(0),
        second_programme=matrix(-1),
        second_institution=matrix(-1),
        second_diploma=matrix(NEVER),
        late=rng.random((n, YEARS)),
        spare=rng.random((n, YEARS)),
        visit_programme=np.full(n, -1),
        visit_institution=np.full(n, -1),
        visit_start=np.full(n, NEVER),
        visit_end=np.full(n, NEVER),
        hbo_start=np.zeros(n, np.int64),
        hbo_school=np.zeros(n, np.int64),
        hbo_study=np.zeros(n, np.int64),
        hbo_form=np.zeros(n, np.int64),
        hbo_end=np.zeros(n, np.int64),
        hbo_outcome=np.zeros(n, np.int64),
        hbo_switch=np.zeros(n, np.int64),
    )
    everyone = np.arange(n)
    _enrol(world, c, 0, everyone, programme, institution, leerweg, start)
    c.vooropleiding[:, 0] = category
    return c


def _leerweg(rng: np.random.Generator, cohort: int, level: Ints, adult: Bools) -> Ints:
    n = len(level)
    share = np.where(adult, rates.BBL_ADULT, rates.BBL_BY_LEVEL[level - 1]) * rates.bbl_factor(cohort)
    leerweg = np.where(rng.random(n) < share, rates.BBL, rates.BOL)
    u = rng.random(n)
    low = 0.0
    for code, share_of_code in rates.OTHER_LEERWEGEN.items():
        if code == rates.BOL_DT and cohort > 2021:  # bol deeltijd ended on 31 July 2023
            continue
        if code == rates.ODT and cohort < 2020:  # overig onderwijs in deeltijd exists since 2019
            continue
        leerweg = np.where((u >= low) & (u < low + share_of_code), code, leerweg)
        low += share_of_code
    return leerweg


def _enrol(
    world: World, c: Careers, y: int, rows: Ints, programme: Ints, institution: Ints, leerweg: Ints, start: Ints
) -> None:
    """Put a new enrolment on 1 October of year ``y``."""
    c.programme[rows, y] = programme
    c.institution[rows, y] = institution
    c.leerweg[rows, y] = leerweg
    c.start[rows, y] = start
    years = _NOMINAL[world.level[programme] - 1]
    c.planned[rows, y] = days(c.cohort + y + years, 7, 31)


def _come_back(rng: np.random.Generator, world: World, c: Careers, y: int, rows: Ints, years_in: Ints) -> None:
    """Enrol again whoever returns this year after a time outside mbo."""
    if not len(rows):
        return
    last = (c.programme[rows, :y] >= 0) * np.arange(1, y + 1)
    before = last.max(1) - 1
    old = c.programme[rows, before]
    had = c.vooropleiding[rows, before]
    level = np.clip(world.level[old] + rng.integers(0, 2, len(rows)), 1, 4)
    level = np.where(c.diploma[rows, before] < NEVER, np.minimum(world.level[old] + 1, 4), level)
    programme = world.draw_programme(level, world.sector[old] % 8, rng.random(len(rows)))
    same = world.offers(programme, c.institution[rows, before]) & (rng.random(len(rows)) < 0.6)
    institution = np.where(same, c.institution[rows, before], world.draw_institution(programme, rng.random(len(rows))))
    adult = (day(c.cohort + y, 10, 1) - c.birth[rows]) > 20 * 365
    leerweg = _leerweg(rng, c.cohort + y, level, adult)
    start = day(c.cohort + y, 8, 1) + _spread(rng.random(len(rows)), ((0, 0), (0.6, 10), (1, 60)))
    _enrol(world, c, y, rows, programme, institution, leerweg, start)
    c.vooropleiding[rows, y] = had
    _remember(world, c, y, before, rows)
    years_in[rows] = 0


def _remember(world: World, c: Careers, y: int, before: Ints | int, rows: Ints) -> None:
    """Carry the highest mbo diploma of the time before into a new enrolment of year ``y``."""
    earned = c.diploma[rows, before] < NEVER
    c.earlier_programme[rows, y] = np.where(earned, c.programme[rows, before], c.earlier_programme[rows, before])
    c.earlier_institution[rows, y] = np.where(earned, c.institution[rows, before], c.earlier_institution[rows, before])
    c.earlier_year[rows, y] = np.where(earned, c.cohort + before, c.earlier_year[rows, before])
    level = world.level[c.programme[rows, before]]
    c.vooropleiding[rows, y] = np.where(earned, 10 + level, c.vooropleiding[rows, before])


def _school_year(
    rng: np.random.Generator, world: World, c: Careers, y: int, rows: Ints, years_in: Ints, returning: Ints
) -> None:
    """What the enrolled persons ``rows`` do between 1 October of year ``y`` and the next."""
    n = len(rows)
    year = c.cohort + y
    programme = c.programme[rows, y].astype(np.int64)
    level = world.level[programme]
    leerweg = c.leerweg[rows, y]
    step = np.minimum(years_in[rows], 6) - 1
    p_diploma = rates.DIPLOMA[level - 1, step]
    p_dropout = rates.DROPOUT[level - 1, step]
    one_year = leerweg == rates.EX
    p_diploma = np.where(one_year, 0.72, p_diploma)
    # Who has a diploma already, and entered higher, needs less time.
    quick = (c.vooropleiding[rows, y] >= 11) & (level > 1)
    p_diploma = np.where(quick, np.minimum(p_diploma * 1.35 + 0.10, 0.9), p_diploma)
    p_dropout = np.where(quick, p_dropout * 0.75, p_dropout)
    p_dropout = np.where(one_year | (y == YEARS - 1), 1 - p_diploma, np.minimum(p_dropout, 1 - p_diploma))
    p_switch = rates.SWITCH[level - 1] * np.where(step == 0, 1.0, 0.33) * (1 - one_year)
    u = rng.random(n)
    graduated = u < p_diploma
    dropped = ~graduated & (u < p_diploma + p_dropout)
    switched = ~graduated & ~dropped & (rng.random(n) < p_switch / (1 - p_diploma - p_dropout + 1e-9))
    october = day(year, 10, 1)

    after = _spread(rng.random(n), ((0, 1), (0.09, 90), (0.12, 110), (0.25, 140), (0.36, 243), (0.95, 293), (1, 303)))
    when = october + after
    c.diploma[rows, y] = np.where(graduated, when, NEVER)
    out = october + _spread(rng.random(n), ((0, 3), (0.35, 130), (0.55, 250), (0.551, 303), (1, 303)))
    switch_day = np.where(rng.random(n) < 0.35, october + 122, october + 303)  # 31 January, 31 July (30 in leap years)
    end = np.where(graduated, when, np.where(dropped, out, np.where(switched, switch_day, NEVER)))
    c.end[rows, y] = end
    reason = rng.choice(np.array([1, 2, 3, 4, 5, 6, 7]), n, p=[0.14, 0.10, 0.06, 0.25, 0.19, 0.08, 0.18])
    c.reason[rows, y] = np.where(graduated, 8, np.where(dropped, reason, np.where(switched, 4, 0)))
    if y == YEARS - 1:
        return

    v = rng.random(n)
    up = graduated & (v < rates.UPWARD[level - 1])
    side = graduated & ~up & (v < rates.UPWARD[level - 1] + rates.SIDEWARD[level - 1])
    leaves = dropped | (graduated & ~up & ~side)
    goes_on = ~graduated & ~dropped & ~switched
    _continue(rng, world, c, y, rows[goes_on])
    _move(rng, world, c, y, rows, up, side, switched, end, years_in)
    _leave(rng, world, c, y, rows[leaves], graduated[leaves], level[leaves], leerweg[leaves], returning)


def _continue(rng: np.random.Generator, world: World, c: Careers, y: int, rows: Ints) -> None:
    """The same programme on the next 1 October; a few take it to another institution."""
    for matrix in (
        c.programme,
        c.institution,
        c.leerweg,
        c.start,
        c.planned,
        c.vooropleiding,
        c.earlier_programme,
        c.earlier_institution,
        c.earlier_year,
    ):
        matrix[rows, y + 1] = matrix[rows, y]
    movers = rows[rng.random(len(rows)) < 0.01]
    if not len(movers):
        return
    programme = c.programme[movers, y].astype(np.int64)
    other = world.draw_institution(programme, rng.random(len(movers)))
    real = other != c.institution[movers, y]
    movers, other = movers[real], other[real]
    summer = day(c.cohort + y + 1, 7, 31)
    c.end[movers, y] = summer
    c.reason[movers, y] = 7
    c.institution[movers, y + 1] = other
    c.start[movers, y + 1] = summer + 1 + rng.integers(0, 45, len(movers))
    if c.cohort + y + 1 > 2022:
        c.leerweg[movers, y + 1] = np.where(c.leerweg[movers, y] == rates.BOL_DT, rates.BOL, c.leerweg[movers, y])


def _move(
    rng: np.random.Generator,
    world: World,
    c: Careers,
    y: int,
    rows: Ints,
    up: Bools,
    side: Bools,
    switched: Bools,
    end: Ints,
    years_in: Ints,
) -> None:
    """A new programme on the next 1 October: higher, at the same level, or a switch."""
    chosen = up | side | switched
    movers, ended = rows[chosen], end[chosen]
    if not len(movers):
        return
    n = len(movers)
    old = c.programme[movers, y].astype(np.int64)
    level = world.level[old]
    u = rng.random(n)
    target = level + up[chosen]
    target = np.where(up[chosen] & (level == 2) & (u < 0.3), 4, target)
    target = np.where(switched[chosen] & (u < 0.25) & (level > 2), level - 1, target)
    target = np.where(switched[chosen] & (u > 0.9) & (level < 4), level + 1, target)
    keeps = (rng.random(n) < np.where(switched[chosen], 0.45, 0.88)) & (world.sector[old] < 8)
    other = np.searchsorted(np.cumsum(rates.SECTOR_SHARES), rng.random(n) * 0.999999)
    programme = world.draw_programme(target, np.where(keeps, world.sector[old], other), rng.random(n))
    here = c.institution[movers, y]
    stays = world.offers(programme, here) & (rng.random(n) < np.where(switched[chosen], 0.82, 0.93))
    institution = np.where(stays, here, world.draw_institution(programme, rng.random(n)))
    adult = (day(c.cohort + y, 10, 1) - c.birth[movers]) > 23 * 365
    fresh = _leerweg(rng, c.cohort + y + 1, target, adult)
    leerweg = np.where(rng.random(n) < 0.8, c.leerweg[movers, y], fresh)
    leerweg = np.where((leerweg == rates.BOL_DT) & (c.cohort + y + 1 > 2022), rates.BOL, leerweg)
    summer = day(c.cohort + y + 1, 8, 1)
    soon = (ended < day(c.cohort + y + 1, 3, 1)) & (rng.random(n) < 0.6)
    start = np.where(soon, ended + 1, summer + _spread(rng.random(n), ((0, 0), (0.7, 6), (1, 50))))
    start = np.maximum(start, ended + 1)
    _enrol(world, c, y + 1, movers, programme, institution, leerweg, start)
    _remember(world, c, y + 1, y, movers)
    years_in[movers] = 0


def _leave(
    rng: np.random.Generator,
    world: World,
    c: Careers,
    y: int,
    rows: Ints,
    graduated: Bools,
    level: Ints,
    leerweg: Ints,
    returning: Ints,
) -> None:
    """Out of mbo: into hbo, out for good, or back after some years."""
    n = len(rows)
    if not n:
        return
    u = rng.random(n)
    direct = rates.HBO_DIRECT[np.where(leerweg == rates.BOL, 0, 1)]
    wait = np.where(u < direct, 1, np.where(u < direct + rates.HBO_LATER[0], 2, 3))
    hbo = graduated & (level == 4) & (u < direct + sum(rates.HBO_LATER))
    c.hbo_start[rows] = np.where(hbo, c.cohort + y + wait, 0)
    c.hbo_school[rows] = np.searchsorted(world.hbo_draw, rng.random(n) * 0.999999)
    c.hbo_study[rows] = world.sector[c.programme[rows, y]] * 40 + rng.integers(0, 40, n)
    c.hbo_form[rows] = np.searchsorted((0.86, 0.95), rng.random(n))
    ended = np.full(n, 8)
    outcome = np.zeros(n, np.int64)
    open_ = np.ones(n, bool)
    for study_year in range(1, 7):
        p_out = rates.HBO_DROPOUT[min(study_year, 3) - 1]
        p_diploma = rates.HBO_DIPLOMA[study_year - 1]
        v = rng.random(n)
        ended = np.where(open_ & (v < p_out + p_diploma), study_year, ended)
        outcome = np.where(open_ & (v < p_out), 1, np.where(open_ & (v < p_out + p_diploma), 2, outcome))
        open_ &= v >= p_out + p_diploma
    c.hbo_end[rows] = ended
    c.hbo_outcome[rows] = outcome
    c.hbo_switch[rows] = np.where(rng.random(n) < rates.HBO_SWITCH, rng.integers(2, 4, n), 9)
    back = ~hbo & (rng.random(n) < np.where(graduated, rates.COMEBACK[1], rates.COMEBACK[0]))
    gap = 2 + np.searchsorted((0.6, 0.85), rng.random(n))
    year = y + gap
    returning[rows] = np.where(back & (year < YEARS), year, -1)


def _seconds(rng: np.random.Generator, world: World, c: Careers) -> None:
    """Second enrolments on a 1 October. The main one is of the highest level, then the lowest crebo (Inspectie)."""
    person, year = np.nonzero((c.programme >= 0) & (rng.random(c.programme.shape) < rates.SECONDARY))
    main = c.programme[person, year].astype(np.int64)
    n = len(main)
    level = np.maximum(world.level[main] - (rng.random(n) < 0.45), np.minimum(world.level[main], 2))
    programme = world.draw_programme(level, world.sector[main] % 8, rng.random(n))
    here = c.institution[person, year].astype(np.int64)
    stays = world.offers(programme, here) & (rng.random(n) < 0.95)
    institution = np.where(stays, here, world.draw_institution(programme, rng.random(n)))
    lower = world.level[programme] < world.level[main]
    lower |= (world.level[programme] == world.level[main]) & (world.crebo[programme] > world.crebo[main])
    keep = lower & (stays | (rng.random(n) < 0.3))
    person, year, programme, institution = person[keep], year[keep], programme[keep], institution[keep]
    c.second_programme[person, year] = programme
    c.second_institution[person, year] = institution
    earned = (c.diploma[person, year] < NEVER) & (rng.random(len(person)) < 0.2)
    earned &= programme != world.sibling[main[keep]]
    c.second_diploma[person, year] = np.where(earned, c.diploma[person, year], NEVER)


def _visits(rng: np.random.Generator, world: World, c: Careers) -> None:
    """Turn some persons into visitors: enrolled between two 1 Octobers only."""
    n = len(c)
    visitor = np.flatnonzero(rng.random(n) < rates.VISITORS)
    c.visit_programme[visitor] = c.programme[visitor, 0]
    c.visit_institution[visitor] = c.institution[visitor, 0]
    start = day(c.cohort, 10, 1) + rng.integers(15, 190, len(visitor))
    c.visit_start[visitor] = start
    c.visit_end[visitor] = np.minimum(start + rng.integers(20, 150, len(visitor)), day(c.cohort + 1, 7, 31))
    c.programme[visitor] = -1
    c.start[visitor] = NEVER
    c.end[visitor] = NEVER
    c.diploma[visitor] = NEVER
    c.second_programme[visitor] = -1
    c.hbo_start[visitor] = 0
