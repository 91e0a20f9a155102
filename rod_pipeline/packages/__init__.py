"""Packages: what goes to one institution or one sector chamber, encrypted to its own key.

Belongs here: which rows and columns an institution gets of its own students, its pseudonyms, the comparison with what
was published, the report, the encrypted file, and the hand-over in the ledger. Does not belong here: what is published
(``rod_pipeline.publishing``), asking a recipient to erase (``rod_pipeline.retention``).

Besluit 55352791, voorschrift 3b: pseudonymised data of students of one institution may be made known to that
institution, enriched with aggregates that are no personal data. A package is made in memory: what rests, rests
encrypted to its recipient. DESIGN 14.13 has the rulings.
"""
