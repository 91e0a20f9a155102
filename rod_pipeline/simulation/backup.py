"""A backup that somebody puts back.

Belongs here: key and objects of a delivery as a backup of the machine holds them, and what putting it back does. Does
not belong here: erasing them again (``retention.restoring``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rod_pipeline.simulation.system import SimulatedSystem


@dataclass(frozen=True)
class Backup:
    """What a backup holds of one delivery, in memory: objects (sealed) by key, files of the keyring by path."""

    scope: str
    objects: dict[str, bytes]
    keys: dict[Path, bytes]

    @classmethod
    def of(cls, system: SimulatedSystem, key: str) -> Self:
        """Back up a delivery."""
        state = system.ledger.state()
        scope = state.deliveries[key].delivery_id
        objects = {}
        for copy in state.live_copies(scope):
            with system.objects.open(copy.object_key) as stream:
                objects[copy.object_key] = stream.read()
        return cls(scope, objects, _keyring_of(system, scope))

    def put_back(self, system: SimulatedSystem) -> None:
        """Let all be as it was: what came since is gone, also the mark that the key was destroyed."""
        for path in _keyring_of(system, self.scope):
            path.unlink()
        for path, content in self.keys.items():
            path.write_bytes(content)
            path.chmod(0o600)
        for name, content in self.objects.items():
            writer = system.objects.create(name)
            writer.write(content)
            writer.complete()


def _keyring_of(system: SimulatedSystem, scope: str) -> dict[Path, bytes]:
    folder = system.settings.home / "keys"
    return {path: path.read_bytes() for path in folder.iterdir() if scope in path.name}
