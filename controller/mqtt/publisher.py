"""Publishes what the outbox hands out over one connection, several messages at a time, in order."""

from __future__ import annotations

import asyncio
from functools import cache

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from controller.mqtt.connection import WINDOW
from controller.mqtt.outbox import Outbox, Publication


class Publisher:
    """Serves one connection. Publications start in the order of the outbox; MQTT keeps that order per topic."""

    def __init__(self, client: aiomqtt.Client, outbox: Outbox, *, mqtt_5: bool = False) -> None:
        self._client = client
        self._outbox = outbox
        self._mqtt_5 = mqtt_5
        self._window = asyncio.Semaphore(WINDOW)
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: Exception | None = None

    async def run(self) -> None:
        """Publish until cancelled. Raise the error of a failed publication; the connection is then unusable."""
        while True:
            if not await self._publish_next():
                await self._outbox.ready()

    async def drain(self) -> None:
        """Publish everything that is queued, without pacing, and return when the broker has it."""
        while await self._publish_next(paced=False) or await self._outbox.saved():
            pass
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._check()

    async def close(self) -> None:
        """Cancel the publications that are under way; the outbox still has them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _publish_next(self, *, paced: bool = True) -> bool:
        """Start the next publication; return whether there was one."""
        await self._window.acquire()  # before the choice, so that a reply that comes meanwhile is chosen
        publication = None
        try:
            self._check()
            publication = self._outbox.take(paced=paced)
        finally:
            if publication is None:
                self._window.release()
        if publication is None:
            return False
        task = asyncio.create_task(self._publish(publication))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    async def _publish(self, message: Publication) -> None:
        try:
            properties = _properties(message) if self._mqtt_5 else None
            await self._client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        except Exception as error:  # noqa: BLE001 - `run` raises it
            self._error = self._error or error
        else:
            self._outbox.acknowledged(message)
        finally:
            self._window.release()
            self._outbox.wake()


def _properties(message: Publication) -> Properties:
    """Return the MQTT 5 properties of a message: its content type, and the command that it replies to."""
    if message.correlation is None:
        return _shared_properties(message.content_type)  # 15 µs a message
    properties = _new_properties(message.content_type)
    properties.CorrelationData = message.correlation
    return properties


def _new_properties(content_type: str) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.PayloadFormatIndicator = 1
    properties.ContentType = content_type
    return properties


_shared_properties = cache(_new_properties)
