"""The conversation with one device over a link: handshake, numbered requests and their answers, reports, the time.

Source of the facts: published MIT-licensed integrations for Tuya BLE and four published copies of Tuya's own
Apache-licensed device SDK, which differ: one answers a status request with the code of a write, so an answer belongs to
the request whose number it carries, whatever its code.
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
from devices.tuya.crypto import AUTHENTICATION, BLOCK, login_key, open_envelope, seal, session_key
from devices.tuya.datapoints import (
    REPORTS,
    TIME_REQUESTS,
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
_WANTS_PACKET_BYTES = 4  # from this protocol on, the first request says how long packets may be
_BOUND = 0x80
_FIRST_OF_THE_DEVICES_OWN = 0x8000  # codes from here on are not answers

_ADD = "add it in the Tuya app first, and then"
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
        info = (await self._shake(Code.DEVICE_INFO, self._hello(), self._no_device_info)).data
        if len(info) < _INFO_BYTES:
            raise ProtocolError(f"{self._name} told {len(info)} bytes about itself, not {_INFO_BYTES}")
        self.protocol = self._spec.protocol or info[2]
        if self.protocol not in _PROTOCOLS:
            raise ProtocolError(f"{self._name} speaks protocol {info[2]} of Tuya BLE; 3 and 4 are understood here")
        if not info[5]:
            # Pairing it now would bind it to whatever key stands in the settings.
            raise self._not_bound()
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
        self._waiting.clear()  # the next session counts anew, and its numbers are not theirs
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
        data = self._advertised()
        return data[1] if len(data) > 1 and data[1] in (2, *_PROTOCOLS) else _FALLBACK_VERSION

    def _advertised(self) -> bytes:
        sighting = self._link.sighting
        return sighting.manufacturers.get(MANUFACTURER, b"") if sighting else b""

    def _hello(self) -> bytes:
        """Return the data of the first request. Devices of protocol 4 end the connection unless it is two bytes."""
        if self._spec.hello or self.protocol < _WANTS_PACKET_BYTES:
            return self._spec.hello
        return self._spec.packet_bytes.to_bytes(2, "big")

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
            self._forget(request)

    def _not_bound(self) -> RefusedError:
        return RefusedError(f"{self._name} is not bound to any account: {_ADD} {_FETCH}")

    def _no_device_info(self) -> DeviceError:
        advertised = self._advertised()
        if advertised and not advertised[0] & _BOUND:
            return self._not_bound()  # it has forgotten its local key, so it cannot read what was sent
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
            self._forget(request)
        if result := read_result(code, answer.data):
            raise RefusedError(f"{self._name} turned a request down with code {result}")
        return request.heard

    def _forget(self, request: _Request) -> None:
        """Wait for an answer no longer: one that comes now belongs to nothing."""
        if self._waiting.get(request.seq) is request:
            del self._waiting[request.seq]

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
                request.answer.set_exception(self._cannot_be_read(envelope[0]))
            raise
        self.heard += 1
        if message.code < _FIRST_OF_THE_DEVICES_OWN:
            self._on_answer(message)
        elif message.code in REPORTS:
            report = decode_report(message.code, message.data)
            if report.answer is not None:
                self._reply(message, report.answer)
            self._on_report(report)
        elif message.code in TIME_REQUESTS:
            self._reply(message, time_reply(message.code, self._now()))
        else:
            _LOGGER.debug("%s: passed over a message %#06x", self._name, message.code)

    def _cannot_be_read(self, flag: int) -> RefusedError:
        """Return what is wrong with a device that answered the first request, and whose answer no key here opens."""
        if flag == AUTHENTICATION:  # a key that only the vendor has; a device uses it until it is bound
            return self._not_bound()
        return RefusedError(f"{self._name} does not share this local key: {_FETCH}")

    def _on_answer(self, message: Message) -> None:
        """Take an answer for that of the request whose number it carries, and of no other."""
        request = self._waiting.get(message.response_to)
        if request is None or request.answer.done():
            _LOGGER.debug("%s: an answer to message %d, which waits for none", self._name, message.response_to)
            return
        request.heard = self.heard
        request.answer.set_result(message)

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
