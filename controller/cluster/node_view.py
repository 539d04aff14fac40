"""What each node of a fleet publishes about itself, for administrators and for the other nodes."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, ValidationError

from controller.cluster.cluster_connection import Cluster
from controller.cluster.followed import Followed
from controller.cluster.lease import now
from devices.roles import Frozen


class ServedView(Frozen):
    """A unit that a node serves."""

    epoch: int = Field(description="Of its lease; higher than that of each earlier owner.")
    session_id: str | None = Field(None, description="The session that runs there; `null`: none.")
    in_contact: bool = Field(False, description="Whether one of its devices is connected or received.")


class NodeView(Frozen):
    """A node, as it was published last."""

    node: str = Field(description="Its name.")
    instance: str = Field(description="Random, and new with each start.")
    version: str = Field(description="Of Letdown.")
    since: datetime = Field(description="When it was started, by its own clock.")
    draining: bool = Field(False, description="It takes no more stations, and releases each when its session ends.")
    config_revision: int | None = Field(None, description="Of the shared document that it uses; `null`: its own file.")
    in_range: tuple[str, ...] = Field((), description="The units of which it receives a device.")
    serves: dict[str, ServedView] = Field(default_factory=dict, description="The units that it owns, by name.")
    problem: str | None = Field(None, description="What needs attention, such as a document that is not valid.")


class Nodes:
    """Follows all nodes while `run` runs."""

    def __init__(self, cluster: Cluster) -> None:
        self._ttl_seconds = cluster.ttl_seconds
        self._followed = Followed(cluster.nodes, "the nodes of the fleet", cluster.ttl_seconds)

    async def synced(self) -> None:
        """Wait until all nodes were received."""
        await self._followed.synced()

    @property
    def views(self) -> dict[str, NodeView]:
        """The nodes that have published themselves within the TTL, by name."""
        found = {}
        for name, entry in self._followed.entries.items():
            if now() - entry.seen_at <= self._ttl_seconds and (view := _view(entry.value)) is not None:
                found[name] = view
        return found

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._followed.run()


def _view(content: bytes) -> NodeView | None:
    try:
        return NodeView.model_validate_json(content)
    except ValidationError:
        return None  # of another version
