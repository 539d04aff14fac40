"""Publishes to the fleet which units this node receives and serves. No ownership depends on it."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from importlib.metadata import version

from controller.cluster.answer import within
from controller.cluster.cluster_connection import CLUSTER_ERRORS, Cluster, explain
from controller.cluster.node_view import NodeView, ServedView
from controller.fleet.node import Node

_LOGGER = logging.getLogger(__name__)

_TIMES = 4  # in one TTL
_ANSWER_SECONDS = 2.0


class Announcing:
    """Puts the view of a node into the cluster while `run` runs."""

    def __init__(self, node: Node, cluster: Cluster) -> None:
        self._node = node
        self._cluster = cluster
        self._since = datetime.now(UTC)
        self._twin: str | None = None

    async def run(self) -> None:
        """Announce the node until cancelled; then take it back."""
        try:
            while True:
                try:
                    view = self._view().model_dump_json().encode()
                    await within(_ANSWER_SECONDS, self._cluster.nodes.put(self._node.name, view))
                except CLUSTER_ERRORS as error:
                    _LOGGER.debug("the node was not announced: %s", explain(error))
                await asyncio.sleep(self._cluster.ttl_seconds / _TIMES)
                self._look_for_twin()
        finally:
            try:
                await within(_ANSWER_SECONDS, self._cluster.nodes.delete(self._node.name))
            except CLUSTER_ERRORS as error:
                _LOGGER.debug("the node was not taken back: %s", explain(error))

    def _look_for_twin(self) -> None:
        view = self._node.nodes.views.get(self._node.name)
        if view is None or view.instance == self._node.instance:
            self._twin = None
        elif view.instance != self._twin:
            self._twin = view.instance
            words = "another node is called %s, too, or was until a moment ago: give each its own name in mqtt.node"
            _LOGGER.warning(words, self._node.name)

    def _view(self) -> NodeView:
        node = self._node
        return NodeView(
            node=node.name,
            instance=node.instance,
            version=version("letdown"),
            since=self._since,
            draining=node.shared.draining,
            config_revision=node.shared.revision,
            in_range=node.reach(),
            serves={
                name: ServedView(epoch=each.lease.epoch, session_id=each.session_id, in_contact=each.in_contact)
                for name, each in node.served.items()
            },
            problem=node.shared.problem,
        )
