"""The code location of a soak: the real one, but sensors look twice a minute instead of each hour.

Belongs here: what a soak can't wait for. Does not belong here: anything else; it is loaded as
``rod_pipeline.definitions`` is. The notary's sensor is off: the soak has no evidence store.
"""

import dagster as dg

from rod_pipeline.definitions import defs
from rod_pipeline.orchestration.publishing import unpublished_entries
from rod_pipeline.orchestration.retiring import due_purges

due_purges._min_interval = 30
unpublished_entries._default_status = dg.DefaultSensorStatus.STOPPED

__all__ = ["defs"]
