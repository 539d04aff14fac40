"""Announces everything to Home Assistant, again when it comes back, and takes back what is no more."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from controller.features.feature import StationFeatures
from controller.mqtt.home_assistant import Payload, by_component, is_ours, payloads
from controller.mqtt.outbox import Outbox
from controller.mqtt.settings import MqttSettings
from controller.mqtt.topics import Topics

_LOGGER = logging.getLogger(__name__)

_BIRTH_SECONDS = 3.0  # Home Assistant says that it is there a moment before it takes everything in

Listener = Callable[[bytes, bool], None]


class Discovery:
    """Puts the announcements of one controller into the outbox.

    `listeners`: what to do with a message, given its payload and whether it was retained, by the topic to subscribe to.
    What was announced is itself kept at the broker, so that after a change of the settings, nothing is left there that
    nobody answers for any more.
    """

    def __init__(
        self, settings: MqttSettings, topics: Topics, stations: Iterable[StationFeatures], outbox: Outbox
    ) -> None:
        self._topics = topics
        self._outbox = outbox
        self._prefix = settings.discovery_prefix
        self._again: asyncio.TimerHandle | None = None
        self._payloads: dict[str, Payload] = {}
        if settings.discovery != "off":
            found = payloads(topics, stations, version("letdown"), settings.discovery_prefix)
            self._payloads = by_component(found) if settings.discovery == "components" else found
        self.listeners: dict[str, Listener] = {topics.announced(): self._on_announced}
        if self._payloads:
            self.listeners[f"{settings.discovery_prefix}/status"] = self._on_birth
        for topic, payload in self._payloads.items():
            outbox.retain(topic, json.dumps(payload, ensure_ascii=False))
        outbox.retain(topics.announced(), json.dumps(self._kept()))

    def _kept(self) -> dict[str, dict[str, str]]:
        """Return what is announced: by topic, the platform of each component."""
        return {
            topic: {key: component["platform"] for key, component in payload.get("components", {}).items()}
            for topic, payload in self._payloads.items()
        }

    def _on_announced(self, payload: bytes, retained: bool) -> None:
        """Take back what an earlier run announced and this one does not."""
        if not retained:
            return  # our own words, coming back
        # Not written by us, then; there is nothing to learn from it.
        with contextlib.suppress(ValueError, AttributeError, RecursionError):
            before: dict[str, Any] = json.loads(payload)
            for topic, components in before.items():
                if not is_ours(topic, self._topics, self._prefix):  # anyone may write to the broker
                    continue
                if topic not in self._payloads:
                    _LOGGER.info("%s is announced no more", topic)
                    self._outbox.retain(topic, "")
                else:
                    self._drop(topic, components)

    def _drop(self, topic: str, components: dict[str, str]) -> None:
        """Take back single entities: they are named once more by their platform alone, and then no more."""
        payload = self._payloads[topic]
        gone = {key: {"platform": platform} for key, platform in components.items()}
        for key in payload.get("components", {}):
            gone.pop(key, None)
        if gone:
            both = {**payload, "components": {**payload["components"], **gone}}
            self._outbox.retain(topic, json.dumps(both, ensure_ascii=False), every=True)
            self._outbox.retain(topic, json.dumps(payload, ensure_ascii=False), every=True)

    def _on_birth(self, payload: bytes, retained: bool) -> None:
        """Say everything again, a moment after Home Assistant has come back."""
        if retained or payload != b"online":
            return
        if self._again is not None:
            self._again.cancel()
        self._again = asyncio.get_running_loop().call_later(_BIRTH_SECONDS, self._outbox.again)
