"""A virtual device that speaks Tuya BLE: the device side of the protocol on a GATT server.

It holds controllers to what the published device SDKs do: it drops a connection whose sequence numbers do not climb,
or whose first request does not say how long packets may be (protocol 4); it answers nothing that its keys do not open,
and nothing but the handshake before it is paired; it asks for the time right after that, and has no clock before.
"""

from __future__ import annotations

import hashlib
import logging
import os
import struct
from collections.abc import Callable, Iterable, Mapping, Set

from bumble.device import Device
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from devices.errors import ProtocolError
from devices.profiles.schema import Profile
from devices.profiles.vocabulary import Value, full_uuid
from devices.tuya.codec import TuyaCodec
from devices.tuya.credentials import TuyaCredentials
from devices.tuya.crypto import (
    AUTHENTICATION,
    BLOCK,
    LOCAL_KEY_BYTES,
    login_key,
    open_envelope,
    seal,
    session_key,
)
from devices.tuya.datapoints import REPORTS, TIME_REQUESTS, Code, DataPoint, decode, encode
from devices.tuya.frames import PACKET_BYTES, Joiner, Message, split
from devices.tuya.frames import decode as decode_message
from devices.tuya.frames import encode as encode_message
from devices.tuya.session import MANUFACTURER, WAYS
from devices.virtual.gatt import Advertisement, GattCharacteristic, GattServer, GattService
from devices.virtual.tuya_body import TuyaBody
from devices.virtual.tuya_sdk import TuyaFaults, TuyaSdk, taken_in, without_ranges

_LOGGER = logging.getLogger(__name__)

_REPORT_EVERY_SECONDS = 1.0
_PRODUCT_RECORD = b"letdown1"
_BOUND = 0x80
_V4 = 4
_V4_WRITE_HEAD = 5  # version and number
_REST_OF_INFO_BYTES = 70  # an authentication key of 32 bytes, and what the newer copies add
_LONGEST_PACKET_BYTES = 244
_MILLISECOND_DIGITS = 13
_AROUND_DATA_BYTES = 14  # header and CRC
_REFUSED, _ALREADY_PAIRED, _DONE = b"\1", b"\2", b"\0"


