"""Who owns each unit, as the bucket shows it: only a hint. Ownership is decided by creating the key."""

from __future__ import annotations

import json

from controller.cluster.cluster_connection import Cluster
from controller.cluster.followed import Followed
from controller.cluster.lease import now

_LOOK_AGAIN_SECONDS = 0.3


class Owners:
    """Follows the owners of all units while `run` runs."""

    def __init__(self, cluster: Cluster) -> None:
        self._ttl_seconds = cluster.ttl_seconds
        self._followed = Followed(cluster.owners, "the owners of stations", cluster.ttl_seconds)
        self._ask_again_at: dict[str, float] = {}  # units that turned out to be owned

    async def synced(self) -> None:
        """Wait until all owners were received."""
        await self._followed.synced()

    def is_free(self, name: str) -> bool:
        """Return whether it is worth asking for a unit: its lease was not renewed for the whole TTL."""
        return self._followed.is_synced and self.owner(name) is None and now() >= self._ask_again_at.get(name, 0.0)

    def owner(self, name: str) -> str | None:
        """Return the node that owns a unit, as far as it is known; `None`: no node does."""
        entry = self._followed.entries.get(name)
        if entry is None or now() - entry.seen_at > self._ttl_seconds:
            return None
        try:
            return str(json.loads(entry.value)["node"])
        except (ValueError, TypeError, KeyError):
            return ""  # written by another version

    def note_owned(self, name: str) -> None:
        """Note that a unit is owned though no renewal was received: ask again soon."""
        self._ask_again_at[name] = now() + _LOOK_AGAIN_SECONDS

    def note_released(self, name: str) -> None:
        """Note that this node has released a unit."""
        self._followed.forget(name)

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._followed.run()
