"""Captures, byte by byte as the specifications of HCI and of the file formats describe them.

Independent of the code that reads them. A recording is a list of records: time, packet with its type of H4, received.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

T0 = 1_750_000_000.0
ADDRESS = "C4:5B:BE:11:22:33"
Record = tuple[float, bytes, bool]

SERVICE, REPORTS, COMMANDS = (f"0000ff{end}-0000-1000-8000-00805f9b34fb" for end in ("f0", "f1", "f2"))
REPORT_HANDLE, COMMAND_HANDLE = 0x0010, 0x0013


def on_air(address: str) -> bytes:
    return bytes(int(octet, 16) for octet in reversed(address.split(":")))


@dataclass
class Recording:
    """What a phone records, and the clock of it."""

    records: list[Record] = field(default_factory=list)
    at: float = T0
    handle: int = 0x0040
    cut: int = 27  # bytes of data in a packet

    def add(self, packet: bytes, received: bool, seconds: float = 0.01) -> None:
        self.at += seconds
        self.records.append((self.at, packet, received))

    def event(self, code: int, parameters: bytes, seconds: float = 0.01) -> None:
        self.add(bytes([0x04, code, len(parameters)]) + parameters, True, seconds)

    def command(self, opcode: int, parameters: bytes = b"") -> None:
        self.add(struct.pack("<BHB", 0x01, opcode, len(parameters)) + parameters, False)

    def frame(self, channel: int, payload: bytes, received: bool, seconds: float = 0.01) -> None:
        """Add an L2CAP frame, in as many packets as it needs."""
        frame = struct.pack("<HH", len(payload), channel) + payload
        for at in range(0, len(frame), self.cut):
            boundary = 0b01 if at else (0b10 if received else 0b00)
            part = frame[at : at + self.cut]
            self.add(struct.pack("<BHH", 0x02, self.handle | boundary << 12, len(part)) + part, received, seconds)
            seconds = 0.0

    def app(self, *pdus: str, seconds: float = 0.01) -> None:
        """Add what the app sends on ATT, in hex."""
        for pdu in pdus:
            self.frame(0x0004, bytes.fromhex(pdu), False, seconds)

    def device(self, *pdus: str, seconds: float = 0.01) -> None:
        """Add what the device sends on ATT, in hex."""
        for pdu in pdus:
            self.frame(0x0004, bytes.fromhex(pdu), True, seconds)

    def advertise(self, address: str = ADDRESS, data: bytes = b"") -> None:
        """LE Advertising Report: ADV_IND of a public address, with -60 dBm."""
        self.event(0x3E, bytes([0x02, 1, 0x00, 0x00]) + on_air(address) + bytes([len(data)]) + data + b"\xc4")

    def connect(self, address: str = ADDRESS, role: int = 0) -> None:
        """LE Connection Complete: interval 30 ms, latency 0, timeout 5 s, accuracy 0."""
        fixed = struct.pack("<HHHB", 24, 0, 500, 0)
        self.event(0x3E, struct.pack("<BBHBB", 0x01, 0, self.handle, role, 0) + on_air(address) + fixed)

    def disconnect(self, reason: int = 0x13, seconds: float = 0.01) -> None:
        self.event(0x05, struct.pack("<BHB", 0, self.handle, reason), seconds)

    def discover(self) -> None:
        """Add the discovery of a service with a characteristic for reports, and one for commands."""
        self.app("10 0100 ffff 0028")
        self.device("11 06 0e00 ffff f0ff")
        self.app("08 0e00 ffff 0328")
        self.device("09 07 0f00 10 1000 f1ff 1200 0c 1300 f2ff")
        self.app("08 1300 ffff 0328")
        self.device("01 08 1300 0a")
        self.app("04 1100 1100")
        self.device("05 01 1100 0229")


def talk(recording: Recording | None = None, rounds: int = 3) -> Recording:
    """Return a recording of a whole connection: discovery, subscription, commands and reports."""
    it = recording or Recording()
    it.advertise(data=b"\x02\x01\x06" + b"\x05\x09Pump" + b"\x03\x03\xf0\xff" + b"\x05\xff\x34\x12\xab\xcd")
    it.connect()
    it.app("02 f700")
    it.device("03 b900")
    it.discover()
    it.app("12 1100 0100")
    it.device("13")
    for number in range(rounds):
        it.app(f"12 1300 55 01 {number:02x}", seconds=1.0)
        it.device("13")
        it.device(f"1b 1000 aa {number:02x} 64")
    it.app("52 1300 55 02", seconds=0.5)
    it.disconnect(seconds=1.0)
    return it


# -- files ------------------------------------------------------------------------------------------------------------


def btsnoop(records: list[Record], datalink: int = 1002) -> bytes:
    """RFC 1761 with Bluetooth's datalinks: big-endian, microseconds since the year 0 (1970 is 0x00dcddb30f2f8000)."""
    out = [b"btsnoop\x00", struct.pack(">II", 1, datalink)]
    for at, packet, received in records:
        flags = (1 if received else 0) | (2 if packet[0] in (1, 4) else 0)
        data = packet if datalink == 1002 else packet[1:]
        if datalink == 2001:
            flags = monitor_opcode(packet, received)
        out.append(struct.pack(">IIII", len(data), len(data), flags, 0))
        out.append(struct.pack(">Q", 0x00DCDDB30F2F8000 + round(at * 1_000_000)))
        out.append(data)
    return b"".join(out)


