"""Marts: what the deliveries are used for.

Belongs here: pure transformations from validated tables to marts, each with its formula and source in its docstring,
and the building of the mart database. Does not belong here: protection of what is published (``disclosure``), Dagster.
Definitions come from the decree's annex and the informatie-encyclopedie of the MBO Raad.
"""
