"""A virtual device that speaks Tuya BLE: the device side of the protocol on a GATT server.

Source: published copies of Tuya's Apache-licensed device SDK (protocols 3.3, 4.1 and 4.4), and the example product in
one of them, a lock. Like them it drops a connection whose sequence numbers do not climb, or whose first request does
not state a packet length (protocol 4). It answers nothing that its keys do not decrypt, and nothing but the handshake
before it is paired. Right after pairing it requests the time; before that its reports carry none.
"""

from __future__ import annotations

import hashlib
import logging
import os
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence

from bumble.device import Device
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from devices.driver.vocabulary import Value, full_uuid
from devices.errors import ProtocolError
from devices.tuya.crypto import AUTHENTICATION, BLOCK, login_key, open_envelope, seal, session_key
from devices.tuya.datapoint_codec import TuyaCodec
from devices.tuya.datapoints import REPORTS, TIME_REQUESTS, Code, DataPoint, decode, encode
from devices.tuya.packets import PACKET_BYTES, Message, PacketJoiner, split
from devices.tuya.packets import decode as decode_message
from devices.tuya.packets import encode as encode_message
from devices.tuya.tuya_credentials import TuyaCredentials
from devices.tuya.tuya_model import TuyaModel
from devices.tuya.tuya_session import MANUFACTURER, SERVICES
from devices.virtual.advertising_data import AdvertisingPacket
from devices.virtual.gatt_server import GattCharacteristic, GattServer, GattService
from devices.virtual.tuya_body import TuyaBody, accepts, without_ranges

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
    """The device side of a profile's `tuya:` section.

    `protocol` is 3 or 4; `service` is the short UUID of its service: a201, 1910 or fd50.
    """

    bound = True  # to an account, in the vendor's app
    write_properties = frozenset({"write", "write-without-response"})  # of its characteristic
    status_code = Code.STATUS  # of the answer to a status request
    time_requests: Sequence[Code] = (Code.TIME_MILLISECONDS, Code.TIME_DATE)  # sent right after pairing

    def __init__(
        self,
        profile: TuyaModel,
        body: TuyaBody,
        name: str,
        now: Callable[[], float],
        *,
        credentials: TuyaCredentials,
        protocol: int = 3,
        service: str = "a201",
    ) -> None:
        self.profile = profile
        self._spec = profile.tuya
        self.body = body
        self.name = name
        self.protocol = protocol
        self.server: GattServer | None = None
        self._credentials = credentials
        self._now = now
        self._way = next(way for way in SERVICES if way.service == full_uuid(service))
        ids = self._spec.ids(credentials.datapoints)
        self._codec = TuyaCodec(self._spec, ids)
        self._reporting = TuyaCodec(without_ranges(self._spec), ids)  # a range bounds what is written to it
        self._keys: dict[int, bytes] = {}
        self._joiner = PacketJoiner()
        self._seq = self._received_seq = self._reports = 0
        self._paired = False
        self._packet_bytes = PACKET_BYTES
        self._unix_at_zero_seconds: float | None = None  # its clock, once it has received the time
        self._reported_at_seconds = 0.0
        self._reported_state = body.run.state

    # ---- on the air ----

    async def serve(self, device: Device) -> None:
        """Serve and advertise on a Bumble device, whose radio may be virtual or real."""
        characteristics = [
            GattCharacteristic(self._way.write, self.write_properties, write=self._on_write),
            GattCharacteristic(self._way.notify, {"notify"}),
        ]
        self.server = GattServer(device, [GattService(self._way.service, characteristics)], self._advertisement())
        self.server.on_connection = self._on_connection
        self.server.on_disconnection = self.body.lose_link
        await self.server.start()

    def _advertisement(self) -> AdvertisingPacket:
        uuid = self._credentials.uuid.get_secret_value().encode().ljust(BLOCK, b"\0")[:BLOCK]
        key = hashlib.md5(_PRODUCT_RECORD, usedforsecurity=False).digest()
        encryptor = Cipher(algorithms.AES(key), modes.CBC(key)).encryptor()
        head = bytes([_BOUND if self.bound else 0, self.protocol, 0, 0, 0, 0])
        service = "fd50" if self._way.service == full_uuid("fd50") else "a201"
        return AdvertisingPacket(
            name=self.name,
            manufacturer_data={MANUFACTURER: head + encryptor.update(uuid) + encryptor.finalize()},
            service_data={service: b"\0" + _PRODUCT_RECORD},
        )

    @property
    def busy(self) -> bool:
        """Whether it runs."""
        return self.body.run.on

    def tick(self) -> None:
        """Advance the body to now, and send the reports that are due."""
        self.body.advance(self._now())
        due = self.body.run.on and self._now() - self._reported_at_seconds >= _REPORT_EVERY_SECONDS - 1e-6
        if due or self.body.run.state != self._reported_state:
            self._report(timed=True)

    def _on_connection(self) -> None:
        secret = self._credentials.material
        self._keys = {secret.login_flag: login_key(secret), AUTHENTICATION: os.urandom(BLOCK)}
        self._joiner = PacketJoiner()
        self._seq = self._received_seq = 0
        self._paired = False
        self._packet_bytes = PACKET_BYTES

    # ---- requests ----

    async def _on_write(self, packet: bytes) -> None:
        try:
            envelope = self._joiner.push(packet)
            if envelope is None:
                return
            message = decode_message(open_envelope(envelope, self._keys))
        except ProtocolError as error:
            _LOGGER.debug("%s ignores a packet: %s", self.name, error)
            return
        if message.seq <= self._received_seq:
            _LOGGER.info("%s drops the link: sequence numbers do not climb", self.name)
            await self._drop_link()
            return
        self._received_seq = message.seq
        await self._on_message(envelope[0], message)

    async def _on_message(self, flag: int, message: Message) -> None:
        if message.code == Code.DEVICE_INFO:
            await self._answer_info(flag, message)
        elif message.code == Code.PAIR:
            await self._pair(message)
        elif not self._paired:
            _LOGGER.debug("%s ignores a message: it is not paired", self.name)
        elif message.code in REPORTS or message.code in TIME_REQUESTS:
            self._on_reply(message)
        elif message.code == Code.STATUS:
            self._answer_status(message)
        elif message.code == (Code.WRITE_V4 if self.protocol >= _V4 else Code.WRITE):
            self._write(message)

    def _on_reply(self, message: Message) -> None:
        """Handle the reply to a report or a time request; one kind carries the Unix time in ms."""
        if message.code == Code.TIME_MILLISECONDS and message.data[:_MILLISECOND_DIGITS].isdigit():
            self._unix_at_zero_seconds = int(message.data[:_MILLISECOND_DIGITS]) / 1000 - self._now()

    def _answer_status(self, message: Message) -> None:
        self._answer(self.status_code, _DONE, message)
        self._report()

    async def _answer_info(self, flag: int, message: Message) -> None:
        if self.protocol >= _V4:
            if len(message.data) != 2:  # noqa: PLR2004 - the packet length, a u16
                _LOGGER.info("%s drops the link: the first request states no packet length", self.name)
                await self._drop_link()
                return
            requested = int.from_bytes(message.data, "big")
            self._packet_bytes = requested if PACKET_BYTES <= requested <= _LONGEST_PACKET_BYTES else PACKET_BYTES
        srand = os.urandom(6)
        info = bytes([1, 0, self.protocol, 0, 0, self.bound]) + srand + bytes([1, 0]) + bytes(_REST_OF_INFO_BYTES)
        self._answer(Code.DEVICE_INFO, info, message, flag=flag)
        secret = self._credentials.material
        self._keys[secret.session_flag] = session_key(secret, srand)

    async def _pair(self, message: Message) -> None:
        if message.data != self._credentials.pair_request():
            self._answer(Code.PAIR, _REFUSED, message)
            await self._drop_link()
            return
        self._paired = True
        self._answer(Code.PAIR, _ALREADY_PAIRED, message)
        self._request_time()

    def _request_time(self) -> None:
        for code in self.time_requests:
            self._send(code, b"")

    async def _drop_link(self) -> None:
        if self.server is not None:
            await self.server.drop_link()

    def _write(self, message: Message) -> None:
        head = _V4_WRITE_HEAD if self.protocol >= _V4 else 0
        try:
            points = self._decode_write(message.data, head)
        except ProtocolError as error:
            _LOGGER.info("%s refuses a write: %s", self.name, error)
            self._answer(message.code, message.data[:head].ljust(head, b"\0") + _REFUSED, message)
            return
        self._answer(message.code, message.data[:head] + _DONE, message)
        self.body.advance(self._now())
        self._apply_points(points)
        self._report()

    def _decode_write(self, data: bytes, head: int) -> Sequence[DataPoint]:
        """Return the datapoints of a write; raise `ProtocolError` for what the SDK itself refuses."""
        points = decode(data[head:], self.protocol)
        if not points or any(data[: head and 1]):
            raise ProtocolError("no datapoints, or another version of them")
        return points

    def _apply_points(self, points: Sequence[DataPoint]) -> None:
        for point in points:
            name = self._codec.name_of(point)
            if name is not None and self._is_valid(name, point):
                self._apply(name, self._codec.fields(name, point))
            else:
                self._ignore(point)

    def _ignore(self, point: DataPoint) -> None:
        _LOGGER.info("%s ignores a write of datapoint %d", self.name, point.id)

    def _is_valid(self, name: str, point: DataPoint) -> bool:
        return accepts(self._spec.datapoints[name], point)

    def _apply(self, name: str, values: Mapping[str, Value]) -> None:
        self.body.write(name, values)

    # ---- answers and reports ----

    def _report(self, *, timed: bool = False) -> None:
        self._reported_at_seconds = self._now()
        self._reported_state = self.body.run.state
        self._send_points(self._points(self.body.values()), timed=timed)

    def _send_points(self, points: Iterable[DataPoint], *, timed: bool = False) -> None:
        if self.server is None or not self.server.connected or not self._paired:
            return
        self._reports += 1
        time = self._time() if timed else b""
        data = time + encode(points, self.protocol)
        if self.protocol >= _V4:
            head = struct.pack(">BIBB", 0, self._reports, 0, 0)
            self._send(Code.TIMED_REPORT_V4 if time else Code.REPORT_V4, head + data)
        else:
            self._send_report_v3(data, timed=bool(time))

    def _send_report_v3(self, data: bytes, *, timed: bool) -> None:
        self._send(Code.TIMED_REPORT if timed else Code.REPORT, data)

    def _time(self) -> bytes:
        """Return the Unix time as a report carries it; empty until the controller has sent the time."""
        if self._unix_at_zero_seconds is None:
            return b""
        return self._encode_time(self._unix_at_zero_seconds + self._now())

    def _encode_time(self, unix_seconds: float) -> bytes:
        return struct.pack(">BI", 1, round(unix_seconds))

    def _points(self, values: Mapping[str, Value]) -> Iterable[DataPoint]:
        for name, described in self._spec.datapoints.items():
            if described.trigger:
                continue
            if described.fields:
                yield self._reporting.point(name, values)
            elif values.get(name) is not None:
                yield self._reporting.point(name, values[name])

    def _answer(self, code: int, data: bytes, to: Message, *, flag: int | None = None) -> None:
        self._send(code, data, to.seq, flag=flag)

    def _send(self, code: int, data: bytes, response_to: int = 0, *, flag: int | None = None) -> None:
        if flag is None:
            flag = self._credentials.material.session_flag
        self._seq += 1
        plaintext = _padded(encode_message(Message(self._seq, response_to, code, data)), len(data))
        envelope = seal(flag, self._keys[flag], os.urandom(BLOCK), plaintext)
        self._notify(split(envelope, self.protocol, self._packet_bytes))

    def _notify(self, packets: Sequence[bytes]) -> None:
        for packet in packets:
            if self.server is not None:
                self.server.notify(self._way.notify, packet)


def _padded(plaintext: bytes, data_bytes: int) -> bytes:
    """Return a message padded as devices do: with bytes that hold the number of padding bytes."""
    end = _AROUND_DATA_BYTES + data_bytes
    return plaintext[:end] + bytes([len(plaintext) - end]) * (len(plaintext) - end)
