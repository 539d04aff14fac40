"""A virtual device that speaks Tuya BLE: the device side of the protocol on a GATT server.

It holds controllers to what published devices do: it drops a connection whose sequence numbers do not climb, answers
nothing that its keys do not open, and nothing but the handshake before it is paired.
"""

from __future__ import annotations

import hashlib
import logging
import os
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from bumble.device import Device
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from devices.errors import DeviceError, ProtocolError
from devices.profiles.schema import Profile
from devices.profiles.vocabulary import Value, full_uuid
from devices.tuya.codec import TuyaCodec
from devices.tuya.credentials import TuyaCredentials
from devices.tuya.crypto import BLOCK, login_key, open_envelope, seal, session_key
from devices.tuya.datapoints import REPORTS, Code, DataPoint, decode, encode
from devices.tuya.frames import Joiner, Message, split
from devices.tuya.frames import decode as decode_message
from devices.tuya.frames import encode as encode_message
from devices.tuya.session import MANUFACTURER, WAYS
from devices.virtual.gatt import Advertisement, GattCharacteristic, GattServer, GattService
from devices.virtual.tuya_body import TuyaBody

_LOGGER = logging.getLogger(__name__)

_REPORT_EVERY_SECONDS = 1.0
_PRODUCT_RECORD = b"letdown1"
_BOUND = 0x80
_V4 = 4
_REFUSED, _ALREADY_PAIRED, _DONE = b"\1", b"\2", b"\0"


@dataclass
class TuyaFaults:
    """Switches for what goes wrong. Numbers count down, one for each frame that is spoiled."""

    mute: bool = False  # answers and reports nothing
    reportless: bool = False  # answers, and reports nothing
    lose_packets: int = 0  # frames that lack their second packet
    swap_packets: int = 0  # frames whose last two packets change places
    garble: int = 0  # frames with a flipped bit
    deaf_to: set[str] = field(default_factory=set)  # datapoints that are acknowledged and ignored
    refuses: set[str] = field(default_factory=set)  # datapoints that are turned down; "status" for the question


