"""The conversation with one device over a link: handshake, numbered requests and their answers, reports, the time.

Source of the facts: published MIT-licensed integrations for Tuya BLE and Tuya's own Apache-licensed device SDK.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from devices.clock import Clock
from devices.errors import DeviceError, LinkLostError, ProtocolError, RefusedError, UncertainError
from devices.link import Link, Place
from devices.profiles.vocabulary import full_uuid
from devices.tuya.credentials import TuyaCredentials
from devices.tuya.crypto import BLOCK, login_key, open_envelope, seal, session_key
from devices.tuya.datapoints import (
    REPORTS,
    Code,
    DataPoint,
    Report,
    decode_report,
    read_result,
    time_reply,
    write_request,
)
from devices.tuya.frames import Joiner, Message, decode, encode, split
from devices.tuya.schema import TuyaSpec
from devices.tuya.sender import OvertakenError, Sender

_LOGGER = logging.getLogger(__name__)

MANUFACTURER = 0x07D0
ANSWER_SECONDS = 2.0
_HANDSHAKE_SECONDS = 5.0
_PATIENCE_SECONDS = 0.5  # how often a wait in the handshake looks whether there is still a link
_REPLIES = 32  # that wait to be sent; of a device that asks for more, the oldest are forgotten
_INFO_BYTES = 46
_PROTOCOLS = (3, 4)
_PAIRED, _ALREADY_PAIRED = 0, 2
_FALLBACK_VERSION = 3  # in the first packets, before the device has said its own

_FETCH = "fetch the local key again from your Tuya account: it changes whenever the device is paired with the app"


class Way(NamedTuple):
    """A service, and the characteristics for each direction."""

    service: str
    notify: str
    write: str


# Devices advertise a201, and have the characteristics in a service of that number or in 1910; newer ones are fd50.
WAYS = (
    Way(full_uuid("a201"), full_uuid("2b10"), full_uuid("2b11")),
    Way(full_uuid("1910"), full_uuid("2b10"), full_uuid("2b11")),
    Way(full_uuid("fd50"), "00000002-0000-1001-8001-00805f9b07d0", "00000001-0000-1001-8001-00805f9b07d0"),
)


@dataclass
class _Request:
    """A request under way. Its number is taken when its turn to be sent has come."""

    code: int
    answer: asyncio.Future[Message] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    seq: int = 0
    heard: int = 0


class Session:
    """One device's session, opened anew on every connection. Never logs keys or ids, nor the data of a message."""

    def __init__(
        self,
        link: Link,
        clock: Clock,
        credentials: TuyaCredentials,
        spec: TuyaSpec,
        on_report: Callable[[Report], None],
        now: Callable[[], datetime],
    ) -> None:
        self.protocol = spec.protocol or _FALLBACK_VERSION
        self.dropped = 0
        self.heard = 0  # messages, counted to tell what was said before something from what was said after it
        self._link = link
        self._clock = clock
        self._credentials = credentials
        self._spec = spec
        self._on_report = on_report
        self._now = now
        self._notify = self._write = Place()
        self._response = False
        self._keys: dict[int, bytes] = {}
        self._flag = 0
        self._seq = 0
        self._writes = 0
        self._joiner = Joiner()
        self._sender = Sender(self._write_packet)
        self._waiting: dict[int, _Request] = {}
        self._replies: deque[tuple[int, int, bytes]] = deque(maxlen=_REPLIES)
        self._replier: asyncio.Task[None] | None = None

    # ---- the handshake ----

    async def open(self) -> None:
        """Subscribe, learn the session key and pair. Raise a `DeviceError` whose text names the remedy."""
        self.end()
        self._begin()
        await self._link.subscribe(self._notify, self._on_packet)
        info = (await self._shake(Code.DEVICE_INFO, self._spec.hello, self._no_device_info)).data
        if len(info) < _INFO_BYTES:
            raise ProtocolError(f"{self._name} told {len(info)} bytes about itself, not {_INFO_BYTES}")
        self.protocol = self._spec.protocol or info[2]
        if self.protocol not in _PROTOCOLS:
            raise ProtocolError(f"{self._name} speaks protocol {info[2]} of Tuya BLE; 3 and 4 are understood here")
        if not info[5]:
            # Pairing it now would bind it to whatever key stands in the settings.
            raise RefusedError(
                f"{self._name} is not bound to any account: add it in the Tuya app first, and then {_FETCH}"
            )
        secret = self._credentials.material
        self._flag = secret.session_flag
        self._keys = {self._flag: session_key(secret, info[6:12])}
        answer = await self._shake(Code.PAIR, self._credentials.pair_request(), self._no_pairing)
        self._check_pairing(read_result(Code.PAIR, answer.data))
        _LOGGER.debug("%s: session open, protocol %d", self._name, self.protocol)

    def end(self) -> None:
        """Forget the session: what waits for an answer will not get it any more."""
        for request in self._waiting.values():
            if not request.answer.done():
                request.answer.set_exception(UncertainError(f"{self._name}: the link was lost before it answered"))
                request.answer.exception()  # looked at once, so that asyncio does not complain when nobody waits
        self._keys = {}
        self._replies.clear()
        if self._replier is not None:
            self._replier.cancel()
            self._replier = None

    def _begin(self) -> None:
        for way in WAYS:
            self._notify, self._write = Place(way.service, way.notify), Place(way.service, way.write)
            if self._link.has(self._notify):
                break
        can = self._link.has(self._write)
        if not can & {"write", "write-without-response"}:
            raise ProtocolError(f"{self._name} does not speak Tuya BLE: it has none of its services")
        self._response = "write-without-response" not in can
        self._joiner = Joiner()
        self._sender = Sender(self._write_packet)
        self._seq = self._writes = 0
        secret = self._credentials.material
        self._flag = secret.login_flag
        self._keys = {self._flag: login_key(secret)}
        self.protocol = self._spec.protocol or self._advertised_protocol()

    def _advertised_protocol(self) -> int:
        sighting = self._link.sighting
        data = sighting.manufacturers.get(MANUFACTURER, b"") if sighting else b""
        return data[1] if len(data) > 1 and data[1] in (2, *_PROTOCOLS) else _FALLBACK_VERSION

    async def _shake(self, code: Code, data: bytes, unanswered: Callable[[], DeviceError]) -> Message:
        """Request something in the handshake, and notice early when the link goes: nobody else watches it yet."""
        request = _Request(code)
        try:
            await self._send(code, data, request=request)
            for _ in range(round(_HANDSHAKE_SECONDS / _PATIENCE_SECONDS)):
                try:
                    async with self._clock.timeout(_PATIENCE_SECONDS):
                        return await asyncio.shield(request.answer)
                except TimeoutError:
                    if not self._link.has(self._notify):
                        raise LinkLostError(
                            f"{self._name}: the link was lost in the handshake; if that goes on, {_FETCH}"
                        ) from None
            raise unanswered()
        finally:
            self._waiting.pop(request.seq, None)

    def _no_device_info(self) -> DeviceError:
        return RefusedError(
            f"{self._name} did not answer the first message. Most often its local key is not the one in the settings: "
            f"{_FETCH}. Or another phone or gateway is connected to it"
        )

    def _no_pairing(self) -> DeviceError:
        return RefusedError(f"{self._name} did not answer the request to pair: {_FETCH}, with uuid and device id")

    def _check_pairing(self, result: int) -> None:
        if result == 1:
            raise RefusedError(
                f"{self._name} is bound to another account, or uuid and device id are another device's: "
                f"fetch all three again from your Tuya account, or pair the device with your Tuya app first"
            )
        if result not in (_PAIRED, _ALREADY_PAIRED):
            raise RefusedError(f"{self._name} turned the pairing down with code {result}: {_FETCH}")

    # ---- requests ----

    async def write(
        self, points: Iterable[DataPoint], *, urgent: bool = False, within_seconds: float = ANSWER_SECONDS
    ) -> None:
        """Write datapoints in one message, and wait for the answer; an urgent one goes out at once, and does not wait.

        Raise `RefusedError`, `UncertainError` or `LinkLostError`.
        """
        self._writes += 1
        code, data = write_request(points, self.protocol, self._writes)
        if urgent:
            await self._send(code, data, urgent=True)
            return
        await self._request(code, data, within_seconds)

    async def query(self, within_seconds: float = ANSWER_SECONDS) -> int:
        """Ask the device to report all its datapoints. Return what `heard` was when it said that it will."""
        return await self._request(Code.STATUS, b"", within_seconds)

    async def _request(self, code: Code, data: bytes, within_seconds: float) -> int:
        request = _Request(code)
        try:
            async with self._clock.timeout(within_seconds):
                await self._send(code, data, request=request)
                answer = await request.answer
        except TimeoutError:
            raise UncertainError(f"{self._name} did not answer") from None
        finally:
            self._waiting.pop(request.seq, None)
        if result := read_result(code, answer.data):
            raise RefusedError(f"{self._name} turned a request down with code {result}")
        return request.heard

    async def _send(
        self, code: int, data: bytes, *, request: _Request | None = None, response_to: int = 0, urgent: bool = False
    ) -> None:
        def make() -> list[bytes]:
            key = self._keys.get(self._flag)
            if key is None:
                raise LinkLostError(f"{self._name} is not connected")
            self._seq += 1
            if request is not None:
                request.seq = self._seq
                self._waiting[self._seq] = request
            plaintext = encode(Message(self._seq, response_to, code, data))
            envelope = seal(self._flag, key, os.urandom(BLOCK), plaintext)
            return split(envelope, self.protocol, self._spec.packet_bytes)

        await self._sender.send(make, urgent=urgent)

    async def _write_packet(self, packet: bytes) -> None:
        await self._link.write(self._write, packet, response=self._response)

    # ---- what the device says ----

    def _on_packet(self, packet: bytes) -> None:
        try:
            envelope = self._joiner.push(packet)
            if envelope is not None:
                self._on_envelope(envelope)
        except ProtocolError as error:
            self._drop(error)

    def _on_envelope(self, envelope: bytes) -> None:
        try:
            message = decode(open_envelope(envelope, self._keys))
        except ProtocolError:
            request = next((each for each in self._waiting.values() if each.code == Code.DEVICE_INFO), None)
            if request is not None and not request.answer.done():
                # It answered, and its answer cannot be read.
                request.answer.set_exception(RefusedError(f"{self._name} does not share this local key: {_FETCH}"))
            raise
        self.heard += 1
        if message.response_to:
            request = self._waiting.get(message.response_to)
            if request is not None and request.code == message.code and not request.answer.done():
                request.heard = self.heard
                request.answer.set_result(message)
        elif message.code in REPORTS:
            report = decode_report(message.code, message.data)
            if report.answer is not None:
                self._reply(message, report.answer)
            self._on_report(report)
        elif message.code in (Code.TIME_MILLISECONDS, Code.TIME_DATE):
            self._reply(message, time_reply(message.code, self._now()))
        else:
            _LOGGER.debug("%s: passed over a message %#06x", self._name, message.code)

    def _drop(self, error: ProtocolError) -> None:
        self.dropped += 1
        _LOGGER.debug("%s: dropped a message: %s", self._name, error)

    def _reply(self, to: Message, data: bytes) -> None:
        self._replies.append((to.code, to.seq, data))
        if self._replier is None or self._replier.done():
            self._replier = asyncio.create_task(self._send_replies(), name=f"replies to {self._name}")

    async def _send_replies(self) -> None:
        while self._replies:
            code, seq, data = reply = self._replies.popleft()
            try:
                await self._send(code, data, response_to=seq)
            except OvertakenError:
                self._replies.appendleft(reply)
            except DeviceError as error:
                _LOGGER.debug("%s: a reply was not sent: %s", self._name, error)

    @property
    def _name(self) -> str:
        return self._link.name
