"""What we expect of DUO's files, as reviewed data.

Belongs here: for each kind of file the rules of judgement (``suites/<file>.json``, in the form of a Great Expectations
suite), those that follow from its contract (``derived``), and putting the two together. Does not belong here: running
them (``rod_pipeline.quality``, which takes suites as arguments and knows nothing of this package).
"""

from expectations.loader import BadSuite, Lists, suite_for, written_for

__all__ = ["BadSuite", "Lists", "suite_for", "written_for"]
