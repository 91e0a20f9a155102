"""The code location of a soak: the real one, but the two sensors that a soak is about look twice a minute.

Belongs here: what a soak can't wait for. Does not belong here: anything else; it is loaded as
``rod_pipeline.definitions`` is. The other sensors are off at first: their runs, some each minute, would be most of what
a soak of small deliveries does, and it has no evidence store for the notary.
"""

import dagster as dg

from rod_pipeline.definitions import defs
from rod_pipeline.orchestration.retiring import due_purges
from rod_pipeline.orchestration.sensors import announced_deliveries

__all__ = ["defs"]

due_purges._min_interval = 30
for sensor in defs.sensors or ():
    if isinstance(sensor, dg.SensorDefinition) and sensor.name not in {announced_deliveries.name, due_purges.name}:
        sensor._default_status = dg.DefaultSensorStatus.STOPPED
