"""The ROD pipeline: the domain of the MBO Raad's deliveries from the register onderwijsdeelnemers.

Belongs here: everything that the decree (OCW 17-11-2025, nr. 55352791) asks of the data, as plain Python.
Does not belong here: Dagster assets (top-level ``assets``) and reviewed expectations (top-level ``expectations``).
Only ``definitions`` and ``orchestration`` import Dagster.
"""
