"""The lease of a station: a key of the cluster that belongs to one controller for as long as that renews it.

The key expires by itself, by the clock of the cluster. Its holder counts from when it *sent* the last renewal that
was confirmed, and gives up after two thirds of the time, so that its devices are stopped before the key is free. No
wall clock takes part, and neither a suspended nor a paused process thinks that no time has passed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import uuid

from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError

from controller.cluster.answer import within
from controller.cluster.cluster_connection import CLUSTER_ERRORS, KeyValue, explain

_LOGGER = logging.getLogger(__name__)

HELD_SHARE = 2 / 3  # of the TTL, without a renewal
_RENEWALS = 5  # in one TTL
_MOST_ANSWER_SECONDS = 2.0
_ANSWERS = 6  # in one TTL, at least: an answer that is lost must leave time for another renewal
_RETRY_SECONDS = 0.5
_WRONG_REVISION = (10071, 10164)  # of nats-server, where `delete` has no error of its own

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while a machine is suspended, on Linux


def now() -> float:
    """Return seconds that also pass while this machine is suspended."""
    return time.clock_gettime(_CLOCK)


class LeaseLostError(Exception):
    """The station is not ours any more: its devices must be stopped and disconnected. `str()` says why."""


class Lease:
    """One key that this controller holds. Made by `acquire`.

    `epoch`: higher than that of every earlier holder of any key of the fleet.
    """

    def __init__(
        self, bucket: KeyValue, key: str, owner: dict[str, str], ttl_seconds: float, epoch: int, at: float
    ) -> None:
        self.key = key
        self.epoch = epoch
        self._bucket = bucket
        self._owner = owner
        self._ttl_seconds = ttl_seconds
        self._revision = epoch
        self._renewed_at = at
        self._lost: str | None = None
        self._lost_now = asyncio.Event()

    @property
    def held(self) -> bool:
        """Whether the station is certainly still ours."""
        return self._lost is None and self.seconds_left > 0

    @property
    def seconds_left(self) -> float:
        """How long the station is ours without another renewal."""
        return self._renewed_at + HELD_SHARE * self._ttl_seconds - now()

    def lose(self, why: str) -> None:
        """Give the lease up: something else has shown that another controller has the station."""
        self._lost = self._lost or why
        self._lost_now.set()

    async def hold(self) -> None:
        """Renew the lease until cancelled. Raise `LeaseLostError`."""
        wait_seconds = self._ttl_seconds / _RENEWALS
        while True:
            await self._pause(max(0.0, min(wait_seconds, self.seconds_left)))
            self._check()
            try:
                # What was adopted only has a new revision: only a renewal gives it time.
                wait_seconds = self._ttl_seconds / _RENEWALS if await self._renew() else 0.0
            except CLUSTER_ERRORS as error:
                _LOGGER.warning(
                    "the lease of %s was not renewed (%s); it is lost in %.0f s",
                    self.key,
                    explain(error),
                    max(0.0, self.seconds_left),
                )
                wait_seconds = _RETRY_SECONDS
            self._check()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not on when the lease is lost: the devices are stopped at once."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._lost_now.wait()

    def _check(self) -> None:
        if self._lost is not None:
            raise LeaseLostError(self._lost)
        if self.seconds_left <= 0:
            raise LeaseLostError("the cluster could not be reached in time")

    @property
    def _answer_seconds(self) -> float:
        return max(0.0, min(_MOST_ANSWER_SECONDS, self._ttl_seconds / _ANSWERS, self.seconds_left))

    async def _renew(self) -> bool:
        """Return whether it was renewed; else it may be tried again at once."""
        sent_at = now()
        try:
            renewal = self._bucket.update(self.key, _encode(self._owner), last=self._revision)
            self._revision = await within(self._answer_seconds, renewal)
        except KeyWrongLastSequenceError:
            await self._adopt()  # a renewal whose answer was lost, or another controller
            return False
        self._renewed_at = sent_at
        return True

    async def _adopt(self) -> None:
        """Go on from the revision that the cluster has, if it is ours."""
        try:
            entry = await within(self._answer_seconds, self._bucket.get(self.key))
        except KeyNotFoundError:
            self.lose("it expired")
            return
        if entry.value != _encode(self._owner) or entry.revision is None:
            self.lose("another controller has it")
            return
        self._revision = entry.revision  # the time of that renewal is not known: it does not count

    async def release(self) -> None:
        """Let another controller have the station at once: call this when every device is stopped."""
        if self._lost is None:
            self.lose("it was released")
            try:
                await within(_MOST_ANSWER_SECONDS, self._delete())
            except CLUSTER_ERRORS as error:  # then it expires
                _LOGGER.info("the lease of %s was not released (%s); it expires", self.key, explain(error))

    async def _delete(self) -> None:
        try:
            await self._bucket.delete(self.key, last=self._revision)
        except APIError as error:
            if error.err_code not in _WRONG_REVISION:
                raise
            entry = await self._bucket.get(self.key)  # a renewal was under way, and its answer was not awaited
            if entry.value == _encode(self._owner):
                await self._bucket.delete(self.key, last=entry.revision)


async def acquire(bucket: KeyValue, key: str, node: str, instance: str, ttl_seconds: float) -> Lease | None:
    """Return the lease of a station, or `None` where another controller holds it.

    Raise one of `CLUSTER_ERRORS`. If the key was written all the same, it expires by itself.
    """
    owner = {"node": node, "instance": instance, "lease": uuid.uuid4().hex}
    sent_at = now()
    try:
        epoch = await within(_MOST_ANSWER_SECONDS, bucket.create(key, _encode(owner)))
    except KeyWrongLastSequenceError:
        return None
    return Lease(bucket, key, owner, ttl_seconds, epoch, sent_at)


def _encode(owner: dict[str, str]) -> bytes:
    return json.dumps(owner, sort_keys=True).encode()
