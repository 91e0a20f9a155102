"""Retention: until when a delivery may be kept.

Belongs here: deadlines. Does not belong here: places (``store``), evidence of what happened (``ledger``).
"""