class TuyaTwin:
    """The device side of a `tuya:` section. `service` is the short UUID of the service it has: a201, 1910 or fd50.

    `writes`: how its characteristic can be written, in bleak's words.
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
        self.server: GattServer | None = None
        self.writes: list[tuple[str, Value | Mapping[str, Value]]] = []  # what it was told, in order
        self.replies: list[Message] = []  # the answers to its own reports and requests
        self._properties = writes
        self._credentials = credentials
        self._now = now
        self._way = next(way for way in WAYS if way.service == full_uuid(service))
        self._codec = TuyaCodec(self._spec, self._spec.ids(credentials.datapoints))
        self._keys: dict[int, bytes] = {}
        self._joiner = Joiner()
        self._seq = self._heard_seq = self._reports = 0
        self._paired = False
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
        due = self.body.duty.on and self._now() - self._reported_at_seconds >= _REPORT_EVERY_SECONDS - 1e-6
        if due or self.body.duty.state != self._reported_state:
            self._report(timed=True)

    def _on_connection(self) -> None:
        secret = self._credentials.material
        self._keys = {secret.login_flag: login_key(secret)}
        self._joiner = Joiner()
        self._seq = self._heard_seq = 0
        self._paired = False

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
            self._answer_info(flag, message)
        elif message.code == Code.PAIR:
            await self._pair(message)
        elif not self._paired:
            _LOGGER.debug("%s ignores a message: it is not paired", self.name)
        elif message.code in REPORTS or message.code in (Code.TIME_MILLISECONDS, Code.TIME_DATE):
            self.replies.append(message)
        elif message.code == Code.STATUS:
            refused = "status" in self.faults.refuses
            self._send(Code.STATUS, _REFUSED if refused else _DONE, message.seq)
            if not refused:
                self._report()
        elif message.code == (Code.WRITE_V4 if self.protocol >= _V4 else Code.WRITE):
            self._write(message)

    def _answer_info(self, flag: int, message: Message) -> None:
        srand = os.urandom(6)
        info = bytes([1, 0, self.protocol, 0, 0, self.bound]) + srand + bytes([1, 0]) + bytes(32)
        self._send(Code.DEVICE_INFO, info, message.seq, flag=flag)
        secret = self._credentials.material
        self._keys[secret.session_flag] = session_key(secret, srand)

    async def _pair(self, message: Message) -> None:
        if message.data != self._credentials.pair_request():
            self._send(Code.PAIR, _REFUSED, message.seq)
            await self._drop_link()
            return
        self._paired = True
        self._send(Code.PAIR, _ALREADY_PAIRED, message.seq)
        self._send(Code.TIME_MILLISECONDS, b"")
        self._send(Code.TIME_DATE, b"")

    async def _drop_link(self) -> None:
        if self.server is not None:
            await self.server.drop_link()

    def _write(self, message: Message) -> None:
        head = 5 if self.protocol >= _V4 else 0
        try:
            points = decode(message.data[head:], self.protocol)
            taken = [self._taken(point) for point in points]
        except DeviceError as error:
            _LOGGER.info("%s turns a write down: %s", self.name, error)
            self._send(message.code, message.data[:head] + _REFUSED, message.seq)
            return
        self._send(message.code, message.data[:head] + _DONE, message.seq)
        self.body.advance(self._now())
        for name, values in taken:
            self.writes.append((name, values.get(name, values)))
            if name not in self.faults.deaf_to:
                self.body.write(name, values)
        self._report()

    def _taken(self, point: DataPoint) -> tuple[str, dict[str, Value]]:
        name = self._codec.name_of(point)
        if name is None or name in self.faults.refuses:
            raise ProtocolError(f"datapoint {point.id} cannot be written")
        return name, self._codec.fields(name, point)

    # ---- what it says ----

    def _report(self, *, timed: bool = False) -> None:
        if self.server is None or not self.server.connected or not self._paired or self.faults.reportless:
            return
        self._reported_at_seconds = self._now()
        self._reported_state = self.body.duty.state
        self._reports += 1
        time = struct.pack(">BI", 1, int(self._now())) if timed else b""
        data = encode(self._points(self.body.values()), self.protocol)
        if self.protocol >= _V4:
            head = struct.pack(">BIBB", 0, self._reports, 0, 0)
            self._send(Code.TIMED_REPORT_V4 if timed else Code.REPORT_V4, head + time + data)
        else:
            self._send(Code.TIMED_REPORT if timed else Code.REPORT, time + data)

    def _points(self, values: Mapping[str, Value]) -> Iterable[DataPoint]:
        for name, described in self._spec.datapoints.items():
            if described.trigger:
                continue
            if described.fields:
                yield self._codec.point(name, values)
            elif values.get(name) is not None:
                yield self._codec.point(name, values[name])

    def _send(self, code: int, data: bytes, response_to: int = 0, *, flag: int | None = None) -> None:
        if flag is None:
            flag = self._credentials.material.session_flag
        self._seq += 1
        plaintext = encode_message(Message(self._seq, response_to, code, data))
        envelope = seal(flag, self._keys[flag], os.urandom(BLOCK), plaintext)
        for packet in self._spoiled(split(envelope, self.protocol)):
            if self.server is not None:
                self.server.notify(self._way.notify, packet)

    def _spoiled(self, packets: list[bytes]) -> Sequence[bytes]:
        faults = self.faults
        if faults.mute:
            return ()
        if faults.lose_packets:
            faults.lose_packets -= 1
            return packets[:1] + packets[2:]
        if faults.swap_packets:
            faults.swap_packets -= 1
            return [*packets[:-2], packets[-1], packets[-2]]
        if faults.garble:
            faults.garble -= 1
            return [*packets[:-1], packets[-1][:-1] + bytes([packets[-1][-1] ^ 0x10])]
        return packets
