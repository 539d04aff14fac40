"""HCI, L2CAP and ATT: what a recording of a phone means."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from devices.capture.conversation import Capture, CapturedDevice
from devices.capture.reading.capture_file import read_capture
from tests.helpers.capture_bytes import (
    ADDRESS,
    COMMAND_HANDLE,
    REPORT_HANDLE,
    T0,
    Recording,
    btsnoop,
    on_air,
    pcap,
    talk,
    without_direction,
)


@pytest.fixture
def it() -> Recording:
    """A recording of a phone that has just connected."""
    recording = Recording()
    recording.connect()
    return recording


class Reader:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "a file"

    def __call__(self, it: Recording) -> Capture:
        self.file.write_bytes(btsnoop(it.records))
        return read_capture(self.file)

    def device(self, it: Recording) -> CapturedDevice:
        (device,) = self(it).devices
        return device

    def messages(self, it: Recording) -> list[tuple[str, int, str, int | None]]:
        return [(each.kind, each.handle, each.value.hex(" "), each.error) for each in self.device(it).messages]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


# Writes


def test_a_refused_write_has_the_error_of_the_device(it: Recording, read: Reader) -> None:
    it.app("12 1300 01 02", "12 1300 03")
    it.device("01 12 1300 03")
    it.app("12 1300 04")
    it.device("13")
    assert read.messages(it) == [
        ("write", 0x13, "01 02", None),
        ("write", 0x13, "03", 0x03),
        ("write", 0x13, "04", None),
    ]


def test_a_long_write_is_one_value_in_the_order_of_its_offsets(it: Recording, read: Reader) -> None:
    it.app("16 1300 0000 0102")
    it.device("17 1300 0000 0102")
    it.app("16 1300 0400 05")
    it.device("17 1300 0400 05")
    it.app("16 1300 0200 0304")
    it.device("17 1300 0200 0304")
    it.app("18 01")
    it.device("19")
    it.app("16 1300 0000 99")
    it.device("17 1300 0000 99")
    it.app("18 00")
    it.device("19")
    assert read.messages(it) == [("write", 0x13, "01 02 03 04 05", None)], "what was cancelled was not written"


def test_a_long_write_that_is_refused_when_it_is_carried_out(it: Recording, read: Reader) -> None:
    it.app("16 1300 0000 0102", "18 01")
    it.device("01 18 1300 0d")
    assert read.messages(it) == [("write", 0x13, "01 02", 0x0D)]


def test_a_signed_write_is_read_without_its_signature(it: Recording, read: Reader) -> None:
    it.app("d2 1300 aabb" + "00112233" + "5566778899aabbcc")
    assert read.messages(it) == [("write-without-response", 0x13, "aa bb", None)]


# Reads


def test_a_long_read_is_one_value(it: Recording, read: Reader) -> None:
    it.app("0a 1000")
    it.device("0b " + "11" * 22)
    it.app("0c 1000 1600")
    it.device("1b 1300 77", "0d " + "22" * 22)
    it.app("0c 1000 2c00")
    it.device("01 0c 1000 07")
    assert read.messages(it) == [
        ("read", 0x10, bytes.fromhex("11" * 22 + "22" * 22).hex(" "), None),
        ("notify", 0x13, "77", None),
    ]


def test_a_part_of_a_value_whose_beginning_is_not_there_is_left_out(it: Recording, read: Reader) -> None:
    it.app("0c 1000 1600")
    it.device("0d 2222")
    it.app("0c 1000 0000")
    it.device("0d 01")
    assert read.messages(it) == [("read", 0x10, "01", None)]


def test_a_refused_read_is_empty_and_has_the_error(it: Recording, read: Reader) -> None:
    it.app("0a 1000")
    it.device("01 0a 1000 0f")
    assert read.messages(it) == [("read", 0x10, "", 0x0F)]


def test_values_read_by_their_type_and_several_at_once(it: Recording, read: Reader) -> None:
    it.app("08 0100 ffff 002a")
    it.device("09 06 0300 50756d70")
    it.app("20 1000 1300")
    it.device("21 0200 0102 0100 03")
    assert read.messages(it) == [
        ("read", 0x03, "50 75 6d 70", None),
        ("read", 0x10, "01 02", None),
        ("read", 0x13, "03", None),
    ]
    device = read.device(it)
    assert device.name == "Pump"
    row = device.characteristics[0x03]
    assert (row.uuid, row.discovered) == ("00002a00-0000-1000-8000-00805f9b34fb", False)


# What the device tells


def test_notifications_indications_and_several_in_one(it: Recording, read: Reader) -> None:
    it.device("1b 1000 0102", "1d 1300 03")
    it.app("1e")
    it.device("23 1000 0200 0405 1300 0100 06")
    assert read.messages(it) == [
        ("notify", 0x10, "01 02", None),
        ("indicate", 0x13, "03", None),
        ("notify", 0x10, "04 05", None),
        ("notify", 0x13, "06", None),
    ]


@pytest.mark.parametrize("cut", [1, 3, 5, 27])
def test_a_long_notification_is_put_together_from_its_fragments(cut: int, read: Reader) -> None:
    it = Recording(cut=cut)
    it.connect()
    it.device("1b 1000 " + bytes(range(100)).hex())
    it.app("52 1300 " + bytes(range(60)).hex())
    assert [each.value for each in read.device(it).messages] == [bytes(range(100)), bytes(range(60))]


def test_without_a_direction_in_the_file_fragments_find_their_beginning(tmp_path: Path) -> None:
    it = Recording(cut=27)
    it.connect()
    it.device("1b 1000 " + bytes(range(100)).hex())
    it.app("52 1300 " + bytes(range(60)).hex())
    (tmp_path / "a file").write_bytes(pcap(without_direction(it.records, 187), 187))
    (device,) = read_capture(tmp_path / "a file").devices
    assert [(each.kind, each.value) for each in device.messages] == [
        ("notify", bytes(range(100))),
        ("write-without-response", bytes(range(60))),
    ]


def test_a_message_that_lacks_a_fragment_is_left_out_and_counted(it: Recording, read: Reader) -> None:
    it.device("1b 1000 " + "01" * 60)
    del it.records[-2]
    it.device("1b 1000 02", "1b 1000 " + "03" * 40)
    del it.records[-1]
    it.device("1b 1000 04")
    assert [each[2] for each in read.messages(it)] == ["02", "04"]
    assert any("2 messages lack a part" in each for each in read(it).problems)


# The table


def test_services_found_by_their_uuid_and_long_uuids(it: Recording, read: Reader) -> None:
    service, characteristic = "6e400001-b5a3-f393-e0a9-e50e24dcca9e", "6e400003-b5a3-f393-e0a9-e50e24dcca9e"
    raw = [bytes.fromhex(uuid.replace("-", ""))[::-1].hex() for uuid in (service, characteristic)]
    it.app("06 0100 ffff 0028" + raw[0])
    it.device("07 2000 2500")
    it.app("08 2000 2500 0328")
    it.device("09 15 2100 30 2200" + raw[1])
    row = read.device(it).characteristics[0x22]
    assert (row.uuid, row.service) == (characteristic, service)
    assert row.properties == {"notify", "indicate"}


def test_handles_without_a_discovery_stay_and_subscriptions_go(it: Recording, read: Reader) -> None:
    it.app("12 1100 0100", "12 1300 0100")
    it.device("13", "1b 1000 01")
    device = read.device(it)
    assert [(each.kind, each.handle) for each in device.messages] == [("write", 0x13), ("notify", 0x10)]
    rows = {row.handle: (row.uuid, row.properties, row.discovered) for row in device.characteristics.values()}
    assert rows == {0x13: (None, {"write"}, False), 0x10: (None, {"notify"}, False)}


def test_a_later_connection_uses_the_table_of_an_earlier_one(read: Reader) -> None:
    it = talk()
    it.connect()
    it.app("12 1100 0100", "12 1300 09")
    device = read.device(it)
    first, second = device.connections
    assert (first.number, second.number) == (1, 2)
    assert [each.value for each in second.messages] == [b"\x09"]
    assert second.ended_seconds is None
    assert device.characteristics[COMMAND_HANDLE].discovered


# Connections


@pytest.mark.parametrize("event", [0x0A, 0x29])
def test_enhanced_connection_events_and_encryption(event: int, read: Reader) -> None:
    """LE Enhanced Connection Complete, v1 and v2: two private addresses more; v2 also advertising and sync handles."""
    it = Recording()
    head = struct.pack("<BBHBB", event, 0, it.handle, 0, 0x02) + on_air(ADDRESS)
    rest = bytes(12) + struct.pack("<HHHB", 24, 0, 500, 0) + (b"\xff\xff\xff" if event == 0x29 else b"")
    it.event(0x3E, head + rest)
    it.event(0x08, struct.pack("<BHB", 0, it.handle, 1))
    it.device("1b 1000 01")
    device = read.device(it)
    assert device.address == ADDRESS
    assert device.connections[0].encrypted


def test_a_connection_that_failed_or_began_before_the_recording(read: Reader) -> None:
    it = Recording()
    it.event(0x3E, struct.pack("<BBHBB", 0x01, 0x3E, 0x0050, 0, 0) + on_air("00:00:00:00:00:01") + bytes(7))
    it.device("1b 1000 01")
    it.disconnect()
    device = read.device(it)
    assert device.address == "handle 0x0040"
    (connection,) = device.connections
    assert connection.began_seconds is None
    assert connection.ended_seconds is not None


def test_several_devices_at_once_are_kept_apart(read: Reader) -> None:
    it = Recording()
    for number, address in ((0x40, ADDRESS), (0x41, "D0:01:02:03:04:05")):
        it.handle = number
        it.connect(address)
    for number, value in ((0x40, "01"), (0x41, "02"), (0x40, "03")):
        it.handle = number
        it.device(f"1b 1000 {value}")
    values = {each.address: [message.value for message in each.messages] for each in read(it).devices}
    assert values == {ADDRESS: [b"\x01", b"\x03"], "D0:01:02:03:04:05": [b"\x02"]}


def test_a_reset_ends_every_connection(it: Recording, read: Reader) -> None:
    it.device("1b 1000 01")
    it.command(0x0C03)
    assert read.device(it).connections[0].ended_seconds == pytest.approx(it.at, abs=2e-6)


def test_a_device_with_changing_addresses_is_one_where_it_tells_its_identity(read: Reader) -> None:
    it = Recording()
    for address in ("5A:00:00:00:00:01", "5A:00:00:00:00:02"):
        it.connect(address)
        it.frame(0x0006, b"\x09\x00" + on_air(ADDRESS), True)
        it.device("1b 1000 01")
        it.disconnect()
    device = read.device(it)
    assert (device.address, len(device.connections)) == (ADDRESS, 2)


def test_where_the_phone_is_the_peripheral_the_other_side_is_the_app(read: Reader) -> None:
    it = Recording()
    it.connect(role=1)
    it.device("12 1300 01")
    it.app("13", "1b 1000 02")
    assert [each[:3] for each in read.messages(it)] == [("write", 0x13, "01"), ("notify", 0x10, "02")]


def test_what_the_device_asks_of_the_phone_is_no_message(it: Recording, read: Reader) -> None:
    it.device("0a 0300", "12 0500 01")
    it.app("0b 416e6e61", "13")
    assert read.messages(it) == []


def test_music_is_passed_over(read: Reader) -> None:
    """A classic connection, and A2DP on a channel of its own; one that began before the recording, too."""
    it = talk()
    it.handle = 0x000B
    it.frame(0x0041, bytes(600), False)
    it.event(0x03, struct.pack("<BH", 0, it.handle) + bytes(6) + b"\x01\x00")
    it.frame(0x0041, bytes(600), False)
    it.frame(0x0004, b"\x52\x10\x00\x01", False)
    capture = read(it)
    assert [each.address for each in capture.devices] == [ADDRESS]
    assert capture.problems == ()


def test_enhanced_att_is_named(it: Recording, read: Reader) -> None:
    """L2CAP_CREDIT_BASED_CONNECTION_REQ on SPSM 0x0027 (Core 5.4, Vol 3, Part A, 4.25)."""
    it.frame(0x0005, bytes.fromhex("17 01 0a00 2700 4000 4000 0100 4000"), False)
    it.device("1b 1000 01")
    assert any("Enhanced ATT" in each for each in read(it).problems)


# Advertising


def test_extended_advertisements_in_several_parts(read: Reader) -> None:
    """LE Extended Advertising Report: the first part says that more data is to come."""
    it = Recording()
    data = b"\x05\x09Moon" + b"\x11\x07" + bytes(range(16)) + b"\x03\xff\x34\x12"
    for part, more in ((data[:10], 0x20), (data[10:], 0x00)):
        head = (
            struct.pack("<HB", 0x0001 | more, 0x01)
            + on_air(ADDRESS)
            + bytes.fromhex("01 00 ff 7f c4 0000 00 000000000000")
        )
        it.event(0x3E, b"\x0d\x01" + head + bytes([len(part)]) + part)
    it.connect()
    device = read.device(it)
    assert device.name == "Moon"
    assert device.advertised_services == ("0f0e0d0c-0b0a-0908-0706-050403020100",)
    assert device.manufacturer_data == {0x1234: b""}


def test_a_complete_name_wins_over_a_short_one_and_over_what_was_read(read: Reader) -> None:
    it = Recording()
    it.advertise(data=b"\x04\x08Moo")
    it.connect()
    assert read.device(it).name == "Moo"
    it.app("08 0100 ffff 002a")
    it.device("09 0a 0300 4d6f6f6e20583200")
    assert read.device(it).name == "Moon X2"
    it.advertise(data=b"\x05\x09Moon")
    assert read.device(it).name == "Moon"


def test_without_a_connection_it_is_said_how_many_devices_advertised(read: Reader) -> None:
    it = Recording()
    it.advertise()
    it.advertise("D0:01:02:03:04:05")
    capture = read(it)
    assert capture.devices == ()
    assert "No Bluetooth LE connection with readable data is in it; 2 devices advertised." in capture.problems[0]


# Damage


def test_reading_goes_on_after_a_damaged_place(tmp_path: Path) -> None:
    content = btsnoop(talk().records)
    whole = len(content)
    for at in (16, 200, 700, whole // 2):
        for rubbish in (b"\x00" * 50, b"\xff" * 333, bytes(range(256))):
            (tmp_path / "a file").write_bytes(content[:at] + rubbish + content[at:])
            capture = read_capture(tmp_path / "a file")
            assert any("damaged" in each for each in capture.problems)
            assert capture.packet_count >= len(talk().records) - 2


def test_a_file_that_is_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    content = btsnoop(talk().records)
    (tmp_path / "a file").write_bytes(content[:-3])
    capture = read_capture(tmp_path / "a file")
    assert capture.packet_count == len(talk().records) - 1
    assert capture.problems == ("The file ends in the middle of a packet; all before it was read.",)
    assert [each.handle for each in capture.devices[0].messages][:2] == [COMMAND_HANDLE, REPORT_HANDLE]
    assert capture.devices[0].connections[0].began_seconds == pytest.approx(T0 + 0.02, abs=2e-6)
