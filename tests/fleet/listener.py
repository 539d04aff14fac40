"""Those who listen to a fleet without being a part of it: a subscriber of its events, and one of its owners' keys."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import aiomqtt
from nats.errors import Error as NatsError

from tests.fleet.nats_cluster import OBSERVER, OBSERVER_PASSWORD, NatsNode

Write = Callable[..., None]

_AGAIN_SECONDS = 0.3
_PATIENCE_SECONDS = 3.0
_KEEPALIVE_SECONDS = 3
_ANSWERS = "_INBOX.>"  # to the requests of every client


class EventListener:
    """Subscribes to all events with QoS 1, in a session that the broker keeps, at whichever node answers.

    `events`: all that it heard, in order, duplicates included.
    """

    def __init__(self, nodes: Sequence[NatsNode], write: Write) -> None:
        self.events: list[dict[str, Any]] = []
        self.connected = False
        self._nodes = nodes
        self._write = write

    async def run(self) -> None:
        """Listen until cancelled."""
        number = 0
        while True:
            node = self._nodes[number % len(self._nodes)]
            number += 1
            with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
                await self._listen(node)
            self.connected = False
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _listen(self, node: NatsNode) -> None:
        client = aiomqtt.Client(
            node.address.host,
            node.address.mqtt,
            identifier="observer",
            username=OBSERVER,
            password=OBSERVER_PASSWORD,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=False,
            keepalive=_KEEPALIVE_SECONDS,
            timeout=_PATIENCE_SECONDS,
        )
        async with client:
            await client.subscribe("letdown/+/event", 1)
            self.connected = True
            async for message in client.messages:
                event = json.loads(bytes(message.payload)) | {"heard_at": time.monotonic()}
                self.events.append(event)
                self._write("event", event=event)


class OwnershipListener:
    """Listens at each node on its own for changes of the owners' keys, so that no lost node hides one.

    A change is recorded as the first node delivers it, also one that the cluster refuses. `revisions`: of what the
    cluster has acknowledged, by the `reply` of the change: the listener hears the answers to the controllers, too.
    """

    def __init__(self, nodes: Sequence[NatsNode], write: Write, bucket: str) -> None:
        self.changes: list[dict[str, Any]] = []
        self.revisions: dict[str, int] = {}
        self._nodes = nodes
        self._write = write
        self._subject = f"$KV.{bucket}."
        self._acknowledged_by = f"KV_{bucket}"
        self._seen: set[str] = set()

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as group:
            for node in self._nodes:
                group.create_task(self._listen(node))

    async def _listen(self, node: NatsNode) -> None:
        import nats

        while True:
            with contextlib.suppress(NatsError, OSError, EOFError):  # the node is down: try again until it is back
                client = await nats.connect(
                    node.url,
                    user=OBSERVER,
                    password=OBSERVER_PASSWORD,
                    allow_reconnect=False,
                    connect_timeout=2,
                    ping_interval=2,
                    max_outstanding_pings=2,
                    error_cb=_ignore,
                )
                try:
                    await client.subscribe(_ANSWERS, cb=self._on_answer)
                    await client.subscribe(f"{self._subject}>", cb=self._on_message)
                    while client.is_connected:  # noqa: ASYNC110 - nats-py has no event for it
                        await asyncio.sleep(_AGAIN_SECONDS)
                finally:
                    await client.close()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _on_message(self, message: Any) -> None:
        now = time.monotonic()
        operation = (message.headers or {}).get("KV-Operation", "PUT")
        if message.reply in self._seen:  # each node delivers it
            return
        self._seen.add(message.reply)
        try:
            value = json.loads(message.data) if message.data else {}
        except ValueError:
            value = {}
        change = {
            "at": now,
            "what": "put" if operation == "PUT" else "delete",
            "station": message.subject.removeprefix(self._subject),
            "node": value.get("node"),
            "lease": value.get("lease"),
            "reply": message.reply,
        }
        self.changes.append(change)
        self._write("ownership", change=change)

    async def _on_answer(self, message: Any) -> None:
        if message.subject in self.revisions or self._acknowledged_by.encode() not in message.data:
            return
        with contextlib.suppress(ValueError):
            answer = json.loads(message.data)
            if answer.get("stream") == self._acknowledged_by and "error" not in answer:
                self.revisions[message.subject] = answer["seq"]
                self._write("acknowledged", reply=message.subject, revision=answer["seq"])

    def stored(self) -> list[dict[str, Any]]:
        """Return the changes that the cluster has acknowledged, with their `revision`."""
        return [
            each | {"revision": self.revisions[each["reply"]]}
            for each in self.changes
            if each["reply"] in self.revisions
        ]


async def _ignore(_: Exception) -> None:
    """Keep errors of a node that was killed out of the log."""
