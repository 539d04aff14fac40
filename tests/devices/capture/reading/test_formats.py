"""Every file format with the same recording in it reads as the same conversation."""

from __future__ import annotations

import base64
import gzip
import io
import random
import re
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from devices.capture.conversation import Capture, CapturedDevice
from devices.capture.reading.capture_file import read_capture
from devices.support.file_error import FileError
from tests.helpers.capture_bytes import (
    ADDRESS,
    COMMAND_HANDLE,
    COMMANDS,
    REPORT_HANDLE,
    REPORTS,
    SERVICE,
    T0,
    Record,
    Recording,
    btsnoop,
    packetlogger,
    pcap,
    pcapng,
    talk,
    without_direction,
)

RECORDS = talk().records
FILES = {
    "btsnoop (H4)": btsnoop(RECORDS),
    "btsnoop (H1)": btsnoop(RECORDS, 1001),
    "btsnoop (Linux monitor)": btsnoop(RECORDS, 2001),
    "PacketLogger": packetlogger(RECORDS),
    "PacketLogger, little-endian": packetlogger(RECORDS, "<"),
    **{
        f"{kind}, {link_type}, {order}": make(without_direction(RECORDS, link_type), link_type, order)
        for kind, make in (("pcap", pcap), ("pcapng", pcapng))
        for link_type in (187, 201, 254)
        for order in "<>"
    },
    "pcap in nanoseconds": pcap(without_direction(RECORDS, 201), 201, ">", nano=True),
    "pcapng in nanoseconds": pcapng(without_direction(RECORDS, 201), 201, exponent=9),
    "gzip": gzip.compress(btsnoop(RECORDS)),
}


def read(content: bytes, folder: Path, name: str = "a file") -> Capture:
    file = folder / name
    file.write_bytes(content)
    return read_capture(file)


def only_device(capture: Capture) -> CapturedDevice:
    (device,) = capture.devices
    return device


def archive(**members: bytes) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return memory.getvalue()


def assert_is_the_talk(device: CapturedDevice, address: str = ADDRESS) -> None:
    assert device.address == address
    assert device.name == "Pump"
    assert device.advertised_services == (SERVICE,)
    assert device.manufacturer_data == {0x1234: b"\xab\xcd"}
    (connection,) = device.connections
    assert connection.began_seconds == pytest.approx(T0 + 0.02, abs=2e-6)
    assert connection.ended_seconds == pytest.approx(connection.messages[-1].at_seconds + 1.0, abs=2e-6)
    assert connection.mtu_bytes == 185
    assert [(each.kind, each.handle, each.value.hex(" ")) for each in connection.messages] == [
        ("write", COMMAND_HANDLE, "55 01 00"),
        ("notify", REPORT_HANDLE, "aa 00 64"),
        ("write", COMMAND_HANDLE, "55 01 01"),
        ("notify", REPORT_HANDLE, "aa 01 64"),
        ("write", COMMAND_HANDLE, "55 01 02"),
        ("notify", REPORT_HANDLE, "aa 02 64"),
        ("write-without-response", COMMAND_HANDLE, "55 02"),
    ]
    times = [each.at_seconds for each in connection.messages]
    assert times[2] - times[0] == pytest.approx(1.02, abs=1e-5)
    rows = {row.handle: (row.uuid, row.service, row.properties) for row in device.characteristics.values()}
    assert rows == {
        REPORT_HANDLE: (REPORTS, SERVICE, {"notify"}),
        COMMAND_HANDLE: (COMMANDS, SERVICE, {"write", "write-without-response"}),
    }
    assert all(row.discovered for row in device.characteristics.values())


@pytest.mark.parametrize("kind", FILES)
def test_a_recording_is_the_same_conversation_in_every_format(kind: str, tmp_path: Path) -> None:
    capture = read(FILES[kind], tmp_path)
    assert capture.problems == ()
    assert capture.packet_count == len(RECORDS)
    assert_is_the_talk(only_device(capture))


def test_the_name_of_a_file_does_not_matter(tmp_path: Path) -> None:
    assert_is_the_talk(only_device(read(btsnoop(RECORDS), tmp_path, "holiday.jpg")))


# Android


def test_a_bug_report_has_its_logs_in_order_of_time_each_once(tmp_path: Path) -> None:
    early, late = btsnoop(RECORDS[:20]), btsnoop(RECORDS[20:])
    folder = "FS/data/misc/bluetooth/logs/"
    report = archive(
        **{
            "bugreport-phone.txt": b"Notification received from somewhere\n",
            f"{folder}btsnoop_hci.log": late,
            f"{folder}btsnoop_hci.log.last": early,
            "FS/data/log/bt/copy.cfa": late,
            "FS/data/misc/other": b"\x00\x01",
        }
    )
    capture = read(report, tmp_path)
    assert capture.problems == ()
    assert capture.packet_count == len(RECORDS)
    assert_is_the_talk(only_device(capture))


def btsnooz(records: list[Record], version: int, cut: int = 1000) -> bytes:
    """AOSP's btsnooz.py: version, time of the last packet; deflated: length, (whole length,) distance, type, data."""
    kinds = {(1, False): 0x20, (4, True): 0x10, (2, True): 0x11, (2, False): 0x21}
    out, before = b"", records[0][0]
    for at, packet, received in records:
        data = packet[1:][:cut]
        lengths = (len(data) + 1,) if version == 1 else (len(data) + 1, len(packet))
        head = struct.pack(f"<{'H' * len(lengths)}IB", *lengths, round((at - before) * 1e6), kinds[packet[0], received])
        out, before = out + head + data, at
    return struct.pack("<bQ", version, round(before * 1e6)) + zlib.compress(out)


