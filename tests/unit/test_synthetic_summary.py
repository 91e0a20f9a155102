"""The synthetic country is the published one, within tolerance."""

import pytest
from typer.testing import CliRunner

from rod_pipeline.cli.synthetic import app
from rod_pipeline.contracts import ContractBook
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.synthetic import published
from rod_pipeline.synthetic.population import Population
from rod_pipeline.synthetic.summary import Figure, summarise


@pytest.fixture(scope="module")
def figures() -> list[Figure]:
    return summarise(Population(seed=2, scale=0.05), DeliveryKey.parse("2025-12"), ContractBook.load())


def test_every_published_figure_is_met(figures: list[Figure]) -> None:
    held = [figure for figure in figures if figure.agrees is not None]
    assert len(held) > 30
    assert not [(figure.name, figure.published, figure.measured) for figure in held if not figure.agrees]


def test_the_volumes_are_those_of_a_real_delivery(figures: list[Figure]) -> None:
    rows = {figure.name: figure.measured * 20 for figure in figures if figure.name.startswith("rows of")}
    assert 1.0e6 < rows["rows of inschrijvingen"] < 1.5e6
    assert 1.5e5 < rows["rows of diplomas"] < 3.6e5
    assert 3.4e6 < rows["rows of doorstroom"] < 5.0e6
    assert 1.5e5 < rows["rows of mbo_hbo"] < 4.5e5


def test_a_figure_outside_its_tolerance_says_so() -> None:
    assert Figure("x", "share", 0.80, published.JAARRESULTAAT, 0.03).agrees is False
    assert Figure("x", "students", 108, 100, 0.10).agrees is True
    assert Figure("x", "rows", 1).agrees is None


def test_the_table_is_for_people() -> None:
    result = CliRunner().invoke(app, ["summary", "--scale", "0.002"])
    assert result.exit_code == 0
    assert "jaarresultaat" in result.output
    assert "74.0%" in result.output
