"""Incidents and changed circumstances: kept on record, told in time, in letters that a person sends.

Belongs here: the clocks (``clocks``), recording (``keeping``), the Dutch letters (``letters``) and their words
(``words``). Does not belong here: the events and their rules (``ledger.oversight``), letters about the quality of data
(``quality.notifying``).

Besluit 55352791, voorschriften 3e and 3h; AVG art. 33 and 34; EDPB guidelines 9/2022 on the notification of breaches.
"""
