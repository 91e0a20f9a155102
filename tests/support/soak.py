"""What is tried in every run of the tests, and what in a soak alone (``make soak``).

``examples`` says how many examples Hypothesis tries where the profile's usual number is too many for every run.
``in_soak`` marks cases of a parametrized test that every run can do without, because another case of the same kind is
in every run: of each kind of instant, place or fault one stays.
"""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings


def examples(usual: int, *, soak: int) -> settings:
    """A decorator: ``usual`` examples, or ``soak`` under the profile of that name."""
    soaking = settings.get_current_profile_name() == "soak"
    return settings(max_examples=soak if soaking else usual)


def in_soak(cases: Iterable[Any]) -> list[Any]:
    """These cases in a soak alone. A tuple is the values of the test's parameters, as pytest has it."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.soak) for case in cases]
