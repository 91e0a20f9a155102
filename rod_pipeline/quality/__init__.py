"""Judging what came: the declared rules at speed, in counts, and what to say about them.

Belongs here: running suites over the lossless tables of a delivery, the rules that span files, reports, pages and
notices. Does not belong here: the suites themselves (``expectations``), deciding what happens to a delivery
(``assets``, ``orchestration``). Concept: Great Expectations 1.x suites and results; besluit 55352791, voorschrift 3e.
"""

from rod_pipeline.quality.delivery import validate_delivery
from rod_pipeline.quality.docs import render_docs
from rod_pipeline.quality.report import CheckReport, RuleResult
from rod_pipeline.quality.suite import Expectation, Rule, Suite
from rod_pipeline.quality.validate import validate_file

__all__ = [
    "CheckReport",
    "Expectation",
    "Rule",
    "RuleResult",
    "Suite",
    "render_docs",
    "validate_delivery",
    "validate_file",
]