class TuyaTwin:
    """The device side of a `tuya:` section. `service` is the short UUID of the service it has: a201, 1910 or fd50.

    `writes`: how its characteristic can be written, in bleak's words. `ranges`: what the product takes in, where that
    is less than its profile says.
    """

    def __init__(
        self,
        profile: Profile,
        body: TuyaBody,
        name: str,
        now: Callable[[], float],
        *,
        credentials: TuyaCredentials,
        protocol: int = 3,
        service: str = "a201",
        bound: bool = True,
        writes: Set[str] = frozenset({"write", "write-without-response"}),
        sdk: TuyaSdk | None = None,
        ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        if profile.tuya is None:
            raise ValueError(f"{profile.name} does not speak Tuya")
        self.profile = profile
        self._spec = profile.tuya
        self.body = body
        self.name = name
        self.protocol = protocol
        self.bound = bound
        self.faults = TuyaFaults()
        self.sdk = sdk or TuyaSdk()
        self.server: GattServer | None = None
        self.writes: list[tuple[str, Value | Mapping[str, Value]]] = []  # what it was told and took in, in order
        self.ignored: list[DataPoint] = []  # what it acknowledged, and does not fit
        self.replies: list[Message] = []  # the answers to its own reports and requests
        self._properties = writes
        self._ranges = dict(ranges or {})
        self._credentials = credentials
        self._now = now
        self._way = next(way for way in WAYS if way.service == full_uuid(service))
        ids = self._spec.ids(credentials.datapoints)
        self._codec = TuyaCodec(self._spec, ids)
        self._reporting = TuyaCodec(without_ranges(self._spec), ids)  # a range bounds what is written to it
        self._keys: dict[int, bytes] = {}
        self._joiner = Joiner()
        self._seq = self._heard_seq = self._reports = 0
        self._paired = False
        self._asks_at_seconds: float | None = None
        self._packet_bytes = PACKET_BYTES
        self._unix_at_zero_seconds: float | None = None  # its clock, once it has been told the time
        self._kept: list[tuple[int, bytes, int]] = []  # answers
        self._reported_at_seconds = 0.0
        self._reported_state = body.duty.state

    # ---- on the air ----

    async def serve(self, device: Device) -> None:
        """Become reachable on a device of the virtual radio, or of a real one."""
        characteristics = [
            GattCharacteristic(self._way.write, self._properties, write=self._on_write),
            GattCharacteristic(self._way.notify, {"notify"}),
        ]
        self.server = GattServer(device, [GattService(self._way.service, characteristics)], self._advertisement())
        self.server.on_connection = self._on_connection
        self.server.on_disconnection = self.body.lose_link
        await self.server.start()

    def _advertisement(self) -> Advertisement:
        uuid = self._credentials.uuid.get_secret_value().encode().ljust(BLOCK, b"\0")[:BLOCK]
        key = hashlib.md5(_PRODUCT_RECORD, usedforsecurity=False).digest()
        encryptor = Cipher(algorithms.AES(key), modes.CBC(key)).encryptor()
        head = bytes([_BOUND if self.bound else 0, self.protocol, 0, 0, 0, 0])
        service = "fd50" if self._way.service == full_uuid("fd50") else "a201"
        return Advertisement(
            name=self.name,
            manufacturer_data={MANUFACTURER: head + encryptor.update(uuid) + encryptor.finalize()},
            service_data={service: b"\0" + _PRODUCT_RECORD},
        )

    def tick(self) -> None:
        """Let the body catch up, and report what is due."""
        self.body.advance(self._now())
        self._ask_when_due()
        due = self.body.duty.on and self._now() - self._reported_at_seconds >= _REPORT_EVERY_SECONDS - 1e-6
        if due or self.body.duty.state != self._reported_state:
            self._report(timed=True)

    def _on_connection(self) -> None:
        secret = self._credentials.material
        self._keys = {secret.login_flag: login_key(secret), AUTHENTICATION: os.urandom(BLOCK)}
        if not self.bound and self.sdk.unbound_info == "nothing":
            self._keys[secret.login_flag] = login_key(secret._replace(secret=bytes(LOCAL_KEY_BYTES)))  # forgotten
        self._joiner = Joiner()
        self._seq = self._heard_seq = 0
        self._paired = False
        self._asks_at_seconds = None
        self._packet_bytes = PACKET_BYTES
        self._kept.clear()

    # ---- what it hears ----

    async def _on_write(self, packet: bytes) -> None:
        try:
            envelope = self._joiner.push(packet)
            if envelope is None:
                return
            message = decode_message(open_envelope(envelope, self._keys))
        except ProtocolError as error:
            _LOGGER.debug("%s ignores a packet: %s", self.name, error)
            return
        if message.seq <= self._heard_seq:
            _LOGGER.info("%s drops the link: sequence numbers do not climb", self.name)
            await self._drop_link()
            return
        self._heard_seq = message.seq
        await self._on_message(envelope[0], message)

    async def _on_message(self, flag: int, message: Message) -> None:
        if message.code == Code.DEVICE_INFO:
            await self._answer_info(flag, message)
        elif message.code == Code.PAIR:
            await self._pair(message)
        elif not self._paired:
            _LOGGER.debug("%s ignores a message: it is not paired", self.name)
        elif message.code in REPORTS or message.code in TIME_REQUESTS:
            self.replies.append(message)
            if message.code == Code.TIME_MILLISECONDS and message.data[:_MILLISECOND_DIGITS].isdigit():
                self._unix_at_zero_seconds = int(message.data[:_MILLISECOND_DIGITS]) / 1000 - self._now()
        elif message.code == Code.STATUS:
            refused = "status" in self.faults.refuses
            self._answer(self.sdk.status_code, _REFUSED if refused else _DONE, message)
            if not refused:
                self._report()
        elif message.code == (Code.WRITE_V4 if self.protocol >= _V4 else Code.WRITE):
            self._write(message)

    async def _answer_info(self, flag: int, message: Message) -> None:
        if self.protocol >= _V4:
            if len(message.data) != 2:  # noqa: PLR2004 - the packet length, a u16
                _LOGGER.info("%s drops the link: it was not told how long packets may be", self.name)
                await self._drop_link()
                return
            asked = int.from_bytes(message.data, "big")
            self._packet_bytes = asked if PACKET_BYTES <= asked <= _LONGEST_PACKET_BYTES else PACKET_BYTES
        srand = os.urandom(6)
        info = bytes([1, 0, self.protocol, 0, 0, self.bound]) + srand + bytes([1, 0]) + bytes(_REST_OF_INFO_BYTES)
        unknown = not self.bound and self.sdk.unbound_info == "vendor's key"
        self._answer(Code.DEVICE_INFO, info, message, flag=AUTHENTICATION if unknown else flag)
        secret = self._credentials.material
        self._keys[secret.session_flag] = session_key(secret, srand)

    async def _pair(self, message: Message) -> None:
        if message.data != self._credentials.pair_request():
            self._answer(Code.PAIR, _REFUSED, message)
            await self._drop_link()
            return
        self._paired = True
        self._answer(Code.PAIR, _ALREADY_PAIRED, message)
        self._asks_at_seconds = self._now() + self.sdk.asks_after_seconds
        self._ask_when_due()

    def _ask_when_due(self) -> None:
        if self._asks_at_seconds is not None and self._now() >= self._asks_at_seconds:
            self._asks_at_seconds = None
            for code in self.sdk.asks_for_time:
                self._send(code, b"")

    async def _drop_link(self) -> None:
        if self.server is not None:
            await self.server.drop_link()

    def _write(self, message: Message) -> None:
        head = _V4_WRITE_HEAD if self.protocol >= _V4 else 0
        try:
            points = self._written(message.data, head)
        except ProtocolError as error:
            _LOGGER.info("%s turns a write down: %s", self.name, error)
            self._answer(message.code, message.data[:head].ljust(head, b"\0") + _REFUSED, message)
            return
        self._answer(message.code, message.data[:head] + _DONE, message)
        self.body.advance(self._now())
        for point in points:
            self._take_in(point)
        if self.faults.echoes:
            self._send_points(points)
        self._report()

    def _written(self, data: bytes, head: int) -> tuple[DataPoint, ...]:
        """Return the datapoints of a write. Raise `ProtocolError` for what the SDK itself turns down."""
        points = decode(data[head:], self.protocol)
        if not points or any(data[: head and 1]):
            raise ProtocolError("no datapoints, or another version of them")
        if refused := self.faults.refuses & {self._codec.name_of(point) for point in points}:
            raise ProtocolError(f"it refuses {', '.join(sorted(map(str, refused)))}")
        return points

    def _take_in(self, point: DataPoint) -> None:
        name = self._codec.name_of(point)
        if name is None or not taken_in(self._spec.datapoints[name], point, self._ranges.get(name)):
            self.ignored.append(point)
            return
        values = self._codec.fields(name, point)
        self.writes.append((name, values.get(name, values)))
        if name not in self.faults.deaf_to:
            self.body.write(name, values)

    # ---- what it says ----

    def _report(self, *, timed: bool = False) -> None:
        if self.faults.reportless:
            return
        self._reported_at_seconds = self._now()
        self._reported_state = self.body.duty.state
        self._send_points(self._points(self.body.values()), timed=timed)

    def report_again(self, points: Iterable[DataPoint], *, seconds_ago: float) -> None:
        """Report what was so a while ago, with its time: devices keep what they could not report, and do so later."""
        self._send_points(points, timed=True, seconds_ago=seconds_ago)

    def _send_points(self, points: Iterable[DataPoint], *, timed: bool = False, seconds_ago: float = 0.0) -> None:
        if self.server is None or not self.server.connected or not self._paired:
            return
        self._reports += 1
        time = self._time(seconds_ago) if timed else b""
        data = time + encode(points, self.protocol)
        if self.protocol >= _V4:
            head = struct.pack(">BIBB", 0, self._reports, 0, 0)
            self._send(Code.TIMED_REPORT_V4 if time else Code.REPORT_V4, head + data)
        elif self.sdk.flagged:
            head = struct.pack(">HB", self._reports & 0xFFFF, 0)
            self._send(Code.FLAGGED_TIMED_REPORT if time else Code.FLAGGED_REPORT, head + data)
        else:
            self._send(Code.TIMED_REPORT if time else Code.REPORT, data)

    def _time(self, seconds_ago: float) -> bytes:
        """Return the Unix time as a report carries it; nothing as long as nobody has told it the time."""
        if self._unix_at_zero_seconds is None:
            return b""
        unix_seconds = self._unix_at_zero_seconds + self._now() - seconds_ago
        if self.sdk.time_as == "milliseconds":
            return b"\0" + f"{round(unix_seconds * 1000):0{_MILLISECOND_DIGITS}d}".encode()
        return struct.pack(">BI", 1, round(unix_seconds))

    def _points(self, values: Mapping[str, Value]) -> Iterable[DataPoint]:
        for name, described in self._spec.datapoints.items():
            if name in self.faults.says:
                yield self.faults.says[name]
            elif described.trigger:
                continue
            elif described.fields:
                yield self._reporting.point(name, values)
            elif values.get(name) is not None:
                yield self._reporting.point(name, values[name])

    def _answer(self, code: int, data: bytes, to: Message, *, flag: int | None = None) -> None:
        if self.faults.keeps_answers:
            self._kept.append((code, data, to.seq))
            return
        self._send(code, data, to.seq + self.faults.answers_beside_seq, flag=flag)

    def answer_at_last(self) -> None:
        """Send the answers that were kept."""
        kept, self._kept = self._kept, []
        for code, data, seq in kept:
            self._send(code, data, seq)

    def _send(self, code: int, data: bytes, response_to: int = 0, *, flag: int | None = None) -> None:
        if flag is None:
            flag = self._credentials.material.session_flag
        self._seq += 1
        plaintext = _padded(encode_message(Message(self._seq, response_to, code, data)), len(data))
        envelope = seal(flag, self._keys[flag], os.urandom(BLOCK), plaintext)
        for packet in self.faults.spoiled(split(envelope, self.protocol, self._packet_bytes)):
            if self.server is not None:
                self.server.notify(self._way.notify, packet)


def _padded(plaintext: bytes, data_bytes: int) -> bytes:
    """Return a message padded as devices do: with bytes that say how many they are."""
    end = _AROUND_DATA_BYTES + data_bytes
    return plaintext[:end] + bytes([len(plaintext) - end]) * (len(plaintext) - end)
