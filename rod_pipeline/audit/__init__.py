"""Answering an auditor (besluit 55352791, voorschrift 3i): the dossier, and what proves each control.

Belongs here: the account that the ledger gives (``account``, ``holdings``), its tables (``deliveries``, ``leaving``,
``oversight``, in the form of ``tables``), the controls and their proof (``controls``), the dossier (``dossier``,
``cover``), the extract of the ledger (``extract``) and the check by somebody else (``controleer``). Does not belong
here: the evidence of one erasure (``retention.evidence``), which a dossier encloses as it is.
"""
