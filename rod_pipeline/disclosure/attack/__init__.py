"""The attacker: what readers can work out of a publication, and the audit without which none leaves.

Belongs here: everything that looks at a publication with the eyes of a reader. Does not belong here: protecting.
Nothing here is imported from the part that protects or the other way round, so that an error in one is no error in
the other. In plain words: ``docs/explanation/attacker.md``.
"""

from rod_pipeline.disclosure.attack.attacking import attack
from rod_pipeline.disclosure.attack.audit import (
    MODEL,
    Audit,
    ReaderAudit,
    Rules,
    audit,
    digest,
)
from rod_pipeline.disclosure.attack.percentages import counts_behind, telling
from rod_pipeline.disclosure.attack.system import DRIFT, DoesNotAddUp

__all__ = [
    "DRIFT",
    "MODEL",
    "Audit",
    "DoesNotAddUp",
    "ReaderAudit",
    "Rules",
    "attack",
    "audit",
    "counts_behind",
    "digest",
    "telling",
]
