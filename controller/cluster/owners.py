"""Who owns each unit, as the cluster tells it; only a hint: that a key can be created, decides."""

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
        self._ask_again_at: dict[str, float] = {}  # where somebody had it unseen

    async def told(self) -> None:
        """Return when all owners were told."""
        await self._followed.told()

    def is_free(self, name: str) -> bool:
        """Return whether it is worth to ask for a unit: nobody has renewed its lease for all of its time."""
        return self._followed.known and self.owner(name) is None and now() >= self._ask_again_at.get(name, 0.0)

    def owner(self, name: str) -> str | None:
        """Return the node that owns a unit, as far as it is known; `None`: nobody."""
        entry = self._followed.entries.get(name)
        if entry is None or now() - entry.seen_at > self._ttl_seconds:
            return None
        try:
            return str(json.loads(entry.value)["node"])
        except (ValueError, TypeError, KeyError):
            return ""  # somebody whom this version does not know

    def is_taken(self, name: str) -> None:
        """Note that somebody has a unit though no renewal was seen: ask again soon."""
        self._ask_again_at[name] = now() + _LOOK_AGAIN_SECONDS

    def is_released(self, name: str) -> None:
        """Note that this node has let a unit go."""
        self._followed.forget(name)

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._followed.run()
