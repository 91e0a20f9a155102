"""Fixtures for all kinds of tests. What they are made of lies in ``tests/support``."""

from pathlib import Path

from hypothesis import HealthCheck, settings

# Each part brings its own fixtures: fixtures_<part>.py.
pytest_plugins = [
    f"tests.support.{file.stem}" for file in sorted((Path(__file__).parent / "support").glob("fixtures_*.py"))
]

# No deadlines: a slow machine is no failure.
settings.register_profile("rod", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rod")
