"""Frames around payloads, held against published frames and frames counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import ProtocolError, RefusedError
from devices.profiles.codec import Codec, DecodedMessage
from devices.profiles.schema import Profile

LAYOUT = ["head", "length", "opcode", "counter", "payload", "checksum"]
CRC = {"layout": ["opcode", "counter", "payload", "checksum"], "checksum": {"kind": "crc16-ccitt-false"}}


def codec(frame: dict[str, Any] | None, *, order: str = "little", **more: Any) -> Codec:
    """Return the codec of a device with one command and one report of the same payload."""
    data: dict[str, Any] = {
        "id": "test",
        "name": "Test pump",
        "roles": ["pump"],
        "confidence": "unverified",
        "provenance": "made up for a test",
        "match": {"name": "Test"},
        "byte_order": order,
        "channels": {
            "control": {"service": "ffb0", "characteristic": "ffb1", "write": "both", "notify": True},
            "battery": {
                "service": "180f",
                "characteristic": "2a19",
                "read": True,
                "fields": [{"battery_percent": "u8", "range": [0, 100]}],
            },
        },
        "frame": frame,
        "commands": {"set": {"opcode": "10", "payload": [{"value": "u16"}]}},
        "reports": {"state": {"opcode": "90", "channel": "control", "payload": [{"value": "u16"}]}},
    }
    if frame is None or "opcode" not in frame["layout"]:
        del data["commands"]["set"]["opcode"], data["reports"]["state"]["opcode"]
    return Codec(Profile.model_validate(data | more))


def whole(counts: str = "frame", kind: str = "u8", over: str = "frame", checksum: str = "xor8") -> dict[str, Any]:
    return {
        "layout": LAYOUT,
        "head": "aa bb",
        "length": {"counts": counts, "type": kind},
        "checksum": {"kind": checksum, "over": over},
    }


class TestLayout:
    @pytest.mark.parametrize(
        ("frame", "order", "data"),
        [
            (None, "little", "02 01"),
            ({"layout": ["payload"]}, "little", "02 01"),
            ({"layout": ["payload", "tail"], "tail": "0d 0a"}, "big", "01 02 0d 0a"),
            ({"layout": ["opcode", "payload"]}, "little", "10 02 01"),
            ({"layout": ["opcode", "payload"]}, "big", "10 01 02"),
            ({"layout": ["payload", "opcode"]}, "little", "02 01 10"),
            ({"layout": ["counter", "opcode", "payload"]}, "little", "07 10 02 01"),
            ({"layout": ["head", "opcode", "payload"], "head": "a0 b0"}, "little", "a0 b0 10 02 01"),
            (whole("frame"), "little", "aa bb 08 10 07 02 01 0d"),
            (whole("payload"), "little", "aa bb 02 10 07 02 01 07"),
            (whole("rest"), "little", "aa bb 05 10 07 02 01 00"),
            (whole("frame", "u16"), "little", "aa bb 09 00 10 07 02 01 0c"),
            (whole("rest", "u16"), "big", "aa bb 00 05 10 07 01 02 00"),
            (whole(over="payload"), "little", "aa bb 08 10 07 02 01 03"),
            (whole(over="payload", checksum="sum8-inverted"), "little", "aa bb 08 10 07 02 01 fc"),
            (whole(over=["opcode", "payload"], checksum="sum8"), "little", "aa bb 08 10 07 02 01 1a"),
            (whole(over=["length", "length"], checksum="sum8"), "little", "aa bb 08 10 07 02 01 08"),
            (
                {
                    "layout": ["payload", "checksum", "tail"],
                    "tail": "0d",
                    "checksum": {"kind": "crc16-modbus", "order": "big"},
                },
                "little",
                "02 01 10 c1 0d",
            ),
        ],
    )
    def test_each_part_is_where_the_layout_has_it(self, frame: dict[str, Any], order: str, data: str) -> None:
        device = codec(frame, order=order)
        packet = device.encode_command("set", {"value": 0x0102}, counter=7)
        assert packet.data.hex(" ") == data
        assert packet.channel == "control"

    @pytest.mark.parametrize(
        ("command", "data"),
        [
            ("on", "55 aa 06 10 01 16"),
            ("off", "55 aa 06 10 00 15"),
            ("pause", "55 aa 06 d0 01 d6"),
            ("resume", "55 aa 06 d0 00 d5"),
            ("limit", "55 aa 06 90 1e b3"),
        ],
    )
    def test_a_published_command_of_a_kindly_cuddle_has_its_published_bytes(self, command: str, data: str) -> None:
        device = codec(
            {
                "layout": ["head", "length", "opcode", "payload", "checksum"],
                "head": "55 aa",
                "length": {"counts": "frame"},
                "checksum": {"kind": "sum8"},
            },
            commands={
                "on": {"opcode": "10", "payload": "01"},
                "off": {"opcode": "10", "payload": "00"},
                "pause": {"opcode": "d0", "payload": "01"},
                "resume": {"opcode": "d0", "payload": "00"},
                "limit": {"opcode": "90", "payload": [{"minutes": "u8", "range": [1, 60]}]},
            },
        )
        assert device.encode_command(command, {"minutes": 30}).data.hex(" ") == data

    def test_a_command_without_a_frame_is_its_payload(self) -> None:
        device = codec(None, reports={}, commands={"stop": {"payload": "0f"}, "set": {"payload": [{"value": "u8"}]}})
        assert device.encode_command("stop", {}).data == b"\x0f"
        assert device.encode_command("set", {"value": 3}).data == b"\x03"

    @pytest.mark.parametrize(("order", "tail"), [("little", "e4 79"), ("big", "79 e4")])
    def test_a_two_byte_checksum_has_the_byte_order_of_the_profile(self, order: str, tail: str) -> None:
        start = [
            {"phase": "u8"},
            {"vacuum": "u16", "order": "little"},
            {"rate": "u8"},
            {"times": "u24", "order": "big"},
        ]
        device = codec(CRC, order=order, commands={"go": {"opcode": "33", "payload": start}})
        data = device.encode_command("go", {"phase": 0xCC, "vacuum": 150, "rate": 54, "times": 0x84030A}, 7).data
        assert data.hex(" ") == f"33 07 cc 96 00 36 84 03 0a {tail}"  # as in open-pump.yaml, by binascii.crc_hqx

    def test_an_opcode_may_have_several_bytes(self) -> None:
        device = codec(
            {"layout": ["opcode", "payload"], "opcode_bytes": 2},
            commands={"set": {"opcode": "10 01", "payload": [{"value": "u8"}]}},
            reports={},
        )
        data = device.encode_command("set", {"value": 5}).data
        assert data.hex(" ") == "10 01 05"
        assert device.decode_command("control", data) == DecodedMessage("set", {"value": 5}, b"\x10\x01", None)

    def test_a_counter_starts_again_after_255(self) -> None:
        device = codec(CRC)
        assert [device.encode_command("set", {"value": 0}, n).data[1] for n in (255, 256, 257)] == [255, 0, 1]

    @pytest.mark.parametrize(("order", "counted"), [("little", "00 01"), ("big", "01 00")])
    def test_a_counter_of_two_bytes_goes_on_to_65535(self, order: str, counted: str) -> None:
        device = codec({"layout": ["counter", "opcode", "payload"], "counter_bytes": 2}, order=order)
        data = device.encode_command("set", {"value": 0}, 256).data
        assert data[:2] == bytes.fromhex(counted)
        assert device.decode_command("control", data).counter == 256
        assert device.encode_command("set", {"value": 0}, 65537).data[:2] in (b"\x01\x00", b"\x00\x01")

    def test_a_command_through_a_channel_of_its_own_goes_there(self) -> None:
        channels = {
            name: {"service": "ffb0", "characteristic": uuid, "write": "both"}
            for name, uuid in (("a", "0001"), ("b", "0002"))
        }
        device = codec(
            {"layout": ["opcode", "payload"]},
            channels=channels,
            commands={"one": {"opcode": "10", "channel": "a"}, "two": {"opcode": "10", "channel": "b"}},
            reports={},
        )
        assert device.encode_command("two", {}).channel == "b"
        assert device.decode_command("a", b"\x10").name == "one"
        assert device.decode_command("b", b"\x10").name == "two"


class TestRefused:
    def test_an_unknown_command_is_refused(self) -> None:
        with pytest.raises(RefusedError, match="Test pump has no command explode"):
            codec(CRC).encode_command("explode", {})

    def test_a_value_that_does_not_fit_is_refused(self) -> None:
        with pytest.raises(RefusedError, match="value = 65536 does not fit"):
            codec(CRC).encode_command("set", {"value": 65536})


class TestUndescribed:
    @pytest.mark.parametrize(
        ("data", "says"),
        [
            ("", "a frame has at least 6 bytes, not 0"),
            ("aa bb 06 10 07", "at least 6 bytes, not 5"),
            ("ab bb 08 90 07 02 01 8c", "the head of a frame is aa bb, not ab bb"),
            ("aa bb 09 90 07 02 01 8c", "the length says 9, the frame has 8"),
            ("aa bb 08 90 07 02 01 8e", "the checksum is 8e, 8d was expected"),
            ("aa bb 08 91 07 02 01 8c", "no report has the opcode 91"),
            ("aa bb 07 90 07 02 83", "1 bytes end before value"),
            ("aa bb 09 90 07 02 01 00 8c", "3 bytes where 2 are described"),
        ],
    )
    def test_the_error_of_a_wrong_frame_names_the_part(self, data: str, says: str) -> None:
        with pytest.raises(ProtocolError) as caught:
            codec(whole()).decode_report("control", bytes.fromhex(data))
        assert says in str(caught.value)

    def test_the_right_one_is_read(self) -> None:
        message = codec(whole()).decode_report("control", bytes.fromhex("aa bb 08 90 07 02 01 8d"))
        assert message == DecodedMessage("state", {"value": 0x0102}, b"\x90", 7)

    def test_reports_and_commands_are_not_mixed_up(self) -> None:
        device = codec(CRC)
        with pytest.raises(ProtocolError, match="is not a command of a Test pump"):
            device.decode_command("control", device.encode_report("state", {"value": 1}).data)
        with pytest.raises(ProtocolError, match="no report has the opcode 10"):
            device.decode_report("control", device.encode_command("set", {"value": 1}).data)

    def test_a_command_on_another_channel_is_not_decoded(self) -> None:
        device = codec(CRC)
        with pytest.raises(ProtocolError, match="is not a command of a Test pump"):
            device.decode_command("battery", device.encode_command("set", {"value": 1}).data)

    def test_without_a_frame_nothing_has_an_opcode(self) -> None:
        assert codec(None).decode_report("control", b"\x01\x02") == DecodedMessage("state", {"value": 0x0201})
        with pytest.raises(ProtocolError, match="3 bytes where 2 are described"):
            codec(None).decode_report("control", b"\x90\x01\x02")
        with pytest.raises(ProtocolError, match=r"no report has the opcode \(none\)"):
            codec(None, reports={}).decode_report("control", b"\x01")


class TestPlainCharacteristics:
    def test_a_plain_characteristic_has_no_frame(self) -> None:
        device = codec(CRC)
        assert device.encode_report("battery", {"battery_percent": 85}).data == b"\x55"
        assert device.encode_report("battery", {"battery_percent": 85}).channel == "battery"
        assert device.decode_report("battery", b"\x55") == DecodedMessage("battery", {"battery_percent": 85})

    @pytest.mark.parametrize("data", [b"", b"\x55\x55", b"\x65"])
    def test_what_it_cannot_give_is_not_read(self, data: bytes) -> None:
        with pytest.raises(ProtocolError):
            codec(CRC).decode_report("battery", data)


FRAMES = st.sampled_from(
    [
        CRC,
        {"layout": ["opcode", "payload"]},
        {"layout": ["payload", "counter", "opcode"]},
        *(
            whole(counts, kind, over)
            for counts in ("frame", "payload", "rest")
            for kind in ("u8", "u16")
            for over in ("frame", "payload")
        ),
        whole(checksum="crc16-modbus"),
        whole(checksum="crc8", over="payload"),
        whole(checksum="sum8-twos-complement"),
        whole(over=["counter", "payload"], checksum="crc16-kermit"),
        {"layout": ["payload", "counter", "tail"], "tail": "0d 0a", "counter_bytes": 2},
    ]
)
ORDERS = st.sampled_from(["little", "big"])


@given(frame=FRAMES, order=ORDERS, value=st.integers(0, 0xFFFF), counter=st.integers(0, 1000))
def test_whatever_is_framed_can_be_unframed(frame: dict[str, Any], order: str, value: int, counter: int) -> None:
    device = codec(frame, order=order)
    count = counter % (1 << 8 * frame.get("counter_bytes", 1)) if "counter" in frame["layout"] else None
    asked, told = (b"\x10", b"\x90") if "opcode" in frame["layout"] else (b"", b"")
    command = device.encode_command("set", {"value": value}, counter)
    assert device.decode_command(command.channel, command.data) == DecodedMessage("set", {"value": value}, asked, count)
    report = device.encode_report("state", {"value": value}, counter)
    assert device.decode_report(report.channel, report.data) == DecodedMessage("state", {"value": value}, told, count)


@given(frame=FRAMES, data=st.binary(max_size=16), value=st.integers(0, 0xFFFF), cut=st.integers(0, 12))
def test_no_bytes_raise_anything_but_a_protocol_error(frame: dict[str, Any], data: bytes, value: int, cut: int) -> None:
    device = codec(frame)
    valid = device.encode_report("state", {"value": value}).data
    for each in (data, valid[:cut] + data, valid[:cut] + data + valid[cut + len(data) :]):
        for decode in (device.decode_report, device.decode_command):
            try:
                decode("control", each)
            except ProtocolError:
                continue


@given(frame=FRAMES, value=st.integers(0, 0xFFFF), cut=st.integers(1, 12))
def test_a_frame_that_is_cut_off_is_never_read(frame: dict[str, Any], value: int, cut: int) -> None:
    device = codec(frame)
    data = device.encode_report("state", {"value": value}).data
    with pytest.raises(ProtocolError):
        device.decode_report("control", data[:-cut])


@given(
    value=st.integers(0, 0xFFFF), counter=st.integers(0, 255), bits=st.sets(st.integers(0, 47), min_size=1, max_size=3)
)
def test_a_frame_with_a_crc_and_up_to_three_flipped_bits_is_never_read(
    value: int, counter: int, bits: set[int]
) -> None:
    device = codec(CRC)
    data = bytearray(device.encode_report("state", {"value": value}, counter).data)
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ProtocolError, match="the checksum is"):
        device.decode_report("control", bytes(data))


@given(value=st.integers(0, 0xFFFF), extra=st.binary(min_size=1, max_size=4))
def test_a_frame_with_a_length_and_something_behind_it_is_never_read(value: int, extra: bytes) -> None:
    device = codec(whole())
    with pytest.raises(ProtocolError, match="the length says 8"):
        device.decode_report("control", device.encode_report("state", {"value": value}).data + extra)
