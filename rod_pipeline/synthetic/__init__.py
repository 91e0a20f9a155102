"""Synthetic deliveries: the one generator for the demo, the tests and the benchmarks.

Belongs here: simulated careers, calibrated to published figures, and deliveries made of them, whole or broken by name;
beside it the stand-in for PLEIO. Does not belong here: anything that the pipeline needs for a real delivery. No figure
comes from a real person: institutions, codes and persons are made up, shapes and totals are public.
"""
