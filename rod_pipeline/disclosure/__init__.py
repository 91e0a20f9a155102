"""Disclosure control: which counts may leave the house.

Belongs here: the cell list of a delivery (``cells``), which of its counts may not be told (``primary``), which others
have to go with them (``protect``), the register of what was told before (``published``), and rounding for cubes with
free filters (``rounding``). Does not belong here: the marts (``marts``) and the packages that leave.

The concepts are those of the Handbook on Statistical Disclosure Control (2nd edition): primary and secondary
suppression, linked and hierarchical tables, feasibility intervals, small count rounding. Why this method: ADR 28; what
it promises and what it doesn't: ``docs/explanation/disclosure.md``.
"""