def monitor_opcode(packet: bytes, received: bool) -> int:
    return {1: 2, 4: 3, 2: 5 if received else 4, 3: 7 if received else 6}[packet[0]]


def packetlogger(records: list[Record], order: str = ">") -> bytes:
    """Length of what follows, seconds, microseconds, kind (0 command, 1 event, 2 and 3 data), packet."""
    out = []
    for at, packet, received in records:
        kind = {1: 0, 4: 1, 2: 3 if received else 2}[packet[0]]
        micro = round(at * 1_000_000)
        header = struct.pack(order + "III", len(packet) - 1 + 9, micro // 1_000_000, micro % 1_000_000)
        out.append(header + bytes([kind]) + packet[1:])
    return b"".join(out)


def in_link_type(packet: bytes, received: bool, link_type: int) -> bytes:
    """Put the header of a link type of pcap in front of a packet."""
    match link_type:
        case 201:
            return struct.pack(">I", int(received)) + packet
        case 254:
            return struct.pack(">HH", 0, monitor_opcode(packet, received)) + packet[1:]
    return packet


def pcap(records: list[tuple[float, bytes]], link_type: int, order: str = "<", nano: bool = False) -> bytes:
    """The classic format: magic, version 2.4, snap length, link type; seconds and their fraction before each packet."""
    per_second = 1_000_000_000 if nano else 1_000_000
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, link_type)]
    for at, data in records:
        seconds, fraction = divmod(round(at * 1_000_000) * (per_second // 1_000_000), per_second)
        out.append(struct.pack(order + "IIII", seconds, fraction, len(data), len(data)) + data)
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of pcapng: its length stands at both ends, and is a multiple of four."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def pcapng(records: list[tuple[float, bytes]], link_type: int, order: str = "<", exponent: int | None = None) -> bytes:
    """A section, an interface with its resolution (10 to the minus `exponent`; by default microseconds), packets."""
    options = b"" if exponent is None else struct.pack(order + "HHBxxx", 9, 1, exponent) + bytes(4)
    out = [
        block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order),
        block(1, struct.pack(order + "HHI", link_type, 0, 0) + options, order),
    ]
    for at, data in records:
        ticks = round(at * 1_000_000) * 10 ** ((6 if exponent is None else exponent) - 6)
        head = struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
        out.append(block(6, head + data, order))
    return b"".join(out)


def without_direction(records: list[Record], link_type: int) -> list[tuple[float, bytes]]:
    """Return records as a link type has them in pcap."""
    return [(at, in_link_type(packet, received, link_type)) for at, packet, received in records]
