"""A controller's presence on the broker: it announces itself, answers when asked, and notices another of its stations.

An announcement is retained, so it may be that of a controller that crashed: only one that answers counts.
"""

from __future__ import annotations

import asyncio
import logging

from controller.mqtt.discovery import Listener
from controller.mqtt.instance import Instance, gives_way, read_instance, shared
from controller.mqtt.outbox import Outbox
from controller.mqtt.topics import Topics

_LOGGER = logging.getLogger(__name__)

_EVERY_SECONDS = 4.0  # between two questions to a controller that is known
_MOST_UNANSWERED = 3  # questions, after which it is gone
_MOST_RIVALS = 100  # anyone may write to the broker


class Presence:
    """The presence of one controller, `me`, for as long as its process lives. What it sends goes through the outbox.

    `listeners`: what to do with a message, given its payload and whether it was retained, by the topic to subscribe to.
    """

    def __init__(self, me: Instance, topics: Topics, outbox: Outbox) -> None:
        self.me = me
        self._topics = topics
        self._outbox = outbox
        self._rivals: dict[str, Instance] = {}
        self._unanswered: dict[str, int] = {}  # by the rival's instance
        self.listeners: dict[str, Listener] = {
            topics.instance(): self._on_own_topic,
            topics.instances(): self._on_announcement,
            topics.ping(): self._on_ping,
            topics.pongs(): self._on_pong,
        }
        outbox.retain(topics.instance(), me.model_dump_json())

    @property
    def client_id(self) -> str:
        """The MQTT client id: always the same, so that a broker ends a dead connection of ours when we return.

        Beside a live controller of the same node it is another one, so that both stay connected and hear a stop.
        """
        own = f"letdown-{self.me.node}"
        twin = any(other.node == self.me.node for other in self._rivals.values())
        return f"{own}-{self.me.instance[:8]}" if twin else own

    def refusal(self, station: str) -> str | None:
        """Return why no session may start at a station: another controller serves it, and was there first."""
        for other in self._rivals.values():
            if station in other.stations and gives_way(self.me, other):
                return f"another controller serves the station {station}: {other}. End one of the two"
        return None

    def found(self, other: Instance) -> None:
        """Take note of a live controller."""
        claim = shared(self.me, other)
        if claim is None or (other.instance not in self._rivals and len(self._rivals) >= _MOST_RIVALS):
            return
        self._unanswered[other.instance] = 0
        if other.instance in self._rivals:
            return
        self._rivals[other.instance] = other
        if gives_way(self.me, other):
            words = "another controller serves %s, too: %s. Until it has ended, this one starts no session there"
        else:
            words = "another controller serves %s, too: %s. End it, or give it another mqtt.node or other station names"
        _LOGGER.error(words, claim, other)
        if other.node == self.me.node and not gives_way(self.me, other):
            self._announce()  # it has written its own over ours

    async def run(self) -> None:
        """Ask known controllers again and again whether they are still there, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            for other in tuple(self._rivals.values()):
                self._unanswered[other.instance] += 1
                if self._unanswered[other.instance] > _MOST_UNANSWERED:
                    self._forget(other)
                else:
                    self._ask(other)

    def _forget(self, other: Instance) -> None:
        del self._rivals[other.instance], self._unanswered[other.instance]
        _LOGGER.warning("the other controller is gone: %s", other)
        if other.node == self.me.node:
            self._announce()

    @property
    def _gives_node_away(self) -> bool:
        return any(other.node == self.me.node and gives_way(self.me, other) for other in self._rivals.values())

    def _announce(self) -> None:
        self._outbox.retain(self._topics.instance(), self.me.model_dump_json(), again=True)

    def _ask(self, other: Instance) -> None:
        self._outbox.say(self._topics.ping(other.node), self.me.instance)

    def _on_own_topic(self, payload: bytes, retained: bool) -> None:
        other = read_instance(payload)
        if other is not None:
            self._on_announcement(payload, retained)
        elif not payload and not self._gives_node_away:
            self._announce()  # another controller of this node has ended, and taken the announcement with it

    def _on_announcement(self, payload: bytes, _retained: bool) -> None:
        other = read_instance(payload)
        if other is None or shared(self.me, other) is None:
            return
        if other.instance not in self._rivals:
            self._ask(other)  # whether it is there at all
        elif other.node == self.me.node and not self._gives_node_away:
            self._announce()

    def _on_ping(self, payload: bytes, retained: bool) -> None:
        if not retained and payload != self.me.instance.encode():
            self._outbox.say(self._topics.pong(), self.me.model_dump_json())

    def _on_pong(self, payload: bytes, retained: bool) -> None:
        other = read_instance(payload)
        if other is not None and not retained:
            self.found(other)