def summary(content: bytes) -> bytes:
    text = base64.encodebytes(content)
    return b"...\n--- BEGIN:BTSNOOP_LOG_SUMMARY (9 bytes in) ---\n" + text + b"--- END:BTSNOOP_LOG_SUMMARY ---\n...\n"


@pytest.mark.parametrize("version", [1, 2])
def test_a_report_with_only_the_shortened_log_is_read_as_far_as_it_goes(version: int, tmp_path: Path) -> None:
    report = archive(**{"bugreport-phone.txt": summary(btsnooz(RECORDS, version))})
    for content in (report, summary(btsnooz(RECORDS, version))):
        capture = read(content, tmp_path)
        assert "bluetooth_btsnoop_default_mode full" in capture.problems[0]
        assert_is_the_talk(only_device(capture))


def test_values_that_the_shortened_log_lacks_are_left_out_and_counted(tmp_path: Path) -> None:
    it = Recording(cut=100)
    it.connect()
    it.device("1b 1000 " + "ab" * 40, "1b 1000 01")
    capture = read(summary(btsnooz(it.records, 2, cut=30)), tmp_path)
    assert [each.value for each in only_device(capture).messages] == [b"\x01"]
    assert any("1 packet was shortened" in each for each in capture.problems)


def test_of_a_whole_log_and_its_shortened_form_the_whole_one_counts(tmp_path: Path) -> None:
    folder = "FS/data/misc/bluetooth/logs/"
    whole, shortened = (
        {f"{folder}btsnoop_hci.log": btsnoop(RECORDS)},
        {f"{folder}btsnooz_hci.log": btsnoop(RECORDS[:20])},
    )
    both = read(archive(**whole, **shortened), tmp_path)
    assert (both.packet_count, both.problems) == (len(RECORDS), ())
    one = read(archive(**shortened), tmp_path)
    assert one.packet_count == 20
    assert "only Android's shortened log" in one.problems[0]


def test_a_report_without_a_log_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"bug report without a Bluetooth log; .*bluetooth_btsnoop_default_mode full"):
        read(archive(**{"bugreport-phone.txt": b"nothing\n"}), tmp_path)


# What is damaged

DAMAGED = {kind: content for kind, content in FILES.items() if kind != "gzip"}


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("rubbish", [bytes(60), b"\xff" * 77, bytes(range(256))], ids=["zeros", "ones", "all"])
def test_reading_goes_on_after_rubbish_in_any_format(kind: str, rubbish: bytes, tmp_path: Path) -> None:
    content = FILES[kind]
    capture = read(content[: len(content) // 2] + rubbish + content[len(content) // 2 :], tmp_path)
    assert any("damaged" in each for each in capture.problems)
    assert capture.packet_count >= len(RECORDS) - 2
    assert only_device(capture).messages[-1].value == b"\x55\x02", "what comes after it"


def test_a_gzip_file_that_is_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    packed = gzip.compress(btsnoop(talk(rounds=250).records))
    capture = read(packed[: len(packed) // 2], tmp_path)
    assert len(only_device(capture).messages) > 100
    assert "The file is cut off or damaged" in capture.problems[0]


def test_a_log_in_an_archive_that_is_damaged_is_read_up_to_there(tmp_path: Path) -> None:
    it, chance = Recording(cut=200), random.Random(1)
    it.connect()
    for _ in range(2000):
        it.device("1b 1000 " + chance.randbytes(100).hex())
    content = bytearray(archive(**{"btsnoop_hci.log": btsnoop(it.records)}))
    content[len(content) // 2] ^= 0xFF
    capture = read(bytes(content), tmp_path)
    assert len(only_device(capture).messages) > 500
    assert any("cut off or damaged" in each for each in capture.problems)


def test_an_archive_with_a_password_says_so(tmp_path: Path) -> None:
    content = bytearray(archive(**{"btsnoop_hci.log": btsnoop(RECORDS)}))
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag of both headers
        content[content.index(magic) + at] |= 1
    with pytest.raises(FileError, match="is a zip archive with a password; unpack it first"):
        read(bytes(content), tmp_path)


# What is none


REFUSED = {
    "is empty; record again": b"",
    "is cut off or damaged; copy it again": gzip.compress(b"btsnoop")[:10],
    "is not a Bluetooth capture; use an Android bug report": b"\x00\x01\x02\x03" * 100,
    "is not a Bluetooth capture": b"just some text\n",
    "is a PDF; use an Android bug report": b"%PDF-1.7\n",
    "is a 7z archive; unpack it first": b"7z\xbc\xaf\x27\x1c",
    "has no Bluetooth packets in it; check that the recording was on": btsnoop([]),
    "is a btsnoop file of version 1 and datalink 1003": btsnoop([], 1003),
    "was recorded on Ethernet (link type 1), not on Bluetooth LE": pcap([(T0, bytes(60))], 1),
    "was recorded on Wi-Fi (link type 127)": pcapng([(T0, bytes(60))], 127),
    "is a zip archive without a Bluetooth capture": archive(**{"a.jpg": b"\xff\xd8\xff"}),
    "is a zip archive that is cut off or damaged": archive(**{"a.log": btsnoop(RECORDS)})[:-30],
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_file_without_a_capture_is_refused_with_a_remedy(words: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=re.escape(words)):
        read(REFUSED[words], tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        read_capture(tmp_path / "nowhere")
    with pytest.raises(FileError, match="cannot be read"):
        read_capture(tmp_path)


def test_progress_ends_at_the_whole_file(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    (tmp_path / "a file").write_bytes(content := btsnoop(RECORDS))
    read_capture(tmp_path / "a file", lambda done, size: seen.append((done, size)))
    assert seen[-1] == (len(content), len(content))
