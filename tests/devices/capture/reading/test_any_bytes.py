"""Whatever bytes a file has, reading it ends in a capture or in a `FileError`, soon."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devices.capture.conversation import Capture
from devices.capture.reading.capture_file import read_capture
from devices.support.file_error import FileError
from tests.helpers.capture_bytes import Recording, btsnoop, packetlogger, pcap, pcapng, talk, without_direction
from tests.helpers.sampling import examples

RECORDS = talk().records
WHOLE = [
    btsnoop(RECORDS),
    btsnoop(RECORDS, 1001),
    btsnoop(RECORDS, 2001),
    packetlogger(RECORDS),
    packetlogger(RECORDS, "<"),
    pcap(without_direction(RECORDS, 201), 201),
    pcapng(without_direction(RECORDS, 254), 254, ">"),
    gzip.compress(btsnoop(RECORDS), mtime=0),
    b"nRF Connect, 2026-02-07\nPump (C4:5B:BE:11:22:33)\nI\t10:00:00.000\tNotification received from 0000fff1-0000-1000"
    b"-8000-00805f9b34fb, value: (0x) 01-00\n" * 5,
]
LINK_TYPES = (187, 201, 254, 251, 256, 272, 157)


def read(content: bytes, folder: Path) -> Capture | None:
    file = folder / "a file"
    file.write_bytes(content)
    try:
        return read_capture(file)
    except FileError as error:
        refused = error
    assert refused.problems[0].remedy
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@settings(max_examples=examples(30))
@given(
    whole=st.sampled_from(WHOLE),
    cut=st.integers(0, 4000),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=20),
    inserted=st.tuples(st.integers(0, 4000), st.binary(max_size=60)),
)
def test_a_capture_that_was_damaged_anywhere(
    whole: bytes, cut: int, changes: list[tuple[int, int]], inserted: tuple[int, bytes], folder: Path
) -> None:
    content = bytearray(whole[: max(1, len(whole) - cut % len(whole))])
    for at, byte in changes:
        content[at % len(content)] = byte
    at = inserted[0] % len(content)
    content[at:at] = inserted[1]
    read(bytes(content), folder)


PACKETS = st.lists(st.binary(max_size=60), max_size=12)


@settings(max_examples=examples(30))
@given(link_type=st.sampled_from(LINK_TYPES), packets=PACKETS)
def test_any_packets_of_any_link_type(link_type: int, packets: list[bytes], folder: Path) -> None:
    read(pcap([(1.0 + number, packet) for number, packet in enumerate(packets)], link_type), folder)
    read(pcapng([(1.0 + number, packet) for number, packet in enumerate(packets)], link_type), folder)


OPCODES = st.builds(lambda opcode, rest: bytes([opcode]) + rest, st.integers(0, 0x24), st.binary(max_size=30))
PDUS = st.lists(st.tuples(st.booleans(), st.binary(max_size=40) | OPCODES), max_size=20)


@settings(max_examples=examples(30))
@given(pdus=PDUS)
@example(pdus=[(False, b"\x16\x01\x00\xff\xff" + bytes(9)), (False, b"\x18\x01"), (True, b"\x01\x18\x01\x00\x03")])
def test_any_att_pdus_and_events(pdus: list[tuple[bool, bytes]], folder: Path) -> None:
    it = Recording()
    it.connect()
    for received, pdu in pdus:
        it.frame(4 + len(pdu) % 3, pdu, received)
        if received and len(pdu) < 200:
            it.event(0x3E if pdu[:1] < b"\x20" else 0x0E, pdu)
    capture = read(btsnoop(it.records), folder)
    assert capture is not None
    assert len(capture.devices) >= 1


@settings(max_examples=examples(30))
@given(
    lines=st.lists(
        st.text(max_size=40)
        | st.sampled_from(
            (
                "Connected to C4:5B:BE:11:22:33",
                "Data written to 0x2A00, value: (0x) 01-0",
                "writeCharacteristic(FFF1, 0x123",
                "Error 99999999999 (0x85)",
                "MTU changed to: 99999999999999",
                "Discovered FFF1 Characteristics for Service ZZ.",
                "- Unknown [R W] (0xFFF1)",
                "Updated Value of Characteristic FFF1 to 123",
                "[99:99:99.999999] Disconnected",
                "I\t10:00:00\tIndication received from FFF1, value: (0x) -",
            )
        ),
        max_size=12,
    )
)
def test_any_lines_of_a_log(lines: list[str], folder: Path) -> None:
    text = "\n".join(
        ["nRF Connect, 2026-99-99", *(f"I\t10:00:00.00{at % 10}\t{line}" for at, line in enumerate(lines)), *lines]
    )
    read(text.encode("utf-8", "surrogatepass"), folder)


@pytest.mark.parametrize("order", "<>")
def test_lengths_that_are_absurd_take_no_memory(order: str, folder: Path) -> None:
    for length in (0xFFFFFFFF, 0x7FFFFFFF, 0x01000000):
        absurd = struct.pack(order + "IIIIII", length, length, 1, 0, 0, length)
        for whole in WHOLE[:7]:
            capture = read(whole[:40] + absurd + whole[40:] + absurd, folder)
            assert capture is None or capture.problems
