"""The evidence of a purge: what the minister is given, and can check without trusting us.

Belongs here: the record, drawing it up, the certificate, the bundle and its verifier. Does not belong here: erasing and
looking again (``engine``), the log, its signatures and timestamps (``ledger``).
"""

from rod_pipeline.retention.evidence.attesting import Evidence, LedgerTooBusy, NotAttested, RecordDiffers, attest, find
from rod_pipeline.retention.evidence.record import Record, schema

__all__ = ["Evidence", "LedgerTooBusy", "NotAttested", "Record", "RecordDiffers", "attest", "find", "schema"]
