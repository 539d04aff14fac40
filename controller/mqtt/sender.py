"""Publishes what the outbox hands out over one connection, several messages at a time, in order."""

from __future__ import annotations

import asyncio

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pydantic import BaseModel

from controller.mqtt.connection import WINDOW
from controller.mqtt.outbox import Message, Outbox


class Sender:
    """Serves one connection. Publications start in the order of the outbox; MQTT keeps that order per topic."""

    def __init__(self, client: aiomqtt.Client, outbox: Outbox, *, mqtt_5: bool = False) -> None:
        self._client = client
        self._outbox = outbox
        self._mqtt_5 = mqtt_5
        self._window = asyncio.Semaphore(WINDOW)
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: Exception | None = None

    async def run(self) -> None:
        """Publish until cancelled. Raise what made a publication fail; the connection is then of no more use."""
        while True:
            if not await self._send_next(hurry=False):
                await self._outbox.ready()

    async def drain(self) -> None:
        """Publish all that waits, whatever its pace, and return when the broker has it."""
        while await self._send_next(hurry=True):
            pass
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._check()

    async def close(self) -> None:
        """Give up what is under way; the outbox still has it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send_next(self, *, hurry: bool) -> bool:
        await self._window.acquire()  # before the choice, so that a reply that comes meanwhile is chosen
        message = None
        try:
            self._check()
            message = self._outbox.take(hurry=hurry)
        finally:
            if message is None:
                self._window.release()
        if message is None:
            return False
        task = asyncio.create_task(self._publish(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    async def _publish(self, message: Message) -> None:
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


def _properties(message: Message) -> Properties:
    """Return what MQTT 5 says beside a message: that it is text, of which kind, and which command it answers."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    is_json = isinstance(message.content, BaseModel) or message.payload.startswith("{")
    properties.PayloadFormatIndicator = 1
    properties.ContentType = "application/json" if is_json else "text/plain"
    if message.correlation is not None:
        properties.CorrelationData = message.correlation
    return properties
