"""How the domain runs in Dagster: resources, the job per delivery, sensors, translation of failures.

Belongs here: everything about Dagster that is not an asset. Does not belong here: assets (top-level ``assets``),
business logic (the rest of ``rod_pipeline``).
"""
