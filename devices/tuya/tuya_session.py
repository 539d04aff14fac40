"""One device's session over a link: handshake, numbered requests and their answers, reports, the time.

Source of the facts: published MIT-licensed integrations for Tuya BLE and published copies of Tuya's own Apache-licensed
device SDK, which differ: an older one answers a status request with the code of a write. So an answer belongs to the
request whose number it carries, whatever its code.
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

from devices.bluetooth.link import CharacteristicRef, Link
from devices.driver.vocabulary import full_uuid
from devices.errors import DeviceError, LinkLostError, ProtocolError, RefusedError, UncertainError
from devices.support.clock import Clock
from devices.tuya import remedies
from devices.tuya.crypto import BLOCK, login_key, open_envelope, seal, session_key
from devices.tuya.datapoints import (
    REPORTS,
    TIME_REQUESTS,
    Code,
    DataPoint,
    DatapointReport,
    decode_report,
    read_result,
    time_reply,
    write_request,
)
from devices.tuya.packets import Message, PacketJoiner, PacketWriter, SupersededError, decode, encode, split
from devices.tuya.tuya_credentials import TuyaCredentials
from devices.tuya.tuya_schema import TuyaSpec

_LOGGER = logging.getLogger(__name__)

MANUFACTURER = 0x07D0
ANSWER_SECONDS = 2.0
_HANDSHAKE_SECONDS = 5.0
_LINK_CHECK_SECONDS = 0.5  # how often a wait in the handshake checks that there is still a link
_REPLIES = 32  # that wait to be sent; of a device that asks for more, the oldest are forgotten
_INFO_BYTES = 46
_PROTOCOLS = (3, 4)
_FALLBACK_VERSION = 3  # in the first packets, before the device has reported its own
_WANTS_PACKET_BYTES = 4  # from this protocol on, the first request contains the longest packet
_BOUND = 0x80
_FIRST_OF_THE_DEVICES_OWN = 0x8000  # codes from here on are not answers


class TuyaService(NamedTuple):
    """A service, and the characteristics for each direction."""

    service: str
    notify: str
    write: str


# Devices advertise a201, and have the characteristics in a service of that number or in 1910; newer ones are fd50.
SERVICES = (
    TuyaService(full_uuid("a201"), full_uuid("2b10"), full_uuid("2b11")),
    TuyaService(full_uuid("1910"), full_uuid("2b10"), full_uuid("2b11")),
    TuyaService(full_uuid("fd50"), "00000002-0000-1001-8001-00805f9b07d0", "00000001-0000-1001-8001-00805f9b07d0"),
)


@dataclass
class _Request:
    """A request under way. Its number is taken when its turn to be sent has come."""

    code: int
    answer: asyncio.Future[Message] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    seq: int = 0
    answered_in: int = 0  # the message that answered it, as `received` counts them


class TuyaSession:
    """One device's session, opened anew on every connection. Never logs keys or ids, nor the data of a message."""

    def __init__(
        self,
        link: Link,
        clock: Clock,
        credentials: TuyaCredentials,
        spec: TuyaSpec,
        on_report: Callable[[DatapointReport], None],
        now: Callable[[], datetime],
    ) -> None:
        self.protocol = spec.protocol or _FALLBACK_VERSION
        self.dropped = 0
        self.received = 0  # messages, counted to tell reports from before something from those after it
        self._link = link
        self._clock = clock
        self._credentials = credentials
        self._spec = spec
        self._on_report = on_report
        self._now = now
        self._notify = self._write = CharacteristicRef()
        self._response = False
        self._keys: dict[int, bytes] = {}
        self._flag = 0
        self._seq = 0
        self._writes = 0
        self._joiner = PacketJoiner()
        self._sender = PacketWriter(self._write_packet)
        self._waiting: dict[int, _Request] = {}
        self._replies: deque[tuple[int, int, bytes]] = deque(maxlen=_REPLIES)
        self._replier: asyncio.Task[None] | None = None

    # ---- the handshake ----

    async def open(self) -> None:
        """Subscribe, learn the session key and pair. Raise a `DeviceError` whose text names the remedy."""
        self.end()
        self._begin()
        await self._link.subscribe(self._notify, self._on_packet)
        info = (await self._handshake_request(Code.DEVICE_INFO, self._device_info_request(), self._no_device_info)).data
        if len(info) < _INFO_BYTES:
            raise ProtocolError(f"{self._name} sent {len(info)} bytes of device info, not {_INFO_BYTES}")
        self.protocol = self._spec.protocol or info[2]
        if self.protocol not in _PROTOCOLS:
            raise ProtocolError(f"{self._name} has protocol {info[2]} of Tuya BLE; only 3 and 4 are supported")
        if not info[5]:
            # Pairing it now would bind it to whatever key is in the settings.
            raise RefusedError(f"{self._name} {remedies.NOT_BOUND}")
        secret = self._credentials.material
        self._flag = secret.session_flag
        self._keys = {self._flag: session_key(secret, info[6:12])}
        request = self._credentials.pair_request()
        answer = await self._handshake_request(Code.PAIR, request, lambda: remedies.NO_PAIRING)
        if refused := remedies.pairing_refused(self._name, read_result(Code.PAIR, answer.data)):
            raise refused
        _LOGGER.debug("%s: session open, protocol %d", self._name, self.protocol)

    def end(self) -> None:
        """End the session: what waits for an answer will not get it any more."""
        for request in self._waiting.values():
            if not request.answer.done():
                request.answer.set_exception(UncertainError(f"{self._name}: the link was lost before it answered"))
                request.answer.exception()  # retrieved, so that asyncio does not log it when nothing awaits it
        self._waiting.clear()  # the next session counts anew, and its numbers are not theirs
        self._keys = {}
        self._replies.clear()
        if self._replier is not None:
            self._replier.cancel()
            self._replier = None

    def _begin(self) -> None:
        for way in SERVICES:
            self._notify, self._write = (CharacteristicRef(way.service, each) for each in (way.notify, way.write))
            if self._link.properties(self._notify):
                break
        can = self._link.properties(self._write)
        if not can & {"write", "write-without-response"}:
            raise ProtocolError(f"{self._name} is not a Tuya BLE device: it has none of their services")
        self._response = "write-without-response" not in can
        self._joiner = PacketJoiner()
        self._sender = PacketWriter(self._write_packet)
        self._seq = self._writes = 0
        secret = self._credentials.material
        self._flag = secret.login_flag
        self._keys = {self._flag: login_key(secret)}
        self.protocol = self._spec.protocol or self._advertised_protocol()

    def _advertised_protocol(self) -> int:
        data = self._advertised()
        return data[1] if len(data) > 1 and data[1] in (2, *_PROTOCOLS) else _FALLBACK_VERSION

    def _advertised(self) -> bytes:
        advertisement = self._link.advertisement
        return advertisement.manufacturers.get(MANUFACTURER, b"") if advertisement else b""

    def _device_info_request(self) -> bytes:
        """Return the data of the first request. Devices of protocol 4 end the connection unless it is two bytes."""
        if self._spec.device_info_request or self.protocol < _WANTS_PACKET_BYTES:
            return self._spec.device_info_request
        return self._spec.packet_bytes.to_bytes(2, "big")

    async def _handshake_request(self, code: Code, data: bytes, unanswered: Callable[[], str]) -> Message:
        """Send a request of the handshake, and notice early when the link is lost: nothing else notices that yet."""
        request = _Request(code)
        try:
            await self._send(code, data, request=request)
            for _ in range(round(_HANDSHAKE_SECONDS / _LINK_CHECK_SECONDS)):
                try:
                    async with self._clock.timeout(_LINK_CHECK_SECONDS):
                        return await asyncio.shield(request.answer)
                except TimeoutError:
                    if not self._link.properties(self._notify):
                        raise LinkLostError(f"{self._name}: {remedies.LOST_IN_HANDSHAKE}") from None
            raise RefusedError(f"{self._name} {unanswered()}")
        finally:
            self._forget(request)

    def _no_device_info(self) -> str:
        advertised = self._advertised()
        if advertised and not advertised[0] & _BOUND:
            return remedies.NOT_BOUND  # it has forgotten its local key, so it cannot read what was sent
        return remedies.NO_DEVICE_INFO

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
        """Ask the device to report all its datapoints. Return what `received` was when it agreed."""
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
            raise RefusedError(f"{self._name} refused a request with code {result}")
        return request.answered_in

    def _forget(self, request: _Request) -> None:
        """Stop waiting for an answer: one that comes now is ignored."""
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

    # ---- what the device sends ----

    def _on_packet(self, packet: bytes) -> None:
        try:
            envelope = self._joiner.push(packet)
            if envelope is not None:
                self._on_envelope(envelope)
        except ProtocolError as error:
            self.dropped += 1
            _LOGGER.debug("%s: dropped a message: %s", self._name, error)

    def _on_envelope(self, envelope: bytes) -> None:
        try:
            message = decode(open_envelope(envelope, self._keys))
        except ProtocolError:
            request = next((each for each in self._waiting.values() if each.code == Code.DEVICE_INFO), None)
            if request is not None and not request.answer.done():
                request.answer.set_exception(remedies.cannot_be_read(self._name, envelope[0]))
            raise
        self.received += 1
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
            _LOGGER.debug("%s: ignored a message %#06x", self._name, message.code)

    def _on_answer(self, message: Message) -> None:
        """Give an answer to the request whose number it carries, and to no other."""
        request = self._waiting.get(message.response_to)
        if request is None or request.answer.done():
            _LOGGER.debug("%s: an answer to message %d, which waits for none", self._name, message.response_to)
            return
        request.answered_in = self.received
        request.answer.set_result(message)

    def _reply(self, to: Message, data: bytes) -> None:
        self._replies.append((to.code, to.seq, data))
        if self._replier is None or self._replier.done():
            self._replier = asyncio.create_task(self._send_replies(), name=f"replies to {self._name}")

    async def _send_replies(self) -> None:
        while self._replies:
            code, seq, data = reply = self._replies.popleft()
            try:
                await self._send(code, data, response_to=seq)
            except SupersededError:
                self._replies.appendleft(reply)
            except DeviceError as error:
                _LOGGER.debug("%s: a reply was not sent: %s", self._name, error)

    @property
    def _name(self) -> str:
        return self._link.name
