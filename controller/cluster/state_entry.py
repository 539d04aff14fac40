"""The state of a body as an entry of the cluster: how it is read, and how a successor takes it over."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from nats.js.errors import KeyWrongLastSequenceError, NotFoundError
from nats.js.kv import KV_DEL, KV_OP, KV_PURGE

from controller.cluster.answer import within
from controller.cluster.cluster_connection import KeyValue
from controller.cluster.lease import Lease, LeaseLostError
from controller.cluster.state_document import StateDocument, UnreadableStateError, read

_LOGGER = logging.getLogger(__name__)

_ANSWER_SECONDS = 2.0
_UNREADABLE = (
    "what is kept of {key} in the cluster cannot be read ({problem}): nothing starts. If no newer version of this "
    "program wrote it, check that all devices are off, delete the key {key} of the bucket {bucket}, and start anew"
)


@dataclass(frozen=True)
class Found:
    """An entry: its document, revision, and when it was written, in seconds of the cluster's clock; 0 if never.

    `deleted`: somebody has deleted the key. `problem`: why it cannot be read; then the document is empty.
    """

    document: StateDocument
    revision: int = 0
    written_at: float = 0.0
    deleted: bool = False
    problem: str | None = None


async def read_state(bucket: KeyValue, key: str) -> Found:
    """Return the latest entry. Raise one of `CLUSTER_ERRORS`."""
    try:
        # Not `bucket.get`: it does not say when the entry was written.
        latest = bucket._js.get_msg(bucket._stream, subject=f"{bucket._pre}{key}")
        message = await within(_ANSWER_SECONDS, latest)
    except NotFoundError:
        return Found(StateDocument(epoch=0))
    revision, written_at = message.seq or 0, 0.0 if message.time is None else message.time.timestamp()
    if (message.headers or {}).get(KV_OP) in (KV_DEL, KV_PURGE):
        return Found(StateDocument(epoch=0), revision, written_at, deleted=True)
    try:
        return Found(read(message.data or b""), revision, written_at)
    except UnreadableStateError as error:
        problem = _UNREADABLE.format(key=key, problem=error, bucket=bucket._name)
        return Found(StateDocument(epoch=0), revision, written_at, problem=problem)


async def take_over(bucket: KeyValue, lease: Lease) -> tuple[Found, float]:
    """Write our epoch into the state of a station. Return what it was before, with our revision, and its age (s).

    Raise `LeaseLostError`, or one of `CLUSTER_ERRORS`. What cannot be read stays as it is.
    """
    while True:
        found = await read_state(bucket, lease.key)
        if found.problem is not None:
            _LOGGER.error("%s", found.problem)
            return found, 0.0
        if found.document.epoch > lease.epoch:
            lease.lose("another controller has taken its state over")
        if not lease.held:
            raise LeaseLostError("another controller may have taken its state over")
        mine = found.document.model_copy(update={"epoch": lease.epoch}).model_dump_json().encode()
        try:
            revision = await within(_ANSWER_SECONDS, bucket.update(lease.key, mine, last=found.revision))
            written = await read_state(bucket, lease.key)
        except KeyWrongLastSequenceError:
            continue  # the former owner wrote meanwhile
        age_seconds = max(0.0, written.written_at - found.written_at) if found.written_at else 0.0
        return Found(found.document, revision, found.written_at), age_seconds
