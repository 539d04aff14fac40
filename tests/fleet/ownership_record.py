"""Every change of the owners' keys that the cluster has stored, kept by the cluster itself in a stream of its own.

Who only listens also hears what the cluster refuses, such as the attempt to create a key that exists. The mirror
has what was stored, with the time at the leader and the original sequence. It loses what expires while it has no
leader itself, which took 46 s once after all nodes had been killed: `complete` adds what a listener heard of that.
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


def complete(stored: Sequence[dict[str, Any]], heard: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return all changes in their order: those stored, and of those heard to be acknowledged what is missing there."""
    known = {each["revision"] for each in stored}
    missing = (each for each in heard if each["revision"] not in known)
    return sorted([*stored, *missing], key=lambda each: int(each["revision"]))


def unknown(changes: Sequence[dict[str, Any]]) -> int:
    """Return how many changes there were between the first and the last of which nothing is known."""
    revisions = [each["revision"] for each in changes]
    return max(revisions) - min(revisions) + 1 - len(set(revisions)) if revisions else 0


@asynccontextmanager
async def _client(servers: Sequence[str]) -> AsyncIterator[Client]:
    client = await nats.connect(list(servers), user=OBSERVER, password=OBSERVER_PASSWORD)
    try:
        yield client
    finally:
        await asyncio.wait_for(client.close(), _ANSWER_SECONDS)
