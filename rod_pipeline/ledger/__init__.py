"""The append-only log of everything that legally happened, and what it adds up to.

Belongs here: the vocabulary of events (``events``), the log itself (``log``), the state by replay (``state``) and the
rules on what may follow what (``rules``). Does not belong here: the data, its keys, and who a person is.
"""
