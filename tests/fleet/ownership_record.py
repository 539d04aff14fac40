"""Every change of the owners' keys that the cluster has stored, kept by the cluster itself in a stream of its own.

Who only listens also hears what the cluster refuses, such as the attempt to create a key that exists. The mirror
has what was stored, with the time at the leader and the original sequence.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.api import StreamConfig, StreamSource

from tests.fleet.nats_cluster import OBSERVER, OBSERVER_PASSWORD

_MIRROR = "OBSERVED"
_ANSWER_SECONDS = 10.0
_QUIET_SECONDS = 3.0


async def begin(servers: Sequence[str], bucket: str) -> None:
    """Let the cluster keep all changes of a bucket, which exists."""
    async with _client(servers) as client:
        config = StreamConfig(name=_MIRROR, mirror=StreamSource(name=f"KV_{bucket}"), num_replicas=3)
        await client.jetstream(timeout=_ANSWER_SECONDS).add_stream(config)


async def stored_changes(servers: Sequence[str], bucket: str) -> list[dict[str, Any]]:
    """Return all stored changes, in order, with `at` in seconds of this machine's monotonic clock."""
    subject, found = f"$KV.{bucket}.", list[dict[str, Any]]()
    async with _client(servers) as client:
        stream = client.jetstream(timeout=_ANSWER_SECONDS)
        subscription = await stream.subscribe(f"{subject}>", stream=_MIRROR, ordered_consumer=True)
        ahead_seconds = time.time() - time.monotonic()
        while True:
            try:
                message = await subscription.next_msg(timeout=_QUIET_SECONDS)
            except nats.errors.TimeoutError:
                return found
            value = json.loads(message.data) if message.data else {}
            found.append(
                {
                    "at": message.metadata.timestamp.timestamp() - ahead_seconds,
                    "what": "delete" if (message.headers or {}).get("KV-Operation") else "put",
                    "station": message.subject.removeprefix(subject),
                    "node": value.get("node"),
                    "lease": value.get("lease"),
                    "revision": message.metadata.sequence.stream,
                }
            )


@asynccontextmanager
async def _client(servers: Sequence[str]) -> AsyncIterator[Client]:
    client = await nats.connect(list(servers), user=OBSERVER, password=OBSERVER_PASSWORD)
    try:
        yield client
    finally:
        await asyncio.wait_for(client.close(), _ANSWER_SECONDS)
