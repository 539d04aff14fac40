"""Publishes Home Assistant discovery, again when Home Assistant restarts, and removes obsolete entities."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Any

from controller.contract.events import StartDefaults
from controller.contract.features.feature import StationFeatures
from controller.mqtt.entities import DiscoveryPayload
from controller.mqtt.home_assistant import by_component, is_ours, payloads
from controller.mqtt.mqtt_settings import MqttSettings
from controller.mqtt.outbox import Outbox
from controller.mqtt.topics import Topics

_LOGGER = logging.getLogger(__name__)

_BIRTH_SECONDS = 3.0  # Home Assistant publishes its birth message shortly before it is ready

Listener = Callable[[bytes, bool], None]


class Discovery:
    """Puts the discovery messages of one controller into the outbox.

    `names`: of the controller and its entities, in the owner's language. `at_cap`: returns a station's features for a
    comfort cap in mmHg, which is the most that its numbers accept.
    `listeners`: callbacks for payload and retain flag, by the topic to subscribe to. A list of what was announced is
    retained at the broker, so that after a change of the settings no obsolete entities remain.
    """

    def __init__(
        self,
        settings: MqttSettings,
        topics: Topics,
        stations: Iterable[StationFeatures],
        outbox: Outbox,
        *,
        names: Mapping[str, str] | None = None,
        at_cap: Callable[[StationFeatures, float], StationFeatures] = lambda station, _: station,
    ) -> None:
        self._topics = topics
        self._outbox = outbox
        self._prefix = settings.discovery_prefix
        self._mode = settings.discovery
        self._names = names
        self._at_cap = at_cap
        self._stations = {station.name: station for station in stations}
        self._republishing: asyncio.TimerHandle | None = None
        self._payloads = self._build()
        self.listeners: dict[str, Listener] = {topics.announced(): self._on_announced}
        if self._payloads:
            self.listeners[f"{settings.discovery_prefix}/status"] = self._on_birth
        for topic, payload in self._payloads.items():
            outbox.retain(topic, json.dumps(payload, ensure_ascii=False))
        outbox.retain(topics.announced(), json.dumps(self._platforms()))

    def watch(self, defaults: StartDefaults) -> None:
        """Announce a station anew where its comfort cap has changed: the numbers end there."""
        station = self._stations.get(defaults.station)
        if station is None:
            return
        self._stations[station.name] = self._at_cap(station, defaults.comfort_vacuum_mmhg)
        before, self._payloads = self._payloads, self._build()
        for topic, payload in self._payloads.items():
            if payload != before.get(topic):
                self._outbox.retain(topic, json.dumps(payload, ensure_ascii=False))

    def _build(self) -> dict[str, DiscoveryPayload]:
        if self._mode == "off":
            return {}
        found = payloads(self._topics, self._stations.values(), version("letdown"), self._prefix, self._names)
        return by_component(found) if self._mode == "components" else found

    def _platforms(self) -> dict[str, dict[str, str]]:
        """Return the platform of each announced component, by topic."""
        return {
            topic: {key: component["platform"] for key, component in payload.get("components", {}).items()}
            for topic, payload in self._payloads.items()
        }

    def _on_announced(self, payload: bytes, retained: bool) -> None:
        """Remove what an earlier run announced and this one does not."""
        if not retained:
            return  # our own message
        # On an error, it was not written by us: ignore it.
        with contextlib.suppress(ValueError, AttributeError, RecursionError):
            before: dict[str, Any] = json.loads(payload)
            for topic, components in before.items():
                if not is_ours(topic, self._topics, self._prefix):  # anyone may publish to the broker
                    continue
                if topic not in self._payloads:
                    _LOGGER.info("removing the discovery message %s", topic)
                    self._outbox.retain(topic, "")
                else:
                    self._remove_entities(topic, components)

    def _remove_entities(self, topic: str, components: dict[str, str]) -> None:
        """Remove single entities: publish them once with their platform alone, and then not any more."""
        payload = self._payloads[topic]
        gone = {key: {"platform": platform} for key, platform in components.items()}
        for key in payload.get("components", {}):
            gone.pop(key, None)
        if gone:
            both = {**payload, "components": {**payload["components"], **gone}}
            self._outbox.retain(topic, json.dumps(both, ensure_ascii=False), coalesce=False)
            self._outbox.retain(topic, json.dumps(payload, ensure_ascii=False), coalesce=False)

    def _on_birth(self, payload: bytes, retained: bool) -> None:
        """Republish everything shortly after Home Assistant has started."""
        if retained or payload != b"online":
            return
        if self._republishing is not None:
            self._republishing.cancel()
        self._republishing = asyncio.get_running_loop().call_later(_BIRTH_SECONDS, self._outbox.republish)
