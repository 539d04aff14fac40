"""Captures of sniffers: connections from their beginning on, packets that are sent again, and encryption.

The packets of the encryption are those of the Bluetooth specification (Core 5.4, Vol 6, Part C, 1).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devices.capture.conversation import Capture, CapturedDevice
from devices.capture.reading.capture_file import read_capture
from tests.helpers.capture_bytes import ADDRESS, T0, on_air, pcap

ADVERTISING = 0x8E89BED6
ACCESS_ADDRESS = 0x5A12B3C4
ENC_REQ = bytes.fromhex("0f 17 03 90 78 56 34 12 ef cd ab 74 24 13 02 f1 e0 df ce bd ac 24 ab dc ba")
ENC_RSP = bytes.fromhex("0b 0d 04 79 68 57 46 35 24 13 02 be ba af de")
START_ENC_REQ = bytes.fromhex("07 01 05")
START_ENC_RSP = bytes.fromhex("0f 05 9f cd a7 f4 48")
ENCRYPTED_DATA = bytes.fromhex("0e 1b 7a 70 d6 64 15 22 6d f2 6b 17 83 9a 06 04 05 59 6b d6 56 4f 79 6b 5b 9c e6 ff 32")
UP, DOWN = False, True  # to the central, from the central


@dataclass
class Sniffer:
    """Packets on the air: times, bytes from the access address on with a checksum that nobody checks, direction."""

    packets: list[tuple[float, bytes, bool | None]] = field(default_factory=list)
    at: float = T0
    sequence: dict[bool, int] = field(default_factory=lambda: {UP: 0, DOWN: 0})

    def air(self, access_address: int, pdu: bytes, from_central: bool | None, seconds: float = 0.01) -> None:
        self.at += seconds
        self.packets.append((self.at, struct.pack("<I", access_address) + pdu + b"\x12\x34\x56", from_central))

    def advertise(self, kind: int, payload: bytes) -> None:
        self.air(ADVERTISING, bytes([kind, len(payload)]) + payload, None)

    def connect(self) -> None:
        """CONNECT_IND: both addresses, access address, checksum start, window, interval, latency, timeout, channels."""
        times = bytes.fromhex("aabbcc 02 0900 1800 0000 2a00 ffffffff1f 25")
        self.advertise(0x05, on_air("AC:37:43:0A:0B:0C") + on_air(ADDRESS) + struct.pack("<I", ACCESS_ADDRESS) + times)

    def data(self, from_central: bool, kind: int, payload: bytes, again: bool = False) -> None:
        """A packet on a data channel; each new one has another sequence number than the last."""
        self.sequence[from_central] ^= 0 if again else 1
        header = bytes([kind | self.sequence[from_central] << 3, len(payload)])
        # Each event begins with the central; the answer follows 150 us after its end.
        seconds = 0.02 if from_central else (len(self.packets[-1][1]) + 1) * 8e-6 + 150e-6
        self.air(ACCESS_ADDRESS, header + payload, from_central, seconds)

    def att(self, from_central: bool, pdu: str, cut: int = 27) -> None:
        raw = bytes.fromhex(pdu)
        frame = struct.pack("<HH", len(raw), 4) + raw
        for at in range(0, len(frame), cut):
            if not from_central:
                self.data(DOWN, 0x01, b"")
            self.data(from_central, 0x01 if at else 0x02, frame[at : at + cut])
            if from_central:
                self.data(UP, 0x01, b"")


def plain(packets: list[tuple[float, bytes, bool | None]]) -> tuple[int, list[tuple[float, bytes]]]:
    return 251, [(at, data) for at, data, _ in packets]


def with_radio_header(packets: list[tuple[float, bytes, bool | None]]) -> tuple[int, list[tuple[float, bytes]]]:
    """Channel, signal, noise, errors, reference address, flags: dewhitened, checksum checked and right, direction."""
    kinds = {None: 0, True: 2, False: 3}
    return 256, [
        (at, struct.pack("<BbbBIH", 12, -60, -90, 0, 0, 0x0C01 | kinds[direction] << 7) + data)
        for at, data, direction in packets
    ]


def nrf(packets: list[tuple[float, bytes, bool | None]]) -> tuple[int, list[tuple[float, bytes]]]:
    """Board; length, version 3, counter, kind of packet; length of 10, flags, channel, signal, event, time."""
    out = []
    for at, data, direction in packets:
        kind = 2 if direction is None else 6
        head = struct.pack("<HBHB", 10 + len(data), 3, 1, kind) + struct.pack(
            "<BBBBHI", 10, 1 | (2 if direction else 0), 12, 60, 1, 0
        )
        out.append((at, b"\x01" + head + data))
    return 272, out


FORMATS = {"plain": plain, "with radio header": with_radio_header, "nRF Sniffer": nrf}


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def read(sniffer: Sniffer, form: str, folder: Path) -> Capture:
    link_type, records = FORMATS[form](sniffer.packets)
    # in nanoseconds: a microsecond is much beside the 150 between two packets
    (folder / "a file").write_bytes(pcap(records, link_type, nano=True))
    return read_capture(folder / "a file")


def only_device(capture: Capture) -> CapturedDevice:
    (device,) = capture.devices
    return device


def values(device: CapturedDevice) -> list[tuple[str, int, str]]:
    return [(each.kind, each.handle, each.value.hex()) for each in device.messages]


@pytest.fixture
def sniffer() -> Sniffer:
    it = Sniffer()
    it.advertise(0x00, on_air(ADDRESS) + b"\x05\x09Pump")
    it.connect()
    return it


def test_a_connection_is_followed_from_its_beginning(sniffer: Sniffer, form: str, tmp_path: Path) -> None:
    sniffer.att(DOWN, "10 0100 ffff 0028")
    sniffer.att(UP, "11 06 0e00 ffff f0ff")
    sniffer.att(DOWN, "52 1300 " + "01" * 50)
    sniffer.att(UP, "1b 1000 " + "02" * 50)
    sniffer.att(DOWN, "12 1300 03")
    sniffer.data(DOWN, 0x03, b"\x02\x13")
    device = only_device(read(sniffer, form, tmp_path))
    assert (device.address, device.name) == (ADDRESS, "Pump")
    assert values(device) == [
        ("write-without-response", 0x13, "01" * 50),
        ("notify", 0x10, "02" * 50),
        ("write", 0x13, "03"),
    ]
    (connection,) = device.connections
    assert connection.began_seconds == pytest.approx(T0 + 0.02, abs=2e-6)
    assert connection.ended_seconds == pytest.approx(sniffer.at, abs=2e-6)


def test_what_is_sent_again_counts_once(sniffer: Sniffer, form: str, tmp_path: Path) -> None:
    frame = bytes.fromhex("0400 0400 1b 1000 07")
    sniffer.data(DOWN, 0x01, b"")
    sniffer.data(UP, 0x02, frame)
    sniffer.data(DOWN, 0x01, b"", again=True)
    sniffer.data(UP, 0x02, frame, again=True)
    sniffer.data(DOWN, 0x01, b"")
    sniffer.data(UP, 0x02, frame)  # the same value, told anew
    assert [each.value for each in only_device(read(sniffer, form, tmp_path)).messages] == [b"\x07", b"\x07"]


def test_what_is_encrypted_is_not_read_and_named(sniffer: Sniffer, form: str, tmp_path: Path) -> None:
    sniffer.att(DOWN, "12 1300 01")
    for direction, pdu in ((DOWN, ENC_REQ), (UP, ENC_RSP), (UP, START_ENC_REQ), (DOWN, START_ENC_RSP)):
        sniffer.data(direction, pdu[0] & 3, pdu[2:])
    sniffer.data(DOWN, ENCRYPTED_DATA[0] & 3, ENCRYPTED_DATA[2:])
    sniffer.att(DOWN, "12 1300 02")  # whatever it looks like
    capture = read(sniffer, form, tmp_path)
    device = only_device(capture)
    assert values(device) == [("write", 0x13, "01")]
    assert device.connections[0].encrypted
    assert any("encrypted from some point on; it was read up to there" in each for each in capture.problems)


def test_an_encryption_that_is_refused_changes_nothing(sniffer: Sniffer, form: str, tmp_path: Path) -> None:
    """LL_REJECT_IND: the device has lost the key."""
    for direction, pdu in ((DOWN, ENC_REQ), (UP, ENC_RSP)):
        sniffer.data(direction, pdu[0] & 3, pdu[2:])
    sniffer.data(UP, 0x03, b"\x0d\x06")
    sniffer.att(DOWN, "12 1300 02")
    device = only_device(read(sniffer, form, tmp_path))
    assert values(device) == [("write", 0x13, "02")]
    assert not device.connections[0].encrypted


def test_a_connection_that_began_before_is_read_as_far_as_it_is_plain(form: str, tmp_path: Path) -> None:
    it = Sniffer()
    it.advertise(0x00, on_air("D0:01:02:03:04:05"))
    it.data(DOWN, ENCRYPTED_DATA[0] & 3, ENCRYPTED_DATA[2:])
    it.att(DOWN, "12 1300 02")
    device = only_device(read(it, form, tmp_path))
    assert device.address == f"access address 0x{ACCESS_ADDRESS:08X}"
    assert device.connections[0].began_seconds is None
    assert values(device) == [("write", 0x13, "02")]


def test_a_connection_whose_end_nobody_saw_ended_with_its_last_packet(
    sniffer: Sniffer, form: str, tmp_path: Path
) -> None:
    sniffer.att(DOWN, "12 1300 01")
    last = sniffer.at
    sniffer.at += 10
    sniffer.connect()
    sniffer.att(DOWN, "12 1300 02")
    first, second = only_device(read(sniffer, form, tmp_path)).connections
    assert first.ended_seconds == pytest.approx(last, abs=1e-3)
    assert second.ended_seconds is None


def test_packets_with_a_wrong_checksum_are_left_out(sniffer: Sniffer, tmp_path: Path) -> None:
    sniffer.att(DOWN, "12 1300 01")
    sniffer.att(DOWN, "12 1300 02")
    link_type, records = with_radio_header(sniffer.packets)
    at, data = records[-2]
    records[-2] = at, data[:8] + b"\x01\x05" + data[10:]  # checked, and wrong
    (tmp_path / "a file").write_bytes(pcap(records, link_type))
    capture = read_capture(tmp_path / "a file")
    assert values(only_device(capture)) == [("write", 0x13, "01")]
    assert any("1 packet was received wrongly" in each for each in capture.problems)


def test_what_the_sniffer_decrypted_is_read(sniffer: Sniffer, tmp_path: Path) -> None:
    for direction, pdu in ((DOWN, ENC_REQ), (UP, ENC_RSP), (UP, START_ENC_REQ)):
        sniffer.data(direction, pdu[0] & 3, pdu[2:])
    sniffer.att(DOWN, "12 1300 02")
    link_type, records = with_radio_header(sniffer.packets)
    decrypted = [(at, data[:8] + bytes([data[8] | 0x08]) + data[9:]) for at, data in records]
    (tmp_path / "a file").write_bytes(pcap(decrypted, link_type))
    assert values(only_device(read_capture(tmp_path / "a file"))) == [("write", 0x13, "02")]


def test_an_extended_advertisement_has_a_name(tmp_path: Path) -> None:
    """AUX_ADV_IND: nine bytes of header with the address and an identifier, then the data."""
    it = Sniffer()
    it.advertise(0x07, bytes([0x09, 0x09]) + on_air(ADDRESS) + b"\x34\x12" + b"\x05\x09Moon")
    it.connect()
    it.att(UP, "1b 1000 01")
    assert only_device(read(it, "with radio header", tmp_path)).name == "Moon"
