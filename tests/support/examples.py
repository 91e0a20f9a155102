"""How many examples Hypothesis tries: few in every run of the tests, many in a soak (``make soak``).

A number stands here only where the usual hundred is too many for every run; the others have the profile's.
"""

from hypothesis import settings


def examples(usual: int, soak: int) -> settings:
    """A decorator: ``usual`` examples, or ``soak`` under the profile of that name."""
    soaking = settings.get_current_profile_name() == "soak"
    return settings(max_examples=soak if soaking else usual)
