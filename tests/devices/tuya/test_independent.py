"""Bytes of two implementations that are not ours, for the handshake, status, datapoints, reports and time.

Each was run once, with the local key, uuid and device id below, the random number "srand!" and the IV 00 to 0f; what
came out stands here. Protocol 3: tuya-ble-sdk 0.1.3 (MIT). Protocol 4, and the secret key: ha_tuya_ble 0.9.0 (MIT), at
commit 330de88. Where a device speaks, the same code encoded its frame or decoded its data; its layout is that of Tuya's
own device SDK (Apache). What both agree on and no product was seen to do, is still unconfirmed by hardware.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from devices.tuya.crypto import login_key, material, open_envelope, seal, session_key
from devices.tuya.datapoints import DataPoint, DpType, decode_report, read_result, time_reply, write_request
from devices.tuya.packets import Message, PacketJoiner, decode, encode, split
from tests.helpers.tuya_links import credentials

LOCAL_KEY, SECRET_KEY, SRAND = "abcdef0123456789", "0123456789ABCDEF", b"srand!"
IV = bytes(range(16))
PLAIN, SECRET = material(LOCAL_KEY), material(LOCAL_KEY, SECRET_KEY)
LOGIN = (4, login_key(PLAIN))
SESSION = (5, session_key(PLAIN, SRAND))
SECRET_LOGIN = (14, login_key(SECRET))
SECRET_SESSION = (15, session_key(SECRET, SRAND))
PAIR_DATA = bytes.fromhex("7475796130313233343536373839616261626364656662663030616131316262323263633333646434346565")
NOW = datetime(2026, 7, 26, 3, 45, 12, 678000, timezone(timedelta(hours=5, minutes=30)))
UNIX_TIME, LOCAL_TIME = bytes.fromhex("313738353031373731323637380226"), bytes.fromhex("1a071a032d0c060226")

STATUS_POINT = "69 00 0d 00 02 00 02 00 01 02 01 01 01 02 01 70"
INFO = bytes.fromhex("0100 0303 00 01 737261 6e6421 0100") + bytes(range(32))
TIMED = bytes.fromhex("01 6a6534b0 68 02 04 00000002")
TIMED_MS = b"\0" + b"1785017712678" + bytes.fromhex("68 02 04 00000002")

FIRST = "000102030405060708090a0b0c0d0e0f"  # the IV, in the first packet
# What a controller sends: version in the packets, key, message, packets.
SENT = [
    pytest.param(
        3,
        LOGIN,
        Message(1, 0, 0x0000),
        ["00213004" + FIRST, "01f8bc69d43b1f0e3bf28ac34ec4aa2723"],
        id="v3 device info",
    ),
    pytest.param(
        3,
        SESSION,
        Message(2, 0, 0x0001, PAIR_DATA),
        [
            *["00513005" + FIRST, "01fecf4527a037d8862694bac148ea6d9660fdbe"],
            *["0230b3f6aae395f7d5638aa71f7a2ce13da9d441", "03f34ea3c55a23cb8480cf7e451faaaf2a763fd3"],
            "042cdb4f2f5767d0",
        ],
        id="v3 pair",
    ),
    pytest.param(
        3,
        SESSION,
        Message(3, 0, 0x0003),
        ["00213005" + FIRST, "017949b6c0976133a68068991ec727311a"],
        id="v3 status",
    ),
    pytest.param(
        3,
        SESSION,
        Message(4, 7, 0x8011, UNIX_TIME),
        ["00313005" + FIRST, "0184a0bb8ec9c6b3a84ec8aec3d2976a4f47f4b4", "025c1f3e700440ab2ced9646a233"],
        id="v3 time",
    ),
    pytest.param(
        3,
        SESSION,
        Message(5, 8, 0x8012, LOCAL_TIME),
        ["00313005" + FIRST, "011b3f5c185e14388160c50ffe56a9fa188415ad", "022f8132b994e2595b51956ba80b"],
        id="v3 date",
    ),
    # For fd50 it says version 2 in the first packets, and how long packets may be.
    pytest.param(
        2,
        LOGIN,
        Message(1, 0, 0x0000, b"\x00\xf3"),
        ["00212004" + FIRST, "01cd5f67baf3058ceb949ec2bba629f9cd"],
        id="fd50 device info",
    ),
    pytest.param(
        4,
        SESSION,
        Message(2, 0, 0x0001, PAIR_DATA),
        [
            *["00514005" + FIRST, "01fecf4527a037d8862694bac148ea6d9660fdbe"],
            *["0230b3f6aae395f7d5638aa71f7a2ce13da9d441", "03f34ea3c55a23cb8480cf7e451faaaf2a763fd3"],
            "042cdb4f2f5767d0",
        ],
        id="v4 pair",
    ),
    pytest.param(
        4,
        SESSION,
        Message(3, 0, 0x0003),
        ["00214005" + FIRST, "017949b6c0976133a68068991ec727311a"],
        id="v4 status",
    ),
    pytest.param(
        4,
        SESSION,
        Message(10, 0, *write_request([DataPoint(112, DpType.BOOL, True)], 4, 9)),
        ["00314005" + FIRST, "01f0ab2be2fd02b42dd89f00bca90b0e815f04e7", "02fdb691418765aa68d7e7d92988"],
        id="v4 write",
    ),
    pytest.param(
        4,
        SECRET_LOGIN,
        Message(1, 0, 0x0000),
        ["0021400e" + FIRST, "0128ff9e6858bdbabe236d1cdbaf663ee3"],
        id="secret key, device info",
    ),
    pytest.param(
        4,
        SECRET_SESSION,
        Message(2, 0, 0x0001, PAIR_DATA),
        [
            *["0051400f" + FIRST, "01c66d2aa38c11f8c03a673062af54db000e5e4e"],
            *["02b70f06c8435c97673bb1d6fc9cfbaf71cfafaa", "03e8552d52cfeea9fab3897d6f5efda8f8ed73ab"],
            "049a77db6968742b",
        ],
        id="secret key, pair",
    ),
    pytest.param(
        4,
        SECRET_SESSION,
        Message(3, 0, 0x0003),
        ["0021400f" + FIRST, "01902b1da98f230479c33f8c5145932bdb"],
        id="secret key, status",
    ),
    pytest.param(
        4,
        SECRET_SESSION,
        Message(10, 0, *write_request([DataPoint(112, DpType.BOOL, True)], 4, 9)),
        ["0031400f" + FIRST, "01a431bdbb019aa0171d826db3d2331c3be93721", "02c35b17a718ea93bb9d48d43082"],
        id="secret key, write",
    ),
]

# What a device sends: key, message, packets.
HEARD = [
    pytest.param(
        LOGIN,
        Message(1, 1, 0x0000, INFO),
        [
            *["00513004" + FIRST, "0196b1ac5690bd2fd05e1870d2cb66acd7cce5e0"],
            *["02d71142cb9954eb7c7ce8cdaa9d001a6e0f24b4", "03535157d3e7e62f77b83c0b0d2c63ca9d5fe656"],
            "0410166caaa5917d",
        ],
        id="device info",
    ),
    pytest.param(
        SESSION,
        Message(2, 2, 0x0001, b"\2"),
        ["00213005" + FIRST, "01ca6e4659a201782313c1a62cd920fc01"],
        id="paired",
    ),
    pytest.param(
        SESSION,
        Message(3, 3, 0x0003, b"\0"),
        ["00213005" + FIRST, "017d4281c2e23f98280f5bd88e6ee8a6f8"],
        id="status is coming",
    ),
    pytest.param(
        SESSION,
        Message(3, 3, 0x0002, b"\0"),
        ["00213005" + FIRST, "01a6fb8b63ff6fe80078e33129b3c397ab"],
        id="status is coming, from an older SDK",
    ),
    pytest.param(
        SESSION,
        Message(4, 0, 0x8001, bytes.fromhex(STATUS_POINT)),
        ["00313005" + FIRST, "016b9225bf4c83a864e38b83c95ea865fb3f1c7e", "02e192dd04e4107d01804aaacfe7"],
        id="report",
    ),
    pytest.param(
        SESSION,
        Message(5, 0, 0x8003, TIMED),
        ["00313005" + FIRST, "01f85d4ffa82928eaf5c5aa5c0f67c0e51a0b473", "021c6fdba998f20e6dab56b32592"],
        id="timed report",
    ),
    pytest.param(
        SESSION,
        Message(6, 0, 0x8003, TIMED_MS),
        [
            *["00413005" + FIRST, "010a48ddeba6cc14304d0e3ce4ac515fc5fa6aed"],
            *["02bcd5c37da57a487933bfadbd644020324d8ed5", "0321035dcf76438bc5eb5c"],
        ],
        id="timed report in milliseconds",
    ),
    pytest.param(
        SESSION,
        Message(7, 0, 0x8011),
        ["00213005" + FIRST, "01379cb550969e9758089ff9436671252e"],
        id="it asks for the time",
    ),
]


@pytest.mark.parametrize(("version", "key", "message", "packets"), SENT)
def test_what_is_sent_is_what_they_send(
    version: int, key: tuple[int, bytes], message: Message, packets: list[str]
) -> None:
    assert [packet.hex() for packet in split(seal(*key, IV, encode(message)), version)] == packets


@pytest.mark.parametrize(("key", "message", "packets"), HEARD)
def test_what_they_would_receive_is_decoded(key: tuple[int, bytes], message: Message, packets: list[str]) -> None:
    joiner = PacketJoiner()
    envelopes = [joiner.push(bytes.fromhex(packet)) for packet in packets]
    assert decode(open_envelope(envelopes[-1] or b"", dict([key]))) == message


def test_the_pair_request_and_the_time_are_theirs() -> None:
    own = credentials(local_key=LOCAL_KEY, uuid="tuya0123456789ab", device_id="bf00aa11bb22cc33dd44ee")
    assert own.pair_request() == PAIR_DATA
    assert time_reply(0x8011, NOW) == UNIX_TIME
    assert time_reply(0x8012, NOW) == LOCAL_TIME


# What ha_tuya_ble writes under protocol 4, as its ninth write and those after it.
WRITTEN_4 = [
    (
        DataPoint(101, DpType.RAW, bytes.fromhex("00010203030000011e021e")),
        9,
        "00000000096500000b00010203030000011e021e",
    ),
    (DataPoint(112, DpType.BOOL, True), 10, "000000000a7001000101"),
    (DataPoint(106, DpType.VALUE, 5), 11, "000000000b6a02000400000005"),
    (DataPoint(6, DpType.ENUM, 3), 12, "000000000c0604000103"),
    (DataPoint(111, DpType.STRING, "left"), 13, "000000000d6f0300046c656674"),
    (DataPoint(9, DpType.BITMAP, 0x8001), 14, "000000000e090500028001"),
]


@pytest.mark.parametrize(("point", "number", "data"), WRITTEN_4, ids=str)
def test_a_protocol_4_write_is_theirs(point: DataPoint, number: int, data: str) -> None:
    assert write_request([point], 4, number) == (0x0027, bytes.fromhex(data))


def test_two_datapoints_share_a_protocol_4_write() -> None:
    points = [DataPoint(106, DpType.VALUE, 5), DataPoint(112, DpType.BOOL, True)]
    assert write_request(points, 4, 15)[1] == bytes.fromhex("000000000f6a020004000000057001000101")


BATTERY = DataPoint(104, DpType.VALUE, 2)
STATUS = DataPoint(105, DpType.RAW, bytes.fromhex("00020002000102010101020170"))
BATTERY_4 = "68 02 0004 00000002"
# Code, data, and what those implementations made of it: datapoints, Unix time, and the answer to the device, which
# tuya-ble-sdk leaves empty; Tuya's device SDK reads a result byte there.
REPORTED = [
    (0x8001, STATUS_POINT, (STATUS,), None, "00"),
    (0x8003, TIMED.hex(), (BATTERY,), 1785017520.0, "00"),
    (0x8003, TIMED_MS.hex(), (BATTERY,), 1785017712.678, "00"),
    (
        0x8006,
        "00 00000007 00 00" + BATTERY_4 + "69 00 000d 00020002000102010101020170",
        (BATTERY, STATUS),
        None,
        "0000000007000000",
    ),
    (0x8006, "00 00000007 80 00" + BATTERY_4, (BATTERY,), None, None),
    (0x8007, "00 00000008 01 02 01 6a6534b0" + BATTERY_4, (BATTERY,), 1785017520.0, "0000000008010200"),
    (
        0x8007,
        "00 00000009 01 02 00" + b"1785017712678".hex() + BATTERY_4,
        (BATTERY,),
        1785017712.678,
        "0000000009010200",
    ),
]


@pytest.mark.parametrize(("code", "data", "points", "unix_seconds", "answer"), REPORTED)
def test_a_report_means_what_they_make_of_it(
    code: int, data: str, points: tuple[DataPoint, ...], unix_seconds: float | None, answer: str | None
) -> None:
    report = decode_report(code, bytes.fromhex(data))
    assert report.points == points
    assert report.unix_seconds == unix_seconds
    assert report.answer == (None if answer is None else bytes.fromhex(answer))


def test_a_protocol_4_write_is_answered_in_six_bytes_of_which_the_last_says_how_it_went() -> None:
    assert read_result(0x0027, bytes.fromhex("00 00000009 00")) == 0
    assert read_result(0x0027, bytes.fromhex("00 00000009 01")) == 1
