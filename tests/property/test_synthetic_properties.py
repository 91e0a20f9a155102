"""What holds for every seed, key and value of the generator."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.identifiers import passes_eleven_test
from rod_pipeline.synthetic.breaking import bsns
from rod_pipeline.synthetic.careers import NEVER
from rod_pipeline.synthetic.columns import pseudonyms
from rod_pipeline.synthetic.moments import moment_of
from rod_pipeline.synthetic.simulation import simulate
from rod_pipeline.synthetic.world import make_world
from tests.support.soak import examples

SEEDS = st.integers(0, 2**32)


@given(SEEDS, st.lists(st.integers(0, 76_000_000), unique=True, min_size=2, max_size=500))
def test_no_two_persons_share_a_pseudonym(seed: int, numbers: list[int]) -> None:
    made = pseudonyms(seed, np.array(numbers, np.int64))
    assert made.n_unique() == len(numbers)
    assert made.str.contains("^[0-9]{12}$").all()


@given(st.integers(2025, 2040), st.integers(1, 12), st.integers(1, 9))
def test_a_delivery_carries_the_past_alone(year: int, month: int, revision: int) -> None:
    moment = moment_of(DeliveryKey(f"{year:04d}-{month:02d}", revision))
    assert moment.peildatum <= moment.prikdatum
    assert 0 <= (moment.prikdatum - moment.peildatum).days < 480
    for file in ("inschrijvingen", "diplomas", "doorstroom", "mbo_hbo"):
        years = moment.school_years(file)
        assert list(years) == list(range(years[0], years[-1] + 1))
        assert years[-1] <= moment.current
        assert file == "doorstroom" or years[0] >= 2022


@examples(20, soak=1000)
@given(SEEDS.map(lambda seed: seed % 1000), st.integers(2012, 2028), st.integers(0, 3))
def test_careers_are_in_order(seed: int, cohort: int, block: int) -> None:
    careers = simulate(make_world(seed), seed, cohort, block, 300)
    world = make_world(seed)
    enrolled = careers.programme >= 0
    start, end, diploma = careers.start, careers.end, careers.diploma
    assert (start[enrolled] <= end[enrolled]).all()
    graduated = diploma < NEVER
    assert (graduated <= enrolled).all()
    assert (diploma[graduated] == end[graduated]).all()
    # A programme is followed where it is offered, and the next enrolment begins after the one before has ended.
    assert world.offers(careers.programme[enrolled], careers.institution[enrolled]).all()
    follows = enrolled[:, 1:] & enrolled[:, :-1] & (end[:, :-1] < NEVER)
    assert (start[:, 1:][follows] > end[:, :-1][follows]).all()
    # Who goes on without an end keeps the programme.
    keeps = enrolled[:, :-1] & (end[:, :-1] == NEVER)
    assert (careers.programme[:, 1:][keeps] == careers.programme[:, :-1][keeps]).all()
    second = careers.second_programme >= 0
    assert (world.level[careers.second_programme[second]] <= world.level[careers.programme[second]]).all()
    # Whoever went to hbo does not come back, and hbo comes after mbo.
    last = np.where(enrolled.any(1), cohort + enrolled.shape[1] - 1 - enrolled[:, ::-1].argmax(1), 0)
    in_hbo = careers.hbo_start > 0
    assert (careers.hbo_start[in_hbo] > last[in_hbo]).all()


@given(st.integers(1, 2000))
def test_made_up_bsns_pass_the_test_and_are_not_in_use(count: int) -> None:
    made = bsns(count)
    assert len(set(made)) == count
    assert all(passes_eleven_test(number) and number.startswith("9") for number in made)


@given(SEEDS.map(lambda seed: seed % 50))
def test_the_country_has_codes_of_the_right_shape(seed: int) -> None:
    world = make_world(seed)
    shapes = {
        "^[0-9]{2}[A-Z]{2}$": [*world.brin, *world.school_brin, *world.hbo_brin],
        "^2[35][0-9]{3}$": world.crebo,
        "^[0-9]{3}A[0-9]{3}$": world.providers,
        "^[0-9]{3}X[0-9]{3}$": world.locations,
        "^[0-9]{4}O[0-9]{4}$": world.unit,
        "^[0-9]{4}$": [*world.gemeente, *world.pc4],
    }
    for shape, codes in shapes.items():
        made = pl.Series(list(codes))
        assert made.str.contains(shape).all(), shape
    for codes in (world.brin, world.crebo, world.gemeente, world.unit):
        assert len(set(codes)) == len(codes)
    assert world.institutions == 60
    assert world.programmes == 500
    assert ((world.joint > 0).sum(1) >= 1).all()
